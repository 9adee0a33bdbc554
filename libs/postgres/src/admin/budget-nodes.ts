// The rows that a new owner of a budget needs: one per layer and unit, without limits.
import {
  BUDGET_UNITS,
  USAGE_LAYERS,
  USAGE_UNIT,
  type Layer,
  type LayerUnit,
  type NodeKind,
  type WorkspaceId,
} from '#domain';
import { sql } from 'kysely';
import type { Trx } from './change.js';

export interface NewNode {
  readonly nodeId: string;
  readonly kind: NodeKind;
  readonly depth: number;
}

/** Tags are charged for payments only; usage belongs to who caused it. */
export async function addBudgetNodes(
  trx: Trx,
  workspaceId: WorkspaceId,
  { nodeId, kind, depth }: NewNode,
): Promise<void> {
  const tag = kind === 'category' || kind === 'cost_centre';
  const rows: readonly { readonly layer: Layer; readonly unit: LayerUnit }[] = [
    ...BUDGET_UNITS.map((unit) => ({ layer: 'payments' as const, unit })),
    ...(tag ? [] : USAGE_LAYERS.map((layer) => ({ layer, unit: USAGE_UNIT }) as const)),
  ];
  await sql`INSERT INTO budget_node (workspace_id, node_id, unit, layer, kind, parent_id, depth)
    SELECT ${workspaceId}::uuid, ${nodeId}::uuid, x.unit, x.layer, ${kind}, nullif(${workspaceId}::uuid, ${nodeId}::uuid), ${depth}
      FROM unnest(${rows.map((row) => row.unit)}::text[], ${rows.map((row) => row.layer)}::text[]) x(unit, layer)`.execute(
    trx,
  );
}
