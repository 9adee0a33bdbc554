/** Tags: what payments can be booked under, named by an admin. The budget node of a tag is one beside the path of workspace, teams and agent. */
export const name = '20261121-84-6-tags';
export const sql = `
CREATE TABLE tag (
  workspace_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('category', 'cost_centre')),
  name text NOT NULL,
  node_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  retired_at timestamptz, -- No new payment may name it; what was booked stays.
  PRIMARY KEY (workspace_id, kind, name),
  UNIQUE (workspace_id, node_id)
);
ALTER TABLE tag ENABLE ROW LEVEL SECURITY;
ALTER TABLE tag FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON tag FOR SELECT TO purser_reader USING (workspace_id = nullif(current_setting('purser.workspace_id', true), '')::uuid);
CREATE POLICY system ON tag TO purser_writer, purser_system, purser_signer USING (true) WITH CHECK (true);
CREATE POLICY checker ON tag FOR SELECT TO purser_checker USING (true);
GRANT SELECT, INSERT, UPDATE (retired_at) ON tag TO purser_system;
GRANT SELECT ON tag TO purser_reader, purser_checker;
`;
