/** Group commit, part 2: stops and approvals. Rows are locked first and judged in later statements, by a clock read after the lock (safety.md M7, S17). */
export const name = '20261121-05-commit-2-guards';
export const sql = `
CREATE FUNCTION purser_ms(at timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT floor(extract(epoch FROM at) * 1000)::bigint $$;

-- Where intents and stops of one scope queue. A row's share lock is granted past a stop that waits for the row, so a stream of batches could keep
-- it waiting; this lock is granted in the order it was asked for.
CREATE FUNCTION purser_stop_gate(scope text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT hashtextextended('purser/control/' || scope, 0) $$;

-- s_cmd: commands that hold an intent. Their control rows are share-locked until the commit, so a stop that has returned is before or behind it (ruling 14).
CREATE FUNCTION purser_check_stops(
  wait boolean, c_ws uuid[], c_agent uuid[], s_cmd integer[], INOUT results text[], INOUT details jsonb[]
) LANGUAGE plpgsql AS $$
DECLARE
  r record;
  paused jsonb;
  wanted text[];
  stopped text;
BEGIN
  SELECT array_agg(DISTINCT c_ws[x.cmd]::text) || 'global'::text INTO wanted FROM unnest(s_cmd) x(cmd);
  IF wait THEN
    PERFORM pg_advisory_xact_lock_shared(purser_stop_gate(x.scope)) FROM unnest(wanted) x(scope);
    SELECT jsonb_object_agg(x.scope, x.paused) INTO paused
      FROM (SELECT c.scope, c.paused FROM control c WHERE c.scope = ANY (wanted) ORDER BY c.scope FOR SHARE) x;
  ELSE
    -- Behind a stop that is under way the row is not even asked for: its commands are busy.
    SELECT array_agg(x.scope) INTO wanted FROM unnest(wanted) x(scope) WHERE pg_try_advisory_xact_lock_shared(purser_stop_gate(x.scope));
    SELECT jsonb_object_agg(x.scope, x.paused) INTO paused
      FROM (SELECT c.scope, c.paused FROM control c WHERE c.scope = ANY (wanted) ORDER BY c.scope FOR SHARE SKIP LOCKED) x;
  END IF;
  FOR r IN
    SELECT DISTINCT x.cmd AS i, paused -> 'global' AS everything, paused -> c_ws[x.cmd]::text AS workspace, a.status, s.agent_id AS stopped_agent,
           k.quarantined_until > clock_timestamp() AS quarantined,
           (SELECT count(*) FROM control c WHERE NOT wait AND c.scope IN ('global', c_ws[x.cmd]::text)) AS existing
      FROM unnest(s_cmd) x(cmd) CROSS JOIN cluster k
      LEFT JOIN agent a ON a.workspace_id = c_ws[x.cmd] AND a.agent_id = c_agent[x.cmd]
      LEFT JOIN agent_stop s ON s.workspace_id = c_ws[x.cmd] AND s.agent_id = c_agent[x.cmd]
  LOOP
    CONTINUE WHEN results[r.i] <> 'ok';
    IF (r.everything IS NULL OR r.workspace IS NULL) AND r.existing = 2 THEN
      results[r.i] := 'busy';
      CONTINUE;
    END IF;
    stopped := CASE WHEN coalesce(r.everything, 'true') = 'true' THEN 'global' WHEN coalesce(r.workspace, 'true') = 'true' THEN 'workspace'
                    WHEN r.stopped_agent IS NOT NULL OR r.status IS DISTINCT FROM 'active' THEN 'agent'
                    WHEN r.quarantined THEN 'quarantine' END;
    IF stopped IS NOT NULL THEN
      results[r.i] := 'stopped';
      details[r.i] := jsonb_build_object('scope', stopped);
    END IF;
  END LOOP;
END $$;

-- a_kind: request, grant, reject, expire, use (an intent that needs one), drop. At most one approval of an operation is open at a time.
CREATE FUNCTION purser_check_approvals(
  wait boolean, c_ws uuid[], c_op uuid[], a_cmd integer[], a_kind text[], INOUT results text[], INOUT details jsonb[], OUT judged timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
  r record;
  locked text[];
  fine boolean;
BEGIN
  IF wait THEN
    SELECT array_agg(x.approval_id) INTO locked FROM (
      SELECT p.approval_id FROM approval p
       WHERE (p.workspace_id, p.operation_id) IN (SELECT c_ws[x.cmd], c_op[x.cmd] FROM unnest(a_cmd) x(cmd)) AND p.status IN ('pending', 'approved')
       ORDER BY p.workspace_id, p.approval_id FOR UPDATE) x;
  ELSE
    SELECT array_agg(x.approval_id) INTO locked FROM (
      SELECT p.approval_id FROM approval p
       WHERE (p.workspace_id, p.operation_id) IN (SELECT c_ws[x.cmd], c_op[x.cmd] FROM unnest(a_cmd) x(cmd)) AND p.status IN ('pending', 'approved')
       ORDER BY p.workspace_id, p.approval_id FOR UPDATE SKIP LOCKED) x;
  END IF;
  -- One reading after the last lock: what is compared with the deadline is what is recorded as the time of the decision.
  judged := clock_timestamp();
  FOR r IN
    SELECT x.cmd AS i, x.kind, p.approval_id, p.status, p.decide_by, p.use_by, p.approval_id = ANY (coalesce(locked, '{}')) AS locked
      FROM unnest(a_cmd, a_kind) x(cmd, kind)
      LEFT JOIN approval p ON p.workspace_id = c_ws[x.cmd] AND p.operation_id = c_op[x.cmd] AND p.status IN ('pending', 'approved')
  LOOP
    CONTINUE WHEN results[r.i] <> 'ok' OR r.kind = 'request';
    IF r.approval_id IS NOT NULL AND NOT r.locked THEN
      results[r.i] := 'busy';
      CONTINUE;
    END IF;
    CONTINUE WHEN r.kind = 'drop';
    IF r.approval_id IS NULL THEN
      RAISE EXCEPTION 'no open approval for %', r.kind;
    END IF;
    fine := CASE
      WHEN r.kind IN ('grant', 'reject') THEN r.status = 'pending' AND judged < r.decide_by
      WHEN r.kind = 'use' THEN r.status = 'approved' AND judged < r.use_by
      ELSE judged >= CASE r.status WHEN 'pending' THEN r.decide_by ELSE r.use_by END END;
    IF NOT fine THEN
      results[r.i] := 'deadline';
      details[r.i] := jsonb_build_object('status', r.status, 'decide_by_ms', purser_ms(r.decide_by), 'use_by_ms', purser_ms(r.use_by));
    END IF;
  END LOOP;
END $$;

CREATE FUNCTION purser_write_approvals(
  c_ws uuid[], c_op uuid[], c_agent uuid[], a_cmd integer[], a_kind text[], a_data jsonb, results text[], judged timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE approval p
     SET status = CASE x.kind WHEN 'grant' THEN 'approved' WHEN 'reject' THEN 'rejected' WHEN 'expire' THEN 'expired' ELSE 'cancelled' END,
         use_by = coalesce(to_timestamp((x.data ->> 'use_by_ms')::bigint / 1000.0), p.use_by),
         decided_by = coalesce(x.data ->> 'by', p.decided_by), reason = coalesce(x.data ->> 'reason', p.reason), decided_at = judged
    FROM (SELECT c_ws[t.cmd] AS ws, c_op[t.cmd] AS op, t.kind, a_data -> (t.i - 1)::integer AS data
            FROM unnest(a_cmd, a_kind) WITH ORDINALITY t(cmd, kind, i) WHERE results[t.cmd] = 'ok' AND t.kind NOT IN ('request', 'use')) x
   WHERE p.workspace_id = x.ws AND p.operation_id = x.op AND p.status IN ('pending', 'approved');

  INSERT INTO approval (workspace_id, approval_id, operation_id, agent_id, digest, status, decide_by)
  SELECT c_ws[t.cmd], d.data ->> 'id', c_op[t.cmd], c_agent[t.cmd], d.data ->> 'digest', 'pending', to_timestamp((d.data ->> 'decide_by_ms')::bigint / 1000.0)
    FROM unnest(a_cmd, a_kind) WITH ORDINALITY t(cmd, kind, i), LATERAL (SELECT a_data -> (t.i - 1)::integer AS data) d
   WHERE results[t.cmd] = 'ok' AND t.kind = 'request';
END $$;
`;
