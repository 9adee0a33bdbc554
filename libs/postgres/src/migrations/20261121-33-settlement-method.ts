/**
 * Which signed message a settlement carries. It belongs into the key: a cancellation has the token, payer and nonce of the transfer that it kills, and
 * both are asked for. What the chain lets happen only once ends on the chain; of two rows that share a nonce there, one fails.
 * A method stands here before the code that serves it: adding one is adding a word.
 */
export const name = '20261121-33-settlement-method';
export const sql = `
ALTER TABLE answer_right DROP CONSTRAINT answer_right_network_token_payer_nonce_fkey, DROP CONSTRAINT answer_right_pkey;
ALTER TABLE settlement DROP CONSTRAINT settlement_pkey;
ALTER TABLE settlement ADD COLUMN method text NOT NULL DEFAULT 'eip3009'
  CONSTRAINT settlement_method_check CHECK (method IN ('eip3009', 'permit2', 'upto', 'cancel', 'allowance'));
ALTER TABLE answer_right ADD COLUMN method text NOT NULL DEFAULT 'eip3009';
ALTER TABLE settlement ADD PRIMARY KEY (network, method, token, payer, nonce);
ALTER TABLE answer_right ADD PRIMARY KEY (network, method, token, payer, nonce),
  ADD FOREIGN KEY (network, method, token, payer, nonce) REFERENCES settlement;
GRANT SELECT (method) ON settlement TO purser_signer, purser_checker;
`;
