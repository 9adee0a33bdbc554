/** A wallet that pays no seller but tops up the others, and the budget units that top-ups count in (ADR 12). */
export const name = '20261121-51-1-treasury';
export const sql = `
ALTER TABLE wallet ADD COLUMN role text NOT NULL DEFAULT 'payments' CHECK (role IN ('payments', 'treasury')), ADD CHECK (role = 'payments' OR agent_id IS NULL);
CREATE UNIQUE INDEX wallet_treasury ON wallet (workspace_id) WHERE role = 'treasury' AND status = 'active';

INSERT INTO budget_node (workspace_id, node_id, unit, layer, parent_id, depth)
  SELECT workspace_id, node_id, 'TOP_UP_' || unit, layer, parent_id, depth FROM budget_node WHERE unit IN ('USD6', 'EUR6') AND layer = 'payments';
`;
