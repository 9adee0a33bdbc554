/** Group commit, part 3: the budget and wallet rows a batch needs, locked in one global order, and why a budget says no. */
export const name = '20261121-05-commit-3-rows';
export const sql = `
-- One row per number that exists; rows that somebody else holds come back with busy true (never with wait true).
CREATE FUNCTION purser_lock_budgets(wait boolean, n_ws uuid[], n_id uuid[], n_unit text[])
RETURNS TABLE (k integer, busy boolean, b budget_node) LANGUAGE plpgsql AS $$
DECLARE
  r record;
  seen integer[];
BEGIN
  IF wait THEN
    RETURN QUERY SELECT x.k::integer, false, t FROM unnest(n_ws, n_id, n_unit) WITH ORDINALITY x(ws, id, unit, k)
      JOIN budget_node t ON t.workspace_id = x.ws AND t.node_id = x.id AND t.unit = x.unit AND t.layer = 'payments'
     ORDER BY t.workspace_id, t.unit, t.layer, t.depth, t.node_id FOR UPDATE OF t;
    RETURN;
  END IF;
  FOR r IN
    SELECT x.k::integer AS k, t AS node FROM unnest(n_ws, n_id, n_unit) WITH ORDINALITY x(ws, id, unit, k)
      JOIN budget_node t ON t.workspace_id = x.ws AND t.node_id = x.id AND t.unit = x.unit AND t.layer = 'payments'
     ORDER BY t.workspace_id, t.unit, t.layer, t.depth, t.node_id FOR UPDATE OF t SKIP LOCKED
  LOOP
    k := r.k; busy := false; b := r.node;
    seen := seen || k;
    RETURN NEXT;
  END LOOP;
  IF coalesce(cardinality(seen), 0) < cardinality(n_id) THEN
    RETURN QUERY SELECT x.k::integer, true, t FROM unnest(n_ws, n_id, n_unit) WITH ORDINALITY x(ws, id, unit, k)
      JOIN budget_node t ON t.workspace_id = x.ws AND t.node_id = x.id AND t.unit = x.unit AND t.layer = 'payments'
     WHERE NOT x.k = ANY (coalesce(seen, '{}'));
  END IF;
END $$;

CREATE FUNCTION purser_lock_wallets(wait boolean, w_ws uuid[], w_id text[], w_network text[], w_token text[])
RETURNS TABLE (k integer, busy boolean, balance numeric, committed numeric, balance_block bigint) LANGUAGE plpgsql AS $$
DECLARE
  seen integer[];
BEGIN
  IF wait THEN
    RETURN QUERY SELECT x.k::integer, false, t.balance, t.committed, t.balance_block
      FROM unnest(w_ws, w_id, w_network, w_token) WITH ORDINALITY x(ws, id, network, token, k)
      JOIN wallet_asset t ON t.workspace_id = x.ws AND t.wallet_id = x.id AND t.network = x.network AND t.token = x.token
     ORDER BY t.workspace_id, t.wallet_id, t.network, t.token FOR UPDATE OF t;
    RETURN;
  END IF;
  FOR k, balance, committed, balance_block IN
    SELECT x.k::integer, t.balance, t.committed, t.balance_block
      FROM unnest(w_ws, w_id, w_network, w_token) WITH ORDINALITY x(ws, id, network, token, k)
      JOIN wallet_asset t ON t.workspace_id = x.ws AND t.wallet_id = x.id AND t.network = x.network AND t.token = x.token
     ORDER BY t.workspace_id, t.wallet_id, t.network, t.token FOR UPDATE OF t SKIP LOCKED
  LOOP
    busy := false;
    seen := seen || k;
    RETURN NEXT;
  END LOOP;
  IF coalesce(cardinality(seen), 0) < cardinality(w_id) THEN
    RETURN QUERY SELECT x.k::integer, true, t.balance, t.committed, t.balance_block
      FROM unnest(w_ws, w_id, w_network, w_token) WITH ORDINALITY x(ws, id, network, token, k)
      JOIN wallet_asset t ON t.workspace_id = x.ws AND t.wallet_id = x.id AND t.network = x.network AND t.token = x.token
     WHERE NOT x.k = ANY (coalesce(seen, '{}'));
  END IF;
END $$;

-- The first window without room for needed on top of held and spent; null when there is room everywhere. Amounts as decimal text.
CREATE FUNCTION purser_explain_budget(node text, unit text, needed numeric, held numeric, held_count integer, limits numeric[], spent numeric[], at timestamptz)
RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  windows constant text[] := '{per_payment,day,month,lifetime,rolling_24h}';
  day constant timestamp := date_trunc('day', at AT TIME ZONE 'UTC');
BEGIN
  FOR w IN 1 .. 5 LOOP
    IF needed + (CASE w WHEN 1 THEN 0 ELSE held + spent[w] END) > limits[w] THEN
      RETURN jsonb_build_object('node', node, 'unit', unit, 'window', windows[w], 'limit', limits[w]::text, 'held', held::text, 'held_count', held_count,
        'spent', spent[w]::text, 'needed', needed::text, 'resets_at_ms',
        CASE windows[w] WHEN 'day' THEN purser_ms((day + interval '1 day') AT TIME ZONE 'UTC')
                        WHEN 'month' THEN purser_ms((date_trunc('month', day) + interval '1 month') AT TIME ZONE 'UTC') END);
    END IF;
  END LOOP;
  RETURN NULL;
END $$;
`;
