// Pure: what the core knows of an operation, in Hightop's words. `executed` only once the payment is final (ruling 1).
import {
  chainIdOf,
  ERRORS,
  suggestionFor,
  formatDecimal,
  type ErrorCode,
  type OperationStatus,
} from '#domain';
import type { OperationView, PaymentHeader, RecordedOperation } from '#engine';
import type { Rendered } from '../../http/dialect.js';
import { detailsOf } from '../../http/submitting.js';
import type { RenderedResponse } from '../../http/upstream.js';
import { HIGHTOP_ERRORS } from './errors.js';
import { renderFailed } from './render-error.js';

export type HightopStatus =
  'accepted' | 'submitted' | 'executed' | 'execution_failed' | 'policy_rejected' | 'cancelled';

const STATUS: Readonly<Record<OperationStatus, HightopStatus>> = {
  absent: 'accepted',
  opened: 'accepted',
  judged: 'accepted',
  reserved: 'accepted',
  awaiting_approval: 'accepted',
  approved: 'accepted',
  authorized: 'submitted',
  provisional: 'submitted',
  needs_attention: 'submitted',
  settled: 'executed',
  failed: 'execution_failed',
  refused: 'policy_rejected',
  rejected: 'policy_rejected',
  expired: 'execution_failed',
  cancelled: 'cancelled',
};

export function statusOf(view: Pick<OperationView, 'status' | 'error'>): HightopStatus {
  if (view.status !== 'refused' || view.error === null) return STATUS[view.status];
  // The resource was free: it was delivered, and there is nothing to settle.
  if (view.error.code === 'payment_not_required') return 'executed';
  const { status } = HIGHTOP_ERRORS[view.error.code];
  return status === 403 || status === 422 ? 'policy_rejected' : 'execution_failed';
}

/** The first two can be asked for in this dialect; the others stand in the lists of an agent that asked natively. */
const TYPES = {
  purchase: 'x402_purchase',
  authorize: 'x402_sign',
  settle: 'x402_settle',
  top_up: 'wallet_top_up',
  allowance: 'wallet_allowance',
} as const;
export const OPERATION_TYPES: readonly string[] = [TYPES.purchase, TYPES.authorize];
const iso = (ms: number): string => new Date(ms).toISOString();

export interface Extras {
  readonly replayed: boolean;
  readonly response: RenderedResponse | null;
  readonly payment: PaymentHeader | null;
}

/** The answer to `purchase`. Never 402: a refusal of ours must not look like a seller's demand. */
export function renderPurchase(view: OperationView, extras: Extras): Rendered {
  const { delivery, error } = view;
  if (view.status === 'awaiting_approval' || !view.answerable) return pending(view, extras.replayed);
  if (error?.code === 'payment_not_required') return succeeded(view, extras, { seller_accepted: true });
  if (view.authorization === null || view.status === 'failed')
    return failed(view, error?.code ?? 'internal', extras.replayed);
  const goods = delivery?.outcome === 'delivered';
  if (goods || view.settled) return succeeded(view, extras, {});
  return failed(view, error?.code ?? 'outcome_unknown', extras.replayed);
}

/** The answer to `sign`: the header to attach, under the name the seller's version wants. */
export function renderSign(view: OperationView, extras: Extras): Rendered {
  if (view.status === 'awaiting_approval' || !view.answerable) return pending(view, extras.replayed);
  if (view.authorization === null || view.status === 'failed')
    return failed(view, view.error?.code ?? 'internal', extras.replayed);
  // Past its time and not yet proven unused: what became of it is for the chain to say.
  if (extras.payment === null && !view.settled) return failed(view, 'outcome_unknown', extras.replayed);
  const { name, value } = extras.payment ?? { name: null, value: null };
  return ok(200, extras.replayed, {
    ...writeFields(view),
    payment_header: value,
    payment_header_name: name,
    payment_headers: name === null ? {} : { [name]: value },
    amount: view.terms?.amount.toString() ?? null,
    pay_to: view.authorization.to,
    valid_before: String(view.authorization.validBeforeSec),
    settled: view.settled,
    finality: view.finality,
    transaction: view.settlement?.txHash ?? null,
  });
}

function succeeded(view: OperationView, { replayed, response }: Extras, over: object): Rendered {
  return ok(200, replayed, {
    ...writeFields(view),
    ...paymentFields(view),
    response,
    ...over,
    ...attention(view),
  });
}

/** Not decided yet: the operation to poll, and the approval when a person is asked. */
function pending(view: OperationView, replayed: boolean): Rendered {
  const approval =
    view.status === 'awaiting_approval' && view.approval
      ? {
          approval_id: view.approval.approvalId,
          expires_at: iso(view.approval.decideByMs),
          human_message: 'A person has to approve this payment.',
        }
      : {};
  return ok(202, replayed, { ...writeFields(view), ...paymentFields(view), ...approval });
}

function failed(view: OperationView, code: ErrorCode, replayed: boolean): Rendered {
  const rendered = renderFailed(view, code, detailsOf(view, code));
  return { ...rendered, headers: replayHeader(replayed) };
}

function ok(status: number, replayed: boolean, body: object): Rendered {
  return { status, headers: replayHeader(replayed), body: { ok: true, ...body } };
}

const replayHeader = (replayed: boolean): Record<string, string> =>
  replayed ? { 'x-idempotency-replayed': 'true' } : {};

function writeFields(view: OperationView) {
  return {
    operation_id: view.operationId,
    status: statusOf(view),
    resource: { type: 'x402_operation', id: view.operationId },
    fee_usd: '0.00',
  };
}

/** A ceiling until the chain says what was charged. */
function amountOf({ charged, terms }: OperationView): bigint | null {
  return charged ?? terms?.amount ?? null;
}

function paymentFields(view: OperationView) {
  return {
    paid: view.paid,
    seller_accepted: view.sellerAccepted,
    settled: view.settled,
    finality: view.finality,
    transaction: view.settlement?.txHash ?? null,
    amount: amountOf(view)?.toString() ?? null,
  };
}

/** Delivered, yet somebody must look at the payment: `submitted` plus an error code (ruling 1). */
function attention(view: OperationView): object {
  return view.status === 'needs_attention' ? { error: errorOf(view) } : {};
}

function errorOf(view: OperationView): object | null {
  if (view.error === null || view.error.code === 'payment_not_required') return null;
  const { code, details } = view.error;
  const { code: theirs, refine } = HIGHTOP_ERRORS[code];
  return {
    code: refine?.(details) ?? theirs,
    message: ERRORS[code].says,
    details: { cause: code, ...details, suggestion: suggestionFor(code, details) },
  };
}

export interface OperationFacts {
  readonly symbol: string | null;
  readonly onchain: boolean;
  readonly response?: RenderedResponse | null;
}

/** An operation as read back. Exposes the hash of the idempotency key, never the key. */
export function renderOperation(view: RecordedOperation, facts: OperationFacts): object {
  const status = statusOf(view);
  const since = iso(view.statusSinceMs);
  return {
    id: view.operationId,
    idempotency_key_hash: view.idempotencyKeyHash,
    type: TYPES[view.kind],
    status,
    resource: { type: 'x402_operation', id: view.operationId },
    amount_usd: view.terms?.unit === 'USD6' ? formatDecimal('USD6', amountOf(view) ?? 0n) : null,
    asset_symbol: facts.symbol,
    human_message: messageOf(view),
    fee_usd: '0.00',
    created_at: iso(view.openedAtMs),
    submitted_at: view.submittedAtMs === null ? null : iso(view.submittedAtMs),
    executed_at: status === 'executed' ? since : null,
    failed_at: status === 'execution_failed' || status === 'policy_rejected' ? since : null,
    error: errorOf(view),
    url: view.request.url,
    ...paymentFields(view),
    ...(view.approval && view.status === 'awaiting_approval'
      ? { approval_id: view.approval.approvalId, expires_at: iso(view.approval.decideByMs) }
      : {}),
    ...(view.retryWith ? { retry_with: view.retryWith } : {}),
    ...(facts.response === undefined ? {} : { response: facts.response }),
    ...(facts.onchain ? { onchain: onchainOf(view) } : {}),
  };
}

function messageOf(view: OperationView): string | null {
  if (view.status === 'awaiting_approval') return 'A person has to approve this payment.';
  return view.error && view.error.code !== 'payment_not_required' ? ERRORS[view.error.code].says : null;
}

function onchainOf(view: OperationView): object | null {
  const { authorization, settlement } = view;
  if (authorization === null) return null;
  return {
    chain_id: chainIdOf(authorization.network),
    wallet_address: authorization.from,
    manager_address: null,
    agent_wrapper_address: null,
    agent_sender_address: null,
    tx_hash: settlement?.txHash ?? null,
    user_operation_hash: null,
    bundler_hash: null,
    raw_destination_address: authorization.to,
    tx_calldata: null,
    token: authorization.token,
    authorization_nonce: authorization.nonce,
    block_number: settlement?.blockNumber ?? null,
    block_hash: settlement?.blockHash ?? null,
    log_index: settlement?.logIndex ?? null,
    finality: view.finality,
  };
}
