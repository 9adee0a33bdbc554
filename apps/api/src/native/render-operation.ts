import { refuse } from '#domain';
import type { OperationEventView, OperationView, PaymentHeader } from '#engine';
import { renderError } from './render-error.js';
import type { RenderedResponse } from '../http/upstream.js';

/** A time as a caller writes it, in unix ms. The pattern of the field lets through what no calendar has. */
export function timeOf(text: string, field: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw refuse('validation_failed', { field, reason: 'not_a_time' });
  return ms;
}

export const iso = (ms: number): string => new Date(ms).toISOString();
export const maybeIso = (ms: number | null): string | null => (ms === null ? null : iso(ms));

export interface Found {
  readonly response?: RenderedResponse | null;
  readonly payment?: PaymentHeader | null;
}

export function renderOperation(view: OperationView, found: Found = {}): object {
  const { terms, settlement, authorization, approval, error } = view;
  return {
    operation_id: view.operationId,
    kind: view.kind,
    status: view.status,
    version: view.version,
    answerable: view.answerable,
    agent_id: view.agentId,
    url: view.request.url,
    method: view.request.method,
    max_amount: view.request.maxAmount?.toString() ?? null,
    amount: terms?.amount.toString() ?? null,
    network: terms?.network ?? null,
    asset: terms?.token ?? null,
    pay_to: terms?.payTo ?? null,
    payment_flow: terms && (terms.paymentFlow ?? 'authorization'),
    transfer_method: terms && (terms.transferMethod ?? 'eip3009'),
    facilitator: terms?.facilitator ?? null,
    paid: view.paid,
    seller_accepted: view.sellerAccepted,
    settled: view.settled,
    finality: view.finality,
    charged: view.charged?.toString() ?? null,
    transaction: settlement?.txHash ?? null,
    settlement: settlement && {
      transaction: settlement.txHash,
      block_number: settlement.blockNumber,
      block_hash: settlement.blockHash,
      log_index: settlement.logIndex,
    },
    authorization: authorization && {
      from: authorization.from,
      to: authorization.to,
      value: authorization.value.toString(),
      valid_before: iso(authorization.validBeforeSec * 1000),
      nonce: authorization.nonce,
    },
    cancellation: view.cancellation && {
      by: view.cancellation.by,
      reason: view.cancellation.reason,
      problem: view.cancellation.submission?.reason ?? null,
    },
    approval: approval && {
      approval_id: approval.approvalId,
      digest: approval.digest,
      decide_by: iso(approval.decideByMs),
    },
    error: error && renderError(error),
    retry_with: view.retryWith,
    idempotency_key_hash: view.idempotencyKeyHash,
    category: view.request.category ?? null,
    cost_centre: view.request.costCentre ?? null,
    note: view.request.note,
    created_at: iso(view.openedAtMs),
    updated_at: iso(view.updatedAtMs),
    ...(found.response === undefined ? {} : { response: found.response }),
    ...(found.payment === undefined ? {} : { payment: renderPayment(found.payment) }),
  };
}

function renderPayment(payment: PaymentHeader | null): object | null {
  return payment && { header_name: payment.name, header: payment.value };
}

export function renderEvent(event: OperationEventView): object {
  const { version, type, data, actor, occurredAtMs, hash } = event;
  return { version, type, data, actor, occurred_at: iso(occurredAtMs), hash };
}
