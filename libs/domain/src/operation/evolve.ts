import type { OperationEvent } from './events.js';
import { ABSENT, type OperationState, type OperationStatus } from './state.js';

type In<S extends OperationStatus> = Extract<OperationState, { status: S }>;

/** Narrows to the states an event can follow. History that breaks this is corrupt, and must stop the operation. */
function as<S extends OperationStatus>(state: OperationState, ...expected: readonly S[]): In<S> {
  if (!(expected as readonly string[]).includes(state.status)) {
    throw new Error(`corrupt history: ${state.status} where ${expected.join(' or ')} was expected`);
  }
  return state as In<S>;
}

/** Facts that leave open why somebody must look; the ends, and a person's own decisions, do not. */
const KEEPS_ATTENTION: ReadonlySet<OperationEvent['type']> = new Set([
  'AuthorizationSigned',
  'PresentationStarted',
  'ResourceDelivered',
  'DeliveryFailed',
  'SettlementHandedOver',
  'SettlementSubmitted',
  'CancellationRequested',
  'CancellationSubmitted',
  'SettlementObserved',
  'SettlementReorged',
]);

/** The only fold from history to state. Attention is looked through: what happens on chain still counts. */
export function evolve(current: OperationState, event: OperationEvent): OperationState {
  if (current.status !== 'needs_attention') return next(current, event);
  if (event.type === 'AttentionRequired') return current;
  const before = next(current.before, event);
  const kept =
    KEEPS_ATTENTION.has(event.type) && before.status !== 'absent' && before.status !== 'needs_attention';
  return kept ? { ...current, before } : before;
}

function next(
  state: Exclude<OperationState, { status: 'needs_attention' }>,
  event: OperationEvent,
): OperationState {
  switch (event.type) {
    case 'OperationOpened':
      as(state, 'absent');
      return { status: 'opened', request: event.data.request, requester: event.data.requester };
    case 'TermsAccepted':
      return { ...as(state, 'opened'), status: 'judged', ...event.data };
    case 'TermsChanged': {
      const { request, requester } = as(state, 'judged', 'reserved', 'awaiting_approval', 'approved');
      return { status: 'judged', request, requester, ...event.data };
    }
    case 'TermsConfirmed':
      return { ...as(state, 'approved'), confirmed: true, terms: event.data.terms };
    case 'BudgetReserved':
      return { ...as(state, 'judged'), status: 'reserved' };
    case 'ApprovalRequested':
      return {
        ...as(state, 'reserved', 'judged'),
        status: 'awaiting_approval',
        approval: { ...event.data, votes: [] },
      };
    case 'ApprovalVoted': {
      const waiting = as(state, 'awaiting_approval');
      const { by, onBehalfOf } = event.data;
      const votes = [...waiting.approval.votes, { by, onBehalfOf }];
      return { ...waiting, approval: { ...waiting.approval, votes } };
    }
    case 'ApprovalGranted': {
      const { approval, ...rest } = as(state, 'awaiting_approval');
      return {
        ...rest,
        status: 'approved',
        confirmed: false,
        grant: {
          ...approval,
          // Before there were quorums, the grant itself was the one vote.
          votes: approval.votes.length > 0 ? approval.votes : [{ by: event.data.by, onBehalfOf: null }],
          by: event.data.by,
          useByMs: event.data.useByMs,
        },
      };
    }
    case 'AuthorizationPrepared': {
      const from = as(state, 'reserved', 'approved');
      const { request, requester, terms, verdict, termsDigest } = from;
      const grant = from.status === 'approved' ? from.grant : null;
      return {
        status: 'authorized',
        request,
        requester,
        terms,
        verdict,
        termsDigest,
        grant,
        ...event.data,
        signatureHash: null,
        delivery: null,
        presenting: null,
        handOver: null,
        submission: null,
        cancellation: null,
      };
    }
    case 'AuthorizationSigned':
      return { ...as(state, 'authorized', 'provisional'), signatureHash: event.data.signatureHash };
    case 'PresentationStarted':
      return { ...as(state, 'provisional', 'settled'), presenting: event.data.attempt };
    case 'ResourceDelivered':
    case 'DeliveryFailed':
      return {
        ...as(state, 'authorized', 'provisional', 'settled', 'failed'),
        delivery: event.data.delivery,
      };
    case 'SettlementHandedOver':
      return { ...as(state, 'authorized'), handOver: event.data.handOver };
    case 'SettlementSubmitted':
      return {
        ...as(state, 'authorized', 'provisional', 'settled', 'failed'),
        submission: event.data.submission,
      };
    case 'CancellationRequested':
      return { ...as(state, 'authorized'), cancellation: { ...event.data, submission: null } };
    case 'CancellationSubmitted': {
      const live = as(state, 'authorized', 'provisional', 'settled', 'failed');
      if (live.cancellation === null)
        throw new Error('corrupt history: a cancellation that nobody asked for');
      return { ...live, cancellation: { ...live.cancellation, submission: event.data.submission } };
    }
    case 'SettlementObserved':
      return { ...as(state, 'authorized'), status: 'provisional', settlement: event.data.settlement };
    case 'SettlementReorged': {
      const { settlement: _gone, ...rest } = as(state, 'provisional');
      return { ...rest, status: 'authorized' };
    }
    case 'SettlementFinalized':
      return {
        ...as(state, 'authorized', 'provisional'),
        status: 'settled',
        settlement: event.data.settlement,
      };
    case 'AuthorizationExpiredUnused':
      return {
        ...as(state, 'authorized'),
        status: 'failed',
        code: 'payment_expired',
        proof: event.data.proof,
      };
    case 'AuthorizationVoided':
      return {
        ...as(state, 'authorized'),
        status: 'failed',
        code: 'payment_voided',
        proof: event.data.proof,
      };
    case 'AuthorizationBurned':
      return { ...as(state, 'authorized'), status: 'failed', code: 'signing_refused', proof: null };
    case 'OperationRefused':
      return end(state, 'refused', event.data);
    case 'ApprovalRejected':
      return end(as(state, 'awaiting_approval'), 'rejected', {
        code: 'approval_rejected',
        details: { reason: event.data.reason },
      });
    case 'ApprovalExpired':
      return end(as(state, 'awaiting_approval', 'approved'), 'expired', {
        code: 'approval_expired',
        details: {},
      });
    case 'OperationCancelled':
      return end(state, 'cancelled', { code: 'operation_cancelled', details: { reason: event.data.reason } });
    case 'BudgetCaptured':
    case 'BudgetReleased':
    case 'AttentionResolved':
      return state;
    case 'AttentionRequired':
      return state.status === 'absent'
        ? state
        : {
            status: 'needs_attention',
            request: state.request,
            requester: state.requester,
            ...event.data,
            before: state,
          };
  }
}

function end(
  state: OperationState,
  status: 'refused' | 'rejected' | 'expired' | 'cancelled',
  why: Pick<In<'refused'>, 'code' | 'details'>,
): OperationState {
  const from = as(state, 'opened', 'judged', 'reserved', 'awaiting_approval', 'approved');
  return {
    status,
    request: from.request,
    requester: from.requester,
    terms: 'terms' in from ? from.terms : null,
    ...why,
  };
}

export function fold(events: readonly OperationEvent[]): OperationState {
  return events.reduce(evolve, ABSENT);
}
