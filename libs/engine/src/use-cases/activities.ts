// What a person signs with a key of their own, outside of Purser: prepared here, shown to them, signed as text, used once. Whatever
// follows from a confirmed activity is keyed by its id, so that a confirmation whose answer was lost can be repeated.
import { canonicalJson, refuse, type ActivityId, type Json } from '#domain';
import type {
  Activity,
  ActivityKind,
  ActivityPorts,
  ActivityUse,
  ApproverKeyView,
  Signatory,
  Stamp,
} from '../approver-ports.js';

export const ACTIVITY_LIFE_MS = 10 * 60 * 1000;

export interface Confirmed {
  readonly activity: Activity;
  /** Who signed. It is this person that decides, whoever brought the signature. */
  readonly by: ApproverKeyView;
  /** The same key had signed it before: do again what follows from it, under the same id. */
  readonly repeated: boolean;
  /** It is repeated after its time: what followed from it may be looked up, and nothing may follow from it any more. */
  readonly late: boolean;
}

export const activities = {
  /** Writes down what is to be signed. `subject` is JSON whose numbers are safe integers. */
  prepare(
    { activities: store }: ActivityPorts,
    { workspaceId, person }: Signatory,
    { kind, subject }: { readonly kind: ActivityKind; readonly subject: Json },
  ): Promise<Activity> {
    return store.prepare({ workspaceId, kind, subject, preparedBy: person }, ACTIVITY_LIFE_MS);
  },

  /** Refuses with `not_found`, also for another workspace's. */
  async find(
    { activities: store }: ActivityPorts,
    { workspaceId }: Pick<Signatory, 'workspaceId'>,
    activityId: ActivityId,
  ): Promise<Activity> {
    const activity = await store.find(workspaceId, activityId);
    if (!activity) throw refuse('not_found', { object: 'activity' });
    return activity;
  },
} as const;

/**
 * A registered key's signature over exactly the prepared text. `body`: the text as it came back, where the dialect carries it. `evenLate`: from
 * a caller that minds `late`; any other is refused then. `barred`: people whose signature does not count here, and uses nothing up. Refuses with
 * `not_found`, `validation_failed` (another kind or text), `stamp_invalid`, `activity_expired`, `activity_used`, and `approver_not_eligible` when
 * the person who signed is barred or has no live credential of an approver or admin.
 */
export async function confirmActivity(
  ports: ActivityPorts,
  { workspaceId }: Pick<Signatory, 'workspaceId'>,
  signed: {
    readonly activityId: ActivityId;
    readonly kind: ActivityKind;
    readonly stamp: Stamp;
    readonly body?: string;
    readonly evenLate?: true;
    readonly barred?: readonly string[];
  },
): Promise<Confirmed> {
  const activity = await activities.find(ports, { workspaceId }, signed.activityId);
  const publicKey = signerOf(ports, activity, signed);
  const by = await ports.approverKeys.find(workspaceId, publicKey);
  if (by?.status !== 'active')
    throw refuse('stamp_invalid', { wrong: by ? 'key_not_confirmed' : 'key_unknown' });
  if (signed.barred?.includes(by.person)) throw refuse('approver_not_eligible', { reason: 'requester' });
  const use = confirmed(await ports.activities.use(activity, by, signed.stamp));
  const late = use === 'repeated_late';
  if (late && signed.evenLate !== true) throw refuse('activity_expired');
  return { activity, by, repeated: use !== 'used', late };
}

/**
 * Whoever holds an approver's credential registers a public key as theirs, by signing with it. Refuses as `confirmActivity`, and with
 * `validation_failed` when somebody has registered it before. Where dual control is on it is `pending` until a second person confirms it.
 */
export async function registerApproverKey(
  ports: ActivityPorts,
  who: Signatory,
  signed: { readonly activityId: ActivityId; readonly stamp: Stamp },
): Promise<ApproverKeyView> {
  const { workspaceId, person } = who;
  const activity = await activities.find(ports, { workspaceId }, signed.activityId);
  const publicKey = signerOf(ports, activity, { ...signed, kind: 'register_approver_key' });
  const subject = activity.subject as { readonly public_key: string; readonly label: string };
  // Only the key that is to be registered can sign for that, and only for the person who prepared it.
  if (publicKey !== subject.public_key) throw refuse('stamp_invalid', { wrong: 'public_key' });
  if (activity.preparedBy !== person) throw refuse('not_found', { object: 'activity' });
  const done = await ports.activities.register(
    activity,
    { by: who, publicKey, label: subject.label },
    signed.stamp,
  );
  if (typeof done !== 'string') return done;
  confirmed(done);
  const known = await ports.approverKeys.find(workspaceId, publicKey);
  if (known?.person !== person)
    throw refuse('validation_failed', { field: 'public_key', reason: 'registered' });
  return known;
}

/** Public key of whoever signed exactly this text; that it is registered is not said. */
function signerOf(
  { stamps }: ActivityPorts,
  activity: Activity,
  { kind, stamp, body }: { readonly kind: ActivityKind; readonly stamp: Stamp; readonly body?: string },
): string {
  if (activity.kind !== kind)
    throw refuse('validation_failed', { field: 'activity_id', reason: `not_a_${kind}` });
  if (body !== undefined && body !== activity.body) throw refuse('stamp_invalid', { wrong: 'body' });
  const check = stamps.verify(stamp, activity.body);
  if (!check.ok) throw refuse('stamp_invalid', { wrong: check.wrong });
  return check.publicKey;
}

function confirmed(use: ActivityUse): 'used' | 'repeated' | 'repeated_late' {
  switch (use) {
    case 'used':
    case 'repeated':
    case 'repeated_late':
      return use;
    case 'expired':
      throw refuse('activity_expired');
    case 'used_by_other':
      throw refuse('activity_used');
    case 'key_not_active':
      throw refuse('stamp_invalid', { wrong: 'key_revoked' });
    case 'without_credential':
      throw refuse('approver_not_eligible', { reason: use });
  }
}

/** The text to be signed, in the form that clients of hosted signers know; times in unix ms. */
export function activityBody(
  it: Pick<Activity, 'activityId' | 'workspaceId' | 'kind' | 'subject' | 'expiresAtMs'> & {
    readonly preparedAtMs: number;
  },
): string {
  return canonicalJson({
    type: `ACTIVITY_TYPE_${it.kind.toUpperCase()}`,
    timestampMs: String(it.preparedAtMs),
    organizationId: it.workspaceId,
    parameters: { activityId: it.activityId, expiresAtMs: String(it.expiresAtMs), subject: it.subject },
  });
}
