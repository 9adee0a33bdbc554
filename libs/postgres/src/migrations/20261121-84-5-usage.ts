/**
 * Usage that an agent reports: model tokens and calls of other services. It has happened, so it is recorded also beyond a limit, once per id; from then
 * on the layer is exhausted, and the guard of payments says so. Amounts are USD12.
 */
export const name = '20261121-84-5-usage';
export const sql = `
CREATE TABLE usage_event (
  workspace_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  event_id text NOT NULL, -- The caller's own; a repeat of it is charged once.
  layer text NOT NULL CHECK (layer IN ('infra', 'tokens')),
  kind text NOT NULL,
  amount numeric(78,0) NOT NULL CHECK (amount >= 0),
  metadata jsonb,
  actor jsonb NOT NULL,
  teams uuid[], -- Charged besides workspace and agent.
  recorded_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, agent_id, event_id)
);
CREATE INDEX usage_event_recorded ON usage_event (workspace_id, agent_id, recorded_at, event_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_event FOR EACH STATEMENT EXECUTE FUNCTION purser_append_only();
ALTER TABLE usage_event ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage_event FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON usage_event FOR SELECT TO purser_reader USING (workspace_id = nullif(current_setting('purser.workspace_id', true), '')::uuid);
CREATE POLICY system ON usage_event TO purser_writer, purser_system, purser_signer USING (true) WITH CHECK (true);
CREATE POLICY checker ON usage_event FOR SELECT TO purser_checker USING (true);
GRANT SELECT, INSERT ON usage_event TO purser_writer;
GRANT SELECT ON usage_event TO purser_system, purser_reader, purser_checker;

-- All of the events or, where one of their ids stands for something else ('conflict'), none. Nodes are locked in the order of payments: workspace and agent
-- before teams. The lock of the agent's own node makes two calls with one id meet.
CREATE FUNCTION purser_record_usage(
  ws uuid, agent uuid, by_actor jsonb, e_id text[], e_layer text[], e_kind text[], e_amount numeric[], e_metadata jsonb, OUT outcomes text[]
) LANGUAGE plpgsql AS $$
DECLARE
  n_row budget_node[]; n_team budget_node[];
  n budget_node;
  now_ timestamptz;
  n_busy boolean[];
  above uuid[];
BEGIN
  SELECT array_agg(x.b) INTO n_row
    FROM (SELECT b FROM budget_node b WHERE b.workspace_id = ws AND b.node_id IN (ws, agent) AND b.layer = ANY (e_layer) AND b.layer <> 'payments'
           ORDER BY b.unit, b.layer, b.depth, b.node_id FOR UPDATE) x;
  SELECT t.path INTO above FROM unnest(n_row) t WHERE t.node_id = agent LIMIT 1;
  IF above IS NOT NULL THEN
    SELECT array_agg(x.b) INTO n_team
      FROM (SELECT b FROM budget_node b WHERE b.workspace_id = ws AND b.node_id = ANY (above) AND b.layer = ANY (e_layer) AND b.layer <> 'payments'
             ORDER BY b.unit, b.layer, b.depth, b.node_id FOR UPDATE) x;
    n_row := n_row || n_team;
  END IF;
  now_ := clock_timestamp();
  SELECT array_agg(CASE WHEN u.event_id IS NULL THEN 'recorded' WHEN u.layer = x.layer AND u.kind = x.kind AND u.amount = x.amount THEN 'repeated' ELSE 'conflict' END
                   ORDER BY x.e) INTO outcomes
    FROM unnest(e_id, e_layer, e_kind, e_amount) WITH ORDINALITY x(id, layer, kind, amount, e)
    LEFT JOIN usage_event u ON u.workspace_id = ws AND u.agent_id = agent AND u.event_id = x.id;
  IF 'conflict' = ANY (outcomes) OR NOT 'recorded' = ANY (outcomes) THEN RETURN; END IF;
  INSERT INTO usage_event (workspace_id, agent_id, event_id, layer, kind, amount, metadata, actor, teams, recorded_at)
  SELECT ws, agent, x.id, x.layer, x.kind, x.amount, nullif(e_metadata -> (x.e - 1)::integer, 'null'), by_actor, above, now_
    FROM unnest(e_id, e_layer, e_kind, e_amount, outcomes) WITH ORDINALITY x(id, layer, kind, amount, outcome, e) WHERE x.outcome = 'recorded';
  n_busy := array_fill(false, ARRAY[cardinality(n_row)]);
  n_row := purser_roll_budgets(n_busy, n_row, now_);
  FOREACH n IN ARRAY n_row LOOP
    PERFORM purser_charge_usage(n, now_, sum(x.amount), count(*)) FROM unnest(e_layer, e_amount, outcomes) x(layer, amount, outcome)
      WHERE x.outcome = 'recorded' AND x.layer = n.layer HAVING count(*) > 0;
  END LOOP;
END $$;

-- In every window that is current, and in the minute.
CREATE FUNCTION purser_charge_usage(n budget_node, at timestamptz, amount numeric, events bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  this_hour constant timestamptz := date_trunc('hour', at, 'UTC');
  today constant date := (at AT TIME ZONE 'UTC')::date;
  this_month constant date := date_trunc('month', at AT TIME ZONE 'UTC')::date;
BEGIN
  UPDATE budget_node b
     SET lifetime_spent = b.lifetime_spent + amount, lifetime_count = b.lifetime_count + events,
         hour = greatest(b.hour, this_hour), hour_spent = CASE WHEN b.hour < this_hour THEN 0 ELSE b.hour_spent END + amount,
         hour_count = CASE WHEN b.hour < this_hour THEN 0 ELSE b.hour_count END + events,
         day = greatest(b.day, today), day_spent = CASE WHEN b.day < today THEN 0 ELSE b.day_spent END + amount,
         day_count = CASE WHEN b.day < today THEN 0 ELSE b.day_count END + events,
         month = greatest(b.month, this_month), month_spent = CASE WHEN b.month < this_month THEN 0 ELSE b.month_spent END + amount,
         month_count = CASE WHEN b.month < this_month THEN 0 ELSE b.month_count END + events,
         rolling_24h_spent = b.rolling_24h_spent + CASE WHEN b.rolling_24h_from IS NULL THEN 0 ELSE amount END,
         rolling_24h_count = b.rolling_24h_count + CASE WHEN b.rolling_24h_from IS NULL THEN 0 ELSE events END,
         rolling_30d_spent = b.rolling_30d_spent + CASE WHEN b.rolling_30d_from IS NULL THEN 0 ELSE amount END,
         rolling_30d_count = b.rolling_30d_count + CASE WHEN b.rolling_30d_from IS NULL THEN 0 ELSE events END
   WHERE b.workspace_id = n.workspace_id AND b.node_id = n.node_id AND b.unit = n.unit AND b.layer = n.layer;
  INSERT INTO budget_minute AS m (workspace_id, node_id, unit, layer, minute, spent, count)
  VALUES (n.workspace_id, n.node_id, n.unit, n.layer, date_trunc('minute', at), amount, events)
      ON CONFLICT (workspace_id, node_id, unit, layer, minute) DO UPDATE SET spent = m.spent + excluded.spent, count = m.count + excluded.count;
END $$;
REVOKE ALL ON FUNCTION purser_record_usage, purser_charge_usage FROM PUBLIC;
GRANT EXECUTE ON FUNCTION purser_record_usage, purser_charge_usage TO purser_writer;
`;
