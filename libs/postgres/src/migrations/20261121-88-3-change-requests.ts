/**
 * Dual control (ruling 28): what lets more pass than before waits for a second person where the workspace wants it so. The wish, what it was made on, and
 * who decided; it is carried out in the transaction of the decision, or never.
 */
export const name = '20261121-88-3-change-requests';
export const sql = `
CREATE TABLE change_request (
  workspace_id uuid NOT NULL REFERENCES workspace,
  approval_id text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('limits', 'policy', 'resume', 'approvers')),
  agent_id uuid,
  wanted jsonb NOT NULL,
  base jsonb NOT NULL, -- as it stood; another base at the decision, and the wish is outdated
  digest text NOT NULL,
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'approved', 'rejected', 'cancelled', 'outdated')),
  requester text NOT NULL,
  requester_key text NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  decide_by timestamptz NOT NULL,
  decided_at timestamptz,
  decided_by text,
  reason text,
  revision integer NOT NULL DEFAULT 1,
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (workspace_id, approval_id)
);
CREATE INDEX change_request_changed ON change_request (workspace_id, changed_at DESC);
CREATE INDEX change_request_by_time ON change_request (workspace_id, requested_at DESC, approval_id);

ALTER TABLE change_request ENABLE ROW LEVEL SECURITY;
ALTER TABLE change_request FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON change_request FOR SELECT TO purser_reader
  USING (workspace_id = nullif(current_setting('purser.workspace_id', true), '')::uuid);
CREATE POLICY system ON change_request TO purser_system USING (true) WITH CHECK (true);
CREATE POLICY checker ON change_request FOR SELECT TO purser_checker USING (true);
GRANT SELECT ON change_request TO purser_reader, purser_checker, purser_system;
GRANT INSERT, UPDATE (status, decided_at, decided_by, reason, revision, changed_at) ON change_request TO purser_system;
`;
