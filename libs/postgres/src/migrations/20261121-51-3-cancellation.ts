/** Cancellations on chain: the watcher looks for those that are done, block by block. */
export const name = '20261121-51-3-cancellation';
export const sql = `
CREATE INDEX settlement_cancelled ON settlement (network, block_number) WHERE method = 'cancel' AND status = 'settled';
`;
