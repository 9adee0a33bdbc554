/** How long ago an operation was answered is the database's to say: two processes' clocks may be minutes apart. */
export const name = '20261121-92-2-newest-age';
export const sql = `
DROP FUNCTION purser_newest(uuid, uuid, text, uuid);
CREATE FUNCTION purser_newest(workspace uuid, agent uuid, root text, only_id uuid)
RETURNS TABLE (operation_id uuid, keyless_window_sec integer, now_ms bigint, history jsonb)
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
    SELECT o.operation_id, w.keyless_window_sec, purser_ms(clock_timestamp()),
           (SELECT jsonb_agg(jsonb_build_object('type', e.type, 'schema', e.schema, 'data', e.data, 'at', purser_ms(e.recorded_at)) ORDER BY e.version) FROM events e
             WHERE e.workspace_id = o.workspace_id AND e.opened_month = purser_month(o.opened_at_ms) AND e.operation_id = o.operation_id)
      FROM operations o JOIN workspace w ON w.workspace_id = o.workspace_id
     WHERE o.workspace_id = workspace AND o.agent_id = agent AND o.operation_id = newest;
END $$;
`;
