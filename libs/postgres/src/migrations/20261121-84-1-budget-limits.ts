/**
 * Budgets, second part: more windows, counts beside amounts, nodes other than workspace and agent, and layers that are charged for usage.
 * What is new is columns of the same guarded rows. A rolling window keeps its sum beside the minutes it is made of, together with the minute it
 * begins at: moving it on takes off the minutes that left, each once, so a commit costs the same for 24 hours and for 30 days.
 */
export const name = '20261121-84-1-budget-limits';

const ADDED_LIMITS = ['limit_hour', 'limit_rolling_30d'];
const COUNT_LIMITS = ['hour', 'day', 'month', 'lifetime', 'rolling_24h', 'rolling_30d'].map(
  (window) => `limit_count_${window}`,
);
const COUNTERS =
  'hour, hour_spent, hour_count, day_count, month_count, rolling_24h_from, rolling_24h_spent, rolling_24h_count, rolling_30d_from, rolling_30d_spent, rolling_30d_count';

export const sql = `
ALTER TABLE budget_node
  ADD COLUMN kind text CHECK (kind IN ('workspace', 'team', 'agent', 'category', 'cost_centre')),
  ADD COLUMN path uuid[], -- The teams above an agent or a team, outermost first; null: none.
  ${ADDED_LIMITS.map((column) => `ADD COLUMN ${column} numeric(78,0) CHECK (${column} >= 0)`).join(',\n  ')},
  ${COUNT_LIMITS.map((column) => `ADD COLUMN ${column} bigint CHECK (${column} >= 0)`).join(',\n  ')},
  ADD COLUMN hour timestamptz NOT NULL DEFAULT 'epoch',
  ADD COLUMN hour_spent numeric(78,0) NOT NULL DEFAULT 0 CHECK (hour_spent >= 0),
  ADD COLUMN hour_count bigint NOT NULL DEFAULT 0 CHECK (hour_count >= 0),
  ADD COLUMN day_count bigint NOT NULL DEFAULT 0 CHECK (day_count >= 0),
  ADD COLUMN month_count bigint NOT NULL DEFAULT 0 CHECK (month_count >= 0),
  -- From null: never limited, so never summed. Else: the sum over every minute from that one on, which what is charged keeps true.
  ADD COLUMN rolling_24h_from timestamptz,
  ADD COLUMN rolling_24h_spent numeric(78,0) NOT NULL DEFAULT 0 CHECK (rolling_24h_spent >= 0),
  ADD COLUMN rolling_24h_count bigint NOT NULL DEFAULT 0 CHECK (rolling_24h_count >= 0),
  ADD COLUMN rolling_30d_from timestamptz,
  ADD COLUMN rolling_30d_spent numeric(78,0) NOT NULL DEFAULT 0 CHECK (rolling_30d_spent >= 0),
  ADD COLUMN rolling_30d_count bigint NOT NULL DEFAULT 0 CHECK (rolling_30d_count >= 0);
UPDATE budget_node SET kind = CASE WHEN node_id = workspace_id THEN 'workspace' ELSE 'agent' END;
ALTER TABLE budget_node ALTER COLUMN kind SET NOT NULL;
INSERT INTO budget_node (workspace_id, node_id, unit, layer, kind, parent_id, depth)
SELECT n.workspace_id, n.node_id, 'USD12', x.layer, n.kind, n.parent_id, n.depth
  FROM (SELECT DISTINCT workspace_id, node_id, kind, parent_id, depth FROM budget_node) n, unnest(ARRAY['infra', 'tokens']) x(layer);
-- Few nodes limit what is not a payment: a payment that looks for them finds nothing at once.
CREATE INDEX budget_usage_limited ON budget_node (workspace_id, node_id)
 WHERE layer <> 'payments' AND num_nonnulls(limit_hour, limit_day, limit_month, limit_lifetime, limit_rolling_24h, limit_rolling_30d,
       limit_count_hour, limit_count_day, limit_count_month, limit_count_lifetime, limit_count_rolling_24h, limit_count_rolling_30d) > 0;

ALTER TABLE budget_minute ADD COLUMN count bigint NOT NULL DEFAULT 0 CHECK (count >= 0);
ALTER TABLE reservation ADD COLUMN others uuid[]; -- The nodes it holds besides the workspace's and the agent's: teams and tags; null: none.

-- Payments of before count too, in the windows that are still open.
UPDATE budget_minute m SET count = c.payments
  FROM (SELECT v.workspace_id, x.node_id, v.unit, date_trunc('minute', v.charged_at) AS minute, count(*) AS payments
          FROM reservation v, LATERAL (VALUES (v.workspace_id), (v.agent_id)) x(node_id) WHERE v.state = 'captured' GROUP BY 1, 2, 3, 4) c
 WHERE m.workspace_id = c.workspace_id AND m.node_id = c.node_id AND m.unit = c.unit AND m.layer = 'payments' AND m.minute = c.minute;
UPDATE budget_node n
   SET hour = date_trunc('hour', now(), 'UTC'),
       hour_spent = coalesce((SELECT sum(m.spent) FROM budget_minute m WHERE m.workspace_id = n.workspace_id AND m.node_id = n.node_id AND m.unit = n.unit
                                 AND m.layer = n.layer AND m.minute >= date_trunc('hour', now(), 'UTC')), 0),
       hour_count = coalesce((SELECT sum(m.count) FROM budget_minute m WHERE m.workspace_id = n.workspace_id AND m.node_id = n.node_id AND m.unit = n.unit
                                 AND m.layer = n.layer AND m.minute >= date_trunc('hour', now(), 'UTC')), 0),
       day_count = coalesce((SELECT sum(m.count) FROM budget_minute m WHERE m.workspace_id = n.workspace_id AND m.node_id = n.node_id AND m.unit = n.unit
                                AND m.layer = n.layer AND m.minute >= n.day::timestamp AT TIME ZONE 'UTC'), 0),
       month_count = coalesce((SELECT sum(m.count) FROM budget_minute m WHERE m.workspace_id = n.workspace_id AND m.node_id = n.node_id AND m.unit = n.unit
                                  AND m.layer = n.layer AND m.minute >= n.month::timestamp AT TIME ZONE 'UTC'), 0)
 WHERE n.lifetime_count > 0;

GRANT UPDATE (${[...ADDED_LIMITS, ...COUNT_LIMITS].join(', ')}, path, depth) ON budget_node TO purser_system;
GRANT UPDATE (${COUNTERS}) ON budget_node TO purser_writer;
`;
