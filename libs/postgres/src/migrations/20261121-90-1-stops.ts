/**
 * Stops of every scope in one table, with who, when and why. `control` keeps the two flags that the hot path reads under its share lock: `paused`, and
 * `narrow`, without which nobody looks for stops of agents, payees and hosts at all (ruling 14).
 */
export const name = '20261121-90-1-stops';
export const sql = `
CREATE TABLE stop (
  workspace_id uuid NOT NULL, -- zero: the whole installation
  stop_id text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('global', 'workspace', 'agent', 'payee', 'host')),
  target text NOT NULL DEFAULT '', -- agent id, address, or host pattern as in policies
  network text NOT NULL DEFAULT '', -- of a payee; '' is every network
  reason text NOT NULL DEFAULT '',
  since timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor jsonb NOT NULL,
  person text NOT NULL,
  final boolean NOT NULL DEFAULT false, -- a killed agent
  cancel_on_chain boolean NOT NULL DEFAULT false,
  -- Null while approvals in its scope may still be open, or cancellations not asked for.
  carried_out_at timestamptz,
  next_turn_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (workspace_id, stop_id),
  UNIQUE (workspace_id, kind, target, network),
  CHECK ((kind IN ('agent', 'payee', 'host')) = (target <> '')),
  CHECK (network = '' OR kind = 'payee'),
  CHECK (NOT final OR kind = 'agent')
);
CREATE INDEX stop_to_carry_out ON stop (next_turn_at) WHERE carried_out_at IS NULL;

ALTER TABLE stop ENABLE ROW LEVEL SECURITY;
ALTER TABLE stop FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON stop FOR SELECT TO purser_reader
  USING (workspace_id = nullif(current_setting('purser.workspace_id', true), '')::uuid);
CREATE POLICY system ON stop TO purser_writer, purser_system, purser_signer USING (true) WITH CHECK (true);
CREATE POLICY checker ON stop FOR SELECT TO purser_checker USING (true);
GRANT SELECT ON stop TO purser_writer, purser_signer, purser_reader, purser_checker;
GRANT SELECT, INSERT, DELETE, UPDATE (final, cancel_on_chain, carried_out_at, next_turn_at) ON stop TO purser_system;

-- Ids of stops from before: the time and a number, in the alphabet of ids.
CREATE FUNCTION pg_temp.old_stop_id(n bigint) RETURNS text LANGUAGE sql AS $$ SELECT 'stp_' || lpad(n::text, 26, '0') $$;
INSERT INTO stop (workspace_id, stop_id, kind, since, actor, person, carried_out_at)
SELECT CASE scope WHEN 'global' THEN '00000000-0000-0000-0000-000000000000' ELSE scope END::uuid, pg_temp.old_stop_id(row_number() OVER ()),
       CASE scope WHEN 'global' THEN 'global' ELSE 'workspace' END, updated_at, '{"type": "system", "id": "migration"}', '', updated_at
  FROM control WHERE paused;
-- Approvals of agents that were disabled before are released now.
INSERT INTO stop (workspace_id, stop_id, kind, target, reason, since, actor, person, final, carried_out_at)
SELECT a.workspace_id, pg_temp.old_stop_id(1000000 + row_number() OVER ()), 'agent', a.agent_id, coalesce(s.reason, ''), coalesce(s.since, clock_timestamp()),
       '{"type": "system", "id": "migration"}', '', a.status = 'disabled', CASE WHEN a.status <> 'disabled' THEN s.since END
  FROM agent a LEFT JOIN agent_stop s ON s.workspace_id = a.workspace_id AND s.agent_id = a.agent_id
 WHERE s.agent_id IS NOT NULL OR a.status = 'disabled';
DROP FUNCTION pg_temp.old_stop_id;
DROP TABLE agent_stop;

ALTER TABLE control ADD COLUMN narrow boolean NOT NULL DEFAULT false;
UPDATE control SET narrow = true WHERE scope IN (SELECT workspace_id::text FROM stop WHERE kind = 'agent');
GRANT UPDATE (narrow) ON control TO purser_system;

DROP FUNCTION purser_commit, purser_claim_keys, purser_check_stops;

-- A host and the patterns that speak of it: itself, and "*." before each of its ends.
CREATE FUNCTION purser_host_patterns(host text) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
  SELECT host || ARRAY(SELECT '*.' || array_to_string(parts[i:], '.') FROM generate_series(2, cardinality(parts)) i) FROM string_to_array(host, '.') parts
$$;

-- t_cmd: commands with the agent they are for, whom they would pay and at which host; null where that is not known. In a statement of its own after the
-- control rows are locked, so that it sees every stop that was acknowledged before. Openings are looked at before they claim their keys, and only then.
CREATE FUNCTION purser_check_narrow_stops(
  openings boolean, c_ws uuid[], c_agent uuid[], c_kind text[], t_cmd integer[], t_network text[], t_payee text[], t_host text[], INOUT results text[], INOUT details jsonb[]
) LANGUAGE plpgsql AS $$
DECLARE
  r record;
BEGIN
  FOR r IN
    SELECT t.cmd AS i, s.kind, s.target
      FROM unnest(t_cmd, t_network, t_payee, t_host) t(cmd, network, payee, host)
     CROSS JOIN LATERAL (
       SELECT a.kind, a.target FROM stop a WHERE a.workspace_id = c_ws[t.cmd] AND a.kind = 'agent' AND a.target = c_agent[t.cmd]::text
       UNION ALL
       SELECT p.kind, p.target FROM stop p WHERE p.workspace_id IN (c_ws[t.cmd], '00000000-0000-0000-0000-000000000000')
          AND p.kind = 'payee' AND p.target = t.payee AND p.network IN ('', t.network)
       UNION ALL
       SELECT h.kind, h.target FROM stop h WHERE h.workspace_id IN (c_ws[t.cmd], '00000000-0000-0000-0000-000000000000')
          AND h.kind = 'host' AND h.target = ANY (purser_host_patterns(t.host))
       LIMIT 1) s
     WHERE results[t.cmd] = 'ok' AND (c_kind[t.cmd] IS NOT NULL) = openings
  LOOP
    results[r.i] := 'stopped';
    details[r.i] := jsonb_build_object('scope', r.kind) || CASE WHEN r.kind = 'agent' THEN '{}' ELSE jsonb_build_object(r.kind, r.target) END;
  END LOOP;
END $$;

-- Openings claim their idempotency key first: before any row is locked, and in key order, so that two batches cannot wait for each other.
CREATE FUNCTION purser_claim_keys(
  c_ws uuid[], c_op uuid[], c_agent uuid[], c_kind text[], c_key text[], c_fingerprint text[], c_opened bigint[],
  t_cmd integer[], t_network text[], t_payee text[], t_host text[],
  INOUT results text[], INOUT details jsonb[]
) LANGUAGE plpgsql AS $$
DECLARE
  r record;
  claimed uuid[];
  wanted integer;
  narrow boolean := false;
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
                       WHEN a.status IS DISTINCT FROM 'active' THEN 'agent_disabled' WHEN w.narrow OR g.narrow THEN 'narrow' END AS scope
        FROM unnest(c_ws, c_agent, c_kind, results) WITH ORDINALITY t(ws, agent, kind, result, i)
        LEFT JOIN control g ON g.scope = 'global'
        LEFT JOIN control w ON w.scope = t.ws::text
        LEFT JOIN agent a ON a.workspace_id = t.ws AND a.agent_id = t.agent
       WHERE t.kind IS NOT NULL AND t.result = 'ok'
    ) stops WHERE stops.scope IS NOT NULL
  LOOP
    narrow := narrow OR r.scope = 'narrow';
    CONTINUE WHEN r.scope = 'narrow';
    results[r.i] := 'stopped';
    details[r.i] := jsonb_build_object('scope', r.scope);
  END LOOP;
  IF narrow THEN
    SELECT x.results, x.details INTO results, details
      FROM purser_check_narrow_stops(true, c_ws, c_agent, c_kind, t_cmd, t_network, t_payee, t_host, results, details) x;
  END IF;

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

-- s_cmd: commands that hold an intent or ask a person. Their control rows are share-locked until the commit, so a stop that has returned is before or
-- behind it (ruling 14): no intent passes it, and no approval opens in its scope any more.
CREATE FUNCTION purser_check_stops(
  wait boolean, c_ws uuid[], c_agent uuid[], c_kind text[], s_cmd integer[], t_cmd integer[], t_network text[], t_payee text[], t_host text[],
  INOUT results text[], INOUT details jsonb[]
) LANGUAGE plpgsql AS $$
DECLARE
  r record;
  paused jsonb;
  narrow boolean;
  wanted text[];
  stopped text;
BEGIN
  SELECT array_agg(DISTINCT c_ws[x.cmd]::text) || 'global'::text INTO wanted FROM unnest(s_cmd) x(cmd);
  IF wait THEN
    PERFORM pg_advisory_xact_lock_shared(purser_stop_gate(x.scope)) FROM unnest(wanted) x(scope);
    SELECT jsonb_object_agg(x.scope, x.paused), bool_or(x.narrow) INTO paused, narrow
      FROM (SELECT c.scope, c.paused, c.narrow FROM control c WHERE c.scope = ANY (wanted) ORDER BY c.scope FOR SHARE) x;
  ELSE
    -- Behind a stop that is under way the row is not even asked for: its commands are busy.
    SELECT array_agg(x.scope) INTO wanted FROM unnest(wanted) x(scope) WHERE pg_try_advisory_xact_lock_shared(purser_stop_gate(x.scope));
    SELECT jsonb_object_agg(x.scope, x.paused), bool_or(x.narrow) INTO paused, narrow
      FROM (SELECT c.scope, c.paused, c.narrow FROM control c WHERE c.scope = ANY (wanted) ORDER BY c.scope FOR SHARE SKIP LOCKED) x;
  END IF;
  FOR r IN
    SELECT DISTINCT x.cmd AS i, paused -> 'global' AS everything, paused -> c_ws[x.cmd]::text AS workspace, a.status,
           k.quarantined_until > clock_timestamp() AS quarantined,
           (SELECT count(*) FROM control c WHERE NOT wait AND c.scope IN ('global', c_ws[x.cmd]::text)) AS existing
      FROM unnest(s_cmd) x(cmd) CROSS JOIN cluster k
      LEFT JOIN agent a ON a.workspace_id = c_ws[x.cmd] AND a.agent_id = c_agent[x.cmd]
  LOOP
    CONTINUE WHEN results[r.i] <> 'ok';
    IF (r.everything IS NULL OR r.workspace IS NULL) AND r.existing = 2 THEN
      results[r.i] := 'busy';
      CONTINUE;
    END IF;
    stopped := CASE WHEN coalesce(r.everything, 'true') = 'true' THEN 'global' WHEN coalesce(r.workspace, 'true') = 'true' THEN 'workspace'
                    WHEN r.status IS DISTINCT FROM 'active' THEN 'agent_disabled'
                    WHEN r.quarantined THEN 'quarantine' END;
    IF stopped IS NOT NULL THEN
      results[r.i] := 'stopped';
      details[r.i] := jsonb_build_object('scope', stopped);
    END IF;
  END LOOP;
  IF narrow THEN
    SELECT x.results, x.details INTO results, details
      FROM purser_check_narrow_stops(false, c_ws, c_agent, c_kind, t_cmd, t_network, t_payee, t_host, results, details) x;
  END IF;
END $$;

-- As before, and t_*: whom openings, intents and questions to a person concern.
CREATE FUNCTION purser_commit(
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
REVOKE ALL ON FUNCTION purser_host_patterns, purser_check_narrow_stops, purser_claim_keys, purser_check_stops, purser_commit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION purser_host_patterns, purser_check_narrow_stops, purser_claim_keys, purser_check_stops, purser_commit TO purser_writer;
`;
