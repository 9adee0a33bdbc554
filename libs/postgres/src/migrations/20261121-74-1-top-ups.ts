/** What is on its way to an agent's wallet: a float policy counts it as there. Nothing in the index changes after the operation has been opened. */
export const name = '20261121-74-1-top-ups';
export const sql = `
CREATE INDEX operations_top_up ON operations (workspace_id, agent_id, opened_at_ms) WHERE kind = 'top_up';
`;
