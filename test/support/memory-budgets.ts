// Budget rows as the store keeps them: limits beside usage, a held amount counting in every current window (ruling 15).
import { WINDOWS, type BudgetUnit, type BudgetWindow, type ErrorDetails, type Limits } from '#domain';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

export interface BudgetNode {
  limits: Limits;
  held: bigint;
  lifetime: bigint;
  /** Captured amounts by the minute of their intent; calendar and rolling windows are sums over it. */
  readonly minutes: Map<number, bigint>;
}

export interface Reservation {
  readonly agentId: string;
  readonly unit: BudgetUnit;
  readonly amount: bigint;
  state: 'held' | 'captured' | 'released';
  /** Time of the intent once there is one: capture counts in that window. */
  chargedAtMs: number;
}

export class MemoryBudgets {
  private readonly nodes = new Map<string, BudgetNode>();
  readonly reservations = new Map<string, Reservation>();

  /** Sets limits and touches no usage. */
  setLimits(nodeId: string, unit: BudgetUnit, limits: Limits): void {
    const node = this.nodes.get(`${nodeId}/${unit}`);
    if (node) node.limits = limits;
    else
      this.nodes.set(`${nodeId}/${unit}`, {
        limits,
        held: 0n,
        lifetime: 0n,
        minutes: new Map<number, bigint>(),
      });
  }

  node(nodeId: string, unit: BudgetUnit): BudgetNode | undefined {
    return this.nodes.get(`${nodeId}/${unit}`);
  }

  path(workspaceId: string, agentId: string, unit: BudgetUnit): BudgetNode[] {
    return [this.node(workspaceId, unit), this.node(agentId, unit)].filter((node) => node !== undefined);
  }

  /** What is in the way of `extra` more base units now, for every node of the path; null when nothing is. */
  obstacle(
    path: readonly BudgetNode[],
    nowMs: number,
    { extra, payment }: { readonly extra: bigint; readonly payment: bigint },
  ): ErrorDetails | null {
    for (const node of path) {
      for (const window of WINDOWS) {
        const limit = node.limits[window];
        if (limit === undefined || limit === null) continue;
        const used = window === 'per_payment' ? payment : spentIn(node, window, nowMs) + node.held + extra;
        if (used > limit) return { window, limit: limit.toString(), held: node.held.toString() };
      }
    }
    return null;
  }
}

export function spentIn(node: BudgetNode, window: BudgetWindow, nowMs: number): bigint {
  switch (window) {
    case 'per_payment':
      return 0n;
    case 'lifetime':
      return node.lifetime;
    case 'day':
      return spentSince(node, Math.floor(nowMs / DAY_MS) * DAY_MS);
    case 'month': {
      const now = new Date(nowMs);
      return spentSince(node, Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1));
    }
    case 'rolling_24h':
      return spentSince(node, Math.floor((nowMs - DAY_MS) / MINUTE_MS) * MINUTE_MS);
  }
}

function spentSince(node: BudgetNode, fromMs: number): bigint {
  let sum = 0n;
  for (const [minute, amount] of node.minutes) if (minute >= fromMs) sum += amount;
  return sum;
}

export const minuteOf = (ms: number): number => Math.floor(ms / MINUTE_MS) * MINUTE_MS;
