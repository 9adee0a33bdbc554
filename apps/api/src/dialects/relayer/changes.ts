// What may need a second person (ruling 28): carried out at once, or 202 with the approval that carries it out.
import { DEFAULT_RULES, Refusal, type AgentId, type Layer, type Limits } from '#domain';
import type { Change, Changer, ChangeView, Principal, Scope } from '#engine';
import type { ApiCore } from '../../core.js';
import type { Rendered } from '../../http/dialect.js';
import { changerOf } from '../../native/changes.js';
import { limitsIn, unitOf } from './budgets.map.js';
import { iso, success, type Place } from './envelope.js';

/** The approval that it waits for; null: done. */
export async function change(
  { admin }: Pick<ApiCore, 'admin'>,
  caller: Principal,
  wanted: Change,
): Promise<ChangeView | null> {
  return submit(admin, changerOf(caller), wanted);
}

async function submit(admin: ApiCore['admin'], by: Changer, wanted: Change): Promise<ChangeView | null> {
  const changed = await admin.changes.submit(by, wanted);
  return changed.kind === 'pending' ? changed.request : null;
}

const MOST_TRIES = 3;

type Based = Change & { readonly basedOn: unknown };

/** An agent's limits in one layer, made of those that stand. */
export async function limitsMade(
  { admin }: Pick<ApiCore, 'admin'>,
  { workspaceId, agentId }: Scope,
  { layer, make }: { readonly layer: Layer; readonly make: (found: Limits) => Limits },
): Promise<Based> {
  const unit = unitOf(layer);
  const views = await admin.budgets.get({ workspaceId, agentId });
  const basedOn = limitsIn(views.find((it) => it.layer === layer && it.unit === unit));
  return { kind: 'limits', agentId, change: { layer, unit, limits: make(basedOn) }, basedOn };
}

/** The policy that stands with another threshold. */
export async function thresholdMade(
  { admin }: Pick<ApiCore, 'admin'>,
  scope: Scope,
  approvalThreshold: bigint,
): Promise<Based> {
  const stored = await admin.policies.get(scope);
  const rules = { ...(stored?.policy ?? DEFAULT_RULES), approvalThreshold };
  return { kind: 'policy', agentId: scope.agentId, rules, basedOn: stored?.policy.version ?? 0 };
}

/**
 * A part of something is changed by writing all of it, made of what `read` found. Where somebody else was faster it is read and made again; what
 * they changed stays. Refuses with `version_conflict` when that goes on.
 */
export async function changeRead(
  { admin }: Pick<ApiCore, 'admin'>,
  by: Changer,
  read: () => Promise<Based>,
): Promise<ChangeView | null> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await submit(admin, by, await read());
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
