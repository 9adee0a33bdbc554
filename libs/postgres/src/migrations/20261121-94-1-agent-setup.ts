/** Agents that are set up in steps, each of which a person signs. Until the last one they may pay nothing and have no secret. */
export const name = '20261121-94-1-agent-setup';
export const sql = `
CREATE TABLE agent_setup (
  workspace_id uuid NOT NULL REFERENCES workspace,
  agent_id uuid NOT NULL,
  activity_id text NOT NULL, -- what was signed for it to be made: said again, it is the same agent
  description text NOT NULL,
  status text NOT NULL DEFAULT 'pending_policies' CHECK (status IN ('pending_policies', 'active', 'discarded')),
  PRIMARY KEY (workspace_id, agent_id),
  UNIQUE (workspace_id, activity_id),
  FOREIGN KEY (workspace_id, agent_id) REFERENCES agent
);
ALTER TABLE agent_setup ENABLE ROW LEVEL SECURITY;
ALTER TABLE agent_setup FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON agent_setup TO purser_system USING (true) WITH CHECK (true);
CREATE POLICY checker ON agent_setup FOR SELECT TO purser_checker USING (true);
GRANT SELECT ON agent_setup TO purser_checker;
GRANT SELECT, INSERT, UPDATE (status) ON agent_setup TO purser_system;
`;
