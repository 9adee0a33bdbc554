/**
 * The facilitator saw the transfer succeed right before the claim, in no more gas than a batch gives one: a lone one that is fresh need not be tried
 * out again before it is broadcast.
 */
export const name = '20261121-70-tried-out';
export const sql = `
ALTER TABLE settlement ADD COLUMN tried_out boolean NOT NULL DEFAULT false;
GRANT UPDATE (tried_out) ON settlement TO purser_system;
`;
