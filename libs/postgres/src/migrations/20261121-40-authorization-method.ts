/**
 * How an authorization moves money: by the token itself or by Permit2, whose upto proxy may charge less than was authorized. The movements of money are
 * those of 20261121-05-commit-4-money with what was charged in place of what was authorized, wherever the chain says that it was less.
 */
export const name = '20261121-40-authorization-method';
export const sql = `
ALTER TABLE authorization_ledger
  ADD COLUMN method text NOT NULL DEFAULT 'eip3009' CHECK (method IN ('eip3009', 'permit2', 'upto')),
  ADD COLUMN facilitator text CHECK ((facilitator IS NOT NULL) = (method = 'upto')),
  ADD COLUMN charged numeric(78,0) CHECK (charged BETWEEN 0 AND value);

CREATE OR REPLACE FUNCTION purser_apply_money(
  wait boolean, c_ws uuid[], c_op uuid[], c_agent uuid[], n_ws uuid[], n_id uuid[], n_unit text[], w_ws uuid[], w_id text[], w_network text[], w_token text[],
  m_cmd integer[], m_kind text[], m_amount numeric[], m_k1 integer[], m_k2 integer[], m_w integer[], m_data jsonb,
  INOUT results text[], INOUT details jsonb[]
) LANGUAGE plpgsql AS $$
DECLARE
  r record;
  i integer; k1 integer; k2 integer; w integer; k integer; first integer := 0; command integer := 0;
  amount numeric; block bigint; data jsonb; refused text; why jsonb; charged timestamp;
  now_ timestamptz; today date; this_month date;
  -- Budget rows.
  n_busy boolean[]; n_limits boolean[]; n_per_payment numeric[]; n_room numeric[]; n_held numeric[]; n_count integer[]; n_limit_day numeric[]; n_limit_month numeric[];
  n_limit_life numeric[]; n_limit_rolling numeric[]; n_day date[]; n_day_spent numeric[]; n_month date[]; n_month_spent numeric[]; n_life numeric[];
  n_life_count bigint[]; n_rolling numeric[]; n_dirty boolean[] := array_fill(false, ARRAY[cardinality(n_id)]);
  -- Wallet rows.
  w_busy boolean[]; w_balance numeric[]; w_committed numeric[]; w_block bigint[]; w_dirty boolean[] := array_fill(false, ARRAY[cardinality(w_id)]);
  -- Per command: its reservation and its authorization.
  size constant integer[] := ARRAY[cardinality(c_op)];
  r_state text[] := array_fill(NULL::text, size); r_unit text[] := array_fill(NULL::text, size); r_amount numeric[] := array_fill(NULL::numeric, size);
  r_captured numeric[] := array_fill(NULL::numeric, size); r_reserved timestamptz[] := array_fill(NULL::timestamptz, size);
  r_charged timestamptz[] := array_fill(NULL::timestamptz, size); r_dirty boolean[] := array_fill(false, size);
  l_status text[] := array_fill(NULL::text, size); l_value numeric[] := array_fill(NULL::numeric, size); l_committed boolean[] := array_fill(NULL::boolean, size);
  l_seen jsonb[] := array_fill(NULL::jsonb, size); l_block bigint[] := array_fill(NULL::bigint, size);
  l_charged numeric[] := array_fill(NULL::numeric, size); l_dirty boolean[] := array_fill(false, size);
  capture_k integer[]; capture_at timestamptz[]; capture_amount numeric[];
  any_reservation boolean := false; any_ledger boolean := false; any_intent boolean := false;
BEGIN
  SELECT array_agg(coalesce(b.busy, false) ORDER BY x.k), array_agg(num_nonnulls((b.b).limit_per_payment, (b.b).limit_day, (b.b).limit_month, (b.b).limit_lifetime,
           (b.b).limit_rolling_24h) > 0 ORDER BY x.k), array_agg((b.b).limit_per_payment ORDER BY x.k), array_agg(coalesce((b.b).held, -1) ORDER BY x.k), array_agg((b.b).held_count ORDER BY x.k),
         array_agg((b.b).limit_day ORDER BY x.k), array_agg((b.b).limit_month ORDER BY x.k), array_agg((b.b).limit_lifetime ORDER BY x.k),
         array_agg((b.b).limit_rolling_24h ORDER BY x.k), array_agg((b.b).day ORDER BY x.k), array_agg((b.b).day_spent ORDER BY x.k), array_agg((b.b).month ORDER BY x.k),
         array_agg((b.b).month_spent ORDER BY x.k), array_agg((b.b).lifetime_spent ORDER BY x.k), array_agg((b.b).lifetime_count ORDER BY x.k), array_agg(0::numeric ORDER BY x.k)
    INTO n_busy, n_limits, n_per_payment, n_held, n_count, n_limit_day, n_limit_month, n_limit_life, n_limit_rolling, n_day, n_day_spent, n_month, n_month_spent,
         n_life, n_life_count, n_rolling
    FROM generate_series(1, cardinality(n_id)) x(k) LEFT JOIN purser_lock_budgets(wait, n_ws, n_id, n_unit) b ON b.k = x.k;
  IF cardinality(w_id) > 0 THEN
    SELECT array_agg(coalesce(b.busy, false) ORDER BY x.k), array_agg(b.balance ORDER BY x.k), array_agg(b.committed ORDER BY x.k), array_agg(b.balance_block ORDER BY x.k)
      INTO w_busy, w_balance, w_committed, w_block
      FROM generate_series(1, cardinality(w_id)) x(k) LEFT JOIN purser_lock_wallets(wait, w_ws, w_id, w_network, w_token) b ON b.k = x.k;
  END IF;

  -- Everything below is read after the last lock. LATERAL with a LIMIT: rows are looked up one by one by their key, also under a plan that was made while
  -- the tables were empty and a scan of the whole looked as cheap.
  now_ := clock_timestamp();
  today := (now_ AT TIME ZONE 'UTC')::date;
  this_month := date_trunc('month', today)::date;
  FOR r IN
    SELECT x.k, sum(m.spent) AS spent FROM unnest(n_ws, n_id, n_unit, n_limit_rolling) WITH ORDINALITY x(ws, id, unit, rolling, k)
      JOIN budget_minute m ON m.workspace_id = x.ws AND m.node_id = x.id AND m.unit = x.unit AND m.layer = 'payments'
       AND m.minute >= date_trunc('minute', now_) - interval '24 hours' WHERE x.rolling IS NOT NULL GROUP BY x.k
  LOOP
    n_rolling[r.k] := r.spent;
  END LOOP;
  FOR k IN 1 .. cardinality(n_id) LOOP
    IF n_day[k] < today THEN n_day[k] := today; n_day_spent[k] := 0; END IF;
    IF n_month[k] < this_month THEN n_month[k] := this_month; n_month_spent[k] := 0; END IF;
    n_room[k] := least(n_limit_day[k] - n_day_spent[k], n_limit_month[k] - n_month_spent[k], n_limit_life[k] - n_life[k], n_limit_rolling[k] - n_rolling[k]);
  END LOOP;
  FOR r IN
    SELECT x.i, v.state, v.unit, v.amount, v.captured, v.reserved_at, v.charged_at
      FROM (SELECT DISTINCT u.cmd AS i FROM unnest(m_cmd) u(cmd)) x
     CROSS JOIN LATERAL (SELECT * FROM reservation v WHERE v.workspace_id = c_ws[x.i] AND v.operation_id = c_op[x.i] LIMIT 1) v
  LOOP
    r_state[r.i] := r.state; r_unit[r.i] := r.unit; r_amount[r.i] := r.amount; r_captured[r.i] := r.captured;
    r_reserved[r.i] := r.reserved_at; r_charged[r.i] := r.charged_at;
  END LOOP;
  FOR r IN
    SELECT x.i, l.status, l.value, l.committed, l.seen_block, l.charged
      FROM (SELECT DISTINCT u.cmd AS i FROM unnest(m_cmd, m_kind) u(cmd, kind) WHERE u.kind NOT IN ('reserve', 'prepare', 'adopt')) x
     CROSS JOIN LATERAL (SELECT * FROM authorization_ledger l WHERE l.workspace_id = c_ws[x.i] AND l.operation_id = c_op[x.i] AND l.epoch = 0 LIMIT 1) l
  LOOP
    l_status[r.i] := r.status; l_value[r.i] := r.value; l_committed[r.i] := r.committed; l_block[r.i] := r.seen_block; l_charged[r.i] := r.charged;
  END LOOP;
  IF m_kind && ARRAY['prepare', 'adopt'] THEN
    FOR r IN
      SELECT x.cmd AS i FROM unnest(m_cmd, m_kind) WITH ORDINALITY x(cmd, kind, e), LATERAL (SELECT m_data -> (x.e - 1)::integer AS d) y
       CROSS JOIN LATERAL (SELECT FROM authorization_ledger l WHERE l.network = y.d ->> 'network' AND l.token = y.d ->> 'token'
                              AND l.from_address = y.d ->> 'from' AND l.nonce = y.d ->> 'nonce' LIMIT 1) l
       WHERE x.kind IN ('prepare', 'adopt')
    LOOP
      IF results[r.i] = 'ok' THEN results[r.i] := 'duplicate_nonce'; END IF;
    END LOOP;
  END IF;
  IF true = ANY (n_busy) OR true = ANY (w_busy) THEN
    FOR e IN 1 .. cardinality(m_cmd) LOOP
      IF results[m_cmd[e]] = 'ok' AND (n_busy[m_k1[e]] OR n_busy[m_k2[e]] OR w_busy[m_w[e]]) THEN results[m_cmd[e]] := 'busy'; END IF;
    END LOOP;
  END IF;

  FOR e IN 1 .. cardinality(m_cmd) LOOP
    i := m_cmd[e];
    CONTINUE WHEN results[i] <> 'ok';
    IF i <> command THEN command := i; first := e; END IF;
    k1 := m_k1[e]; k2 := m_k2[e]; w := m_w[e]; amount := m_amount[e]; refused := NULL; why := NULL;
    CASE m_kind[e]
      WHEN 'reserve' THEN
        IF r_state[i] IN ('held', 'captured') THEN RAISE EXCEPTION 'a second hold for one operation'; END IF;
        IF n_held[k1] < 0 OR n_held[k2] < 0 OR NOT (n_limits[k1] OR n_limits[k2]) THEN
          refused := 'no_budget';
          why := jsonb_build_object('unit', n_unit[k1], 'needed', amount::text);
        ELSIF amount > n_per_payment[k1] OR amount > n_per_payment[k2] OR n_held[k1] + amount > n_room[k1] OR n_held[k2] + amount > n_room[k2] THEN
          refused := 'budget';
        ELSE
          n_held[k1] := n_held[k1] + amount; n_count[k1] := n_count[k1] + 1; n_dirty[k1] := true;
          n_held[k2] := n_held[k2] + amount; n_count[k2] := n_count[k2] + 1; n_dirty[k2] := true;
          r_state[i] := 'held'; r_unit[i] := n_unit[k1]; r_amount[i] := amount; r_captured[i] := 0; r_reserved[i] := now_; r_charged[i] := now_;
          r_dirty[i] := true; any_reservation := true;
        END IF;
      WHEN 'release', 'capture' THEN
        IF r_state[i] IS DISTINCT FROM 'held' OR amount > r_amount[i] THEN RAISE EXCEPTION '% of what is not held', m_kind[e]; END IF;
        IF n_unit[k1] <> r_unit[i] THEN
          -- The terms changed their unit meanwhile; what is held is in the old one.
          SELECT max(x.k) FILTER (WHERE x.id = c_ws[i]), max(x.k) FILTER (WHERE x.id = c_agent[i]) INTO k1, k2
            FROM unnest(n_ws, n_id, n_unit) WITH ORDINALITY x(ws, id, unit, k) WHERE x.ws = c_ws[i] AND x.unit = r_unit[i];
          m_k1[e] := k1; m_k2[e] := k2;
        END IF;
        IF m_kind[e] = 'release' AND (amount <> r_amount[i] OR l_status[i] IN ('live', 'provisional', 'settled')) THEN
          RAISE EXCEPTION 'release of a hold that covers a live authorization';
        END IF;
        n_held[k1] := n_held[k1] - r_amount[i]; n_count[k1] := n_count[k1] - 1; n_dirty[k1] := true;
        n_held[k2] := n_held[k2] - r_amount[i]; n_count[k2] := n_count[k2] - 1; n_dirty[k2] := true;
        r_state[i] := m_kind[e] || 'd'; r_dirty[i] := true; any_reservation := true;
        IF m_kind[e] = 'capture' THEN
          r_captured[i] := amount;
          charged := r_charged[i] AT TIME ZONE 'UTC';
          FOREACH k IN ARRAY ARRAY[k1, k2] LOOP
            n_life[k] := n_life[k] + amount; n_life_count[k] := n_life_count[k] + 1; n_rolling[k] := n_rolling[k] + amount;
            IF charged::date = n_day[k] THEN n_day_spent[k] := n_day_spent[k] + amount; END IF;
            IF date_trunc('month', charged)::date = n_month[k] THEN n_month_spent[k] := n_month_spent[k] + amount; END IF;
            n_room[k] := least(n_limit_day[k] - n_day_spent[k], n_limit_month[k] - n_month_spent[k], n_limit_life[k] - n_life[k], n_limit_rolling[k] - n_rolling[k]);
            capture_k := capture_k || k; capture_at := capture_at || date_trunc('minute', r_charged[i]); capture_amount := capture_amount || amount;
          END LOOP;
        END IF;
      WHEN 'prepare' THEN
        IF r_state[i] IS DISTINCT FROM 'held' OR r_amount[i] < amount OR n_unit[k1] <> r_unit[i] THEN
          RAISE EXCEPTION 'an authorization above the hold that covers it';
        END IF;
        IF r_amount[i] > n_per_payment[k1] OR r_amount[i] > n_per_payment[k2] OR n_held[k1] > n_room[k1] OR n_held[k2] > n_room[k2] THEN
          refused := 'budget';
        ELSIF w_balance[w] IS NULL OR w_balance[w] - w_committed[w] < amount THEN
          refused := 'wallet';
          why := jsonb_build_object('balance', coalesce(w_balance[w], 0)::text, 'committed', coalesce(w_committed[w], 0)::text, 'needed', amount::text);
        ELSE
          w_committed[w] := w_committed[w] + amount; w_dirty[w] := true;
          r_charged[i] := now_; r_dirty[i] := true; any_reservation := true; any_intent := true;
        END IF;
      WHEN 'adopt' THEN
        IF r_state[i] IS DISTINCT FROM 'held' OR r_amount[i] < amount OR n_unit[k1] <> r_unit[i] THEN
          RAISE EXCEPTION 'an adopted payment above the hold that covers it';
        END IF;
        -- It was paid before: only a balance read before its block still contains the money.
        block := (m_data -> (e - 1) ->> 'blockNumber')::bigint;
        IF block > w_block[w] THEN w_balance[w] := greatest(w_balance[w] - amount, 0); w_dirty[w] := true; END IF;
        r_charged[i] := now_; r_dirty[i] := true; any_reservation := true; any_intent := true;
      ELSE
        data := m_data -> (e - 1); block := (data ->> 'blockNumber')::bigint;
        IF l_status[i] IS NULL OR (m_kind[e] = 'reorged') <> (l_status[i] = 'provisional') AND m_kind[e] <> 'finalized' OR l_status[i] NOT IN ('live', 'provisional') THEN
          RAISE EXCEPTION '% after %', m_kind[e], l_status[i];
        END IF;
        IF m_kind[e] = 'reorged' THEN
          w_committed[w] := w_committed[w] + l_value[i]; l_committed[i] := true;
          IF l_block[i] > w_block[w] THEN w_balance[w] := w_balance[w] + coalesce(l_charged[i], l_value[i]); END IF;
        ELSIF l_committed[i] THEN
          w_committed[w] := w_committed[w] - l_value[i]; l_committed[i] := false;
          -- A balance read before the transfer's block still contains what was charged.
          IF m_kind[e] IN ('observed', 'finalized') AND block > w_block[w] THEN
            w_balance[w] := greatest(w_balance[w] - coalesce((data ->> 'amount')::numeric, l_value[i]), 0);
          END IF;
        END IF;
        l_status[i] := CASE m_kind[e] WHEN 'observed' THEN 'provisional' WHEN 'finalized' THEN 'settled' WHEN 'reorged' THEN 'live' ELSE m_kind[e] END;
        l_seen[i] := CASE WHEN m_kind[e] IN ('observed', 'finalized') THEN data END;
        w_dirty[w] := true; l_dirty[i] := true; any_ledger := true;
    END CASE;
    CONTINUE WHEN refused IS NULL;

    IF refused = 'budget' THEN
      FOREACH k IN ARRAY ARRAY[k1, k2] LOOP
        why := coalesce(why, purser_explain_budget(CASE k WHEN k1 THEN 'workspace' ELSE 'agent' END, n_unit[k], amount,
          n_held[k] - CASE m_kind[e] WHEN 'prepare' THEN r_amount[i] ELSE 0 END, n_count[k] - CASE m_kind[e] WHEN 'prepare' THEN 1 ELSE 0 END,
          ARRAY[n_per_payment[k], n_limit_day[k], n_limit_month[k], n_limit_life[k], n_limit_rolling[k]],
          ARRAY[0, n_day_spent[k], n_month_spent[k], n_life[k], n_rolling[k]], now_));
      END LOOP;
    END IF;
    results[i] := refused; details[i] := why;
    -- Nothing of a refused command stays: only holds and their releases can stand before a guard.
    FOR undo IN first .. e - 1 LOOP
      FOREACH k IN ARRAY ARRAY[m_k1[undo], m_k2[undo]] LOOP
        n_held[k] := n_held[k] - CASE m_kind[undo] WHEN 'reserve' THEN m_amount[undo] ELSE -m_amount[undo] END;
        n_count[k] := n_count[k] - CASE m_kind[undo] WHEN 'reserve' THEN 1 ELSE -1 END;
      END LOOP;
    END LOOP;
  END LOOP;

  UPDATE budget_node b
     SET held = x.held, held_count = x.held_count, day = x.day, day_spent = x.day_spent, month = x.month, month_spent = x.month_spent, lifetime_spent = x.life,
         lifetime_count = x.life_count
    FROM unnest(n_ws, n_id, n_unit, n_held, n_count, n_day, n_day_spent, n_month, n_month_spent, n_life, n_life_count, n_dirty)
         x(ws, id, unit, held, held_count, day, day_spent, month, month_spent, life, life_count, dirty)
   WHERE x.dirty AND b.workspace_id = x.ws AND b.node_id = x.id AND b.unit = x.unit AND b.layer = 'payments';
  IF any_reservation THEN
    INSERT INTO reservation AS v (workspace_id, operation_id, agent_id, unit, amount, captured, state, reserved_at, charged_at)
    SELECT x.ws, x.op, x.agent, x.unit, x.amount, x.captured, x.state, x.reserved, x.charged
      FROM unnest(c_ws, c_op, c_agent, r_unit, r_amount, r_captured, r_state, r_reserved, r_charged, r_dirty, results)
           x(ws, op, agent, unit, amount, captured, state, reserved, charged, dirty, result)
     WHERE x.dirty AND x.result = 'ok'
        ON CONFLICT (workspace_id, operation_id) DO UPDATE SET unit = excluded.unit, amount = excluded.amount, captured = excluded.captured,
           state = excluded.state, reserved_at = excluded.reserved_at, charged_at = excluded.charged_at;
  END IF;
  IF capture_k IS NOT NULL THEN
    INSERT INTO budget_minute AS m (workspace_id, node_id, unit, layer, minute, spent)
    SELECT n_ws[x.k], n_id[x.k], n_unit[x.k], 'payments', x.minute, sum(x.amount) FROM unnest(capture_k, capture_at, capture_amount) x(k, minute, amount)
     GROUP BY x.k, x.minute ON CONFLICT (workspace_id, node_id, unit, layer, minute) DO UPDATE SET spent = m.spent + excluded.spent;
  END IF;
  IF any_intent OR any_ledger THEN
    UPDATE wallet_asset a SET balance = x.balance, committed = x.committed
      FROM unnest(w_ws, w_id, w_network, w_token, w_balance, w_committed, w_dirty) x(ws, id, network, token, balance, committed, dirty)
     WHERE x.dirty AND a.workspace_id = x.ws AND a.wallet_id = x.id AND a.network = x.network AND a.token = x.token;
  END IF;
  IF any_intent THEN
    INSERT INTO authorization_ledger (workspace_id, operation_id, agent_id, wallet_id, network, token, from_address, to_address, value, valid_after, valid_before, nonce, digest, method, facilitator, status,
        committed, seen_block, seen_block_hash, tx_hash, log_index)
    SELECT c_ws[x.cmd], c_op[x.cmd], c_agent[x.cmd], y.d ->> 'walletId', y.d ->> 'network', y.d ->> 'token', y.d ->> 'from', y.d ->> 'to', x.amount,
           (y.d ->> 'validAfterSec')::bigint, (y.d ->> 'validBeforeSec')::bigint, y.d ->> 'nonce', y.d ->> 'digest', y.d ->> 'method', y.d ->> 'facilitator', CASE x.kind WHEN 'prepare' THEN 'live' ELSE 'provisional' END,
           x.kind = 'prepare', (y.d ->> 'blockNumber')::bigint, y.d ->> 'blockHash', y.d ->> 'txHash', (y.d ->> 'logIndex')::integer
      FROM unnest(m_cmd, m_kind, m_amount) WITH ORDINALITY x(cmd, kind, amount, e), LATERAL (SELECT m_data -> (x.e - 1)::integer AS d) y
     WHERE x.kind IN ('prepare', 'adopt') AND results[x.cmd] = 'ok';
  END IF;
  IF any_ledger THEN
    UPDATE authorization_ledger l
       SET status = x.status, committed = x.committed, seen_block = (x.seen ->> 'blockNumber')::bigint, seen_block_hash = x.seen ->> 'blockHash',
           tx_hash = x.seen ->> 'txHash', log_index = (x.seen ->> 'logIndex')::integer, charged = (x.seen ->> 'amount')::numeric
      FROM unnest(c_ws, c_op, l_status, l_committed, l_seen, l_dirty, results) x(ws, op, status, committed, seen, dirty, result)
     WHERE x.dirty AND x.result = 'ok' AND l.workspace_id = x.ws AND l.operation_id = x.op AND l.epoch = 0;
  END IF;
END $$;
`;
