// Limits and usage are separate columns of one row, and this file writes the limits only: changing one never changes usage.
import {
  LIMIT_NAMES,
  raises,
  refuse,
  USAGE_UNIT,
  WINDOWS,
  type BudgetView,
  type LimitName,
  type Limits,
} from '#domain';
import type {
  Actor,
  BudgetStore,
  BudgetTarget,
  LimitChange,
  LimitCheck,
  LimitsChanged,
  LimitsFound,
} from '#engine';
import { sql } from 'kysely';
import { tagNodeId } from '../tag-node.js';
import { SELECT_BUDGETS, toBudgetView, type BudgetRow } from './budget-view.js';
import { change, within, type AdminFact, type Database, type Trx } from './change.js';
import { assertAlone } from './dual-control.js';

export class PostgresBudgets implements BudgetStore {
  constructor(private readonly db: Database) {}

  get(target: BudgetTarget): Promise<readonly BudgetView[]> {
    return within(this.db, target.workspaceId, (trx) => read(trx, target));
  }

  putLimits(
    target: BudgetTarget,
    wanted: LimitChange,
    by: Actor,
    check: LimitCheck = () => undefined,
  ): Promise<LimitsChanged> {
    const { workspaceId } = target;
    return change(this.db, { workspaceId, by }, async (trx) => {
      const found = await examineLimits(trx, target, wanted);
      check(found);
      if (found.raised) await assertAlone(trx, workspaceId, by);
      return writeLimits(trx, target, wanted, found);
    });
  }
}

/** Under the row's lock. */
export async function examineLimits(
  trx: Trx,
  target: BudgetTarget,
  wanted: LimitChange,
): Promise<LimitsFound> {
  checkLimits(wanted);
  const before = await lockLimits(trx, target, wanted);
  return { before, raised: raises(before, wanted.limits) || (await opens(trx, target, wanted, before)) };
}

export async function writeLimits(
  trx: Trx,
  target: BudgetTarget,
  { layer, unit, limits }: LimitChange,
  { before, raised }: LimitsFound,
): Promise<{ readonly result: LimitsChanged; readonly fact: AdminFact }> {
  const { workspaceId } = target;
  const assignments = LIMIT_NAMES.map(
    (name) => sql`${sql.ref(`limit_${name}`)} = ${limits[name]?.toString() ?? null}::numeric`,
  );
  await sql`UPDATE budget_node SET ${sql.join(assignments)}
        WHERE workspace_id = ${workspaceId} AND node_id = ${nodeOf(target)} AND unit = ${unit} AND layer = ${layer}`.execute(
    trx,
  );
  const budget = (await read(trx, target)).find((view) => view.unit === unit && view.layer === layer);
  if (!budget) throw refuse('not_found', { object: 'budget' });
  const fact = {
    type: 'BudgetLimitsChanged',
    data: { node_id: nodeOf(target), layer, unit, before: textOf(before), after: textOf(limits), raised },
  };
  return { result: { budget, raised }, fact };
}

function checkLimits({ layer, unit, limits }: LimitChange): void {
  if ((layer === 'payments') === (unit === USAGE_UNIT)) throw refuse('validation_failed', { field: 'unit' });
  for (const name of LIMIT_NAMES) {
    if ((limits[name] ?? 0n) < 0n) throw refuse('invalid_amount', { field: name, reason: 'negative' });
    if (name.startsWith('count_') && (limits[name] ?? 0n) > MAX_COUNT)
      throw refuse('invalid_amount', { field: name, reason: 'too_large' });
  }
  if (layer !== 'payments' && (limits.per_payment ?? null) !== null)
    throw refuse('validation_failed', { field: 'per_payment', reason: 'usage_is_no_payment' });
}

/** Far beyond any count, well within a bigint column. */
const MAX_COUNT = 1_000_000_000_000_000n;

function nodeOf({ workspaceId, agentId, tag, teamId }: BudgetTarget): string {
  return tag ? tagNodeId(workspaceId, tag) : (teamId ?? agentId ?? workspaceId);
}

function objectOf({ agentId, tag, teamId }: BudgetTarget): string {
  if (tag) return 'tag';
  if (teamId) return 'team';
  return agentId ? 'agent' : 'workspace';
}

async function read(trx: Trx, target: BudgetTarget): Promise<readonly BudgetView[]> {
  const { rows } = await sql<BudgetRow>`${sql.raw(SELECT_BUDGETS)}
    WHERE n.workspace_id = ${target.workspaceId} AND n.node_id = ${nodeOf(target)}
    ORDER BY n.layer = 'payments' DESC, n.layer, n.unit DESC`.execute(trx);
  if (rows.length === 0) throw refuse('not_found', { object: objectOf(target) });
  return rows.map(toBudgetView);
}

/** The limits before the change, under the row's lock: the record of the change is exact. */
async function lockLimits(trx: Trx, target: BudgetTarget, { layer, unit }: LimitChange): Promise<Limits> {
  const columns = LIMIT_NAMES.map((name) => sql`${sql.ref(`limit_${name}`)}::text AS ${sql.ref(name)}`);
  const { rows } = await sql<Record<LimitName, string | null>>`SELECT ${sql.join(columns)} FROM budget_node
    WHERE workspace_id = ${target.workspaceId} AND node_id = ${nodeOf(target)} AND unit = ${unit} AND layer = ${layer} FOR UPDATE`.execute(
    trx,
  );
  const [row] = rows;
  if (!row) throw refuse('not_found', { object: 'budget' });
  return Object.fromEntries(LIMIT_NAMES.map((name) => [name, row[name] === null ? null : BigInt(row[name])]));
}

/** Without any limit in a unit nothing is paid in it (ruling 16): the first one lets payments through, unless the workspace's did already. */
async function opens(
  trx: Trx,
  target: BudgetTarget,
  { layer, unit, limits }: LimitChange,
  before: Limits,
): Promise<boolean> {
  if (layer !== 'payments' || limited(before) || !limited(limits)) return false;
  const columns = WINDOWS.map((window) => sql.ref(`limit_${window}`));
  const { rows } =
    await sql`SELECT FROM budget_node WHERE workspace_id = ${target.workspaceId} AND node_id = ${target.workspaceId}
    AND unit = ${unit} AND layer = 'payments' AND num_nonnulls(${sql.join(columns)}) > 0`.execute(trx);
  return rows.length === 0;
}

const limited = (limits: Limits): boolean => WINDOWS.some((window) => (limits[window] ?? null) !== null);

export function textOf(limits: Limits): Record<string, string | null> {
  return Object.fromEntries(LIMIT_NAMES.map((name) => [name, limits[name]?.toString() ?? null]));
}
