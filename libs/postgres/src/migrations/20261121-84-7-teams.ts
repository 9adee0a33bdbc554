/** Teams: budget nodes between the workspace and its agents. An agent belongs to one team or none, a team to one above it or none. */
export const name = '20261121-84-7-teams';
export const sql = `
CREATE TABLE team (
  workspace_id uuid NOT NULL,
  team_id uuid NOT NULL,
  name text NOT NULL,
  path uuid[] NOT NULL CHECK (cardinality(path) BETWEEN 1 AND 6), -- From the outermost team down to this one, for ever.
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (workspace_id, team_id),
  UNIQUE (workspace_id, name),
  CHECK (path[cardinality(path)] = team_id)
);
ALTER TABLE team ENABLE ROW LEVEL SECURITY;
ALTER TABLE team FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON team FOR SELECT TO purser_reader USING (workspace_id = nullif(current_setting('purser.workspace_id', true), '')::uuid);
CREATE POLICY system ON team TO purser_writer, purser_system, purser_signer USING (true) WITH CHECK (true);
CREATE POLICY checker ON team FOR SELECT TO purser_checker USING (true);
GRANT SELECT, INSERT ON team TO purser_system;
GRANT SELECT ON team TO purser_reader, purser_checker;
`;
