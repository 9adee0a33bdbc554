// Pure: what the core knows of an operation, in AgnicPay's words.
import { formatDecimal, type BudgetUnit, type ErrorCode, type OperationStatus, type Terms } from '#domain';
import type { OperationView, PaymentHeader, RecordedOperation, UpstreamAnswer } from '#engine';
import { v1NameOf } from '#x402';
import type { Rendered } from '../../http/dialect.js';
import { detailsOf, pending } from '../../http/submitting.js';
import { harmless } from '../../http/upstream.js';
import { renderAboveToken, renderFailed, usdNumber } from './errors.js';

const iso = (ms: number): string => new Date(ms).toISOString();

/** The answer to `sign-payment`: a permission to take the money, which moves when the seller settles it. */
export function renderSignature(view: OperationView, payment: PaymentHeader | null): Rendered {
  if (view.status === 'awaiting_approval' || !view.answerable) return pending(view);
  if (view.authorization === null || view.terms === null || view.status === 'failed')
    return failed(view, view.error?.code ?? 'internal');
  // Past its time: used, or not yet proven unused.
  if (payment === null) return failed(view, view.settled ? 'too_late' : 'outcome_unknown');
  return {
    status: 200,
    body: {
      success: true,
      paymentHeader: payment.value,
      header: payment.name,
      amountPaid: usdNumber(view.terms.amount, view.terms.unit),
      ...spokenOf(view.terms),
      operationId: view.operationId,
    },
  };
}

/** The answer to `x402/fetch`: what the seller said, as it said it. `ceiling`: the token's own, where the caller named none. */
export function renderFetch(
  view: OperationView,
  answer: UpstreamAnswer | undefined,
  ceiling: bigint | null,
): Rendered {
  if (view.status === 'awaiting_approval' || !view.answerable) return pending(view);
  const free = view.error?.code === 'payment_not_required';
  if (!free && (view.authorization === null || view.status === 'failed')) {
    if (view.error?.code === 'price_above_maximum' && ceiling !== null)
      return renderAboveToken(view, ceiling);
    return failed(view, view.error?.code ?? 'internal');
  }
  // A seller that asks for money again has said nothing about the payment it was shown: that is for the chain (ruling 5).
  const asksAgain = !free && view.delivery?.httpStatus === 402;
  const answered = free || (view.delivery !== null && view.delivery.httpStatus !== null);
  if (!answered || asksAgain) return failed(view, view.error?.code ?? 'outcome_unknown');
  // Whoever follows a redirect takes the token along, to wherever the seller pleases.
  if (answer !== undefined && answer.status >= 300 && answer.status < 400)
    return failed(view, view.error?.code ?? 'redirected');
  if (answer === undefined) return failed(view, 'body_expired');
  return {
    status: answer.status,
    headers: { ...harmless(answer.headers), ...paidHeaders(view, free) },
    body: Buffer.from(answer.body),
  };
}

function paidHeaders(view: OperationView, free: boolean): Record<string, string> {
  const about = { 'x-agnic-operation-id': view.operationId, 'x-content-type-options': 'nosniff' };
  if (free || view.terms === null) return { 'x-agnic-paid': 'false', ...about };
  const { network, scheme } = spokenOf(view.terms);
  return {
    'x-agnic-paid': 'true',
    'x-agnic-amount': decimalOf(view.charged ?? view.terms.amount, view.terms.unit),
    'x-agnic-network': network,
    'x-agnic-scheme': scheme,
    ...about,
  };
}

function failed(view: OperationView, code: ErrorCode): Rendered {
  return renderFailed(view, code, detailsOf(view, code));
}

/** Network and scheme as whoever asked for the money spelled them. */
function spokenOf({ wire, network, transferMethod }: Terms): {
  readonly network: string;
  readonly scheme: string;
} {
  const said = typeof wire === 'object' && wire !== null ? (wire as Readonly<Record<string, unknown>>) : {};
  const textOf = (name: string): string | undefined => {
    const value = said[name];
    return typeof value === 'string' && /^[\x21-\x7e]{1,64}$/.test(value) ? value : undefined;
  };
  return {
    network: textOf('network') ?? v1NameOf(network) ?? network,
    scheme: textOf('scheme') ?? (transferMethod === 'upto' ? 'upto' : 'exact'),
  };
}

const decimalOf = (amount: bigint, unit: BudgetUnit): string => formatDecimal(unit, amount);

const OUTCOMES: Readonly<Record<OperationStatus, 'success' | 'failed' | 'pending'>> = {
  absent: 'pending',
  opened: 'pending',
  judged: 'pending',
  reserved: 'pending',
  awaiting_approval: 'pending',
  approved: 'pending',
  authorized: 'pending',
  needs_attention: 'pending',
  provisional: 'success',
  settled: 'success',
  failed: 'failed',
  refused: 'failed',
  rejected: 'failed',
  expired: 'failed',
  cancelled: 'failed',
};

/** One line of the history: what was charged, or as long as the chain has not said, what may be. */
export function renderTransaction(view: RecordedOperation): object {
  const { terms } = view;
  const amount = view.charged ?? terms?.amount ?? null;
  return {
    id: view.operationId,
    amount_usd: amount === null || terms === null ? 0 : usdNumber(amount, terms.unit),
    network: terms === null ? null : spokenOf(terms).network,
    endpoint: view.request.url,
    timestamp: iso(view.openedAtMs),
    status: OUTCOMES[view.status],
    scheme: terms === null ? null : spokenOf(terms).scheme,
    tx_hash: view.settlement?.txHash ?? null,
    pay_to: terms?.payTo ?? null,
    settled: view.settled,
    error: view.error?.code ?? null,
  };
}
