/**
 * Group commit, part 1: idempotency keys, versions and fences.
 *
 * A batch is a set of commands in arrival order, passed as parallel arrays: c_* one element per command, the others with the command's
 * number. `results` says per command what became of it: 'ok', 'existing', 'conflict', 'lease_lost', 'busy' or a guard's name; every part
 * works on those that are still 'ok'. `wait` false: what is locked by somebody else is left out as 'busy', so that nobody waits for a
 * row of another workspace (ruling 18).
 */
export const name = '20261121-05-commit-1-keys';
export const sql = `
-- Openings claim their idempotency key first: before any row is locked, and in key order, so that two batches cannot wait for each other.
CREATE FUNCTION purser_claim_keys(
  c_ws uuid[], c_op uuid[], c_agent uuid[], c_kind text[], c_key text[], c_fingerprint text[], c_opened bigint[],
  INOUT results text[], INOUT details jsonb[]
) LANGUAGE plpgsql AS $$
DECLARE
  r record;
  claimed uuid[];
  wanted integer;
BEGIN
  -- A known key is answered also while everything is stopped.
  FOR r IN
    SELECT t.i, k.operation_id, k.fingerprint
      FROM unnest(c_ws, c_agent, c_kind, c_key) WITH ORDINALITY t(ws, agent, kind, key, i)
     CROSS JOIN LATERAL (SELECT * FROM idempotency k WHERE k.workspace_id = t.ws AND k.agent_id = t.agent AND k.key_hash = t.key LIMIT 1) k
     WHERE t.kind IS NOT NULL
  LOOP
    results[r.i] := 'existing';
    details[r.i] := jsonb_build_object('operation_id', r.operation_id, 'fingerprint', r.fingerprint);
  END LOOP;

  FOR r IN
    SELECT * FROM (
      SELECT t.i, CASE WHEN g.paused THEN 'global' WHEN coalesce(w.paused, true) THEN 'workspace'
                       WHEN a.status IS DISTINCT FROM 'active' THEN 'agent_disabled' WHEN s.agent_id IS NOT NULL THEN 'agent' END AS scope
        FROM unnest(c_ws, c_agent, c_kind, results) WITH ORDINALITY t(ws, agent, kind, result, i)
        LEFT JOIN control g ON g.scope = 'global'
        LEFT JOIN control w ON w.scope = t.ws::text
        LEFT JOIN agent a ON a.workspace_id = t.ws AND a.agent_id = t.agent
        LEFT JOIN agent_stop s ON s.workspace_id = t.ws AND s.agent_id = t.agent
       WHERE t.kind IS NOT NULL AND t.result = 'ok'
    ) stops WHERE stops.scope IS NOT NULL
  LOOP
    results[r.i] := 'stopped';
    details[r.i] := jsonb_build_object('scope', r.scope);
  END LOOP;

  WITH taken AS (
    INSERT INTO idempotency (workspace_id, agent_id, key_hash, operation_id, fingerprint, opened_at_ms)
    SELECT t.ws, t.agent, t.key, t.op, t.fingerprint, t.opened
      FROM unnest(c_ws, c_agent, c_key, c_op, c_fingerprint, c_opened, c_kind, results) t(ws, agent, key, op, fingerprint, opened, kind, result)
     WHERE t.kind IS NOT NULL AND t.result = 'ok'
     ORDER BY t.ws, t.agent, t.key
        ON CONFLICT DO NOTHING
    RETURNING operation_id
  )
  SELECT array_agg(operation_id) INTO claimed FROM taken;

  SELECT count(*) INTO wanted FROM unnest(c_kind, results) t(kind, result) WHERE t.kind IS NOT NULL AND t.result = 'ok';
  IF wanted > coalesce(cardinality(claimed), 0) THEN
    -- Another process was first; its commit is over, because the insert waited for it.
    FOR r IN
      SELECT t.i, k.operation_id, k.fingerprint
        FROM unnest(c_ws, c_agent, c_kind, c_key, c_op, results) WITH ORDINALITY t(ws, agent, kind, key, op, result, i)
        JOIN idempotency k ON k.workspace_id = t.ws AND k.agent_id = t.agent AND k.key_hash = t.key
       WHERE t.kind IS NOT NULL AND t.result = 'ok' AND NOT t.op = ANY (coalesce(claimed, '{}'))
    LOOP
      results[r.i] := 'existing';
      details[r.i] := jsonb_build_object('operation_id', r.operation_id, 'fingerprint', r.fingerprint);
    END LOOP;
  END IF;
END $$;

-- Locks the operations of all appends, in key order, and compares fence, version and last hash on the locked rows.
CREATE FUNCTION purser_lock_operations(
  wait boolean, c_ws uuid[], c_op uuid[], c_kind text[], c_expected integer[], c_prev bytea[], c_fence bigint[],
  INOUT results text[], OUT answered boolean[]
) LANGUAGE plpgsql AS $$
DECLARE
  r record;
  numbers integer[];
  verdicts text[];
  flags boolean[];
  found_one boolean[] := array_fill(false, ARRAY[cardinality(c_op)]);
  missing boolean := false;
BEGIN
  answered := array_fill(false, ARRAY[cardinality(c_op)]);
  IF wait THEN
    SELECT array_agg(x.i), array_agg(x.verdict), array_agg(x.answerable) INTO numbers, verdicts, flags FROM (
      SELECT t.i, o.answerable, CASE WHEN t.fence <> o.lease_epoch THEN 'lease_lost'
                                     WHEN o.version <> t.expected OR o.last_hash <> t.prev THEN 'conflict' ELSE 'ok' END AS verdict
        FROM unnest(c_ws, c_op, c_kind, c_expected, c_prev, c_fence, results) WITH ORDINALITY t(ws, op, kind, expected, prev, fence, result, i)
        JOIN operations o ON o.workspace_id = t.ws AND o.operation_id = t.op
       WHERE t.kind IS NULL AND t.result = 'ok'
       ORDER BY o.workspace_id, o.operation_id FOR UPDATE OF o) x;
  ELSE
    SELECT array_agg(x.i), array_agg(x.verdict), array_agg(x.answerable) INTO numbers, verdicts, flags FROM (
      SELECT t.i, o.answerable, CASE WHEN t.fence <> o.lease_epoch THEN 'lease_lost'
                                     WHEN o.version <> t.expected OR o.last_hash <> t.prev THEN 'conflict' ELSE 'ok' END AS verdict
        FROM unnest(c_ws, c_op, c_kind, c_expected, c_prev, c_fence, results) WITH ORDINALITY t(ws, op, kind, expected, prev, fence, result, i)
        JOIN operations o ON o.workspace_id = t.ws AND o.operation_id = t.op
       WHERE t.kind IS NULL AND t.result = 'ok'
       ORDER BY o.workspace_id, o.operation_id FOR UPDATE OF o SKIP LOCKED) x;
  END IF;
  FOR n IN 1 .. coalesce(cardinality(numbers), 0) LOOP
    found_one[numbers[n]] := true;
    answered[numbers[n]] := flags[n];
    results[numbers[n]] := verdicts[n];
  END LOOP;
  FOR n IN 1 .. cardinality(c_op) LOOP
    IF c_kind[n] IS NULL AND results[n] = 'ok' AND NOT found_one[n] THEN
      results[n] := 'conflict';
      missing := true;
    END IF;
  END LOOP;
  IF missing AND NOT wait THEN
    FOR r IN
      SELECT t.i FROM unnest(c_ws, c_op, c_kind, results, found_one) WITH ORDINALITY t(ws, op, kind, result, seen, i)
        JOIN operations o ON o.workspace_id = t.ws AND o.operation_id = t.op
       WHERE t.kind IS NULL AND t.result = 'conflict' AND NOT t.seen
    LOOP
      results[r.i] := 'busy';
    END LOOP;
  END IF;
END $$;
`;
