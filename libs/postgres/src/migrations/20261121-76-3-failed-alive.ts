/**
 * A transfer that failed in a transaction of ours is looked at until it can never be brought any more: its signature is public since. "final" of a failed
 * one says so; what was called final before stays it.
 */
export const name = '20261121-76-3-failed-alive';
export const sql = `
CREATE INDEX settlement_failed_alive ON settlement (network, valid_before)
  WHERE status = 'failed' AND NOT final AND sender IS NOT NULL AND method <> 'cancel';
`;
