// Budget rows as the store keeps them: limits beside usage, a held amount counting in every current window (ruling 15).
import {
  WINDOWS,
  type BudgetUnit,
  type BudgetView,
  type BudgetWindow,
  type ErrorDetails,
  type Limits,
  type NodeKind,
  type Tag,
} from '#domain';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MINUTE_MS = 60_000;

export interface Charged {
  readonly amount: bigint;
  readonly count: bigint;
}

export interface BudgetNode {
  limits: Limits;
  held: bigint;
  heldCount: number;
  lifetime: bigint;
  /** What was captured, and how often, by the minute of the intent; every window is a sum over it. */
  readonly minutes: Map<number, Charged>;
}

export interface Reservation {
  /** What it is held by, and given back to. */
  readonly path: readonly BudgetNode[];
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
  setLimits(nodeId: string, unit: string, limits: Limits): void {
    const node = this.nodes.get(`${nodeId}/${unit}`);
    if (node) node.limits = limits;
    else
      this.nodes.set(`${nodeId}/${unit}`, {
        limits,
        held: 0n,
        heldCount: 0,
        lifetime: 0n,
        minutes: new Map(),
      });
  }

  node(nodeId: string, unit: string): BudgetNode | undefined {
    return this.nodes.get(`${nodeId}/${unit}`);
  }

  path(workspaceId: string, agentId: string, unit: BudgetUnit, tags: readonly Tag[] = []): BudgetNode[] {
    const ids = [workspaceId, agentId, ...tags.map(({ kind, name }) => `${workspaceId}/${kind}/${name}`)];
    return ids.map((id) => this.node(id, unit)).filter((node) => node !== undefined);
  }

  /** What is in the way of `extra` more base units and `more` more payments now, for every node of the path; null when nothing is. */
  obstacle(
    path: readonly BudgetNode[],
    nowMs: number,
    { extra, payment, more }: { readonly extra: bigint; readonly payment: bigint; readonly more: bigint },
  ): ErrorDetails | null {
    for (const node of path) {
      for (const window of WINDOWS) {
        const charged = chargedIn(node, window, nowMs);
        const limit = node.limits[window] ?? null;
        const used = window === 'per_payment' ? payment : charged.amount + node.held + extra;
        if (limit !== null && used > limit)
          return { window, measure: 'amount', limit: limit.toString(), held: node.held.toString() };
        const most = window === 'per_payment' ? null : (node.limits[`count_${window}`] ?? null);
        if (most !== null && charged.count + BigInt(node.heldCount) + more > most)
          return { window, measure: 'count', limit: most.toString(), held: node.heldCount.toString() };
      }
    }
    return null;
  }
}

export function budgetView(
  node: BudgetNode,
  of: { readonly kind: NodeKind; readonly nodeId: string; readonly unit: BudgetUnit },
  nowMs: number,
): BudgetView {
  const windows = WINDOWS.map((window) => {
    const { amount: spent, count } = chargedIn(node, window, nowMs);
    const limit = node.limits[window] ?? null;
    const alone = window === 'per_payment';
    const countLimit = alone ? null : (node.limits[`count_${window}`] ?? null);
    return {
      window,
      limit,
      spent,
      remaining: limit === null ? null : limit - (alone ? 0n : spent + node.held),
      count: alone ? null : count,
      countLimit,
      countRemaining: countLimit === null ? null : countLimit - count - BigInt(node.heldCount),
      resetsAtMs: null,
    };
  });
  const { kind, nodeId, unit } = of;
  return { node: kind, nodeId, layer: 'payments', unit, held: node.held, heldCount: node.heldCount, windows };
}

export function chargedIn(node: BudgetNode, window: BudgetWindow, nowMs: number): Charged {
  const fromMs = startOf(window, nowMs);
  const sum = { amount: 0n, count: 0n };
  for (const [minute, { amount, count }] of node.minutes) {
    if (minute < fromMs) continue;
    sum.amount += amount;
    sum.count += count;
  }
  return sum;
}

function startOf(window: BudgetWindow, nowMs: number): number {
  switch (window) {
    case 'per_payment':
      return Infinity;
    case 'lifetime':
      return -Infinity;
    case 'hour':
      return Math.floor(nowMs / HOUR_MS) * HOUR_MS;
    case 'day':
      return Math.floor(nowMs / DAY_MS) * DAY_MS;
    case 'month': {
      const now = new Date(nowMs);
      return Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1);
    }
    case 'rolling_24h':
      return minuteOf(nowMs - DAY_MS);
    case 'rolling_30d':
      return minuteOf(nowMs - 30 * DAY_MS);
  }
}

export const minuteOf = (ms: number): number => Math.floor(ms / MINUTE_MS) * MINUTE_MS;
