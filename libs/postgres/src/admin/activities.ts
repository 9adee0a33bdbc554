// Activities are used once: on the locked row, by a clock read after the lock (safety.md M7), with the signature kept beside.
import { type ActivityId, type ApproverKeyId, type Json, type WorkspaceId } from '#domain';
import {
  activityBody,
  type Activity,
  type ActivityKind,
  type ActivityStore,
  type ActivityUse,
  type ApproverKeyView,
  type NewApproverKey,
  type Stamp,
} from '#engine';
import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import { factOf, insertKey } from './approver-keys.js';
import { change, within, type Database, type Trx } from './change.js';
import { newId } from './ids.js';

interface Row {
  readonly workspace_id: string;
  readonly activity_id: string;
  readonly kind: ActivityKind;
  readonly subject: Json;
  readonly body: string;
  readonly digest: string;
  readonly prepared_by: string;
  readonly expires_at: Date;
  readonly used_by: string | null;
  readonly approver_key_id: string | null;
}

const COLUMNS = sql<Row>`workspace_id, activity_id, kind, subject, body, digest, prepared_by, expires_at, used_by, approver_key_id`;

export class PostgresActivities implements ActivityStore {
  constructor(private readonly db: Database) {}

  prepare(wanted: Parameters<ActivityStore['prepare']>[0], lifeMs: number): Promise<Activity> {
    const { workspaceId, kind, subject, preparedBy } = wanted;
    return within(this.db, workspaceId, async (trx) => {
      const now = await sql<{ at: Date }>`SELECT clock_timestamp() AS at`.execute(trx);
      const preparedAtMs = now.rows[0]?.at.getTime() ?? 0;
      const expiresAtMs = preparedAtMs + lifeMs;
      const activityId = newId('act', preparedAtMs) as ActivityId;
      const body = activityBody({ activityId, workspaceId, kind, subject, preparedAtMs, expiresAtMs });
      const digest = createHash('sha256').update(body).digest('hex');
      const { rows } =
        await sql<Row>`INSERT INTO activity (workspace_id, activity_id, kind, subject, body, digest, prepared_by, expires_at)
        VALUES (${workspaceId}, ${activityId}, ${kind}, ${JSON.stringify(subject)}::jsonb, ${body}, ${digest}, ${preparedBy},
          to_timestamp(${expiresAtMs}::bigint / 1000.0)) RETURNING ${COLUMNS}`.execute(trx);
      if (!rows[0]) throw new Error('the activity was not stored');
      return toActivity(rows[0]);
    });
  }

  find(workspaceId: WorkspaceId, activityId: ActivityId): Promise<Activity | undefined> {
    return within(this.db, workspaceId, async (trx) => {
      const { rows } = await sql<Row>`SELECT ${COLUMNS} FROM activity
        WHERE workspace_id = ${workspaceId} AND activity_id = ${activityId}`.execute(trx);
      return rows[0] && toActivity(rows[0]);
    });
  }

  use(activity: Activity, by: ApproverKeyView, stamp: Stamp): Promise<ActivityUse> {
    const { workspaceId } = activity;
    const actor = { type: 'approver', id: by.approverKeyId } as const;
    return change(this.db, { workspaceId, by: actor }, async (trx) => {
      const found = await judge(trx, activity, by.approverKeyId);
      // What follows from a repeated one may not have happened yet, and must not after all.
      if (found !== 'free' && found !== 'repeated') return { result: found, fact: null };
      // The key may have been revoked since it was looked up; its row is held until this is over.
      const { rows } = await sql`SELECT FROM approver_key WHERE workspace_id = ${workspaceId}
        AND approver_key_id = ${by.approverKeyId} AND confirmed_at IS NOT NULL AND revoked_at IS NULL FOR UPDATE`.execute(
        trx,
      );
      if (rows.length === 0) return { result: 'key_not_active' as const, fact: null };
      // People leave by their credentials; a key that they keep elsewhere decides nothing then.
      const live =
        await sql`SELECT FROM api_key WHERE workspace_id = ${workspaceId} AND person = ${by.person} AND role IN ('approver', 'admin')
        AND revoked_at IS NULL AND coalesce(expires_at > clock_timestamp(), true) FOR SHARE`.execute(trx);
      if (live.rows.length === 0) return { result: 'without_credential' as const, fact: null };
      if (found === 'repeated') return { result: found, fact: null };
      await markUsed(trx, activity, by, stamp);
      return { result: 'used' as const, fact: { type: 'ActivityConfirmed', data: usedBy(activity, by) } };
    });
  }

  register(activity: Activity, input: NewApproverKey, stamp: Stamp): Promise<ApproverKeyView | ActivityUse> {
    const { workspaceId } = activity;
    const actor = { type: 'approver', id: input.by.keyId } as const;
    return change<ApproverKeyView | ActivityUse>(this.db, { workspaceId, by: actor }, async (trx) => {
      const found = await judge(trx, activity, null);
      if (found !== 'free') return { result: found, fact: null };
      const key = await insertKey(trx, workspaceId, input);
      if (key === null) return { result: 'repeated', fact: null };
      await markUsed(trx, activity, key, stamp);
      return { result: key, fact: { type: 'ApproverKeyRegistered', data: factOf(key) } };
    });
  }
}

/** `keyId` null: whoever has used it, has used it for the same. */
async function judge(
  trx: Trx,
  { workspaceId, activityId }: Activity,
  keyId: ApproverKeyId | null,
): Promise<ActivityUse | 'free'> {
  const { rows } = await sql<Row>`SELECT ${COLUMNS} FROM activity
    WHERE workspace_id = ${workspaceId} AND activity_id = ${activityId} FOR UPDATE`.execute(trx);
  if (!rows[0]) return 'expired';
  const due = await sql<{ late: boolean }>`SELECT clock_timestamp() >= expires_at AS late FROM activity
    WHERE workspace_id = ${workspaceId} AND activity_id = ${activityId}`.execute(trx);
  const inTime = due.rows[0]?.late === false;
  const user = rows[0].approver_key_id;
  if (user === null) return inTime ? 'free' : 'expired';
  if (keyId !== null && user !== keyId) return 'used_by_other';
  return inTime ? 'repeated' : 'repeated_late';
}

async function markUsed(
  trx: Trx,
  { workspaceId, activityId }: Activity,
  by: ApproverKeyView,
  stamp: Stamp,
): Promise<void> {
  await sql`UPDATE activity SET used_at = clock_timestamp(), used_by = ${by.person}, approver_key_id = ${by.approverKeyId},
      stamp = ${JSON.stringify(stamp)}::jsonb
    WHERE workspace_id = ${workspaceId} AND activity_id = ${activityId}`.execute(trx);
}

function usedBy(activity: Activity, by: ApproverKeyView): Record<string, string> {
  return {
    activity_id: activity.activityId,
    kind: activity.kind,
    digest: activity.digest,
    approver_key_id: by.approverKeyId,
    person: by.person,
  };
}

function toActivity(row: Row): Activity {
  const { used_by: person, approver_key_id: keyId } = row;
  return {
    activityId: row.activity_id as ActivityId,
    workspaceId: row.workspace_id as WorkspaceId,
    kind: row.kind,
    subject: row.subject,
    body: row.body,
    digest: row.digest,
    preparedBy: row.prepared_by,
    expiresAtMs: row.expires_at.getTime(),
    used: person === null || keyId === null ? null : { person, approverKeyId: keyId as ApproverKeyId },
  };
}
