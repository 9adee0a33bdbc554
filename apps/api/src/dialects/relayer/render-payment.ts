// Pure: what has come of a payment, in Relayer's words.
import type { ErrorCode, ErrorDetails } from '#domain';
import type { OperationView, PaymentHeader } from '#engine';
import type { Rendered } from '../../http/dialect.js';
import { detailsOf, retryAdvice } from '../../http/submitting.js';
import { iso, refusal, success, type Place } from './envelope.js';

export interface Found {
  readonly payment: PaymentHeader | null;
  readonly replayed: boolean;
}

/** 402 only where nothing was signed, and never with a seller's header (rulings 5 and 10). */
export function renderPayment(place: Place, view: OperationView, { payment, replayed }: Found): Rendered {
  const headers = replayed ? { 'x-idempotency-replayed': 'true' } : {};
  const rendered = (status: number, body: unknown): Rendered => ({ status, headers, body });
  if (view.status === 'awaiting_approval') return waiting(place, view);
  const failure = failureOf(view, payment);
  if (failure !== null) {
    const { status, body } = refusal(place, failure, { ...detailsOf(view, failure), ...about(view) });
    return rendered(status, body);
  }
  return rendered(200, success(place, { message: 'Payment authorized', data: paymentData(view, payment) }));
}

function waiting(place: Place, { operationId, approval }: OperationView): Rendered {
  const data = {
    approvalId: approval?.approvalId ?? null,
    status: 'pending_approval',
    expiresAt: iso(approval?.decideByMs ?? place.atMs),
    operationId,
  };
  const message = 'A person has to approve this payment';
  return { status: 202, body: success(place, { status: 202, message, data }) };
}

export function paymentData(view: OperationView, payment: PaymentHeader | null): object {
  const header = payment?.value ?? null;
  return {
    paymentHeader: header,
    paymentHeaderName: payment?.name ?? null,
    x402_headers: { payment_response: header },
    // Only what our own look at the chain has seen.
    ...(view.settlement === null ? {} : { transactionId: view.settlement.txHash }),
    operationId: view.operationId,
    settled: view.settled,
    finality: view.finality,
    layer: 'payments',
    validBefore: view.authorization && iso(view.authorization.validBeforeSec * 1000),
  };
}

function failureOf(view: OperationView, payment: PaymentHeader | null): ErrorCode | null {
  const code = view.error?.code ?? null;
  if (!view.answerable) return 'execution_timeout';
  if (view.authorization === null || view.status === 'failed') return code ?? 'internal';
  // Prepaid, and not seen on chain in time: it may be paid.
  if (view.prepaid && !view.settled) return code ?? 'outcome_unknown';
  // Past its time and not yet proven unused, or somebody wants it dead.
  if (payment === null && !view.settled) return code ?? 'outcome_unknown';
  return null;
}

function about(view: OperationView): ErrorDetails {
  const advice = retryAdvice(view);
  return { operation_id: view.operationId, ...(advice === null ? {} : { retry_with: advice }) };
}

/** A top-up, which is paid like anything else: by what the chain shows. */
export function renderFunding(place: Place, view: OperationView): Rendered {
  if (view.status === 'awaiting_approval') return waiting(place, view);
  const code = view.error?.code ?? null;
  const failed = view.authorization === null || view.status === 'failed';
  const failure = !view.answerable
    ? 'execution_timeout'
    : failed
      ? (code ?? 'internal')
      : view.settled
        ? null
        : (code ?? 'outcome_unknown');
  if (failure !== null) return refusal(place, failure, { ...detailsOf(view, failure), ...about(view) });
  const txHash = view.settlement?.txHash ?? null;
  const data = { operationId: view.operationId, signature: txHash, txHash, finality: view.finality };
  return { status: 200, body: success(place, { message: 'Agent funded', data }) };
}
