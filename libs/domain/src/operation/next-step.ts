import { holdsBudget } from './allowance.js';
import type { OperationState } from './state.js';
import type { Cancellation, Delivery, OperationRequest, Submission, Verdict } from './terms.js';

/**
 * The saga's program counter, derived from state and never stored.
 * `wait`: nothing to do before `untilMs`; null means the chain watcher or a person moves it on.
 */
export type Step =
  | { readonly kind: 'quote' }
  | { readonly kind: 'reserve' }
  | { readonly kind: 'request_approval' }
  | { readonly kind: 'confirm_terms' }
  | { readonly kind: 'prepare' }
  | { readonly kind: 'sign' }
  | { readonly kind: 'present'; readonly attempt: number }
  | { readonly kind: 'settle'; readonly attempt: number }
  | { readonly kind: 'cancel'; readonly attempt: number }
  | { readonly kind: 'expire_approval' }
  | { readonly kind: 'wait'; readonly untilMs: number | null }
  | { readonly kind: 'stop' };

export type StepKind = Step['kind'];

/** How often the same payment header is shown to a seller before only the chain is asked. */
export const MAX_PRESENTATIONS = 3;

export function nextStep(state: OperationState, nowMs: number): Step {
  switch (state.status) {
    case 'opened':
      return { kind: 'quote' };
    case 'judged':
      return { kind: holdsBudget(state.terms) ? 'reserve' : 'request_approval' };
    case 'reserved':
      return { kind: state.verdict.needsApproval ? 'request_approval' : 'prepare' };
    case 'awaiting_approval':
      return nowMs >= state.approval.decideByMs
        ? { kind: 'expire_approval' }
        : { kind: 'wait', untilMs: state.approval.decideByMs };
    case 'approved':
      if (nowMs >= state.grant.useByMs) return { kind: 'expire_approval' };
      return { kind: state.confirmed ? 'prepare' : 'confirm_terms' };
    case 'authorized':
    case 'provisional':
      return afterIntent(state, nowMs);
    case 'settled': {
      // The chain may be final before the seller has answered, or after the worker that asked it died: the goods are still owed (P26, P27).
      const step = afterIntent(state, nowMs);
      return step.kind === 'wait' && step.untilMs === null ? { kind: 'stop' } : step;
    }
    // Until a person lets it go on, all that is done with it is the kill that somebody asked for.
    case 'needs_attention':
      return isToBeKilled(state.before) ? afterIntent(state.before, nowMs) : { kind: 'stop' };
    case 'absent':
    case 'failed':
    case 'refused':
    case 'rejected':
    case 'expired':
    case 'cancelled':
      return { kind: 'stop' };
  }
}

type Authorized = Extract<OperationState, { status: 'authorized' }>;

function isToBeKilled(state: OperationState): state is Authorized & { readonly cancellation: Cancellation } {
  return state.status === 'authorized' && state.cancellation !== null;
}

function afterIntent(
  state: Extract<OperationState, { status: 'authorized' | 'provisional' | 'settled' }>,
  nowMs: number,
): Step {
  // Whoever wants it dead wants it shown to nobody any more.
  if (isToBeKilled(state)) return tried('cancel', state.cancellation.submission, nowMs);
  if (state.signatureHash === null && state.status === 'authorized') return { kind: 'sign' };
  if (isUnpaidYet(state)) return settling(state, nowMs);
  if (state.request.kind === 'authorize') return { kind: 'wait', untilMs: null };
  if (state.request.kind !== 'purchase') return settling(state, nowMs);
  if (state.delivery === null) return { kind: 'present', attempt: 1 };
  if (state.delivery.retryAtMs === null) return { kind: 'wait', untilMs: null };
  if (nowMs < state.delivery.retryAtMs) return { kind: 'wait', untilMs: state.delivery.retryAtMs };
  return { kind: 'present', attempt: state.delivery.attempt + 1 };
}

/** A prepaid seller is shown nothing before the payment is on chain, be it by us or by the caller. */
const isUnpaidYet = (state: Extract<OperationState, { verdict: unknown }>): boolean =>
  state.status === 'authorized' && isPrepaid(state.request, state.verdict);

/** Ruling 10: the host is paid before it is asked. What is settled anyway (`settle`) is shown to nobody here, and needs no such rule. */
export function isPrepaid({ kind }: Pick<OperationRequest, 'kind'>, { prepaid }: Verdict): boolean {
  return prepaid === true && (kind === 'purchase' || kind === 'authorize');
}

/** Once it is seen on chain, the watcher has the word; a reorganization brings it back here. */
function settling(state: Extract<OperationState, { submission: unknown }>, nowMs: number): Step {
  if (state.status !== 'authorized') return { kind: 'wait', untilMs: null };
  return tried('settle', state.submission, nowMs);
}

function tried(kind: 'settle' | 'cancel', newest: Submission | null, nowMs: number): Step {
  if (newest === null) return { kind, attempt: 1 };
  const { attempt, retryAtMs } = newest;
  if (retryAtMs === null) return { kind: 'wait', untilMs: null };
  return nowMs < retryAtMs ? { kind: 'wait', untilMs: retryAtMs } : { kind, attempt: attempt + 1 };
}

/**
 * May the caller be answered? (ruling 1) Refused, waiting for a person, signed (authorize), seen on chain or given up (settle, top_up, allowance, prepaid), or
 * delivered-or-not with our own look at the chain behind it.
 */
export function isAnswerable(state: OperationState): boolean {
  switch (state.status) {
    case 'absent':
    case 'opened':
    case 'judged':
    case 'reserved':
    case 'approved':
      return false;
    case 'authorized':
      if (state.cancellation !== null) return true;
      switch (state.request.kind) {
        case 'authorize':
          return isUnpaidYet(state) ? isGivenUp(state.submission) : state.signatureHash !== null;
        case 'settle':
        case 'top_up':
        case 'allowance':
          return isGivenUp(state.submission);
        case 'purchase':
          return presented(state.delivery) || isGivenUp(state.submission);
      }
    case 'provisional':
    case 'settled':
      return state.request.kind !== 'purchase' || presented(state.delivery);
    case 'awaiting_approval':
    case 'needs_attention':
    case 'failed':
    case 'refused':
    case 'rejected':
    case 'expired':
    case 'cancelled':
      return true;
  }
}

/** Nobody brings it on chain any more; the chain decides. */
const isGivenUp = (submission: Submission | null): boolean =>
  submission !== null && submission.retryAtMs === null;

/** Delivered, or not to be presented again. */
function presented(delivery: Delivery | null): boolean {
  return delivery !== null && (delivery.outcome === 'delivered' || delivery.retryAtMs === null);
}
