import type { Books, BudgetRow, EventRow, Violation } from './model.js';

type Report = (rule: Violation['rule'], where: string, what: string) => void;
type Movement = {
  readonly at: EventRow;
  readonly operationId: string;
  readonly agentId: string;
  readonly workspaceId: string;
  readonly unit: string;
};

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * S4 and S6 from the log alone: replays every reservation, capture and release in log order and asks at each grant whether the hold and
 * the spend of the window stayed within the limit. Limits are the ones in force now; suites that check caps do not lower them meanwhile.
 */
export function checkBudgets(books: Books, report: Report): void {
  for (const node of books.budgets) replay(books, node, report);
  for (const [operationId, row] of books.reservations) {
    const events = books.operations.get(operationId) ?? [];
    const sum = (type: string): bigint =>
      events
        .filter((event) => event.type === type)
        .reduce((total, event) => total + BigInt(String(event.data['amount'])), 0n);
    const [reserved, captured, released] = [
      sum('BudgetReserved'),
      sum('BudgetCaptured'),
      sum('BudgetReleased'),
    ];
    const held = row.state === 'held' ? row.amount : 0n;
    if (reserved !== held + captured + released) {
      report(
        'S6',
        operationId,
        `reserved ${reserved}, but held ${held} + captured ${captured} + released ${released}`,
      );
    }
    if (row.captured !== captured)
      report('S6', operationId, `the row says captured ${row.captured}, the events ${captured}`);
  }
}

/** Every node of the layers infra and tokens shows what was reported below it, no more and no less. */
export function checkUsage({ usage, usageNodes }: Pick<Books, 'usage' | 'usageNodes'>, report: Report): void {
  const sums = new Map<string, Sum>();
  for (const { workspaceId, agentId, teams, layer, amount } of usage)
    for (const node of [workspaceId, agentId, ...teams]) {
      const key = `${workspaceId}/${node}/${layer}`;
      const sum = sums.get(key) ?? { amount: 0n, count: 0n };
      sums.set(key, { amount: sum.amount + amount, count: sum.count + 1n });
    }
  for (const { workspaceId, nodeId, layer, spent, count } of usageNodes) {
    const sum = sums.get(`${workspaceId}/${nodeId}/${layer}`) ?? { amount: 0n, count: 0n };
    if (spent !== sum.amount || count !== sum.count)
      report(
        'S6',
        nodeId,
        `${layer} ${spent} in ${count}, the reports add up to ${sum.amount} in ${sum.count}`,
      );
    sums.delete(`${workspaceId}/${nodeId}/${layer}`);
  }
  for (const key of sums.keys()) report('S6', key, 'usage is charged to no node');
}

function replay(books: Books, node: BudgetRow, report: Report): void {
  const held = { amount: 0n, count: 0n };
  const spent = new Spent();
  for (const { at, operationId } of movementsOf(books, node)) {
    const amount = BigInt(String(at.data['amount']));
    if (at.type === 'BudgetReserved') {
      held.amount += amount;
      held.count += 1n;
      checkGrant(node, { held, amount, spent, atMs: at.occurredAtMs }, (what) =>
        report('S4', operationId, `${node.nodeId} ${what}`),
      );
    } else if (at.type === 'BudgetCaptured') {
      held.amount -= amount;
      held.count -= 1n;
      spent.add(amount, books.reservations.get(operationId)?.chargedAtMs ?? at.occurredAtMs);
    } else {
      held.amount -= amount;
      // The rest of a hold that a capture has ended is no hold of its own.
      if (at.data['reason'] !== 'not_charged') held.count -= 1n;
    }
  }
  const total = spent.since(-Infinity);
  const compare = (what: string, row: bigint, sum: bigint): void => {
    if (row !== sum) report('S6', node.nodeId, `${what} ${row}, the events add up to ${sum}`);
  };
  compare('holds', node.held, held.amount);
  compare('holds payments', node.heldCount, held.count);
  compare('spent', node.lifetimeSpent, total.amount);
  compare('counted', node.lifetimeCount, total.count);
}

interface Sum {
  amount: bigint;
  count: bigint;
}

/** Spend by the minute it is charged to, so that a replay of many thousand grants stays quick. */
class Spent {
  private readonly byMinute = new Map<number, Sum>();

  add(amount: bigint, atMs: number): void {
    const minute = Math.floor(atMs / 60_000);
    const before = this.byMinute.get(minute) ?? { amount: 0n, count: 0n };
    this.byMinute.set(minute, { amount: before.amount + amount, count: before.count + 1n });
  }

  since(fromMs: number): Sum {
    const from = Math.ceil(fromMs / 60_000);
    const sum = { amount: 0n, count: 0n };
    for (const [minute, { amount, count }] of this.byMinute) {
      if (minute < from) continue;
      sum.amount += amount;
      sum.count += count;
    }
    return sum;
  }
}

interface Grant {
  readonly held: Sum;
  readonly amount: bigint;
  readonly spent: Spent;
  readonly atMs: number;
}

function checkGrant(
  node: BudgetRow,
  { held, amount, spent, atMs }: Grant,
  fail: (what: string) => void,
): void {
  const now = new Date(atMs);
  const starts: Readonly<Record<string, number>> = {
    hour: atMs - (atMs % HOUR_MS),
    day: atMs - (atMs % DAY_MS),
    month: Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1),
    lifetime: -Infinity,
    rolling_24h: atMs - DAY_MS,
    rolling_30d: atMs - 30 * DAY_MS,
  };
  for (const [name, limit] of Object.entries(node.limits)) {
    if (limit === null) continue;
    const counts = name.startsWith('count_');
    const start = starts[counts ? name.slice('count_'.length) : name];
    const since = start === undefined ? null : spent.since(start);
    const value = since === null ? amount : counts ? held.count + since.count : held.amount + since.amount;
    if (value > limit) fail(`${name}: ${value} above ${limit}`);
  }
}

interface Request {
  readonly agentId?: string;
  readonly category?: string;
  readonly costCentre?: string;
}

/** A tag's node is charged for what names it, whatever the rows say; of teams only the rows know who was in them at the time. */
function charges(node: BudgetRow, request: Request, others: readonly string[]): boolean {
  switch (node.kind) {
    case 'workspace':
      return true;
    case 'agent':
      return node.nodeId === request.agentId;
    case 'category':
      return node.tag !== null && node.tag === request.category;
    case 'cost_centre':
      return node.tag !== null && node.tag === request.costCentre;
    case 'team':
      return others.includes(node.nodeId);
    default:
      throw new Error(`a budget of an unknown kind: ${node.kind}`);
  }
}

function movementsOf(books: Books, node: BudgetRow): Movement[] {
  const movements: Movement[] = [];
  for (const [operationId, events] of books.operations) {
    const request = (events[0]?.data['request'] ?? {}) as Request;
    const agentId = String(request.agentId);
    const workspaceId = String(events[0]?.workspaceId);
    if (workspaceId !== node.workspaceId) continue;
    if (!charges(node, request, books.reservations.get(operationId)?.others ?? [])) continue;
    const unit = String(events.find((event) => event.type === 'BudgetReserved')?.data['unit'] ?? '');
    if (unit !== node.unit) continue;
    for (const at of events) {
      if (at.type === 'BudgetReserved' || at.type === 'BudgetCaptured' || at.type === 'BudgetReleased') {
        movements.push({ at, operationId, agentId, workspaceId, unit });
      }
    }
  }
  return movements.sort((a, b) => compare(a.at.order, b.at.order));
}

/**
 * Order of the budget row's own lock: events are written while it is held, so their positions follow it. Transaction ids do not:
 * a batch may get its id first and the lock second.
 */
function compare(a: EventRow['order'], b: EventRow['order']): number {
  if (a[0] !== b[0]) return a[0] - b[0];
  return a[2] < b[2] ? -1 : a[2] > b[2] ? 1 : 0;
}
