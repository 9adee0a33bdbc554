/**
 * The movements of budget and wallet with more windows, counts beside amounts, further nodes and usage layers; what it decides by is in 84-2. As before:
 * decided in arrival order on locked rows with arithmetic in memory, written set by set. A hold counts in every window until it is captured or released,
 * so two numbers per node, the least of limit minus spent in amount and in count, decide all windows at once.
 */
export const name = '20261121-84-4-budget-money';
export const sql = `
CREATE OR REPLACE FUNCTION purser_move_money(
  wait boolean, c_ws uuid[], c_op uuid[], c_agent uuid[], n_ws uuid[], n_id uuid[], n_unit text[], w_ws uuid[], w_id text[], w_network text[], w_token text[],
  m_cmd integer[], m_kind text[], m_amount numeric[], m_k1 integer[], m_k2 integer[], m_w integer[], m_data jsonb,
  INOUT results text[], INOUT details jsonb[]
) LANGUAGE plpgsql AS $$
DECLARE
  r record;
  i integer; k1 integer; k2 integer; w integer; k integer; one integer; first integer := 0; command integer := 0;
  amount numeric; held numeric; block bigint; data jsonb; refused text; why jsonb;
  now_ timestamptz; this_hour timestamptz; today date; this_month date;
  -- Budget rows. used and uses: what counts in every window beside what the row has as spent, which is what is held and what this batch captured.
  n_busy boolean[]; n_row budget_node[]; n_limited boolean[]; n_per_payment numeric[]; n_room numeric[]; n_count_room bigint[]; n_held numeric[];
  n_count integer[]; n_used numeric[]; n_uses bigint[]; n_spent_layers jsonb[]; n_dirty boolean[]; rolling boolean;
  -- Nodes besides workspace and agent, as slices of x_k: of an event that reserves, and of the hold that a command has.
  x_k integer[]; e_from integer[]; e_to integer[]; r_from integer[]; r_to integer[]; ks integer[]; more boolean := false;
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
  -- The operation's own row is locked already, so its hold is what it is.
  FOR r IN
    SELECT x.i, v.state, v.unit, v.amount, v.captured, v.reserved_at, v.charged_at, v.others
      FROM (SELECT DISTINCT u.cmd AS i FROM unnest(m_cmd) u(cmd)) x
     CROSS JOIN LATERAL (SELECT * FROM reservation v WHERE v.workspace_id = c_ws[x.i] AND v.operation_id = c_op[x.i] LIMIT 1) v
  LOOP
    r_state[r.i] := r.state; r_unit[r.i] := r.unit; r_amount[r.i] := r.amount; r_captured[r.i] := r.captured;
    r_reserved[r.i] := r.reserved_at; r_charged[r.i] := r.charged_at; more := more OR r.others IS NOT NULL;
  END LOOP;
  IF cardinality(n_id) > 0 THEN
    SELECT array_agg(y.busy), array_agg(y.b), more OR bool_or((y.b).path IS NOT NULL) OR 'reserve' = ANY (m_kind) AND jsonb_path_exists(m_data, '$[*].tags')
      INTO n_busy, n_row, more
      FROM (SELECT coalesce(b.busy, false) AS busy, b.b FROM generate_series(1, cardinality(n_id)) x(k)
              LEFT JOIN purser_lock_budgets(wait, n_ws, n_id, n_unit) b ON b.k = x.k ORDER BY x.k) y;
    -- Everybody locks the nodes of workspaces and agents first, then those of teams and tags, each in one order; an agent's team is read under its lock.
    IF more THEN
      SELECT x.n_ws, x.n_id, x.n_unit, x.n_busy, x.n_row, x.x_k, x.e_from, x.e_to, x.r_from, x.r_to
        INTO n_ws, n_id, n_unit, n_busy, n_row, x_k, e_from, e_to, r_from, r_to
        FROM purser_lock_others(wait, c_ws, c_op, n_ws, n_id, n_unit, n_busy, n_row, m_cmd, m_kind, m_k1, m_k2, m_data) x;
    END IF;
  END IF;
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
  this_hour := date_trunc('hour', now_, 'UTC');
  IF n_row IS NOT NULL THEN
    SELECT bool_or(num_nonnulls(b.limit_rolling_24h, b.limit_rolling_30d, b.limit_count_rolling_24h, b.limit_count_rolling_30d) > 0) INTO rolling FROM unnest(n_row) b;
    IF rolling THEN n_row := purser_roll_budgets(n_busy, n_row, now_); END IF;
    SELECT array_agg(y.limited), array_agg(y.limit_per_payment), array_agg(y.held), array_agg(y.held_count), array_agg(y.room), array_agg(y.count_room), array_agg(false)
      INTO n_limited, n_per_payment, n_held, n_count, n_room, n_count_room, n_dirty
      FROM (SELECT num_nonnulls(b.limit_per_payment, b.limit_hour, b.limit_day, b.limit_month, b.limit_lifetime, b.limit_rolling_24h, b.limit_rolling_30d) > 0 AS limited,
                   b.limit_per_payment, coalesce(b.held, -1) AS held, b.held_count,
                   least(b.limit_hour - CASE WHEN b.hour < this_hour THEN 0 ELSE b.hour_spent END, b.limit_day - CASE WHEN b.day < today THEN 0 ELSE b.day_spent END,
                         b.limit_month - CASE WHEN b.month < this_month THEN 0 ELSE b.month_spent END, b.limit_lifetime - b.lifetime_spent,
                         b.limit_rolling_24h - b.rolling_24h_spent, b.limit_rolling_30d - b.rolling_30d_spent) AS room,
                   least(b.limit_count_hour - CASE WHEN b.hour < this_hour THEN 0 ELSE b.hour_count END, b.limit_count_day - CASE WHEN b.day < today THEN 0 ELSE b.day_count END,
                         b.limit_count_month - CASE WHEN b.month < this_month THEN 0 ELSE b.month_count END, b.limit_count_lifetime - b.lifetime_count,
                         b.limit_count_rolling_24h - b.rolling_24h_count, b.limit_count_rolling_30d - b.rolling_30d_count) AS count_room
              FROM unnest(n_row) WITH ORDINALITY b ORDER BY b.ordinality) y;
    n_used := n_held; n_uses := n_count;
    IF m_kind && ARRAY['reserve', 'prepare'] THEN
      FOR r IN SELECT * FROM purser_exhausted_layers(n_ws, n_id, now_) LOOP n_spent_layers[r.k] := r.why; END LOOP;
    END IF;
  END IF;
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
      IF results[m_cmd[e]] = 'ok' AND (n_busy[m_k1[e]] OR n_busy[m_k2[e]] OR w_busy[m_w[e]]
        OR more AND true IN (SELECT n_busy[x.z] FROM unnest(x_k[e_from[e]:e_to[e]] || x_k[r_from[m_cmd[e]]:r_to[m_cmd[e]]]) x(z))) THEN results[m_cmd[e]] := 'busy'; END IF;
    END LOOP;
  END IF;

  FOR e IN 1 .. cardinality(m_cmd) LOOP
    i := m_cmd[e];
    CONTINUE WHEN results[i] <> 'ok';
    IF i <> command THEN command := i; first := e; END IF;
    k1 := m_k1[e]; k2 := m_k2[e]; w := m_w[e]; amount := m_amount[e]; refused := NULL; why := NULL;
    IF more AND k1 IS NOT NULL AND m_kind[e] <> 'reserve' THEN e_from[e] := r_from[i]; e_to[e] := r_to[i]; END IF;
    CASE m_kind[e]
      WHEN 'reserve' THEN
        IF r_state[i] IN ('held', 'captured') THEN RAISE EXCEPTION 'a second hold for one operation'; END IF;
        ks := ARRAY[k1, k2];
        IF more THEN ks := ks || x_k[e_from[e]:e_to[e]]; END IF;
        IF n_held[k1] < 0 OR n_held[k2] < 0 OR NOT (n_limited[k1] OR n_limited[k2] OR more AND true IN (SELECT n_limited[x.z] FROM unnest(ks) x(z))) THEN
          refused := 'no_budget';
          why := jsonb_build_object('unit', n_unit[k1], 'needed', amount::text);
        ELSE
          FOREACH k IN ARRAY ks LOOP
            IF amount > n_per_payment[k] OR n_used[k] + amount > n_room[k] OR n_uses[k] >= n_count_room[k] OR n_spent_layers[k] IS NOT NULL AND n_unit[k] NOT LIKE 'TOP_UP%' THEN
              refused := 'budget';
            END IF;
          END LOOP;
        END IF;
        IF refused IS NULL THEN
          FOREACH k IN ARRAY ks LOOP
            n_held[k] := n_held[k] + amount; n_used[k] := n_used[k] + amount; n_count[k] := n_count[k] + 1; n_uses[k] := n_uses[k] + 1; n_dirty[k] := true;
          END LOOP;
          IF more THEN r_from[i] := e_from[e]; r_to[i] := e_to[e]; END IF;
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
        held := r_amount[i];
        ks := ARRAY[k1, k2];
        IF more THEN ks := ks || x_k[e_from[e]:e_to[e]]; END IF;
        FOREACH k IN ARRAY ks LOOP
          n_held[k] := n_held[k] - held; n_used[k] := n_used[k] - held; n_count[k] := n_count[k] - 1; n_uses[k] := n_uses[k] - 1; n_dirty[k] := true;
        END LOOP;
        r_state[i] := m_kind[e] || 'd'; r_dirty[i] := true; any_reservation := true;
        IF m_kind[e] = 'capture' THEN
          r_captured[i] := amount;
          -- Until the rows are written it goes on counting in every window, also in those that its intent lies before: as if judged the moment before.
          FOREACH k IN ARRAY ks LOOP
            n_used[k] := n_used[k] + amount; n_uses[k] := n_uses[k] + 1;
            capture_k := capture_k || k; capture_at := capture_at || r_charged[i]; capture_amount := capture_amount || amount;
          END LOOP;
        END IF;
      WHEN 'prepare' THEN
        IF r_state[i] IS DISTINCT FROM 'held' OR r_amount[i] < amount OR n_unit[k1] <> r_unit[i] THEN
          RAISE EXCEPTION 'an authorization above the hold that covers it';
        END IF;
        held := r_amount[i];
        ks := ARRAY[k1, k2];
        IF more THEN ks := ks || x_k[r_from[i]:r_to[i]]; END IF;
        FOREACH k IN ARRAY ks LOOP
          IF held > n_per_payment[k] OR n_used[k] > n_room[k] OR n_uses[k] > n_count_room[k] OR n_spent_layers[k] IS NOT NULL AND n_unit[k] NOT LIKE 'TOP_UP%' THEN
            refused := 'budget';
          END IF;
        END LOOP;
        IF refused IS NULL AND (w_balance[w] IS NULL OR w_balance[w] - w_committed[w] < amount) THEN
          refused := 'wallet';
          why := jsonb_build_object('balance', coalesce(w_balance[w], 0)::text, 'committed', coalesce(w_committed[w], 0)::text, 'needed', amount::text);
        ELSIF refused IS NULL THEN
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
      -- The hold of an intent is what is needed, so it is not what is in the way.
      held := CASE m_kind[e] WHEN 'prepare' THEN r_amount[i] ELSE 0 END;
      FOREACH k IN ARRAY ks LOOP
        why := coalesce(why, purser_explain_budget(n_row[k], now_, CASE m_kind[e] WHEN 'prepare' THEN held ELSE amount END, n_held[k] - held,
          n_count[k] - CASE m_kind[e] WHEN 'prepare' THEN 1 ELSE 0 END, n_used[k] - n_held[k], n_uses[k] - n_count[k]));
      END LOOP;
      FOREACH k IN ARRAY ks LOOP
        CONTINUE WHEN n_spent_layers[k] IS NULL OR n_unit[k] LIKE 'TOP_UP%';
        why := coalesce(why, n_spent_layers[k]) || jsonb_build_object('failed_layers', (SELECT jsonb_agg(DISTINCT x.layer) FROM jsonb_array_elements_text(
          coalesce(why -> 'failed_layers', '[]') || (n_spent_layers[k] -> 'failed_layers')) x(layer)));
      END LOOP;
    END IF;
    results[i] := refused; details[i] := why;
    -- Nothing of a refused command stays: only holds and their releases can stand before a guard.
    FOR undo IN first .. e - 1 LOOP
      one := CASE m_kind[undo] WHEN 'reserve' THEN 1 ELSE -1 END;
      amount := m_amount[undo] * one;
      ks := ARRAY[m_k1[undo], m_k2[undo]];
      IF more THEN ks := ks || x_k[e_from[undo]:e_to[undo]]; END IF;
      FOREACH k IN ARRAY ks LOOP
        n_held[k] := n_held[k] - amount; n_used[k] := n_used[k] - amount; n_count[k] := n_count[k] - one; n_uses[k] := n_uses[k] - one;
      END LOOP;
    END LOOP;
  END LOOP;

  IF capture_k IS NULL THEN
    UPDATE budget_node b SET held = x.held, held_count = x.held_count
      FROM unnest(n_ws, n_id, n_unit, n_held, n_count, n_dirty) x(ws, id, unit, held, held_count, dirty)
     WHERE x.dirty AND b.workspace_id = x.ws AND b.node_id = x.id AND b.unit = x.unit AND b.layer = 'payments';
  ELSE
    PERFORM purser_write_charges(n_ws, n_id, n_unit, n_row, n_held, n_count, n_dirty, capture_k, capture_at, capture_amount, now_);
  END IF;
  IF any_reservation THEN
    INSERT INTO reservation AS v (workspace_id, operation_id, agent_id, unit, amount, captured, state, reserved_at, charged_at, others)
    SELECT x.ws, x.op, x.agent, x.unit, x.amount, x.captured, x.state, x.reserved, x.charged,
           CASE WHEN more THEN (SELECT array_agg(n_id[y.z]) FROM unnest(x_k[x.others_from:x.others_to]) y(z)) END
      FROM unnest(c_ws, c_op, c_agent, r_unit, r_amount, r_captured, r_state, r_reserved, r_charged, r_from, r_to, r_dirty, results)
           x(ws, op, agent, unit, amount, captured, state, reserved, charged, others_from, others_to, dirty, result)
     WHERE x.dirty AND x.result = 'ok'
        ON CONFLICT (workspace_id, operation_id) DO UPDATE SET unit = excluded.unit, amount = excluded.amount, captured = excluded.captured,
           state = excluded.state, reserved_at = excluded.reserved_at, charged_at = excluded.charged_at, others = excluded.others;
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
