/** Read models, all derived from events and rebuildable. No column depends on when a row was written: a rebuild gives the same bytes (S14). */
export const name = '20261121-10-projections';
export const sql = `
-- One row per operation with what people search and report by. Status for decisions is read from the write model.
CREATE TABLE projection_operations (
  workspace_id uuid NOT NULL,
  operation_id uuid NOT NULL,
  version integer NOT NULL,
  agent_id uuid NOT NULL,
  kind text NOT NULL,
  status text NOT NULL,
  requester text NOT NULL,
  resource_url text NOT NULL,
  host text NOT NULL,
  network text,
  token text,
  payee text,
  unit text,
  amount numeric(78,0),
  wallet_id text,
  tx_hash text,
  delivery text,
  error_code text,
  opened_at_ms bigint NOT NULL,
  intent_at_ms bigint,
  last_at_ms bigint NOT NULL,
  PRIMARY KEY (workspace_id, operation_id)
);
CREATE INDEX projection_operations_host ON projection_operations (workspace_id, host, opened_at_ms DESC);

-- Money by agent and unit. outstanding: signed, or about to be, and not yet seen on chain or proven dead.
CREATE TABLE projection_balances (
  workspace_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  unit text NOT NULL,
  held numeric(78,0) NOT NULL,
  captured numeric(78,0) NOT NULL,
  released numeric(78,0) NOT NULL,
  outstanding numeric(78,0) NOT NULL,
  outstanding_count bigint NOT NULL,
  PRIMARY KEY (workspace_id, agent_id, unit)
);

-- Captured payments by UTC day of the intent, agent and merchant.
CREATE TABLE projection_spend (
  workspace_id uuid NOT NULL,
  day date NOT NULL,
  agent_id uuid NOT NULL,
  host text NOT NULL,
  unit text NOT NULL,
  amount numeric(78,0) NOT NULL,
  payments bigint NOT NULL,
  PRIMARY KEY (workspace_id, day, agent_id, host, unit)
);

CREATE TABLE projection_approvals (
  workspace_id uuid NOT NULL,
  approval_id text NOT NULL,
  operation_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  requester text NOT NULL,
  status text NOT NULL,
  digest text NOT NULL,
  payee text NOT NULL,
  host text NOT NULL,
  unit text NOT NULL,
  amount numeric(78,0) NOT NULL,
  requested_at_ms bigint NOT NULL,
  decide_by_ms bigint NOT NULL,
  decided_at_ms bigint,
  decided_by text,
  reason text,
  PRIMARY KEY (workspace_id, approval_id)
);
CREATE INDEX projection_approvals_by_operation ON projection_approvals (workspace_id, operation_id);

-- One row per event, in commit order: the audit trail of a workspace and of each operation.
CREATE TABLE projection_audit (
  workspace_id uuid NOT NULL,
  cluster_epoch integer NOT NULL,
  txid xid8 NOT NULL,
  position bigint NOT NULL,
  operation_id uuid NOT NULL,
  version integer NOT NULL,
  type text NOT NULL,
  actor jsonb NOT NULL,
  agent_id uuid NOT NULL,
  unit text,
  amount numeric(78,0),
  host text,
  tx_hash text,
  occurred_at_ms bigint NOT NULL,
  hash bytea NOT NULL,
  PRIMARY KEY (workspace_id, cluster_epoch, txid, position)
);
CREATE UNIQUE INDEX projection_audit_by_operation ON projection_audit (workspace_id, operation_id, version);

-- Lists of a workspace, newest first; the agent's own list has operations_by_agent.
CREATE INDEX operations_by_time ON operations (workspace_id, opened_at_ms DESC, operation_id);
`;
