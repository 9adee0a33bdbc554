// AgnicPay's status and word for each of our codes; `code` beside them is always ours. 402 is said of what was refused before anything was signed and may
// pass once the caller has more to spend; never of an outcome that nobody knows, and never with a header that a seller's challenge would have.
import {
  ERRORS,
  formatDecimal,
  suggestionFor,
  type BudgetUnit,
  type ErrorCode,
  type ErrorDetails,
  type ErrorKind,
} from '#domain';
import type { OperationView } from '#engine';
import type { Problem, Rendered } from '../../http/dialect.js';
import { retryAdvice } from '../../http/submitting.js';

export interface AgnicRow {
  readonly status: number;
  /** The vendor's word; ours otherwise. */
  readonly word?: string;
  readonly says?: (details: ErrorDetails) => string | undefined;
}

const row = (status: number, word?: string, says?: AgnicRow['says']): AgnicRow => ({
  status,
  ...(word === undefined ? {} : { word }),
  ...(says === undefined ? {} : { says }),
});

const NO_OFFER = 'None of the accepted options can be paid';
const unpayable = row(400, 'invalid_payment_requirements', ({ reasons }) =>
  Array.isArray(reasons) && reasons.length > 0 ? `${NO_OFFER}: ${reasons.join(', ')}` : undefined,
);
const saysOf = (field: unknown, reason: unknown): string | undefined => {
  if (reason === 'solana_is_not_served')
    return 'Solana is not served here: name an EVM network, such as base or base-sepolia';
  return field === 'paymentRequirements.accepts' && reason === 'missing' ? MISSING_OFFERS : undefined;
};
const MISSING_OFFERS = 'Missing required field: accepts';
const limited = row(402, 'spending_limit_exceeded');

const BY_KIND: { readonly [K in ErrorKind]: AgnicRow } = {
  invalid: row(400),
  unauthenticated: row(401),
  forbidden: row(403),
  missing: row(404),
  conflict: row(409),
  refused: row(402),
  failed: row(502),
  unknown: row(502),
  unavailable: row(503),
  internal: row(500),
};

/** What the kind alone does not say. */
const OWN: { readonly [C in ErrorCode]?: AgnicRow } = {
  validation_failed: row(400, undefined, ({ field, reason }) => saysOf(field, reason)),
  body_too_large: row(413),
  agent_paused: row(401),
  workspace_paused: row(403),
  system_paused: row(403),
  rate_limited: row(429),
  no_budget: limited,
  budget_exhausted: limited,
  insufficient_wallet_balance: row(402, 'insufficient_balance'),
  permit2_allowance_required: row(402, 'insufficient_balance'),
  wallet_missing: row(402, 'insufficient_balance'),
  price_above_maximum: row(402, 'max_value_exceeded'),
  unpayable_challenge: unpayable,
  unknown_network: row(
    400,
    'invalid_payment_requirements',
    () => `${NO_OFFER}: networks other than EVM, such as solana, are not served`,
  ),
  unknown_asset: unpayable,
  unsupported_scheme: unpayable,
  terms_mismatch: unpayable,
  payment_not_required: row(400),
  policy_refused: row(403),
  approval_rejected: row(403),
  operation_cancelled: row(409),
  allowance_under_way: row(409),
  redirected: row(502),
  seller_unreachable: row(502),
  response_too_large: row(502),
};

export const agnicError = (code: ErrorCode): AgnicRow => OWN[code] ?? BY_KIND[ERRORS[code].kind];

export function renderProblem({ code, details, correlationId }: Problem): Rendered {
  return errorOf(code, code === 'internal' ? { ...details, correlation_id: correlationId } : details);
}

/** Of an operation that ended unpaid, or whose outcome is not known. */
export function renderFailed(view: OperationView, code: ErrorCode, details: ErrorDetails = {}): Rendered {
  const { status, body } = errorOf(code, details);
  const advice = retryAdvice(view);
  const retry = advice === null ? {} : { retryWith: advice };
  return { status, body: { ...body, operationId: view.operationId, ...retry } };
}

/** The token allows so much per payment, and no `maxValue` was given: its limit was the ceiling. */
export function renderAboveToken(view: OperationView, ceiling: bigint): Rendered {
  const price = view.error?.details['amount'];
  const details = {
    window: 'per_payment',
    limit: ceiling.toString(),
    ...(typeof price === 'string' ? { needed: price } : {}),
  };
  return renderFailed(view, 'budget_exhausted', details);
}

function errorOf(code: ErrorCode, details: ErrorDetails): { status: number; body: object } {
  const { status, word, says } = agnicError(code);
  const about = Object.keys(details).length === 0 ? {} : { details };
  const description = says?.(details) ?? ERRORS[code].says;
  return {
    status,
    body: {
      success: false,
      error: description === MISSING_OFFERS ? 'invalid_payment_requirements' : (word ?? code),
      error_description: description,
      message: description,
      code,
      suggestion: suggestionFor(code, details),
      ...(code === 'budget_exhausted' ? limitOf(details) : {}),
      ...about,
    },
  };
}

/** The vendor's words for windows; those it does not have keep ours. */
const LIMITS: Readonly<Record<string, string>> = {
  per_payment: 'per_transaction',
  day: 'daily',
  rolling_24h: 'daily',
  month: 'monthly',
  rolling_30d: 'monthly',
};

/** Numbers in USD, or counts of payments where a count is what is used up. */
function limitOf({ window, measure, limit, held = '0', spent = '0', needed }: ErrorDetails): object {
  if (typeof limit !== 'string') return {};
  const number =
    measure === 'count' ? (it: unknown) => Number(it) : (it: unknown) => usdNumber(BigInt(String(it)));
  const used = window === 'per_payment' ? 0n : BigInt(String(held)) + BigInt(String(spent));
  return {
    limit: LIMITS[String(window)] ?? String(window),
    current: number(used),
    ...(typeof needed === 'string' ? { requested: number(needed) } : {}),
    max: number(limit),
  };
}

/** Base units as the number that the vendor's callers expect. Summed and compared before; exact up to nine billion. */
export function usdNumber(atomic: bigint, unit: BudgetUnit = 'USD6'): number {
  return Number(formatDecimal(unit, atomic));
}
