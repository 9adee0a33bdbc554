/** What happened to one agent, in its payments and in its administration, newest first. */
export const name = '20261121-94-2-agent-audit';
export const sql = `
CREATE INDEX projection_audit_by_agent ON projection_audit (workspace_id, agent_id, occurred_at_ms DESC, position DESC);
-- Under which of these names a change says whose it is depends on its kind; of another owner's it is another id.
CREATE INDEX admin_event_by_agent ON admin_event
  (workspace_id, (coalesce(data->>'agent_id', data->>'node_id', data->>'scope')), position DESC);
`;
