/** Operations opened one after the other under one root: callers without a key, and repeats after a refusal (rulings 3 and 4). */
export const name = '20261121-92-successors';
export const sql = `
ALTER TABLE workspace ADD COLUMN keyless_window_sec integer NOT NULL DEFAULT 10 CHECK (keyless_window_sec BETWEEN 0 AND 3600);
GRANT UPDATE (keyless_window_sec) ON workspace TO purser_system;

-- A caller's own key is stored as a bare hash; only what follows another operation has a root in front. Keyed openings leave this index alone.
CREATE INDEX idempotency_successors ON idempotency (workspace_id, agent_id, (split_part(key_hash, ':', 2)), opened_at_ms DESC) WHERE key_hash LIKE '%:%';

CREATE FUNCTION purser_newest(workspace uuid, agent uuid, root text, only_id uuid)
RETURNS TABLE (operation_id uuid, keyless_window_sec integer, history jsonb)
LANGUAGE plpgsql SET plan_cache_mode = 'force_generic_plan' SET enable_seqscan = 'off' SET jit = 'off' AS $$
DECLARE
  newest uuid := only_id;
BEGIN
  PERFORM set_config('purser.workspace_id', workspace::text, true);
  IF newest IS NULL THEN
    SELECT i.operation_id INTO newest FROM idempotency i
     WHERE i.workspace_id = workspace AND i.agent_id = agent AND i.key_hash LIKE '%:%'
       AND split_part(i.key_hash, ':', 2) = split_part(root, ':', 2) AND starts_with(i.key_hash, root || ':')
     ORDER BY i.opened_at_ms DESC LIMIT 1;
  END IF;
  RETURN QUERY
    SELECT o.operation_id, w.keyless_window_sec,
           (SELECT jsonb_agg(jsonb_build_object('type', e.type, 'schema', e.schema, 'data', e.data, 'at', e.occurred_at_ms) ORDER BY e.version) FROM events e
             WHERE e.workspace_id = o.workspace_id AND e.opened_month = purser_month(o.opened_at_ms) AND e.operation_id = o.operation_id)
      FROM operations o JOIN workspace w ON w.workspace_id = o.workspace_id
     WHERE o.workspace_id = workspace AND o.agent_id = agent AND o.operation_id = newest;
END $$;
`;
