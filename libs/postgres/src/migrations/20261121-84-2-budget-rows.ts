/**
 * What a locked budget row says: how much of each window is used, which window is in the way, and what usage has exhausted. Windows are numbered
 * per_payment, hour, day, month, lifetime, rolling_24h, rolling_30d.
 */
export const name = '20261121-84-2-budget-rows';
export const sql = `
-- Moves on the rolling windows that have a limit; each minute that left is taken off once. Rows that somebody else holds (busy) stay as they are.
CREATE FUNCTION purser_roll_budgets(n_busy boolean[], n_row budget_node[], at timestamptz) RETURNS budget_node[] LANGUAGE plpgsql AS $$
DECLARE
  now_24h constant timestamptz := date_trunc('minute', at) - interval '24 hours';
  now_30d constant timestamptz := date_trunc('minute', at) - interval '30 days';
  n budget_node;
BEGIN
  FOR k IN 1 .. cardinality(n_row) LOOP
    n := n_row[k];
    CONTINUE WHEN n_busy[k];
    IF num_nonnulls(n.limit_rolling_24h, n.limit_count_rolling_24h) > 0 AND coalesce(n.rolling_24h_from < now_24h, true) THEN
      SELECT now_24h, n.rolling_24h_spent + s.spent, n.rolling_24h_count + s.count INTO n.rolling_24h_from, n.rolling_24h_spent, n.rolling_24h_count
        FROM purser_moved_on(n, n.rolling_24h_from, now_24h) s;
      UPDATE budget_node b SET rolling_24h_from = n.rolling_24h_from, rolling_24h_spent = n.rolling_24h_spent, rolling_24h_count = n.rolling_24h_count
       WHERE b.workspace_id = n.workspace_id AND b.node_id = n.node_id AND b.unit = n.unit AND b.layer = n.layer;
    END IF;
    IF num_nonnulls(n.limit_rolling_30d, n.limit_count_rolling_30d) > 0 AND coalesce(n.rolling_30d_from < now_30d, true) THEN
      SELECT now_30d, n.rolling_30d_spent + s.spent, n.rolling_30d_count + s.count INTO n.rolling_30d_from, n.rolling_30d_spent, n.rolling_30d_count
        FROM purser_moved_on(n, n.rolling_30d_from, now_30d) s;
      UPDATE budget_node b SET rolling_30d_from = n.rolling_30d_from, rolling_30d_spent = n.rolling_30d_spent, rolling_30d_count = n.rolling_30d_count
       WHERE b.workspace_id = n.workspace_id AND b.node_id = n.node_id AND b.unit = n.unit AND b.layer = n.layer;
    END IF;
    n_row[k] := n;
  END LOOP;
  RETURN n_row;
END $$;

-- What a rolling sum gains when its window begins at now_from: less than nothing for the minutes that left; the whole window when it was never summed.
CREATE FUNCTION purser_moved_on(n budget_node, was_from timestamptz, now_from timestamptz, OUT spent numeric, OUT count bigint) LANGUAGE sql STABLE AS $$
  SELECT coalesce(CASE WHEN was_from IS NULL THEN sum(m.spent) ELSE -sum(m.spent) END, 0),
         coalesce(CASE WHEN was_from IS NULL THEN sum(m.count) ELSE -sum(m.count) END, 0)::bigint
    FROM budget_minute m
   WHERE m.workspace_id = n.workspace_id AND m.node_id = n.node_id AND m.unit = n.unit AND m.layer = n.layer
     AND m.minute >= coalesce(was_from, now_from) AND m.minute < CASE WHEN was_from IS NULL THEN 'infinity' ELSE now_from END
$$;

-- Spent and counted by window, as of a moment: a counter of an older period is zero, a rolling sum is moved on without being stored.
CREATE FUNCTION purser_budget_use(n budget_node, at timestamptz, OUT spent numeric[], OUT counts bigint[]) LANGUAGE sql STABLE AS $$
  SELECT ARRAY[0, CASE WHEN hour_over THEN 0 ELSE n.hour_spent END, CASE WHEN day_over THEN 0 ELSE n.day_spent END,
               CASE WHEN month_over THEN 0 ELSE n.month_spent END, n.lifetime_spent,
               CASE WHEN n.rolling_24h_from IS NULL THEN 0 ELSE n.rolling_24h_spent END + d.spent,
               CASE WHEN n.rolling_30d_from IS NULL THEN 0 ELSE n.rolling_30d_spent END + m.spent],
         ARRAY[0, CASE WHEN hour_over THEN 0 ELSE n.hour_count END, CASE WHEN day_over THEN 0 ELSE n.day_count END,
               CASE WHEN month_over THEN 0 ELSE n.month_count END, n.lifetime_count,
               CASE WHEN n.rolling_24h_from IS NULL THEN 0 ELSE n.rolling_24h_count END + d.count,
               CASE WHEN n.rolling_30d_from IS NULL THEN 0 ELSE n.rolling_30d_count END + m.count]
    FROM (SELECT n.hour < date_trunc('hour', at, 'UTC') AS hour_over, n.day < (at AT TIME ZONE 'UTC')::date AS day_over,
                 n.month < date_trunc('month', at AT TIME ZONE 'UTC')::date AS month_over,
                 greatest(n.rolling_24h_from, date_trunc('minute', at) - interval '24 hours') AS from_24h,
                 greatest(n.rolling_30d_from, date_trunc('minute', at) - interval '30 days') AS from_30d) t,
         purser_moved_on(n, n.rolling_24h_from, t.from_24h) d, purser_moved_on(n, n.rolling_30d_from, t.from_30d) m
$$;

DROP FUNCTION purser_explain_budget(text, text, numeric, numeric, integer, numeric[], numeric[], timestamptz);

-- The first window without room for needed, and for one more payment, on top of what is held and spent; null when there is room everywhere. charged and
-- charges: what this batch has captured and the row does not show yet. Amounts and counts as decimal text; of a count, needed is one payment.
CREATE FUNCTION purser_explain_budget(n budget_node, at timestamptz, needed numeric, held numeric, held_count bigint, charged numeric, charges bigint)
RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
  windows constant text[] := '{per_payment,hour,day,month,lifetime,rolling_24h,rolling_30d}';
  limits constant numeric[] := ARRAY[n.limit_per_payment, n.limit_hour, n.limit_day, n.limit_month, n.limit_lifetime, n.limit_rolling_24h, n.limit_rolling_30d];
  count_limits constant bigint[] := ARRAY[NULL, n.limit_count_hour, n.limit_count_day, n.limit_count_month, n.limit_count_lifetime,
                                          n.limit_count_rolling_24h, n.limit_count_rolling_30d];
  spent numeric[];
  counts bigint[];
  over text;
BEGIN
  SELECT u.spent, u.counts INTO spent, counts FROM purser_budget_use(n, at) u;
  FOR w IN 1 .. 7 LOOP
    over := CASE WHEN needed + (CASE w WHEN 1 THEN 0 ELSE held + spent[w] + charged END) > limits[w] THEN 'amount'
                 WHEN 1 + held_count + counts[w] + charges > count_limits[w] THEN 'count' END;
    CONTINUE WHEN over IS NULL;
    RETURN jsonb_build_object('node', n.kind, 'node_id', n.node_id, 'layer', n.layer, 'failed_layers', jsonb_build_array(n.layer), 'unit', n.unit,
        'window', windows[w], 'measure', over, 'held_count', held_count, 'resets_at_ms', purser_ms(CASE windows[w]
          WHEN 'hour' THEN date_trunc('hour', at, 'UTC') + interval '1 hour'
          WHEN 'day' THEN (date_trunc('day', at AT TIME ZONE 'UTC') + interval '1 day') AT TIME ZONE 'UTC'
          WHEN 'month' THEN (date_trunc('month', at AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC' END),
        'earliest_release_ms', purser_earliest_release(n, windows[w], at))
      || CASE over WHEN 'amount' THEN jsonb_build_object('limit', limits[w]::text, 'held', held::text, 'spent', (spent[w] + charged)::text, 'needed', needed::text)
                   ELSE jsonb_build_object('limit', count_limits[w]::text, 'held', held_count::text, 'spent', (counts[w] + charges)::text, 'needed', '1') END;
  END LOOP;
  RETURN NULL;
END $$;

-- Unix ms at which the oldest minute of a rolling window leaves it: the first moment at which anything comes back. Null for other windows, and when it is empty.
CREATE FUNCTION purser_earliest_release(n budget_node, named text, at timestamptz) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT purser_ms(min(m.minute) + t.length + interval '1 minute')
    FROM (SELECT CASE named WHEN 'rolling_24h' THEN interval '24 hours' WHEN 'rolling_30d' THEN interval '30 days' END AS length) t, budget_minute m
   WHERE m.workspace_id = n.workspace_id AND m.node_id = n.node_id AND m.unit = n.unit AND m.layer = n.layer
     AND m.minute >= date_trunc('minute', at) - t.length GROUP BY t.length
$$;

-- Of the numbered nodes: those with a usage layer that has nothing left, and why. Read without a lock: usage and payments order themselves either way,
-- and what was acknowledged before is seen.
CREATE FUNCTION purser_exhausted_layers(n_ws uuid[], n_id uuid[], at timestamptz) RETURNS TABLE (k integer, why jsonb) LANGUAGE sql STABLE AS $$
  SELECT e.k, (array_agg(e.why ORDER BY e.layer))[1] || jsonb_build_object('failed_layers', jsonb_agg(e.layer ORDER BY e.layer))
    FROM (SELECT x.k::integer AS k, u.layer, purser_explain_budget(u, at, 1, 0, 0, 0, 0) AS why
            FROM unnest(n_ws, n_id) WITH ORDINALITY x(ws, id, k) JOIN budget_node u ON u.workspace_id = x.ws AND u.node_id = x.id
             AND u.layer <> 'payments' AND num_nonnulls(limit_hour, limit_day, limit_month, limit_lifetime, limit_rolling_24h, limit_rolling_30d,
                   limit_count_hour, limit_count_day, limit_count_month, limit_count_lifetime, limit_count_rolling_24h, limit_count_rolling_30d) > 0) e
   WHERE e.why IS NOT NULL GROUP BY e.k
$$;

DO $$
DECLARE
  callable regprocedure;
BEGIN
  FOR callable IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
     AND p.proname IN ('purser_roll_budgets', 'purser_moved_on', 'purser_budget_use', 'purser_explain_budget', 'purser_earliest_release', 'purser_exhausted_layers')
  LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', callable);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO purser_writer', callable);
    IF callable::text ~ '^purser_(moved_on|budget_use|earliest_release)' THEN
      EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO purser_system, purser_reader', callable);
    END IF;
  END LOOP;
END $$;
`;
