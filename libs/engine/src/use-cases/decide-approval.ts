// A person's decision, and a caller's cancellation: commands from outside the worker. One row version decides every race; the loser is told the outcome.
import {
  decide,
  evolve,
  isBeforeIntent,
  refuse,
  rulesOf,
  throughAttention,
  type OperationCommand,
  type OperationId,
  type Roster,
  type WorkspaceId,
} from '#domain';
import type { Actor, Loaded, OperationRef, Ports } from '../ports.js';
import { viewOperation, type AgentPrincipal } from './submit.js';
import type { OperationView } from '../view.js';
import { dueAt } from '../watch/apply.js';

export interface ApproverPrincipal {
  readonly workspaceId: WorkspaceId;
  readonly keyId: string;
  readonly person: string;
  /** Whose place they take, by a delegation that is in force. */
  readonly onBehalfOf?: string;
}

/** Lifetime of a granted approval: the payment must be dead by then (ruling 13). */
const USE_WITHIN_MS = 10 * 60 * 1000;
const MAX_CONFLICTS = 5;

/**
 * One person's yes; with the one that completes the quorum the approval is granted. Refuses with `approver_not_eligible`, `approval_digest_mismatch`,
 * `already_decided`, `approval_expired`. Repeating the same decision is answered alike.
 */
export function approve(
  ports: Ports,
  who: ApproverPrincipal,
  operationId: OperationId,
  digest: string,
): Promise<OperationView> {
  return decideAs(ports, who, operationId, (by) => {
    const nowMs = ports.clock.nowMs();
    return { type: 'Approve', ...by, digest, nowMs, useByMs: nowMs + USE_WITHIN_MS };
  });
}

/** As `approve`, and one no is enough; the reason is kept with the decision. */
export function reject(
  ports: Ports,
  who: ApproverPrincipal,
  operationId: OperationId,
  reason: string,
): Promise<OperationView> {
  return decideAs(ports, who, operationId, (by) => ({
    type: 'Reject',
    ...by,
    reason,
    nowMs: ports.clock.nowMs(),
  }));
}

/** An agent cancels its own operations only; another's is `not_found`. Allowed until the intent; refuses with `too_late` afterwards (safety.md d.5.9). */
export function cancel(
  ports: Ports,
  who: AgentPrincipal | ApproverPrincipal,
  operationId: OperationId,
  reason: string,
): Promise<OperationView> {
  const actor: Actor = { type: 'agentId' in who ? 'agent' : 'admin', id: who.keyId };
  const ref = { workspaceId: who.workspaceId, operationId };
  return apply(ports, ref, actor, ({ agentId }) => {
    if ('agentId' in who && who.agentId !== agentId) throw refuse('not_found', { object: 'operation' });
    return { type: 'Cancel', by: who.person, reason };
  });
}

/**
 * Before anything is signed, as `cancel`. Afterwards: asks the chain to kill the live authorization before it is used. Refuses with `too_late` when it
 * is used, dead, or of a kind that cannot be cancelled, and with `validation_failed` where no account of ours broadcasts.
 */
export async function cancelOnChain(
  ports: Ports,
  who: Parameters<typeof cancel>[1],
  operationId: OperationId,
  reason: string,
): Promise<OperationView> {
  const actor: Actor = { type: 'agentId' in who ? 'agent' : 'admin', id: who.keyId };
  const ref = { workspaceId: who.workspaceId, operationId };
  return apply(ports, ref, actor, ({ state, agentId }) => {
    if ('agentId' in who && who.agentId !== agentId) throw refuse('not_found', { object: 'operation' });
    if (isBeforeIntent(state)) return { type: 'Cancel', by: who.person, reason };
    if (!ports.broadcasts)
      throw refuse('validation_failed', { field: 'on_chain', reason: 'nothing_broadcasts_here' });
    return { type: 'RequestCancellation', by: who.person, reason };
  });
}

/** An operator lets an operation that needed attention go on from where it stood; its attempts count anew. Any other operation stays as it is. */
export function resume(
  ports: Ports,
  who: ApproverPrincipal,
  operationId: OperationId,
): Promise<OperationView> {
  const ref = { workspaceId: who.workspaceId, operationId };
  return apply(ports, ref, { type: 'admin', id: who.keyId }, () => ({
    type: 'ResolveAttention',
    by: who.person,
  }));
}

function decideAs(
  ports: Ports,
  who: ApproverPrincipal,
  operationId: OperationId,
  command: (by: Decider) => OperationCommand,
): Promise<OperationView> {
  const ref = { workspaceId: who.workspaceId, operationId };
  return apply(ports, ref, { type: 'approver', id: who.keyId }, async (loaded) => {
    const { person, onBehalfOf = null } = who;
    return command({
      by: person,
      onBehalfOf,
      roster: await rosterOf(ports, loaded, [person, onBehalfOf ?? person]),
    });
  });
}

interface Decider {
  readonly by: string;
  readonly onBehalfOf: string | null;
  readonly roster: Roster;
}

/** Of everybody who has voted or is about to, and of the groups the verdict names. */
function rosterOf(ports: Ports, loaded: Loaded, deciding: readonly string[]): Promise<Roster> {
  const { workspaceId, agentId, openedAtMs } = loaded;
  const state = throughAttention(loaded.state);
  const votes = state.status === 'awaiting_approval' ? state.approval.votes : [];
  const voters = votes.flatMap(({ by, onBehalfOf }) => [by, onBehalfOf ?? by]);
  const people = [...new Set([...deciding, ...voters])];
  const rules = 'verdict' in state ? rulesOf(state.verdict) : [];
  const groups = [...new Set(rules.flatMap((rule) => rule.groups))];
  return ports.approvers.rosterFor({ workspaceId, agentId, openedAtMs, people, groups });
}

async function apply(
  ports: Ports,
  ref: OperationRef,
  actor: Actor,
  commandFor: (loaded: Loaded) => OperationCommand | Promise<OperationCommand>,
): Promise<OperationView> {
  for (let conflicts = 0; conflicts <= MAX_CONFLICTS; conflicts += 1) {
    const loaded = await ports.operations.load(ref);
    if (!loaded) throw refuse('not_found', { object: 'operation' });
    const command = await commandFor(loaded);
    await refuseWhenForgotten(ports, loaded);
    const decision = decide(loaded.state, command);
    if (!decision.ok) throw refuse(decision.code, decision.details);
    if (decision.events.length === 0) return viewOperation(ports, ref);
    const outcome = await append(ports, loaded, actor, decision.events);
    if (outcome.ok) {
      ports.waker.wake([ref.operationId]);
      return viewOperation(ports, ref);
    }
    if (outcome.reason === 'guard') throw refuse('approval_expired', outcome.details);
  }
  throw refuse('version_conflict');
}

/** After a restore: nobody can still decide about, or call off, what the chain shows was paid (safety.md d.5.10). */
async function refuseWhenForgotten(ports: Ports, loaded: Loaded): Promise<void> {
  if (!isBeforeIntent(loaded.state)) return;
  const nonce = ports.derivation.authorizationNonce(loaded.workspaceId, loaded.operationId);
  const use = await ports.adoption.find(loaded.workspaceId, nonce);
  if (use.kind === 'none') return;
  if (use.kind === 'not_yet') throw refuse('quarantined');
  ports.waker.wake([loaded.operationId]);
  throw refuse('too_late', { reason: 'paid_before_restore' });
}

/** Appends facts that did not come from a leased drive: the version alone decides. */
export function append(
  ports: Ports,
  loaded: Loaded,
  actor: Actor,
  events: Parameters<Ports['operations']['append']>[0]['events'],
) {
  const { workspaceId, operationId, agentId, openedAtMs, version, lastHash, state } = loaded;
  const nowMs = ports.clock.nowMs();
  const next = events.reduce(evolve, state);
  return ports.operations.append({
    workspaceId,
    operationId,
    agentId,
    openedAtMs,
    expectedVersion: version,
    lastHash,
    leaseEpoch: null,
    events,
    actor,
    nowMs,
    state: next,
    nextAttemptAtMs: dueAt(next, nowMs),
    releaseLease: false,
  });
}
