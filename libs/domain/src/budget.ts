import type { LayerUnit } from './money.js';

/** Windows a limit can cover. Calendar windows are UTC; rolling ones count whole minutes, on the careful side (ruling 15). */
export const WINDOWS = [
  'per_payment',
  'hour',
  'day',
  'month',
  'lifetime',
  'rolling_24h',
  'rolling_30d',
] as const;
export type BudgetWindow = (typeof WINDOWS)[number];

/** Windows in which payments can be counted: all that are longer than one of them. */
export const COUNT_WINDOWS = ['hour', 'day', 'month', 'lifetime', 'rolling_24h', 'rolling_30d'] as const;
export type CountWindow = (typeof COUNT_WINDOWS)[number];

/** What a node can be limited in: base units by window, and how many by window (velocity). */
export const LIMIT_NAMES = [
  ...WINDOWS,
  ...COUNT_WINDOWS.map((window) => `count_${window}` as const),
] as const;
export type LimitName = (typeof LIMIT_NAMES)[number];

/** Absent or null: no limit. */
export type Limits = Readonly<Partial<Record<LimitName, bigint | null>>>;

/** `payments`: what operations pay. `infra`, `tokens`: usage that an agent reports; it has happened, so it is recorded also beyond a limit. */
export const LAYERS = ['infra', 'tokens', 'payments'] as const;
export type Layer = (typeof LAYERS)[number];
export const USAGE_LAYERS = ['infra', 'tokens'] as const;
export type UsageLayer = (typeof USAGE_LAYERS)[number];

/** Workspace, team and agent are one path; a category and a cost centre are charged beside it where a payment names them. */
export type NodeKind = 'workspace' | 'team' | 'agent' | 'category' | 'cost_centre';

export interface WindowView {
  readonly window: BudgetWindow;
  readonly limit: bigint | null;
  readonly spent: bigint;
  readonly remaining: bigint | null;
  /** Payments charged in the window, the most there may be, and how many more; all null per payment. Held ones count too. */
  readonly count: bigint | null;
  readonly countLimit: bigint | null;
  readonly countRemaining: bigint | null;
  /** Unix ms at which the window starts anew; null for per payment, lifetime and rolling windows. */
  readonly resetsAtMs: number | null;
}

/** One node in one layer and unit. A held amount counts in every window until captured or released (ruling 15). */
export interface BudgetView {
  readonly node: NodeKind;
  readonly nodeId: string;
  readonly layer: Layer;
  readonly unit: LayerUnit;
  readonly held: bigint;
  readonly heldCount: number;
  readonly windows: readonly WindowView[];
}

export type BudgetStatus = 'ok' | 'warning' | 'exceeded';

/** `exceeded`: some window has nothing left. `warning`: four fifths of some window are used. A limit per payment is used by no payment before it. */
export function statusOf(view: BudgetView): BudgetStatus {
  let status: BudgetStatus = 'ok';
  for (const { window, limit, spent, countLimit, count } of view.windows) {
    if (window === 'per_payment') continue;
    const shares: readonly (readonly [bigint, bigint | null])[] = [
      [spent + view.held, limit],
      [(count ?? 0n) + BigInt(view.heldCount), countLimit],
    ];
    for (const [used, most] of shares) {
      if (most === null) continue;
      if (used >= most) return 'exceeded';
      if (used * 5n >= most * 4n) status = 'warning';
    }
  }
  return status;
}

/** Does the change let anything pass that did not pass before? Taking a limit away does (ruling 28). */
export function raises(before: Limits, after: Limits): boolean {
  return LIMIT_NAMES.some((name) => {
    const [was, is] = [before[name] ?? null, after[name] ?? null];
    return was !== null && (is === null || is > was);
  });
}

/** How one layer stands for an agent: its own node and those above it, and the worst that any of them says. */
export interface LayerView {
  readonly layer: Layer;
  readonly status: BudgetStatus;
  /** From the workspace down. */
  readonly budgets: readonly BudgetView[];
}

const WORSE: readonly BudgetStatus[] = ['ok', 'warning', 'exceeded'];

/** `budgets`: those an agent is charged to, in every layer and unit. The layer of payments is shown in this unit. */
export function layersOf(budgets: readonly BudgetView[], unit: LayerUnit = 'USD6'): readonly LayerView[] {
  return LAYERS.map((layer) => {
    const own = budgets.filter((it) => it.layer === layer && (layer !== 'payments' || it.unit === unit));
    const worst = Math.max(0, ...own.map((it) => WORSE.indexOf(statusOf(it))));
    return { layer, status: WORSE[worst] ?? 'ok', budgets: own };
  });
}
