// S4, recomputed from events alone: at every grant and at every intent, held and spent fit each window of the agent and its workspace.
import type { LoggedEvent, Violation } from './evidence.js';

export interface CapChange {
  readonly fromSeq: number;
  readonly nodeId: string;
  readonly limits: { readonly [window: string]: bigint | null | undefined };
}

interface Node {
  held: bigint;
  heldCount: bigint;
  readonly spent: { readonly amount: bigint; readonly atMs: number }[];
  limits: CapChange['limits'];
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Start of the window that contains the moment. */
const WINDOW_START: Readonly<Record<string, (ms: number) => number>> = {
  hour: (ms) => Math.floor(ms / HOUR_MS) * HOUR_MS,
  day: (ms) => Math.floor(ms / DAY_MS) * DAY_MS,
  month: (ms) => Date.UTC(new Date(ms).getUTCFullYear(), new Date(ms).getUTCMonth(), 1),
  rolling_24h: (ms) => ms - DAY_MS,
  rolling_30d: (ms) => ms - 30 * DAY_MS,
  lifetime: () => -Infinity,
};

export function checkCaps(events: readonly LoggedEvent[], changes: readonly CapChange[]): Violation[] {
  const found: Violation[] = [];
  const nodes = new Map<string, Node>();
  const agents = new Map<string, string>();
  const chargedAt = new Map<string, number>();
  const amounts = new Map<string, bigint>();
  let next = 0;
  for (const event of events) {
    for (let change = changes[next]; change && change.fromSeq <= event.seq; change = changes[(next += 1)]) {
      const node = nodes.get(change.nodeId) ?? { held: 0n, heldCount: 0n, spent: [], limits: {} };
      node.limits = change.limits;
      nodes.set(change.nodeId, node);
    }
    const data = event.data as { readonly [key: string]: unknown };
    if (event.type === 'OperationOpened')
      agents.set(event.operationId, (data['request'] as { readonly agentId: string }).agentId);
    const path = [event.workspaceId, agents.get(event.operationId) as string].map((id) => nodes.get(id));
    const amount = typeof data['amount'] === 'string' ? BigInt(data['amount']) : 0n;
    if (event.type === 'BudgetReserved') amounts.set(event.operationId, amount);
    if (event.type === 'AuthorizationPrepared') chargedAt.set(event.operationId, event.recordedAtMs);
    for (const node of path) {
      if (!node) continue;
      move(node, event.type, amount, data['reason']);
      if (event.type === 'BudgetCaptured')
        node.spent.push({ amount, atMs: chargedAt.get(event.operationId) ?? event.recordedAtMs });
      if (event.type !== 'BudgetReserved' && event.type !== 'AuthorizationPrepared') continue;
      const payment = amounts.get(event.operationId) ?? amount;
      for (const what of excess(node, event.recordedAtMs, payment))
        found.push({ rule: 'S4', where: event.operationId, what: `${event.type}: ${what}` });
    }
  }
  return found;
}

/** A hold begins with its reservation and ends once: with its release or its capture, whatever of it the capture gives back. */
function move(node: Node, type: string, amount: bigint, reason: unknown): void {
  if (type === 'BudgetReserved') {
    node.held += amount;
    node.heldCount += 1n;
  }
  if (type !== 'BudgetReleased' && type !== 'BudgetCaptured') return;
  node.held -= amount;
  if (reason !== 'not_charged') node.heldCount -= 1n;
}

function excess(node: Node, nowMs: number, payment: bigint): string[] {
  return Object.entries(node.limits).flatMap(([name, limit]) => {
    if (limit === null || limit === undefined) return [];
    const counts = name.startsWith('count_');
    const startMs = WINDOW_START[counts ? name.slice('count_'.length) : name]?.(nowMs);
    const spent = startMs === undefined ? [] : node.spent.filter((it) => it.atMs >= startMs);
    const used = counts
      ? node.heldCount + BigInt(spent.length)
      : spent.reduce((sum, it) => sum + it.amount, node.held);
    const value = startMs === undefined ? payment : used;
    return value > limit ? [`${name} ${value} of ${limit}`] : [];
  });
}
