// What a command does to an operation, as facts or as a refusal. Repeating a command that has taken effect returns no events:
// steps run at least once, decisions take effect once.
import { allowanceResource, holdsBudget } from './allowance.js';
import { cancelOnChain } from './cancel-on-chain.js';
import type { OperationCommand } from './commands.js';
import { decideApproval } from './decide-approval.js';
import { facts, no, NOTHING, released, without, type Decision, type Of, type Whole } from './decision.js';
import type { OperationEvent } from './events.js';
import { isContradicted, recordChain } from './record-chain.js';
import { isBeforeIntent, TERMINAL, throughAttention, type OperationState } from './state.js';
import type { Authorization, Settlement, Terms } from './terms.js';

export function decide(current: OperationState, command: OperationCommand): Decision {
  if (command.type === 'RequireAttention') return requireAttention(current, command);
  if (command.type === 'ResolveAttention') return resolveAttention(current, command);
  const state = throughAttention(current);
  switch (command.type) {
    case 'Open':
      return state.status === 'absent' ? facts({ type: 'OperationOpened', data: without(command) }) : NOTHING;
    case 'AcceptTerms':
      return state.status === 'opened' ? facts({ type: 'TermsAccepted', data: without(command) }) : NOTHING;
    case 'Refuse':
      return refuseOperation(state, command);
    case 'ReserveBudget':
      if (state.status !== 'judged' || !holdsBudget(state.terms)) return NOTHING;
      return facts({ type: 'BudgetReserved', data: { amount: state.terms.amount, unit: state.terms.unit } });
    case 'RequestApproval':
      return awaitsApproval(state) ? facts({ type: 'ApprovalRequested', data: without(command) }) : NOTHING;
    case 'Approve':
    case 'Reject':
    case 'ExpireApproval':
      return decideApproval(state, command);
    case 'ConfirmTerms':
      return confirmTerms(state, command);
    case 'PrepareAuthorization':
      return prepare(state, command);
    case 'AdoptPayment':
      return adopt(state, command);
    case 'RecordSigned':
    case 'RecordBurned':
    case 'StartPresentation':
    case 'RecordDelivery':
    case 'RecordHandOver':
    case 'RecordSubmission':
      return recordPresentation(state, command);
    case 'ObserveSettlement':
      if (!isContradicted(state, command.settlement)) return recordChain(state, command);
      return requireAttention(current, {
        type: 'RequireAttention',
        code: 'needs_attention',
        details: { reason: 'paid_elsewhere', tx: command.settlement.txHash },
      });
    case 'ReorgSettlement':
    case 'FinalizeSettlement':
    case 'RecordExpiredUnused':
    case 'RecordVoided':
      return recordChain(state, command);
    case 'Cancel':
      return cancel(state, command);
    case 'RequestCancellation':
    case 'RecordCancellation':
      return cancelOnChain(state, command);
  }
}

/** What holds no budget is not reserved before a person is asked, and nobody but a person lets it pass. */
function awaitsApproval(state: Whole): boolean {
  if (state.status === 'judged') return !holdsBudget(state.terms);
  return state.status === 'reserved' && state.verdict.needsApproval;
}

function refuseOperation(state: Whole, command: Of<'Refuse'>): Decision {
  if (!isBeforeIntent(state)) return NOTHING;
  return facts({ type: 'OperationRefused', data: without(command) }, ...released(state, command.code));
}

/** After an approval the seller is asked again; other terms than the approved ones go back to judgement, never silently through (S9). */
function confirmTerms(state: Whole, command: Of<'ConfirmTerms'>): Decision {
  if (state.status !== 'approved' || state.confirmed) return NOTHING;
  if (command.termsDigest === state.termsDigest)
    return facts({ type: 'TermsConfirmed', data: { terms: command.terms } });
  return facts({ type: 'TermsChanged', data: without(command) }, ...released(state, 'terms_changed'));
}

function prepare(state: Whole, command: Of<'PrepareAuthorization'>): Decision {
  if (state.status === 'reserved' && state.verdict.needsApproval)
    throw new Error('intent without the approval it needs');
  if (state.status !== 'reserved' && !(state.status === 'approved' && state.confirmed)) return NOTHING;
  const { authorization } = command;
  assertBound(state.terms, authorization);
  if (state.status === 'approved') {
    if (command.nowMs >= state.grant.useByMs) return no('approval_expired');
    if (authorization.validBeforeSec * 1000 > state.grant.useByMs)
      throw new Error('authorization outlives its approval');
  }
  return facts({ type: 'AuthorizationPrepared', data: { authorization } });
}

/**
 * A restored database forgot a payment that the chain remembers: whatever stage the operation is at, it is paid, once (safety.md d.5.10).
 * Neither policy nor approval is asked again about what has happened.
 */
function adopt(state: Whole, command: Of<'AdoptPayment'>): Decision {
  if (!isBeforeIntent(state)) return NOTHING;
  const { terms, verdict, termsDigest, authorization, settlement } = command;
  assertBound(terms, authorization);
  const data = { terms, verdict, termsDigest };
  return facts(
    state.status === 'opened' ? { type: 'TermsAccepted', data } : { type: 'TermsChanged', data },
    ...released(state, 'terms_changed'),
    { type: 'BudgetReserved', data: { amount: terms.amount, unit: terms.unit } },
    { type: 'AuthorizationPrepared', data: { authorization } },
    { type: 'SettlementObserved', data: { settlement } },
  );
}

/** S9: what is signed is what was judged. */
function assertBound(terms: Terms, authorization: Authorization): void {
  const bound =
    authorization.network === terms.network &&
    authorization.token === terms.token &&
    authorization.to === terms.payTo &&
    authorization.value === terms.amount &&
    authorization.method === (terms.transferMethod ?? 'eip3009') &&
    authorization.facilitator === terms.facilitator &&
    (holdsBudget(terms) || terms.resourceUrl === allowanceResource(authorization.walletId));
  if (!bound) throw new Error('authorization differs from the judged terms');
}

function recordPresentation(
  state: Whole,
  command: Of<
    | 'RecordSigned'
    | 'RecordBurned'
    | 'StartPresentation'
    | 'RecordDelivery'
    | 'RecordHandOver'
    | 'RecordSubmission'
  >,
): Decision {
  if (!('signatureHash' in state)) return NOTHING;
  switch (command.type) {
    case 'RecordSigned':
      if (state.signatureHash !== null || TERMINAL[state.status]) return NOTHING;
      return facts({ type: 'AuthorizationSigned', data: without(command) });
    case 'RecordBurned': {
      // The signer's ledger refuses this operation for ever, so no signature can come to exist: the only release without chain proof (ruling 7).
      if (state.status !== 'authorized' || state.signatureHash !== null) return NOTHING;
      const release = { amount: state.terms.amount, reason: 'burned' };
      const burned: OperationEvent = { type: 'AuthorizationBurned', data: without(command) };
      return holdsBudget(state.terms)
        ? facts(burned, { type: 'BudgetReleased', data: release })
        : facts(burned);
    }
    case 'StartPresentation':
      if (state.presenting === command.attempt) return NOTHING;
      if (state.status !== 'provisional' && state.status !== 'settled') return NOTHING;
      return facts({ type: 'PresentationStarted', data: without(command) });
    case 'RecordDelivery': {
      const { delivery, seen } = command;
      if (
        state.delivery?.outcome === 'delivered' ||
        (state.delivery !== null && state.delivery.attempt >= delivery.attempt)
      )
        return NOTHING;
      const delivered: OperationEvent =
        delivery.outcome === 'delivered'
          ? { type: 'ResourceDelivered', data: { delivery } }
          : { type: 'DeliveryFailed', data: { delivery } };
      return withSeen(state, delivered, seen);
    }
    case 'RecordHandOver':
      if (state.status !== 'authorized' || state.handOver?.attempt === command.handOver.attempt)
        return NOTHING;
      return facts({ type: 'SettlementHandedOver', data: without(command) });
    case 'RecordSubmission': {
      const { submission, seen } = command;
      if (state.submission !== null && state.submission.attempt >= submission.attempt) return NOTHING;
      return withSeen(state, { type: 'SettlementSubmitted', data: { submission } }, seen);
    }
  }
}

/** Our own look at the chain counts only while nothing else has been seen there. */
function withSeen(state: Whole, event: OperationEvent, seen: Settlement | null): Decision {
  if (state.status !== 'authorized' || seen === null) return facts(event);
  return facts(event, { type: 'SettlementObserved', data: { settlement: seen } });
}

function cancel(state: Whole, command: Of<'Cancel'>): Decision {
  if (state.status === 'absent') return no('not_found');
  if (state.status === 'cancelled') return NOTHING;
  if (!isBeforeIntent(state)) return no('too_late', { status: state.status });
  return facts({ type: 'OperationCancelled', data: without(command) }, ...released(state, 'cancelled'));
}

function resolveAttention(state: OperationState, command: Of<'ResolveAttention'>): Decision {
  if (state.status === 'absent') return no('not_found');
  return state.status === 'needs_attention'
    ? facts({ type: 'AttentionResolved', data: without(command) })
    : NOTHING;
}

function requireAttention(state: OperationState, command: Of<'RequireAttention'>): Decision {
  if (state.status === 'absent' || state.status === 'needs_attention' || TERMINAL[state.status])
    return NOTHING;
  return facts({ type: 'AttentionRequired', data: without(command) });
}
