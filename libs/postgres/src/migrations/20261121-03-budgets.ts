/** Budgets: guarded rows, the only place where a cap is decided (S4). Limits and usage are separate columns: changing one never touches the other. */
export const name = '20261121-03-budgets';
export const sql = `
-- One row per node, unit and layer. Calendar counters carry the period they belong to and roll over lazily: a counter of an older period counts as zero.
CREATE TABLE budget_node (
  workspace_id uuid NOT NULL,
  node_id uuid NOT NULL, -- the workspace's id or the agent's id
  unit text NOT NULL,
  layer text NOT NULL DEFAULT 'payments' CHECK (layer IN ('infra', 'tokens', 'payments')),
  parent_id uuid,
  depth smallint NOT NULL CHECK (depth BETWEEN 0 AND 7),
  limit_per_payment numeric(78,0) CHECK (limit_per_payment >= 0),
  limit_day numeric(78,0) CHECK (limit_day >= 0),
  limit_month numeric(78,0) CHECK (limit_month >= 0),
  limit_lifetime numeric(78,0) CHECK (limit_lifetime >= 0),
  limit_rolling_24h numeric(78,0) CHECK (limit_rolling_24h >= 0),
  held numeric(78,0) NOT NULL DEFAULT 0 CHECK (held >= 0),
  held_count integer NOT NULL DEFAULT 0 CHECK (held_count >= 0),
  day date NOT NULL DEFAULT 'epoch',
  day_spent numeric(78,0) NOT NULL DEFAULT 0 CHECK (day_spent >= 0),
  month date NOT NULL DEFAULT 'epoch',
  month_spent numeric(78,0) NOT NULL DEFAULT 0 CHECK (month_spent >= 0),
  lifetime_spent numeric(78,0) NOT NULL DEFAULT 0 CHECK (lifetime_spent >= 0),
  lifetime_count bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (workspace_id, node_id, unit, layer)
) WITH (fillfactor = 50);

-- Spend by minute, for rolling windows and for hourly views.
CREATE TABLE budget_minute (
  workspace_id uuid NOT NULL,
  node_id uuid NOT NULL,
  unit text NOT NULL,
  layer text NOT NULL,
  minute timestamptz NOT NULL,
  spent numeric(78,0) NOT NULL CHECK (spent >= 0),
  PRIMARY KEY (workspace_id, node_id, unit, layer, minute)
);

-- At most one hold per operation. charged_at is the intent's time: capture counts in that window (ruling 15).
CREATE TABLE reservation (
  workspace_id uuid NOT NULL,
  operation_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  unit text NOT NULL,
  layer text NOT NULL DEFAULT 'payments',
  amount numeric(78,0) NOT NULL CHECK (amount >= 0),
  captured numeric(78,0) NOT NULL DEFAULT 0 CHECK (captured >= 0 AND captured <= amount),
  state text NOT NULL CHECK (state IN ('held', 'captured', 'released')),
  reserved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  charged_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (workspace_id, operation_id)
);
`;
