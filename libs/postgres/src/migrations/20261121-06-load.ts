/** Reading operations with their history. Bound to one workspace also for roles that row-level security does not bind. */
export const name = '20261121-06-load';
export const sql = `
CREATE FUNCTION purser_month(opened_at_ms bigint) RETURNS date LANGUAGE sql IMMUTABLE AS $$
  SELECT date_trunc('month', to_timestamp(opened_at_ms / 1000.0) AT TIME ZONE 'UTC')::date
$$;

-- Row and events come from one snapshot, so the state folded from the events is the row's version.
CREATE FUNCTION purser_load(workspace uuid, wanted uuid[])
RETURNS TABLE (operation_id uuid, agent_id uuid, version integer, last_hash text, opened_at_ms bigint, key_hash text, fingerprint text, attempts integer,
               updated_at_ms bigint, history jsonb)
LANGUAGE plpgsql SET plan_cache_mode = 'force_generic_plan' SET enable_seqscan = 'off' SET jit = 'off' AS $$
BEGIN
  PERFORM set_config('purser.workspace_id', workspace::text, true);
  RETURN QUERY
    SELECT o.operation_id, o.agent_id, o.version, encode(o.last_hash, 'hex'), o.opened_at_ms, o.idempotency_key_hash, o.fingerprint, o.attempts,
           purser_ms(o.updated_at),
           (SELECT jsonb_agg(jsonb_build_object('type', e.type, 'schema', e.schema, 'data', e.data) ORDER BY e.version) FROM events e
             WHERE e.workspace_id = o.workspace_id AND e.opened_month = purser_month(o.opened_at_ms) AND e.operation_id = o.operation_id)
      FROM operations o WHERE o.workspace_id = workspace AND o.operation_id = ANY (wanted);
END $$;

CREATE FUNCTION purser_load_blob(workspace uuid, operation uuid, wanted text) RETURNS TABLE (sealed bytea, meta jsonb) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('purser.workspace_id', workspace::text, true);
  RETURN QUERY SELECT b.sealed, b.meta FROM blob b
    WHERE b.workspace_id = workspace AND b.operation_id = operation AND b.kind = wanted AND (b.expires_at IS NULL OR b.expires_at > clock_timestamp());
END $$;
`;
