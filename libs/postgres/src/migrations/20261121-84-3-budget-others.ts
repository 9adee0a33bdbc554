/** Budget nodes besides the workspace's and the agent's, which are the teams an agent belongs to and the tags of a payment; and how charges are written. */
export const name = '20261121-84-3-budget-others';
export const sql = `
-- Locks the nodes of teams and tags that a batch charges besides workspaces and agents, and puts them behind the others in n_*. e_from..e_to and
-- r_from..r_to: which of them, as a slice of x_k, belong to an event that reserves and to the hold that a command has. What is not there is not charged.
CREATE FUNCTION purser_lock_others(
  wait boolean, c_ws uuid[], c_op uuid[], INOUT n_ws uuid[], INOUT n_id uuid[], INOUT n_unit text[], INOUT n_busy boolean[], INOUT n_row budget_node[],
  m_cmd integer[], m_kind text[], m_k1 integer[], m_k2 integer[], m_data jsonb,
  OUT x_k integer[], OUT e_from integer[], OUT e_to integer[], OUT r_from integer[], OUT r_to integer[]
) LANGUAGE plpgsql AS $$
DECLARE
  base constant integer := cardinality(n_id);
  r record;
  wanted jsonb;
  o_ws uuid[]; o_id uuid[]; o_unit text[]; o_busy boolean[]; o_row budget_node[];
BEGIN
  x_k := '{}';
  e_from := array_fill(NULL::integer, ARRAY[cardinality(m_cmd)]); e_to := e_from;
  r_from := array_fill(NULL::integer, ARRAY[cardinality(c_op)]); r_to := r_from;
  SELECT jsonb_agg(jsonb_build_object('e', x.e, 'i', x.i, 'ws', x.ws, 'id', x.id, 'unit', x.unit) ORDER BY x.e, x.i, x.id) INTO wanted
    FROM (SELECT t.e, NULL::integer AS i, n_ws[t.k1] AS ws, o.id, n_unit[t.k1] AS unit FROM unnest(m_kind, m_k1, m_k2) WITH ORDINALITY t(kind, k1, k2, e),
                 LATERAL (SELECT unnest((n_row[t.k2]).path) AS id UNION
                          SELECT g.id::uuid FROM jsonb_array_elements_text(coalesce(m_data -> (t.e - 1)::integer -> 'tags', '[]')) g(id)) o
           WHERE t.kind = 'reserve'
           UNION ALL
          SELECT NULL, t.i, v.workspace_id, o.id, v.unit FROM (SELECT DISTINCT u.cmd AS i FROM unnest(m_cmd) u(cmd)) t, reservation v, unnest(v.others) o(id)
           WHERE v.workspace_id = c_ws[t.i] AND v.operation_id = c_op[t.i]) x;
  IF wanted IS NULL THEN RETURN; END IF;
  SELECT array_agg(y.ws), array_agg(y.id), array_agg(y.unit) INTO o_ws, o_id, o_unit
    FROM (SELECT DISTINCT x.ws, x.id, x.unit FROM jsonb_to_recordset(wanted) x(ws uuid, id uuid, unit text) ORDER BY 1, 2, 3) y;
  SELECT array_agg(y.busy), array_agg(y.b) INTO o_busy, o_row
    FROM (SELECT coalesce(b.busy, false) AS busy, b.b FROM generate_series(1, cardinality(o_id)) x(k)
            LEFT JOIN purser_lock_budgets(wait, o_ws, o_id, o_unit) b ON b.k = x.k ORDER BY x.k) y;
  FOR r IN
    SELECT x.e, x.i, o.k::integer AS k FROM jsonb_to_recordset(wanted) x(e integer, i integer, ws uuid, id uuid, unit text)
      JOIN unnest(o_ws, o_id, o_unit) WITH ORDINALITY o(ws, id, unit, k) ON o.ws = x.ws AND o.id = x.id AND o.unit = x.unit
     WHERE (o_row[o.k]).node_id IS NOT NULL ORDER BY x.e, x.i, o.k
  LOOP
    x_k := x_k || (base + r.k);
    IF r.e IS NOT NULL THEN
      e_from[r.e] := coalesce(e_from[r.e], cardinality(x_k)); e_to[r.e] := cardinality(x_k);
    ELSE
      r_from[r.i] := coalesce(r_from[r.i], cardinality(x_k)); r_to[r.i] := cardinality(x_k);
    END IF;
  END LOOP;
  n_ws := n_ws || o_ws; n_id := n_id || o_id; n_unit := n_unit || o_unit; n_busy := n_busy || o_busy; n_row := n_row || o_row;
END $$;
REVOKE ALL ON FUNCTION purser_lock_others FROM PUBLIC;
GRANT EXECUTE ON FUNCTION purser_lock_others TO purser_writer;

-- Writes the nodes that a batch has charged: each charge in the windows and the minute of its intent (ruling 15). n_row: the rows as they are stored.
CREATE FUNCTION purser_write_charges(
  n_ws uuid[], n_id uuid[], n_unit text[], n_row budget_node[], n_held numeric[], n_count integer[], n_dirty boolean[],
  capture_k integer[], capture_at timestamptz[], capture_amount numeric[], at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  this_hour constant timestamptz := date_trunc('hour', at, 'UTC');
  today constant date := (at AT TIME ZONE 'UTC')::date;
  this_month constant date := date_trunc('month', today)::date;
BEGIN
  UPDATE budget_node b
     SET held = x.held, held_count = x.held_count, lifetime_spent = b.lifetime_spent + coalesce(c.spent, 0), lifetime_count = b.lifetime_count + coalesce(c.count, 0),
         hour = greatest(b.hour, this_hour), hour_spent = CASE WHEN b.hour < this_hour THEN 0 ELSE b.hour_spent END + coalesce(c.hour_spent, 0),
         hour_count = CASE WHEN b.hour < this_hour THEN 0 ELSE b.hour_count END + coalesce(c.hour_count, 0),
         day = greatest(b.day, today), day_spent = CASE WHEN b.day < today THEN 0 ELSE b.day_spent END + coalesce(c.day_spent, 0),
         day_count = CASE WHEN b.day < today THEN 0 ELSE b.day_count END + coalesce(c.day_count, 0),
         month = greatest(b.month, this_month), month_spent = CASE WHEN b.month < this_month THEN 0 ELSE b.month_spent END + coalesce(c.month_spent, 0),
         month_count = CASE WHEN b.month < this_month THEN 0 ELSE b.month_count END + coalesce(c.month_count, 0),
         rolling_24h_spent = b.rolling_24h_spent + coalesce(c.spent_24h, 0), rolling_24h_count = b.rolling_24h_count + coalesce(c.count_24h, 0),
         rolling_30d_spent = b.rolling_30d_spent + coalesce(c.spent_30d, 0), rolling_30d_count = b.rolling_30d_count + coalesce(c.count_30d, 0)
    FROM unnest(n_ws, n_id, n_unit, n_held, n_count, n_dirty) WITH ORDINALITY x(ws, id, unit, held, held_count, dirty, k)
    LEFT JOIN (SELECT u.k, sum(u.amount) AS spent, count(*) AS count,
                      sum(u.amount) FILTER (WHERE u.at >= this_hour) AS hour_spent, count(*) FILTER (WHERE u.at >= this_hour) AS hour_count,
                      sum(u.amount) FILTER (WHERE u.at >= today::timestamp AT TIME ZONE 'UTC') AS day_spent,
                      count(*) FILTER (WHERE u.at >= today::timestamp AT TIME ZONE 'UTC') AS day_count,
                      sum(u.amount) FILTER (WHERE u.at >= this_month::timestamp AT TIME ZONE 'UTC') AS month_spent,
                      count(*) FILTER (WHERE u.at >= this_month::timestamp AT TIME ZONE 'UTC') AS month_count,
                      sum(u.amount) FILTER (WHERE u.at >= (n_row[u.k]).rolling_24h_from) AS spent_24h, count(*) FILTER (WHERE u.at >= (n_row[u.k]).rolling_24h_from) AS count_24h,
                      sum(u.amount) FILTER (WHERE u.at >= (n_row[u.k]).rolling_30d_from) AS spent_30d, count(*) FILTER (WHERE u.at >= (n_row[u.k]).rolling_30d_from) AS count_30d
                 FROM unnest(capture_k, capture_at, capture_amount) u(k, at, amount) GROUP BY u.k) c ON c.k = x.k
   WHERE x.dirty AND b.workspace_id = x.ws AND b.node_id = x.id AND b.unit = x.unit AND b.layer = 'payments';
  INSERT INTO budget_minute AS m (workspace_id, node_id, unit, layer, minute, spent, count)
  SELECT n_ws[x.k], n_id[x.k], n_unit[x.k], 'payments', date_trunc('minute', x.at), sum(x.amount), count(*)
    FROM unnest(capture_k, capture_at, capture_amount) x(k, at, amount) GROUP BY x.k, date_trunc('minute', x.at)
      ON CONFLICT (workspace_id, node_id, unit, layer, minute) DO UPDATE SET spent = m.spent + excluded.spent, count = m.count + excluded.count;
END $$;
REVOKE ALL ON FUNCTION purser_write_charges FROM PUBLIC;
GRANT EXECUTE ON FUNCTION purser_write_charges TO purser_writer;
`;
