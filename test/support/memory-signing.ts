// Approver keys and activities in memory. The rules of the rows are proven on Postgres; here they are as simple as they can be.
import { createHash } from 'node:crypto';
import { parseActivityId, parseApproverKeyId, refuse, type WorkspaceId } from '#domain';
import {
  activityBody,
  type Activity,
  type ActivityPorts,
  type ActivityUse,
  type ApproverKeyView,
} from '#engine';
import { stampVerifier } from '#runtime';
import { found } from './memory-lists.js';

const id = (prefix: string, number: number): string => `${prefix}_${String(number).padStart(26, '0')}`;

function replace<T>(list: T[], old: T, next: T): T {
  list.splice(list.indexOf(old), 1, next);
  return next;
}

export function memorySigning(
  nowMs: () => number,
  dualControl: (workspaceId: WorkspaceId) => boolean = () => false,
): ActivityPorts {
  const keys: ApproverKeyView[] = [];
  const all: Activity[] = [];
  const judge = (activity: Activity, keyId: string | null): ActivityUse => {
    const { used, expiresAtMs } = found(
      all.find((it) => it.activityId === activity.activityId),
      'activity',
    );
    const late = nowMs() >= expiresAtMs;
    if (!used) return late ? 'expired' : 'used';
    if (keyId !== null && used.approverKeyId !== keyId) return 'used_by_other';
    return late ? 'repeated_late' : 'repeated';
  };
  const markUsed = (activity: Activity, { person, approverKeyId }: ApproverKeyView): void => {
    const old = all.find((it) => it.activityId === activity.activityId) as Activity;
    replace(all, old, { ...old, used: { person, approverKeyId } });
  };
  const keyOf = (workspaceId: WorkspaceId, approverKeyId: string): ApproverKeyView =>
    found(
      keys.find((it) => it.workspaceId === workspaceId && it.approverKeyId === approverKeyId),
      'approver_key',
    );
  return {
    stamps: stampVerifier,
    activities: {
      prepare(wanted, lifeMs) {
        const activityId = parseActivityId(id('act', all.length + 1));
        const preparedAtMs = nowMs();
        const expiresAtMs = preparedAtMs + lifeMs;
        const body = activityBody({ ...wanted, activityId, preparedAtMs, expiresAtMs });
        const digest = createHash('sha256').update(body).digest('hex');
        const activity = { ...wanted, activityId, body, digest, expiresAtMs, used: null };
        all.push(activity);
        return Promise.resolve(activity);
      },
      find: (workspaceId, activityId) =>
        Promise.resolve(all.find((it) => it.workspaceId === workspaceId && it.activityId === activityId)),
      use(activity, by) {
        const use = judge(activity, by.approverKeyId);
        if (use === 'used') markUsed(activity, by);
        return Promise.resolve(use);
      },
      register(activity, { by, publicKey, label }) {
        const use = judge(activity, null);
        if (use !== 'used') return Promise.resolve(use);
        if (keys.some((it) => it.publicKey === publicKey && it.status !== 'revoked'))
          return Promise.resolve('repeated');
        const key: ApproverKeyView = {
          approverKeyId: parseApproverKeyId(id('apk', keys.length + 1)),
          workspaceId: activity.workspaceId,
          person: by.person,
          publicKey,
          label,
          status: dualControl(activity.workspaceId) ? 'pending' : 'active',
          createdAtMs: nowMs(),
          confirmedBy: null,
          revokedAtMs: null,
        };
        keys.push(key);
        markUsed(activity, key);
        return Promise.resolve(key);
      },
    },
    approverKeys: {
      list: (workspaceId) =>
        Promise.resolve(keys.filter((it) => it.workspaceId === workspaceId).toReversed()),
      find: (workspaceId, publicKey) =>
        Promise.resolve(
          keys.find(
            (it) => it.workspaceId === workspaceId && it.publicKey === publicKey && it.status !== 'revoked',
          ),
        ),
      async confirm({ workspaceId, person }, keyId) {
        const key = keyOf(workspaceId, keyId);
        if (key.status !== 'pending') return key;
        if (key.person === person) throw refuse('approver_not_eligible');
        return replace(keys, key, { ...key, status: 'active', confirmedBy: person });
      },
      async revoke({ workspaceId }, keyId, ownedBy) {
        const key = keyOf(workspaceId, keyId);
        if (ownedBy !== null && key.person !== ownedBy) throw refuse('not_found', { object: 'approver_key' });
        return replace(keys, key, { ...key, status: 'revoked', revokedAtMs: key.revokedAtMs ?? nowMs() });
      },
    },
  };
}
