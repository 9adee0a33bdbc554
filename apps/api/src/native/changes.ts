// Changes that may need a second person: carried out, or 202 with the approval that carries them out.
import type { FastifyReply } from 'fastify';
import type { Changed, ChangeKind, Changer, ChangeResults, ChangeView, Principal } from '#engine';
import { send } from '../http/send.js';
import { actorOf } from './actor.js';
import { iso, maybeIso } from './render-operation.js';

export const changerOf = (caller: Principal): Changer => ({
  workspaceId: caller.workspaceId,
  actor: actorOf(caller),
  person: caller.person,
});

export function sendChanged<Kind extends ChangeKind>(
  reply: FastifyReply,
  changed: Changed<Kind>,
  render: (value: ChangeResults[Kind]) => object,
): void {
  if (changed.kind === 'done') send(reply, { status: 200, body: render(changed.value) });
  else send(reply, { status: 202, body: renderChange(changed.request) });
}

/** Beside the approvals of payments, in the words they share. */
export function renderChange(view: ChangeView): object {
  return {
    kind: 'change',
    approval_id: view.approvalId,
    change: view.kind,
    status: view.status,
    digest: view.digest,
    agent_id: view.agentId,
    wanted: view.wanted,
    base: view.base,
    requester: view.requester,
    revision: view.revision,
    requested_at: iso(view.requestedAtMs),
    decide_by: iso(view.decideByMs),
    decided_at: maybeIso(view.decidedAtMs),
    decided_by: view.decidedBy,
    reason: view.reason,
  };
}
