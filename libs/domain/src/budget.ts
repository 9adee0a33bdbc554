import type { BudgetUnit } from './money.js';

/** Windows a limit can cover. Calendar windows are UTC; `rolling_24h` counts whole minutes, on the careful side (ruling 15). */
export const WINDOWS = ['per_payment', 'day', 'month', 'lifetime', 'rolling_24h'] as const;
export type BudgetWindow = (typeof WINDOWS)[number];

export type Limits = Readonly<Partial<Record<BudgetWindow, bigint | null>>>;

/** One node of the tree workspace > agent in one unit. A held amount counts in every window until captured or released (ruling 15). */
export interface BudgetView {
  readonly node: 'workspace' | 'agent';
  readonly nodeId: string;
  readonly unit: BudgetUnit;
  readonly held: bigint;
  readonly heldCount: number;
  readonly windows: readonly {
    readonly window: BudgetWindow;
    readonly limit: bigint | null;
    readonly spent: bigint;
    readonly remaining: bigint | null;
    /** Unix ms at which the window starts anew; null for per payment, lifetime and rolling windows. */
    readonly resetsAtMs: number | null;
  }[];
}
