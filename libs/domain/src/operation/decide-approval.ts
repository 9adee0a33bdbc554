// People's decisions. Each yes is a fact of its own; with the one that completes the quorum the approval is granted. One no is enough.
import { facts, no, NOTHING, released, type Decision, type Of, type Whole } from './decision.js';
import type { OperationEvent } from './events.js';
import { countedFor, isQuorate, overlap, whyNot, type Vote } from './quorum.js';

export function decideApproval(state: Whole, command: Of<'Approve' | 'Reject' | 'ExpireApproval'>): Decision {
  switch (command.type) {
    case 'Approve':
      return approve(state, command);
    case 'Reject':
      return reject(state, command);
    case 'ExpireApproval':
      return expire(state, command);
  }
}

function approve(state: Whole, command: Of<'Approve'>): Decision {
  const { by, onBehalfOf, roster } = command;
  const vote: Vote = { by, onBehalfOf };
  if (state.status !== 'awaiting_approval') {
    // P8: a repeated decision gets the recorded one, however far the operation has come since.
    const grant = 'grant' in state ? state.grant : null;
    const repeated = grant?.digest === command.digest && grant.votes.some((it) => isSame(it, vote));
    return repeated ? NOTHING : decidedAlready(state);
  }
  const { approvalId, digest, decideByMs, votes } = state.approval;
  if (command.digest !== digest) return no('approval_digest_mismatch');
  if (command.nowMs >= decideByMs) return no('approval_expired');
  const reason = whyNot(vote, roster, state);
  if (reason !== null) return no('approver_not_eligible', { reason });
  const repeated = votes.some((it) => isSame(it, vote));
  if (!repeated && votes.some((it) => overlap(it, vote)))
    return no('approver_not_eligible', { reason: 'has_voted' });
  const cast = repeated ? votes : [...votes, vote];
  const rosterEpoch = roster.epoch;
  const events: OperationEvent[] = [];
  if (!repeated) events.push({ type: 'ApprovalVoted', data: { approvalId, ...vote, rosterEpoch } });
  // Also for a repeated yes: who had left a group may be back in it.
  if (isQuorate(cast, roster, state)) {
    const voters = [...new Set(countedFor(cast, roster, state).flatMap((some) => some.map((it) => it.by)))];
    const data = { approvalId, by, useByMs: command.useByMs, voters, rosterEpoch };
    events.push({ type: 'ApprovalGranted', data });
  }
  return facts(...events);
}

const isSame = (one: Vote, other: Vote): boolean =>
  one.by === other.by && one.onBehalfOf === other.onBehalfOf;

/** Whoever may say yes may say no, also after having said yes. */
function reject(state: Whole, command: Of<'Reject'>): Decision {
  if (state.status === 'rejected') return NOTHING;
  if (state.status !== 'awaiting_approval') return decidedAlready(state);
  if (command.nowMs >= state.approval.decideByMs) return no('approval_expired');
  const { by, onBehalfOf, roster, reason } = command;
  const ineligible = whyNot({ by, onBehalfOf }, roster, state);
  if (ineligible !== null) return no('approver_not_eligible', { reason: ineligible });
  const { approvalId } = state.approval;
  return facts(
    { type: 'ApprovalRejected', data: { approvalId, by, reason } },
    ...released(state, 'rejected'),
  );
}

function decidedAlready(state: Whole): Decision {
  if (state.status === 'absent') return no('not_found');
  if (state.status === 'expired') return no('approval_expired');
  const granted = 'grant' in state && state.grant !== null;
  return no('already_decided', { decision: granted ? 'approved' : state.status });
}

function expire(state: Whole, command: Of<'ExpireApproval'>): Decision {
  const due =
    (state.status === 'awaiting_approval' && command.nowMs >= state.approval.decideByMs) ||
    (state.status === 'approved' && command.nowMs >= state.grant.useByMs);
  if (!due || (state.status !== 'awaiting_approval' && state.status !== 'approved')) return NOTHING;
  const { approvalId } = state.status === 'approved' ? state.grant : state.approval;
  return facts({ type: 'ApprovalExpired', data: { approvalId } }, ...released(state, 'approval_expired'));
}
