// Limits and usage are separate columns of one row, and this file writes the limits only: changing one never changes usage.
import { refuse, WINDOWS, type BudgetUnit, type BudgetView, type Limits } from '#domain';
import type { Actor, BudgetStore, Scope } from '#engine';
import { sql } from 'kysely';
import { SELECT_BUDGETS, toBudgetView, type BudgetRow } from './budget-view.js';
import { change, within, type Database, type Trx } from './change.js';

export class PostgresBudgets implements BudgetStore {
  constructor(private readonly db: Database) {}

  get(scope: Scope): Promise<readonly BudgetView[]> {
    return within(this.db, scope.workspaceId, (trx) => read(trx, scope));
  }

  async putLimits(scope: Scope, unit: BudgetUnit, limits: Limits, by: Actor): Promise<BudgetView> {
    for (const window of WINDOWS) {
      if ((limits[window] ?? 0n) < 0n) throw refuse('invalid_amount', { field: window, reason: 'negative' });
    }
    const { workspaceId } = scope;
    return change(this.db, { workspaceId, by }, async (trx) => {
      const before = await locked(trx, scope, unit);
      const assignments = WINDOWS.map(
        (window) => sql`${sql.ref(`limit_${window}`)} = ${limits[window]?.toString() ?? null}::numeric`,
      );
      await sql`UPDATE budget_node SET ${sql.join(assignments)}
        WHERE workspace_id = ${workspaceId} AND node_id = ${nodeOf(scope)} AND unit = ${unit} AND layer = 'payments'`.execute(
        trx,
      );
      const result = (await read(trx, scope)).find((view) => view.unit === unit);
      if (!result) throw refuse('not_found', { object: 'budget' });
      const data = { node_id: nodeOf(scope), unit, before, after: textOf(limits) };
      return { result, fact: { type: 'BudgetLimitsChanged', data } };
    });
  }
}

function nodeOf(scope: Scope): string {
  return scope.agentId ?? scope.workspaceId;
}

async function read(trx: Trx, scope: Scope): Promise<readonly BudgetView[]> {
  const { rows } = await sql<BudgetRow>`${sql.raw(SELECT_BUDGETS)}
    WHERE n.workspace_id = ${scope.workspaceId} AND n.node_id = ${nodeOf(scope)} AND n.layer = 'payments'
    ORDER BY n.unit DESC`.execute(trx);
  if (rows.length === 0) throw refuse('not_found', { object: scope.agentId ? 'agent' : 'workspace' });
  return rows.map(toBudgetView);
}

/** The limits before the change, under the row's lock: the record of the change is exact. */
async function locked(trx: Trx, scope: Scope, unit: BudgetUnit): Promise<Record<string, string | null>> {
  const columns = WINDOWS.map((window) => sql`${sql.ref(`limit_${window}`)}::text AS ${sql.ref(window)}`);
  const { rows } = await sql<Record<string, string | null>>`SELECT ${sql.join(columns)} FROM budget_node
    WHERE workspace_id = ${scope.workspaceId} AND node_id = ${nodeOf(scope)} AND unit = ${unit} AND layer = 'payments' FOR UPDATE`.execute(
    trx,
  );
  if (!rows[0]) throw refuse('not_found', { object: 'budget' });
  return rows[0];
}

function textOf(limits: Limits): Record<string, string | null> {
  return Object.fromEntries(WINDOWS.map((window) => [window, limits[window]?.toString() ?? null]));
}
