import type pg from 'pg';
import type { UsageNodeRow, UsageRow } from './model.js';

export async function readUsage(
  client: pg.Client,
): Promise<{ readonly usageNodes: readonly UsageNodeRow[]; readonly usage: readonly UsageRow[] }> {
  const nodes = await client.query<Record<string, string>>(
    `SELECT workspace_id, node_id, layer, lifetime_spent::text, lifetime_count::text FROM budget_node WHERE layer <> 'payments'`,
  );
  const events = await client.query<{ [name: string]: string } & { teams: string[] | null }>(
    `SELECT workspace_id, agent_id, teams::text[], layer, amount::text FROM usage_event`,
  );
  return {
    usageNodes: nodes.rows.map((row) => ({
      workspaceId: String(row['workspace_id']),
      nodeId: String(row['node_id']),
      layer: String(row['layer']),
      spent: BigInt(row['lifetime_spent'] ?? '0'),
      count: BigInt(row['lifetime_count'] ?? '0'),
    })),
    usage: events.rows.map((row) => ({
      workspaceId: String(row['workspace_id']),
      agentId: String(row['agent_id']),
      teams: row.teams ?? [],
      layer: String(row['layer']),
      amount: BigInt(row['amount'] ?? '0'),
    })),
  };
}
