/**
 * Allowances: signed like payments, but no hold, no cover and no charge stands behind them. Their ledger value is nothing, so every sum over values stays
 * what it was. One per wallet and token may be live, since two would have the same number with the token (ADR 13).
 */
export const name = '20261121-42-1-allowance';
export const sql = `
ALTER TABLE authorization_ledger DROP CONSTRAINT authorization_ledger_method_check;
ALTER TABLE authorization_ledger
  ADD CONSTRAINT authorization_ledger_method_check CHECK (method IN ('eip3009', 'permit2', 'upto', 'allowance')),
  ADD COLUMN allowance numeric(78,0) CHECK (allowance >= 0),
  ADD CONSTRAINT authorization_ledger_allowance CHECK ((allowance IS NOT NULL) = (method = 'allowance') AND (allowance IS NULL OR value = 0));
CREATE INDEX authorization_allowance ON authorization_ledger (network, token, from_address) WHERE method = 'allowance' AND status = 'live';
ALTER TABLE wallet_asset ADD COLUMN permit2_allowance numeric(78,0);
GRANT UPDATE (permit2_allowance) ON wallet_asset TO purser_system;

ALTER FUNCTION purser_apply_money(boolean, uuid[], uuid[], uuid[], uuid[], uuid[], text[], uuid[], text[], text[], text[],
  integer[], text[], numeric[], integer[], integer[], integer[], jsonb, text[], jsonb[]) RENAME TO purser_move_money;

-- Intents of allowances: guarded by each other alone. The lock makes two batches of one wallet and token meet.
CREATE FUNCTION purser_allow(
  wait boolean, c_ws uuid[], c_op uuid[], c_agent uuid[], m_cmd integer[], m_kind text[], m_amount numeric[], m_data jsonb, INOUT results text[], INOUT details jsonb[]
) LANGUAGE plpgsql AS $$
DECLARE
  r record;
  lock bigint;
  other uuid;
BEGIN
  FOR r IN
    SELECT x.cmd AS i, x.amount, y.d FROM unnest(m_cmd, m_kind, m_amount) WITH ORDINALITY x(cmd, kind, amount, e),
           LATERAL (SELECT m_data -> (x.e - 1)::integer AS d) y
     WHERE x.kind = 'allow' ORDER BY y.d ->> 'network', y.d ->> 'token', y.d ->> 'from', x.e
  LOOP
    CONTINUE WHEN results[r.i] <> 'ok';
    lock := hashtextextended(concat_ws('/', 'purser/allowance', r.d ->> 'network', r.d ->> 'token', r.d ->> 'from'), 0);
    IF wait THEN
      PERFORM pg_advisory_xact_lock(lock);
    ELSIF NOT pg_try_advisory_xact_lock(lock) THEN
      results[r.i] := 'busy';
      CONTINUE;
    END IF;
    SELECT l.operation_id INTO other FROM authorization_ledger l
     WHERE l.network = r.d ->> 'network' AND l.token = r.d ->> 'token' AND l.from_address = r.d ->> 'from' AND l.method = 'allowance' AND l.status = 'live' LIMIT 1;
    IF other IS NOT NULL THEN
      results[r.i] := 'under_way';
      details[r.i] := jsonb_build_object('operation_id', other);
      CONTINUE;
    END IF;
    INSERT INTO authorization_ledger (workspace_id, operation_id, agent_id, wallet_id, network, token, from_address, to_address, value, allowance, valid_after,
        valid_before, nonce, digest, method, status, committed)
    VALUES (c_ws[r.i], c_op[r.i], c_agent[r.i], r.d ->> 'walletId', r.d ->> 'network', r.d ->> 'token', r.d ->> 'from', r.d ->> 'to', 0, r.amount,
        (r.d ->> 'validAfterSec')::bigint, (r.d ->> 'validBeforeSec')::bigint, r.d ->> 'nonce', r.d ->> 'digest', 'allowance', 'live', false);
  END LOOP;
END $$;

CREATE FUNCTION purser_apply_money(
  wait boolean, c_ws uuid[], c_op uuid[], c_agent uuid[], n_ws uuid[], n_id uuid[], n_unit text[], w_ws uuid[], w_id text[], w_network text[], w_token text[],
  m_cmd integer[], m_kind text[], m_amount numeric[], m_k1 integer[], m_k2 integer[], m_w integer[], m_data jsonb,
  INOUT results text[], INOUT details jsonb[]
) LANGUAGE plpgsql AS $$
BEGIN
  IF 'allow' = ANY (m_kind) THEN
    SELECT x.results, x.details INTO results, details FROM purser_allow(wait, c_ws, c_op, c_agent, m_cmd, m_kind, m_amount, m_data, results, details) x;
    SELECT coalesce(array_agg(x.cmd ORDER BY x.e), '{}'), coalesce(array_agg(x.kind ORDER BY x.e), '{}'), coalesce(array_agg(x.amount ORDER BY x.e), '{}'),
           coalesce(array_agg(x.k1 ORDER BY x.e), '{}'), coalesce(array_agg(x.k2 ORDER BY x.e), '{}'), coalesce(array_agg(x.w ORDER BY x.e), '{}'),
           coalesce(jsonb_agg(m_data -> (x.e - 1)::integer ORDER BY x.e), '[]')
      INTO m_cmd, m_kind, m_amount, m_k1, m_k2, m_w, m_data
      FROM unnest(m_cmd, m_kind, m_amount, m_k1, m_k2, m_w) WITH ORDINALITY x(cmd, kind, amount, k1, k2, w, e) WHERE x.kind <> 'allow';
  END IF;
  IF cardinality(m_cmd) > 0 THEN
    SELECT x.results, x.details INTO results, details
      FROM purser_move_money(wait, c_ws, c_op, c_agent, n_ws, n_id, n_unit, w_ws, w_id, w_network, w_token, m_cmd, m_kind, m_amount, m_k1, m_k2, m_w, m_data, results, details) x;
  END IF;
END $$;
REVOKE ALL ON FUNCTION purser_allow, purser_apply_money FROM PUBLIC;
GRANT EXECUTE ON FUNCTION purser_allow, purser_apply_money TO purser_writer;
`;
