import { timeToDecide } from '#domain';
import { approvalDigest } from '../judge-terms.js';
import { record, type StepContext, type StepOutcome } from './step.js';

/** The hold itself is a guard inside the commit; here it is only asked for. */
export function reserve(): Promise<StepOutcome> {
  return Promise.resolve(record({ type: 'ReserveBudget' }));
}

export async function requestApproval({ ports, cursor }: StepContext): Promise<StepOutcome> {
  if (cursor.state.status !== 'reserved' && cursor.state.status !== 'judged') return { kind: 'again' };
  const { workspaceId, agentId, operationId } = cursor.claimed;
  // The rules that gave the verdict also say how long its approval may take.
  const policies = cursor.rules?.policies ?? (await ports.policies.policiesFor(workspaceId, agentId));
  const decideWithinSec = timeToDecide(policies);
  return record({
    type: 'RequestApproval',
    approvalId: ports.ids.approvalId(),
    digest: approvalDigest(ports, operationId, cursor.state.terms, cursor.state.verdict.policyVersion),
    decideByMs: ports.clock.nowMs() + decideWithinSec * 1000,
  });
}

export function expireApproval({ ports }: StepContext): Promise<StepOutcome> {
  return Promise.resolve(record({ type: 'ExpireApproval', nowMs: ports.clock.nowMs() }));
}
