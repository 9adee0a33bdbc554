/**
 * What the method 'upto' says beyond a transfer: the ceiling that the payer signed, of which `value` is charged, and the only account whose transaction
 * may charge it. The broadcaster puts such a row into a transaction of that account alone.
 */
export const name = '20261121-34-settlement-ceiling';
export const sql = `
ALTER TABLE settlement ADD COLUMN ceiling numeric(78,0), ADD COLUMN facilitator text CHECK (facilitator ~ '^0x[0-9a-f]{40}$');
ALTER TABLE settlement ADD CHECK ((method = 'upto') = (ceiling IS NOT NULL AND facilitator IS NOT NULL)),
  ADD CHECK (method <> 'upto' OR (value > 0 AND value <= ceiling)),
  ADD CHECK (sender IS NULL OR facilitator IS NULL OR sender = facilitator);
GRANT UPDATE (ceiling, facilitator) ON settlement TO purser_system;
GRANT SELECT (ceiling, facilitator) ON settlement TO purser_signer, purser_checker;
`;
