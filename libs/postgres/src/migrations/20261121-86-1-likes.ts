/**
 * The same purchase twice, and payees that are new. Of what is alike at most one may be alive or paid within the window that the verdict names; the
 * lock on the likeness makes two batches meet, and so one of fifty equal purchases is paid. A row without its authorization means nothing: its commit was refused.
 */
export const name = '20261121-86-1-likes';
export const sql = `
CREATE TABLE like_intent (
  workspace_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  likeness bytea NOT NULL, -- SHA-256 over what makes two purchases alike
  operation_id uuid NOT NULL,
  opened_at_ms bigint NOT NULL,
  PRIMARY KEY (workspace_id, agent_id, likeness, operation_id)
);
ALTER TABLE like_intent ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON like_intent FOR SELECT TO purser_reader USING (workspace_id = nullif(current_setting('purser.workspace_id', true), '')::uuid);
CREATE POLICY system ON like_intent TO purser_writer, purser_system, purser_signer USING (true) WITH CHECK (true);
CREATE POLICY checker ON like_intent FOR SELECT TO purser_checker USING (true);
GRANT SELECT, INSERT ON like_intent TO purser_writer;
GRANT SELECT ON like_intent TO purser_system, purser_checker;

CREATE INDEX authorization_payee ON authorization_ledger (workspace_id, to_address);

-- The operation that is in the way, or null. Unpaid for good is out of the way; so is the one that the request names.
CREATE FUNCTION purser_like(workspace uuid, agent uuid, alike bytea, mine uuid, opened_ms bigint, within_ms bigint, allowed text) RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT k.operation_id FROM like_intent k JOIN authorization_ledger l ON l.workspace_id = k.workspace_id AND l.operation_id = k.operation_id
   WHERE k.workspace_id = workspace AND k.agent_id = agent AND k.likeness = alike AND k.operation_id IS DISTINCT FROM mine
     AND abs(k.opened_at_ms - opened_ms) <= within_ms AND l.status NOT IN ('dead', 'burned')
     AND allowed IS DISTINCT FROM 'any' AND k.operation_id::text IS DISTINCT FROM allowed
   ORDER BY k.opened_at_ms, k.operation_id LIMIT 1
$$;

CREATE FUNCTION purser_check_likes(
  wait boolean, c_ws uuid[], c_op uuid[], c_agent uuid[], c_opened bigint[], m_cmd integer[], m_kind text[], m_data jsonb, INOUT results text[], INOUT details jsonb[]
) LANGUAGE plpgsql AS $$
DECLARE
  r record;
  lock bigint;
  taken bigint[] := '{}';
  other uuid;
BEGIN
  FOR r IN
    SELECT y.i, y.alike, (y.d ->> 'withinMs')::bigint AS within_ms, y.d ->> 'allow' AS allowed,
           hashtextextended(concat_ws('/', 'purser/like', c_ws[y.i], c_agent[y.i], encode(y.alike, 'hex')), 0) AS lock
      FROM (SELECT x.cmd AS i, z.d, decode(z.d ->> 'hash', 'hex') AS alike
              FROM unnest(m_cmd, m_kind) WITH ORDINALITY x(cmd, kind, e), LATERAL (SELECT m_data -> (x.e - 1)::integer -> 'like' AS d) z
             WHERE x.kind = 'prepare' AND z.d IS NOT NULL) y
     ORDER BY lock, y.i
  LOOP
    CONTINUE WHEN results[r.i] <> 'ok';
    -- Behind one of its own batch: whether that one is paid is not known before the commit.
    IF r.lock = ANY (taken) THEN
      results[r.i] := 'busy';
      CONTINUE;
    ELSIF wait THEN
      PERFORM pg_advisory_xact_lock(r.lock);
    ELSIF NOT pg_try_advisory_xact_lock(r.lock) THEN
      results[r.i] := 'busy';
      CONTINUE;
    END IF;
    taken := taken || r.lock;
    other := purser_like(c_ws[r.i], c_agent[r.i], r.alike, c_op[r.i], c_opened[r.i], r.within_ms, r.allowed);
    IF other IS NOT NULL THEN
      results[r.i] := 'duplicate';
      details[r.i] := jsonb_build_object('duplicate_of', other, 'within_sec', r.within_ms / 1000);
      CONTINUE;
    END IF;
    INSERT INTO like_intent (workspace_id, agent_id, likeness, operation_id, opened_at_ms)
    VALUES (c_ws[r.i], c_agent[r.i], r.alike, c_op[r.i], c_opened[r.i]) ON CONFLICT DO NOTHING;
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION purser_commit(
  wait boolean,
  c_ws uuid[], c_op uuid[], c_agent uuid[], c_expected integer[], c_prev bytea[], c_fence bigint[], c_month date[], c_version integer[], c_hash bytea[],
  c_status text[], c_answerable boolean[], c_next bigint[], c_release boolean[], c_opened bigint[], c_now bigint[], c_actor jsonb, c_kind text[], c_key text[],
  c_fingerprint text[],
  e_cmd integer[], e_version integer[], e_type text[], e_schema integer[], e_prev bytea[], e_hash bytea[], e_data jsonb,
  s_cmd integer[], t_cmd integer[], t_network text[], t_payee text[], t_host text[], a_cmd integer[], a_kind text[], a_data jsonb,
  n_ws uuid[], n_id uuid[], n_unit text[], w_ws uuid[], w_id text[], w_network text[], w_token text[],
  m_cmd integer[], m_kind text[], m_amount numeric[], m_k1 integer[], m_k2 integer[], m_w integer[], m_data jsonb,
  b_cmd integer[], b_kind text[], b_sealed bytea[], b_meta jsonb, b_ttl bigint[],
  OUT outcome text, OUT reasons jsonb
) LANGUAGE plpgsql
  -- Plans are made once for any size of batch, and never from the statistics of tables that were empty at the time.
  SET plan_cache_mode = 'force_generic_plan' SET enable_seqscan = 'off' SET jit = 'off'
AS $$
DECLARE
  results text[] := array_fill('ok'::text, ARRAY[cardinality(c_op)]);
  details jsonb[] := array_fill(NULL::jsonb, ARRAY[cardinality(c_op)]);
  answered boolean[] := array_fill(false, ARRAY[cardinality(c_op)]);
  judged timestamptz;
BEGIN
  IF num_nonnulls(VARIADIC c_kind) > 0 THEN
    SELECT x.results, x.details INTO results, details
      FROM purser_claim_keys(c_ws, c_op, c_agent, c_kind, c_key, c_fingerprint, c_opened, t_cmd, t_network, t_payee, t_host, results, details) x;
  END IF;
  IF cardinality(s_cmd) > 0 THEN
    SELECT x.results, x.details INTO results, details
      FROM purser_check_stops(wait, c_ws, c_agent, c_kind, s_cmd, t_cmd, t_network, t_payee, t_host, results, details) x;
  END IF;
  IF num_nulls(VARIADIC c_kind) > 0 THEN
    SELECT x.results, x.answered INTO results, answered FROM purser_lock_operations(wait, c_ws, c_op, c_kind, c_expected, c_prev, c_fence, results) x;
  END IF;
  IF cardinality(a_cmd) > 0 THEN
    SELECT x.results, x.details, x.judged INTO results, details, judged FROM purser_check_approvals(wait, c_ws, c_op, a_cmd, a_kind, results, details) x;
  END IF;
  IF m_data @? '$[*].like' THEN
    SELECT x.results, x.details INTO results, details FROM purser_check_likes(wait, c_ws, c_op, c_agent, c_opened, m_cmd, m_kind, m_data, results, details) x;
  END IF;
  IF cardinality(m_cmd) > 0 THEN
    SELECT x.results, x.details INTO results, details
      FROM purser_apply_money(wait, c_ws, c_op, c_agent, n_ws, n_id, n_unit, w_ws, w_id, w_network, w_token,
                              m_cmd, m_kind, m_amount, m_k1, m_k2, m_w, m_data, results, details) x;
  END IF;
  IF 'ok' = ANY (results) THEN
    IF cardinality(a_cmd) > 0 THEN
      PERFORM purser_write_approvals(c_ws, c_op, c_agent, a_cmd, a_kind, a_data, results, judged);
    END IF;
    PERFORM purser_write_history(c_ws, c_op, c_agent, c_month, c_version, c_hash, c_status, c_answerable, c_next, c_release, c_fence, c_opened, c_now, c_actor,
                                 c_kind, c_key, c_fingerprint, e_cmd, e_version, e_type, e_schema, e_prev, e_hash, e_data, results);
    IF cardinality(b_cmd) > 0 THEN
      PERFORM purser_write_blobs(c_ws, c_op, b_cmd, b_kind, b_sealed, b_meta, b_ttl, results);
    END IF;
    IF true = ANY (c_answerable) THEN
      PERFORM purser_notify_answers(c_op, c_answerable, answered, results);
    END IF;
  END IF;
  outcome := array_to_string(results, ',');
  SELECT jsonb_object_agg(x.i, x.detail) INTO reasons FROM unnest(details) WITH ORDINALITY x(detail, i) WHERE x.detail IS NOT NULL;
END $$;

REVOKE ALL ON FUNCTION purser_like, purser_check_likes FROM PUBLIC;
GRANT EXECUTE ON FUNCTION purser_like TO purser_writer, purser_system;
GRANT EXECUTE ON FUNCTION purser_check_likes TO purser_writer;
`;
