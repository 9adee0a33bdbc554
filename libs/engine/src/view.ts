// What a caller may know of an operation, rendered from its current state (never from a stored reply; ruling 4).
import {
  ABSENT,
  ERRORS,
  evolve,
  isAnswerable,
  isPrepaid,
  movesMoney,
  throughAttention,
  type Authorization,
  type Cancellation,
  type Delivery,
  type ErrorCode,
  type ErrorDetails,
  type OperationEvent,
  type OperationRequest,
  type OperationState,
  type OperationStatus,
  type Settlement,
  type Submission,
  type Terms,
} from '#domain';
import type { Loaded, OperationRef } from './ports.js';

export interface OperationView extends OperationRef {
  readonly agentId: string;
  readonly kind: OperationRequest['kind'];
  readonly status: OperationStatus;
  readonly version: number;
  readonly answerable: boolean;
  readonly request: OperationRequest;
  readonly terms: Terms | null;
  /** Paid on chain before the seller is shown it (ruling 10). */
  readonly prepaid: boolean;
  /** True once our own look at the chain saw the payment at latest (ruling 1). */
  readonly settled: boolean;
  readonly finality: 'none' | 'provisional' | 'final';
  /** A payment was committed for this operation: signed or about to be. Says nothing about the chain. */
  readonly paid: boolean;
  /** Did the seller hand out the goods? null while it has not been asked with the payment. */
  readonly sellerAccepted: boolean | null;
  readonly settlement: Settlement | null;
  /** What the chain says was paid, base units: less than the terms' amount where that is a ceiling. Null while nothing was seen. */
  readonly charged: bigint | null;
  readonly authorization: Authorization | null;
  readonly delivery: Delivery | null;
  readonly submission: Submission | null;
  /** A wish that the live authorization dies on chain; whether it did, status and error tell. */
  readonly cancellation: Cancellation | null;
  readonly approval: {
    readonly approvalId: string;
    readonly digest: string;
    readonly decideByMs: number;
  } | null;
  readonly error: { readonly code: ErrorCode; readonly details: ErrorDetails } | null;
  /**
   * `new_key` when the operation has ended unpaid and may be tried again, under a fresh key (ruling 4). Tell the caller this, not the
   * catalogue's advice for the code: a pause that ended an operation does not lift for its old key.
   */
  readonly retryWith: 'new_key' | null;
  /** Of the key that the caller sent; null when it sent none. */
  readonly idempotencyKeyHash: string | null;
  readonly openedAtMs: number;
  readonly updatedAtMs: number;
}

const FINALITY: Partial<Record<OperationStatus, OperationView['finality']>> = {
  provisional: 'provisional',
  settled: 'final',
};

export function viewOf(loaded: Loaded): OperationView {
  const { state } = loaded;
  if (state.status === 'absent') throw new Error('an absent operation has no view');
  const shown = throughAttention(state);
  const authorization = 'authorization' in shown ? shown.authorization : null;
  const delivery = 'delivery' in shown ? shown.delivery : null;
  const settlement = 'settlement' in shown ? shown.settlement : null;
  const finality = FINALITY[shown.status] ?? 'none';
  return {
    workspaceId: loaded.workspaceId,
    operationId: loaded.operationId,
    agentId: loaded.agentId,
    kind: state.request.kind,
    status: state.status,
    version: loaded.version,
    answerable: isAnswerable(state),
    request: state.request,
    terms: 'terms' in shown ? shown.terms : null,
    prepaid: 'verdict' in shown && isPrepaid(state.request, shown.verdict),
    settled: finality !== 'none',
    finality,
    paid: authorization !== null && movesMoney(authorization.method) && shown.status !== 'failed',
    sellerAccepted: delivery === null ? null : delivery.outcome === 'delivered',
    settlement,
    charged:
      settlement && authorization && movesMoney(authorization.method)
        ? (settlement.amount ?? authorization.value)
        : null,
    authorization,
    delivery,
    submission: 'submission' in shown ? shown.submission : null,
    cancellation: 'cancellation' in shown ? shown.cancellation : null,
    approval: approvalOf(shown),
    error: errorOf(state),
    retryWith: 'code' in shown && ERRORS[shown.code].retry !== 'no' ? 'new_key' : null,
    idempotencyKeyHash: sentKeyHash(loaded.idempotencyKeyHash),
    openedAtMs: loaded.openedAtMs,
    updatedAtMs: loaded.updatedAtMs,
  };
}

/** `<sha256>`, or of an operation that follows another one `keyless:<sha256 of the request>:<id>` and `again:<sha256 of the key>:<id>`. */
function sentKeyHash(stored: string): string | null {
  const [how, hash] = stored.split(':');
  if (hash === undefined) return stored;
  return how === 'again' ? hash : null;
}

function approvalOf(state: OperationState): OperationView['approval'] {
  const approval =
    state.status === 'awaiting_approval' ? state.approval : 'grant' in state ? state.grant : null;
  return (
    approval && { approvalId: approval.approvalId, digest: approval.digest, decideByMs: approval.decideByMs }
  );
}

function errorOf(state: OperationState): OperationView['error'] {
  if ('code' in state) return { code: state.code, details: 'details' in state ? state.details : {} };
  if ('submission' in state && state.status === 'authorized' && state.submission?.reason)
    return { code: 'outcome_unknown', details: { reason: state.submission.reason } };
  if (!('delivery' in state) || state.delivery === null || state.delivery.outcome === 'delivered')
    return null;
  const code = state.delivery.outcome === 'timeout' ? 'seller_timeout' : 'outcome_unknown';
  return state.status === 'authorized' ? { code, details: { outcome: state.delivery.outcome } } : null;
}

/** When an operation came to where it stands; unix ms. */
export interface OperationTimes {
  /** The intent: from then on the payment may be on its way. Null before it. */
  readonly submittedAtMs: number | null;
  /** The status has been what it is since then. */
  readonly statusSinceMs: number;
  /** Since when the caller can be answered as things stand (ruling 1); null: not yet. */
  readonly answeredAtMs: number | null;
}

/** An operation as read from its whole history. */
export type RecordedOperation = OperationView & OperationTimes;

/** Folds a whole history, in order and with the time each event was recorded at. */
export function foldWithTimes(
  history: readonly { readonly event: OperationEvent; readonly atMs: number }[],
): {
  readonly state: OperationState;
  readonly times: OperationTimes;
} {
  let state: OperationState = ABSENT;
  let submittedAtMs: number | null = null;
  let statusSinceMs = 0;
  let answeredAtMs: number | null = null;
  for (const { event, atMs } of history) {
    const next = evolve(state, event);
    if (next.status !== state.status) statusSinceMs = atMs;
    if (event.type === 'AuthorizationPrepared') submittedAtMs = atMs;
    if (!isAnswerable(next)) answeredAtMs = null;
    else if (!isAnswerable(state)) answeredAtMs = atMs;
    state = next;
  }
  return { state, times: { submittedAtMs, statusSinceMs, answeredAtMs } };
}
