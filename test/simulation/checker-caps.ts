// S4, recomputed from events alone: at every grant and at every intent, held and spent fit each window of the agent and its workspace.
import type { LoggedEvent, Violation } from './evidence.js';

export interface CapChange {
  readonly fromSeq: number;
  readonly nodeId: string;
  readonly limits: { readonly [window: string]: bigint | null | undefined };
}

interface Node {
  held: bigint;
  readonly spent: { readonly amount: bigint; readonly atMs: number }[];
  limits: CapChange['limits'];
}

const DAY_MS = 86_400_000;

/** Start of the window that contains the moment. */
const WINDOW_START: Readonly<Record<string, (ms: number) => number>> = {
  day: (ms) => Math.floor(ms / DAY_MS) * DAY_MS,
  month: (ms) => Date.UTC(new Date(ms).getUTCFullYear(), new Date(ms).getUTCMonth(), 1),
  rolling_24h: (ms) => ms - DAY_MS,
  lifetime: () => -Infinity,
};

export function checkCaps(events: readonly LoggedEvent[], changes: readonly CapChange[]): Violation[] {
  const found: Violation[] = [];
  const nodes = new Map<string, Node>();
  const agents = new Map<string, string>();
  const chargedAt = new Map<string, number>();
  let next = 0;
  for (const event of events) {
    for (let change = changes[next]; change && change.fromSeq <= event.seq; change = changes[(next += 1)]) {
      const node = nodes.get(change.nodeId) ?? { held: 0n, spent: [], limits: {} };
      node.limits = change.limits;
      nodes.set(change.nodeId, node);
    }
    const data = event.data as { readonly [key: string]: unknown };
    if (event.type === 'OperationOpened')
      agents.set(event.operationId, (data['request'] as { readonly agentId: string }).agentId);
    const path = [event.workspaceId, agents.get(event.operationId) as string].map((id) => nodes.get(id));
    const amount = typeof data['amount'] === 'string' ? BigInt(data['amount']) : 0n;
    if (event.type === 'AuthorizationPrepared') chargedAt.set(event.operationId, event.recordedAtMs);
    for (const node of path) {
      if (!node) continue;
      if (event.type === 'BudgetReserved') node.held += amount;
      if (event.type === 'BudgetReleased' || event.type === 'BudgetCaptured') node.held -= amount;
      if (event.type === 'BudgetCaptured')
        node.spent.push({ amount, atMs: chargedAt.get(event.operationId) ?? event.recordedAtMs });
      if (event.type !== 'BudgetReserved' && event.type !== 'AuthorizationPrepared') continue;
      for (const what of excess(node, event.recordedAtMs, amount))
        found.push({ rule: 'S4', where: event.operationId, what: `${event.type}: ${what}` });
    }
  }
  return found;
}

function excess(node: Node, nowMs: number, payment: bigint): string[] {
  return Object.entries(node.limits).flatMap(([window, limit]) => {
    if (limit === null || limit === undefined) return [];
    const startMs = WINDOW_START[window]?.(nowMs);
    const used =
      startMs === undefined
        ? payment
        : node.spent.reduce((sum, it) => (it.atMs >= startMs ? sum + it.amount : sum), node.held);
    return used > limit ? [`${window} ${used} of ${limit}`] : [];
  });
}
