// Money is an integer count of base units of one budget unit. No number, no rounding: text that does not fit is refused.
import { refuse } from './refusal.js';

/** Budget units (design.md ruling 16): every USDC counts 1:1 as USD6, every EURC as EUR6; what a treasury sends to our own wallets apart from both (ADR 12). */
export const BUDGET_UNITS = ['USD6', 'EUR6', 'TOP_UP_USD6', 'TOP_UP_EUR6'] as const;
export type BudgetUnit = (typeof BUDGET_UNITS)[number];

/** Usage counts in millionths of USD6: a token costs less than a millionth of a dollar, and nothing is rounded. */
export const USAGE_UNIT = 'USD12' as const;
export type LayerUnit = BudgetUnit | typeof USAGE_UNIT;

/** The unit in which a top-up in this money counts: no payment's budget sees it. */
export function topUpUnit(unit: BudgetUnit): BudgetUnit {
  switch (unit) {
    case 'USD6':
    case 'TOP_UP_USD6':
      return 'TOP_UP_USD6';
    case 'EUR6':
    case 'TOP_UP_EUR6':
      return 'TOP_UP_EUR6';
  }
}

export const isTopUpUnit = (unit: BudgetUnit): boolean => unit === topUpUnit(unit);

export interface Money {
  readonly unit: BudgetUnit;
  readonly atomic: bigint;
}

const MAX_UINT256 = (1n << 256n) - 1n;
export const UNIT_DECIMALS: Readonly<Record<LayerUnit, number>> = {
  USD6: 6,
  EUR6: 6,
  TOP_UP_USD6: 6,
  TOP_UP_EUR6: 6,
  USD12: 12,
};

/** Canonical base units: 1 to 78 ASCII digits, no sign, space or leading zero, within uint256 (safety.md T7). */
export function parseAtomic(text: unknown, field = 'amount'): bigint {
  if (typeof text !== 'string' || !/^(0|[1-9][0-9]{0,77})$/.test(text)) {
    throw refuse('invalid_amount', { field, reason: 'not_canonical_base_units' });
  }
  const atomic = BigInt(text);
  if (atomic > MAX_UINT256) throw refuse('invalid_amount', { field, reason: 'above_uint256' });
  return atomic;
}

/** Decimal text such as "0.05" into base units; refuses signs, exponents and more digits than the unit has. */
export function parseDecimal(unit: LayerUnit, text: unknown, field = 'amount'): bigint {
  const decimals = UNIT_DECIMALS[unit];
  const match = typeof text === 'string' ? /^(0|[1-9][0-9]{0,60})(?:\.([0-9]+))?$/.exec(text) : null;
  if (!match) throw refuse('invalid_amount', { field, reason: 'not_a_decimal' });
  const fraction = match[2] ?? '';
  if (fraction.length > decimals) throw refuse('invalid_amount', { field, reason: 'too_many_decimals' });
  return BigInt(match[1] + fraction.padEnd(decimals, '0'));
}

/** Base units as decimal text with every digit of the unit: 50000 of USD6 is "0.050000". */
export function formatDecimal(unit: LayerUnit, atomic: bigint): string {
  const decimals = UNIT_DECIMALS[unit];
  const sign = atomic < 0n ? '-' : '';
  const digits = (atomic < 0n ? -atomic : atomic).toString().padStart(decimals + 1, '0');
  return `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}
