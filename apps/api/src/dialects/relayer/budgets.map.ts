// Pure: the three layers in the vendor's words. `infra` and `tokens` count usage, `payments` what operations pay.
import {
  formatDecimal,
  parseDecimal,
  refuse,
  statusOf,
  type BudgetView,
  type Layer,
  type Limits,
} from '#domain';
import type { LimitChange } from '#engine';
import type { BudgetDto } from './budgets.dto.js';

/** What is named; everything else stays as it is. */
export interface WantedBudget {
  readonly layers: Readonly<Partial<Record<Layer, Limits>>>;
  /** Base units from which on a person is asked; absent: unchanged. */
  readonly threshold?: bigint;
}

const UNITS = { infra: 'USD12', tokens: 'USD12', payments: 'USD6' } as const satisfies Record<
  Layer,
  LimitChange['unit']
>;
export const unitOf = (layer: Layer): LimitChange['unit'] => UNITS[layer];
const MOST_THRESHOLD = 1_000_000_000_000n;

const amountOf = (layer: Layer, value: number | string, field: string): bigint =>
  parseDecimal(UNITS[layer], String(value), field);

/** Refuses with `validation_failed` a body of both forms, and one that says nothing. */
export function wantedBudget(dto: BudgetDto): WantedBudget {
  const { infrastructure, infra, tokens, payments } = dto;
  const nested = [infrastructure, objectIn(tokens), objectIn(payments)].some((it) => it !== undefined);
  const flat = Object.entries({ infra, tokens, payments }).find(
    ([, value]) => value !== undefined && typeof value !== 'object',
  );
  if (nested && flat)
    throw refuse('validation_failed', { field: flat[0], reason: 'not_beside_the_other_form' });
  const layers = nested
    ? nestedLayers(dto)
    : Object.fromEntries(
        (['infra', 'tokens', 'payments'] as const).flatMap((layer) => {
          const value = dto[layer];
          return value === undefined
            ? []
            : [[layer, { month: amountOf(layer, value as number | string, layer) }]];
        }),
      );
  const threshold = thresholdOf(objectIn(payments)?.approvalThresholdUSDC, 'payments.approvalThresholdUSDC');
  if (Object.keys(layers).length === 0 && threshold === undefined)
    throw refuse('validation_failed', { field: 'payments', reason: 'nothing_to_set' });
  return { layers, ...(threshold === undefined ? {} : { threshold }) };
}

export function thresholdOf(value: number | string | undefined, field: string): bigint | undefined {
  if (value === undefined) return undefined;
  const threshold = amountOf('payments', value, field);
  if (threshold > MOST_THRESHOLD) throw refuse('invalid_amount', { field, reason: 'above_1000000' });
  return threshold;
}

function nestedLayers({ infrastructure, tokens, payments }: BudgetDto): WantedBudget['layers'] {
  const monthly = (layer: 'infra' | 'tokens', value: number | string | undefined, field: string) =>
    value === undefined ? {} : { [layer]: { month: amountOf(layer, value, field) } };
  const { monthlyUSDC, perTxUSDC } = objectIn(payments) ?? {};
  const limits = {
    ...(monthlyUSDC === undefined
      ? {}
      : { month: amountOf('payments', monthlyUSDC, 'payments.monthlyUSDC') }),
    ...(perTxUSDC === undefined
      ? {}
      : { per_payment: amountOf('payments', perTxUSDC, 'payments.perTxUSDC') }),
  };
  return {
    ...monthly('infra', infrastructure?.monthlyUSD, 'infrastructure.monthlyUSD'),
    ...monthly('tokens', objectIn(tokens)?.monthlyUSD, 'tokens.monthlyUSD'),
    ...(Object.keys(limits).length === 0 ? {} : { payments: limits }),
  };
}

function objectIn<T extends object>(value: number | string | T | undefined): T | undefined {
  return typeof value === 'object' ? value : undefined;
}

/** All limits that a node has in its layer, by name. */
export function limitsIn(view: BudgetView | undefined): Limits {
  const named = (view?.windows ?? []).flatMap(({ window, limit, countLimit }) => [
    [window, limit],
    ...(window === 'per_payment' ? [] : [[`count_${window}`, countLimit]]),
  ]);
  return Object.fromEntries(named.filter(([, value]) => value !== null)) as Limits;
}

const NAMES = { infra: 'infra', tokens: 'tokens', payments: 'payments' } as const;

/** The agent's own nodes; what the workspace allows may be less. */
export function renderBudget(
  agentId: string,
  views: readonly BudgetView[],
  threshold: bigint | null,
): object {
  const categories = (['infra', 'tokens', 'payments'] as const).map((layer) => category(layer, views));
  const payments = views.find((it) => it.layer === 'payments' && it.unit === UNITS.payments);
  const perTx = payments?.windows.find((it) => it.window === 'per_payment')?.limit ?? null;
  return {
    agentId,
    period: 'month',
    categories,
    perTxUSDC: perTx === null ? null : formatDecimal('USD6', perTx),
    approvalThresholdUSDC: threshold === null ? null : formatDecimal('USD6', threshold),
  };
}

function category(layer: Layer, views: readonly BudgetView[]): object {
  const view = views.find((it) => it.layer === layer && it.unit === UNITS[layer]);
  const month = view?.windows.find((it) => it.window === 'month');
  const { limit = null, spent = 0n, remaining = null, resetsAtMs = null } = month ?? {};
  const held = view?.held ?? 0n;
  const text = (amount: bigint): string => formatDecimal(UNITS[layer], amount);
  return {
    category: NAMES[layer],
    limit: limit === null ? null : text(limit),
    spent: text(spent),
    held: text(held),
    remaining: remaining === null ? null : text(remaining < 0n ? 0n : remaining),
    usage_pct: limit === null || limit === 0n ? null : Number(((spent + held) * 10_000n) / limit) / 100,
    status: view === undefined ? 'ok' : statusOf(view),
    resetsAt: resetsAtMs === null ? null : new Date(resetsAtMs).toISOString(),
  };
}
