// What the books of a workspace say at the moment: the budget of a node, and the wallet.
import type pg from 'pg';
import type { Place } from './postgres-store.js';

export interface BudgetNumbers {
  readonly held: bigint;
  readonly heldCount: number;
  readonly day: bigint;
  readonly month: bigint;
  readonly lifetime: bigint;
}

export async function budgetOf(owner: pg.Pool, place: Place, nodeId: string): Promise<BudgetNumbers> {
  const { rows } = await owner.query<Record<string, string>>(
    `SELECT held, held_count, day_spent, month_spent, lifetime_spent FROM budget_node WHERE workspace_id = $1 AND node_id = $2 AND unit = 'USD6'`,
    [place.workspaceId, nodeId],
  );
  const row = rows[0] ?? {};
  return {
    held: BigInt(row['held'] ?? -1),
    heldCount: Number(row['held_count']),
    day: BigInt(row['day_spent'] ?? -1),
    month: BigInt(row['month_spent'] ?? -1),
    lifetime: BigInt(row['lifetime_spent'] ?? -1),
  };
}

export interface WalletNumbers {
  readonly balance: string;
  readonly committed: string;
}

export async function walletOf(owner: pg.Pool, place: Place): Promise<WalletNumbers> {
  const { rows } = await owner.query(
    'SELECT balance::text, committed::text FROM wallet_asset WHERE workspace_id = $1',
    [place.workspaceId],
  );
  return rows[0] as WalletNumbers;
}
