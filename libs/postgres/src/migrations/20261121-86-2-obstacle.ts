/**
 * What would be in the way of a payment now, for those who only ask: the same rows and the same explanations as the guards of the commit, and no lock.
 * What holds no budget is refused for that, whatever else is in its way, so that comes first.
 */
export const name = '20261121-86-2-obstacle';
export const sql = `
CREATE FUNCTION purser_obstacle(
  workspace uuid, agent uuid, stops boolean, to_network text, to_payee text, to_host text, tags uuid[], in_unit text, amount numeric,
  from_wallet text, on_network text, in_token text, OUT guard text, OUT details jsonb
) LANGUAGE plpgsql AS $$
DECLARE
  n budget_node;
  nodes uuid[];
  layer jsonb;
  found integer := 0;
  limited boolean := false;
  w wallet_asset;
BEGIN
  IF in_unit IS NOT NULL THEN
    -- The workspace, the agent, then its teams and the payment's tags.
    SELECT ARRAY[workspace, agent] || coalesce(array_agg(o.id ORDER BY o.id), '{}') INTO nodes FROM (
      SELECT unnest(b.path) AS id FROM budget_node b WHERE b.workspace_id = workspace AND b.node_id = agent AND b.unit = in_unit AND b.layer = 'payments'
       UNION SELECT unnest(tags)) o;
    FOR n IN SELECT b.* FROM unnest(nodes) WITH ORDINALITY x(id, i)
               JOIN budget_node b ON b.workspace_id = workspace AND b.node_id = x.id AND b.unit = in_unit AND b.layer = 'payments' ORDER BY x.i LOOP
      IF n.node_id IN (workspace, agent) THEN found := found + 1; END IF;
      limited := limited OR num_nonnulls(n.limit_per_payment, n.limit_hour, n.limit_day, n.limit_month, n.limit_lifetime, n.limit_rolling_24h, n.limit_rolling_30d) > 0;
      details := coalesce(details, purser_explain_budget(n, clock_timestamp(), amount, n.held, n.held_count, 0, 0));
    END LOOP;
    IF found < 2 OR NOT limited THEN
      guard := 'no_budget';
      details := jsonb_build_object('unit', in_unit, 'needed', amount::text);
      RETURN;
    END IF;
    IF in_unit NOT LIKE 'TOP_UP%' THEN
      FOR layer IN SELECT e.why FROM purser_exhausted_layers(array_fill(workspace, ARRAY[cardinality(nodes)]), nodes, clock_timestamp()) e ORDER BY e.k LOOP
        details := coalesce(details, layer) || jsonb_build_object('failed_layers', (SELECT jsonb_agg(DISTINCT x.layer) FROM jsonb_array_elements_text(
          coalesce(details -> 'failed_layers', '[]') || (layer -> 'failed_layers')) x(layer)));
      END LOOP;
    END IF;
    IF details IS NOT NULL THEN
      guard := 'budget';
      RETURN;
    END IF;
  END IF;

  IF stops THEN
    SELECT CASE WHEN coalesce(g.paused, true) THEN 'global' WHEN coalesce(c.paused, true) THEN 'workspace'
                WHEN a.status IS DISTINCT FROM 'active' THEN 'agent_disabled' WHEN k.quarantined_until > clock_timestamp() THEN 'quarantine' END INTO guard
      FROM cluster k LEFT JOIN control g ON g.scope = 'global' LEFT JOIN control c ON c.scope = workspace::text
      LEFT JOIN agent a ON a.workspace_id = workspace AND a.agent_id = agent;
    IF guard IS NOT NULL THEN
      details := jsonb_build_object('scope', guard);
      guard := 'stopped';
      RETURN;
    END IF;
    SELECT nullif(x.results[1], 'ok'), x.details[1] INTO guard, details
      FROM purser_check_narrow_stops(false, ARRAY[workspace], ARRAY[agent], ARRAY[NULL::text], ARRAY[1], ARRAY[to_network], ARRAY[to_payee], ARRAY[to_host],
                                     ARRAY['ok'], ARRAY[NULL::jsonb]) x;
    IF guard IS NOT NULL THEN RETURN; END IF;
  END IF;

  IF from_wallet IS NOT NULL THEN
    SELECT b.* INTO w FROM wallet_asset b WHERE b.workspace_id = workspace AND b.wallet_id = from_wallet AND b.network = on_network AND b.token = in_token;
    IF coalesce(w.balance, 0) - coalesce(w.committed, 0) < amount OR w.balance IS NULL THEN
      guard := 'wallet';
      details := jsonb_build_object('balance', coalesce(w.balance, 0)::text, 'committed', coalesce(w.committed, 0)::text, 'needed', amount::text);
    END IF;
  END IF;
END $$;
REVOKE ALL ON FUNCTION purser_obstacle FROM PUBLIC;
GRANT EXECUTE ON FUNCTION purser_obstacle, purser_check_narrow_stops, purser_host_patterns, purser_explain_budget, purser_exhausted_layers TO purser_system;
`;
