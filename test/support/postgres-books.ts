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

/** What the rows say as if it had been that much earlier, for windows that do not begin with a calendar's period. */
export async function minutesPass(owner: pg.Pool, { workspaceId }: Place, minutes: number): Promise<void> {
  // Away first and back then: a minute must not meet its neighbour on the way.
  for (const shift of [`${minutes} minutes 1000 days`, '-1000 days'])
    await owner.query('UPDATE budget_minute SET minute = minute - $2::interval WHERE workspace_id = $1', [
      workspaceId,
      shift,
    ]);
  await owner.query(
    `UPDATE budget_node SET rolling_24h_from = rolling_24h_from - $2::interval, rolling_30d_from = rolling_30d_from - $2::interval WHERE workspace_id = $1`,
    [workspaceId, `${minutes} minutes`],
  );
}
