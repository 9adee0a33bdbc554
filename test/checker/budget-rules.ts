import type { Books, BudgetRow, EventRow, Violation } from './model.js';

type Report = (rule: Violation['rule'], where: string, what: string) => void;
type Movement = {
  readonly at: EventRow;
  readonly operationId: string;
  readonly agentId: string;
  readonly workspaceId: string;
  readonly unit: string;
};

const DAY_MS = 86_400_000;

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

function replay(books: Books, node: BudgetRow, report: Report): void {
  let held = 0n;
  const spent = new Spent();
  for (const { at, operationId } of movementsOf(books, node)) {
    const amount = BigInt(String(at.data['amount']));
    if (at.type === 'BudgetReserved') {
      held += amount;
      checkGrant(node, { held, amount, spent, atMs: at.occurredAtMs }, (what) =>
        report('S4', operationId, `${node.nodeId} ${what}`),
      );
    } else {
      held -= amount;
      if (at.type === 'BudgetCaptured')
        spent.add(amount, books.reservations.get(operationId)?.chargedAtMs ?? at.occurredAtMs);
    }
  }
  const total = spent.since(0);
  if (held !== node.held) report('S6', node.nodeId, `holds ${node.held}, the events add up to ${held}`);
  if (total !== node.lifetimeSpent)
    report('S6', node.nodeId, `spent ${node.lifetimeSpent}, the events add up to ${total}`);
}

/** Spend by the minute it is charged to, so that a replay of many thousand grants stays quick. */
class Spent {
  private readonly byMinute = new Map<number, bigint>();

  add(amount: bigint, atMs: number): void {
    const minute = Math.floor(atMs / 60_000);
    this.byMinute.set(minute, (this.byMinute.get(minute) ?? 0n) + amount);
  }

  since(fromMs: number): bigint {
    const from = Math.ceil(fromMs / 60_000);
    let sum = 0n;
    for (const [minute, amount] of this.byMinute) if (minute >= from) sum += amount;
    return sum;
  }
}

interface Grant {
  readonly held: bigint;
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
    day: atMs - (atMs % DAY_MS),
    month: Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1),
    lifetime: 0,
    rolling_24h: atMs - DAY_MS,
  };
  for (const [window, limit] of Object.entries(node.limits)) {
    if (limit === null) continue;
    const start = starts[window];
    const value = start === undefined ? amount : held + spent.since(start);
    if (value > limit) fail(`${window}: ${value} above ${limit}`);
  }
}

function movementsOf(books: Books, node: BudgetRow): Movement[] {
  const movements: Movement[] = [];
  for (const [operationId, events] of books.operations) {
    const request = events[0]?.data['request'] as { readonly agentId?: string } | undefined;
    const agentId = String(request?.agentId);
    const workspaceId = String(events[0]?.workspaceId);
    if (workspaceId !== node.workspaceId || (node.nodeId !== workspaceId && node.nodeId !== agentId))
      continue;
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
