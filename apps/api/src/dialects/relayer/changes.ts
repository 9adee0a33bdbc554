// What may need a second person (ruling 28): carried out at once, or 202 with the approval that carries it out.
import { Refusal, type AgentId } from '#domain';
import type { Change, ChangeView, Principal } from '#engine';
import type { ApiCore } from '../../core.js';
import type { Rendered } from '../../http/dialect.js';
import { changerOf } from '../../native/changes.js';
import { iso, success, type Place } from './envelope.js';

/** The approval that it waits for; null: done. */
export async function change(
  { admin }: Pick<ApiCore, 'admin'>,
  caller: Principal,
  wanted: Change,
): Promise<ChangeView | null> {
  const changed = await admin.changes.submit(changerOf(caller), wanted);
  return changed.kind === 'pending' ? changed.request : null;
}

const MOST_TRIES = 3;

/**
 * A part of something is changed by writing all of it, made of what `read` found. Where somebody else was faster it is read and made again; what
 * they changed stays. Refuses with `version_conflict` when that goes on.
 */
export async function changeRead(
  core: Pick<ApiCore, 'admin'>,
  caller: Principal,
  read: () => Promise<Change & { readonly basedOn: unknown }>,
): Promise<ChangeView | null> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await change(core, caller, await read());
    } catch (error) {
      const outrun = error instanceof Refusal && error.code === 'version_conflict';
      if (!outrun || tries === MOST_TRIES) throw error;
    }
  }
}

/** Several of one request wait for an approval each; the first stands where the vendor's clients look. */
export function waitingFor(place: Place, agentId: AgentId | null, requests: readonly ChangeView[]): Rendered {
  const [first] = requests;
  const data = {
    agentId,
    approvalId: first?.approvalId ?? null,
    status: 'pending_approval',
    expiresAt: iso(first?.decideByMs ?? place.atMs),
    approvals: requests.map((it) => ({
      approvalId: it.approvalId,
      change: it.kind,
      expiresAt: iso(it.decideByMs),
    })),
  };
  const message = 'A second person has to approve this change';
  return { status: 202, body: success(place, { status: 202, message, data }) };
}
