/** Group commit, part 5: the facts themselves, the operations row, sealed blobs, and the one function that callers use. */
export const name = '20261121-05-commit-5-history';
export const sql = `
CREATE FUNCTION purser_write_history(
  c_ws uuid[], c_op uuid[], c_agent uuid[], c_month date[], c_version integer[], c_hash bytea[], c_status text[], c_answerable boolean[], c_next bigint[],
  c_release boolean[], c_fence bigint[], c_opened bigint[], c_now bigint[], c_actor jsonb, c_kind text[], c_key text[], c_fingerprint text[],
  e_cmd integer[], e_version integer[], e_type text[], e_schema integer[], e_prev bytea[], e_hash bytea[], e_data jsonb, results text[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  this_life integer;
BEGIN
  SELECT epoch INTO this_life FROM cluster;
  INSERT INTO events (workspace_id, opened_month, operation_id, version, type, schema, data, actor, occurred_at_ms, prev_hash, hash, cluster_epoch)
  SELECT c_ws[x.cmd], c_month[x.cmd], c_op[x.cmd], x.version, x.type, x.schema, e_data -> (x.i - 1)::integer, c_actor -> (x.cmd - 1), c_now[x.cmd], x.prev, x.hash, this_life
    FROM unnest(e_cmd, e_version, e_type, e_schema, e_prev, e_hash) WITH ORDINALITY x(cmd, version, type, schema, prev, hash, i)
   WHERE results[x.cmd] = 'ok';

  IF num_nonnulls(VARIADIC c_kind) > 0 THEN
    INSERT INTO operations (workspace_id, operation_id, agent_id, kind, status, answerable, version, last_hash, opened_at_ms, idempotency_key_hash, fingerprint, next_attempt_at)
    SELECT x.ws, x.op, x.agent, x.kind, x.status, x.answerable, x.version, x.hash, x.opened, x.key, x.fingerprint, to_timestamp(x.next / 1000.0)
      FROM unnest(c_ws, c_op, c_agent, c_kind, c_status, c_answerable, c_version, c_hash, c_opened, c_key, c_fingerprint, c_next, results)
           x(ws, op, agent, kind, status, answerable, version, hash, opened, key, fingerprint, next, result)
     WHERE x.kind IS NOT NULL AND x.result = 'ok';
  END IF;
  IF num_nulls(VARIADIC c_kind) > 0 THEN
    -- While somebody holds the lease, its end is when somebody else must look. Who holds it and goes on changes nothing about that: the indexed time
    -- stays as it is, so that the row is rewritten in its page and no index hears of it.
    UPDATE operations o
       SET status = x.status, answerable = x.answerable, version = x.version, last_hash = x.hash, attempts = 0, updated_at = clock_timestamp(),
           next_attempt_at = CASE WHEN x.fence IS NOT NULL AND NOT x.release THEN coalesce(o.next_attempt_at, o.lease_until)
                                  ELSE coalesce(to_timestamp(x.next / 1000.0), CASE WHEN NOT x.release THEN o.lease_until END) END,
           lease_owner = CASE WHEN NOT x.release THEN o.lease_owner END, lease_until = CASE WHEN NOT x.release THEN o.lease_until END
      FROM unnest(c_ws, c_op, c_kind, c_status, c_answerable, c_version, c_hash, c_next, c_release, c_fence, results)
           x(ws, op, kind, status, answerable, version, hash, next, release, fence, result)
     WHERE x.kind IS NULL AND x.result = 'ok' AND o.workspace_id = x.ws AND o.operation_id = x.op;
  END IF;
END $$;

CREATE FUNCTION purser_write_blobs(
  c_ws uuid[], c_op uuid[], b_cmd integer[], b_kind text[], b_sealed bytea[], b_meta jsonb, b_ttl bigint[], results text[]
) RETURNS void LANGUAGE sql AS $$
  INSERT INTO blob (workspace_id, operation_id, kind, sealed, meta, expires_at)
  SELECT c_ws[x.cmd], c_op[x.cmd], x.kind, x.sealed, b_meta -> (x.i - 1)::integer, clock_timestamp() + make_interval(secs => x.ttl / 1000.0)
    FROM unnest(b_cmd, b_kind, b_sealed, b_ttl) WITH ORDINALITY x(cmd, kind, sealed, ttl, i)
   WHERE results[x.cmd] = 'ok'
      ON CONFLICT (workspace_id, operation_id, kind) DO UPDATE SET sealed = excluded.sealed, meta = excluded.meta, expires_at = excluded.expires_at
$$;

-- At most once per batch, because a transaction that notifies takes a lock of the whole instance at its commit; a payload stays below 8,000 bytes.
CREATE FUNCTION purser_notify_answers(c_op uuid[], c_answerable boolean[], answered boolean[], results text[]) RETURNS void LANGUAGE sql AS $$
  SELECT pg_notify('purser_answers', y.ids)
    FROM (SELECT string_agg(x.op::text, ',') AS ids
            FROM (SELECT t.op, row_number() OVER () / 200 AS chunk FROM unnest(c_op, c_answerable, answered, results) t(op, answerable, answered, result)
                   WHERE t.result = 'ok' AND t.answerable AND NOT t.answered) x
           GROUP BY x.chunk) y
$$;

-- One batch, one transaction, one round trip. Every operation occurs at most once in a batch. Fails as a whole when a command breaks an
-- invariant; the caller then finds and leaves out that command.
CREATE FUNCTION purser_commit(
  wait boolean,
  c_ws uuid[], c_op uuid[], c_agent uuid[], c_expected integer[], c_prev bytea[], c_fence bigint[], c_month date[], c_version integer[], c_hash bytea[],
  c_status text[], c_answerable boolean[], c_next bigint[], c_release boolean[], c_opened bigint[], c_now bigint[], c_actor jsonb, c_kind text[], c_key text[],
  c_fingerprint text[],
  e_cmd integer[], e_version integer[], e_type text[], e_schema integer[], e_prev bytea[], e_hash bytea[], e_data jsonb,
  s_cmd integer[], a_cmd integer[], a_kind text[], a_data jsonb,
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
    SELECT x.results, x.details INTO results, details FROM purser_claim_keys(c_ws, c_op, c_agent, c_kind, c_key, c_fingerprint, c_opened, results, details) x;
  END IF;
  IF cardinality(s_cmd) > 0 THEN
    SELECT x.results, x.details INTO results, details FROM purser_check_stops(wait, c_ws, c_agent, s_cmd, results, details) x;
  END IF;
  IF num_nulls(VARIADIC c_kind) > 0 THEN
    SELECT x.results, x.answered INTO results, answered FROM purser_lock_operations(wait, c_ws, c_op, c_kind, c_expected, c_prev, c_fence, results) x;
  END IF;
  IF cardinality(a_cmd) > 0 THEN
    SELECT x.results, x.details, x.judged INTO results, details, judged FROM purser_check_approvals(wait, c_ws, c_op, a_cmd, a_kind, results, details) x;
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
`;
