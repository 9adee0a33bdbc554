/**
 * Who is told the outcome of a settlement (ruling 11): one caller at a time until `held_until`; 'infinity': somebody has been told that it is settled.
 * A platform table like the settlements themselves (ruling 19).
 */
export const name = '20261121-31-answer-rights';
export const sql = `
CREATE TABLE answer_right (
  network text NOT NULL,
  token text NOT NULL,
  payer text NOT NULL,
  nonce text NOT NULL,
  held_until timestamptz NOT NULL,
  holder uuid NOT NULL, -- of the newest taking
  PRIMARY KEY (network, token, payer, nonce),
  FOREIGN KEY (network, token, payer, nonce) REFERENCES settlement
);
GRANT SELECT, INSERT, UPDATE (held_until, holder) ON answer_right TO purser_system;
GRANT SELECT ON answer_right TO purser_checker;
`;
