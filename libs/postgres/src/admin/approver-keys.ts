// A person's public keys. Registering one is in activities.ts: it is the key's own first signature that registers it.
import { refuse, type ApproverKeyId, type WorkspaceId } from '#domain';
import type { ApproverKeyStore, ApproverKeyView, NewApproverKey, Signatory } from '#engine';
import { sql } from 'kysely';
import { change, within, type Database, type Trx } from './change.js';
import { newId } from './ids.js';

interface Row {
  readonly workspace_id: string;
  readonly approver_key_id: string;
  readonly person: string;
  readonly public_key: string;
  readonly label: string;
  readonly created_at: Date;
  readonly confirmed_at: Date | null;
  readonly confirmed_by: string | null;
  readonly revoked_at: Date | null;
}

const COLUMNS = sql<Row>`workspace_id, approver_key_id, person, public_key, label, created_at, confirmed_at, confirmed_by, revoked_at`;
const MOST_LISTED = 1_000;

export class PostgresApproverKeys implements ApproverKeyStore {
  constructor(private readonly db: Database) {}

  list(workspaceId: WorkspaceId): Promise<readonly ApproverKeyView[]> {
    return within(this.db, workspaceId, async (trx) => {
      const { rows } = await sql<Row>`SELECT ${COLUMNS} FROM approver_key WHERE workspace_id = ${workspaceId}
        ORDER BY approver_key_id DESC LIMIT ${MOST_LISTED}`.execute(trx);
      return rows.map(toView);
    });
  }

  find(workspaceId: WorkspaceId, publicKey: string): Promise<ApproverKeyView | undefined> {
    return within(this.db, workspaceId, async (trx) => {
      const { rows } = await sql<Row>`SELECT ${COLUMNS} FROM approver_key
        WHERE workspace_id = ${workspaceId} AND public_key = ${publicKey} AND revoked_at IS NULL`.execute(
        trx,
      );
      return rows[0] && toView(rows[0]);
    });
  }

  confirm(by: Signatory, id: ApproverKeyId): Promise<ApproverKeyView> {
    return this.alter(by, id, async (trx, before) => {
      if (before.confirmed_at || before.revoked_at) return null;
      // One person cannot vouch for themselves, whatever credentials they hold.
      if (before.person === by.person) throw refuse('approver_not_eligible');
      await sql`UPDATE approver_key SET confirmed_at = clock_timestamp(), confirmed_by = ${by.person}
        WHERE workspace_id = ${by.workspaceId} AND approver_key_id = ${id}`.execute(trx);
      return 'ApproverKeyConfirmed';
    });
  }

  revoke(by: Signatory, id: ApproverKeyId, ownedBy: string | null): Promise<ApproverKeyView> {
    return this.alter(by, id, async (trx, before) => {
      if (ownedBy !== null && before.person !== ownedBy)
        throw refuse('not_found', { object: 'approver_key' });
      if (before.revoked_at) return null;
      await sql`UPDATE approver_key SET revoked_at = clock_timestamp()
        WHERE workspace_id = ${by.workspaceId} AND approver_key_id = ${id}`.execute(trx);
      return 'ApproverKeyRevoked';
    });
  }

  private alter(
    { workspaceId, keyId }: Signatory,
    id: ApproverKeyId,
    work: (trx: Trx, before: Row) => Promise<string | null>,
  ): Promise<ApproverKeyView> {
    return change(this.db, { workspaceId, by: { type: 'admin', id: keyId } }, async (trx) => {
      const type = await work(trx, await lock(trx, workspaceId, id));
      const result = toView(await lock(trx, workspaceId, id));
      return { result, fact: type === null ? null : { type, data: factOf(result) } };
    });
  }
}

async function lock(trx: Trx, workspaceId: WorkspaceId, id: ApproverKeyId): Promise<Row> {
  const { rows } = await sql<Row>`SELECT ${COLUMNS} FROM approver_key
    WHERE workspace_id = ${workspaceId} AND approver_key_id = ${id} FOR UPDATE`.execute(trx);
  if (!rows[0]) throw refuse('not_found', { object: 'approver_key' });
  return rows[0];
}

/** Null: somebody has registered it before. It counts at once unless the workspace demands a second person (ruling 28). */
export async function insertKey(
  trx: Trx,
  workspaceId: WorkspaceId,
  { by, publicKey, label }: NewApproverKey,
): Promise<ApproverKeyView | null> {
  const { rows } =
    await sql<Row>`INSERT INTO approver_key (workspace_id, approver_key_id, person, public_key, label, confirmed_at)
    SELECT w.workspace_id, ${newId('apk')}, ${by.person}, ${publicKey}, ${label}, CASE WHEN NOT w.dual_control THEN clock_timestamp() END
      FROM workspace w WHERE w.workspace_id = ${workspaceId}
    ON CONFLICT DO NOTHING RETURNING ${COLUMNS}`.execute(trx);
  return rows[0] ? toView(rows[0]) : null;
}

export function factOf(key: ApproverKeyView): Record<string, string> {
  return {
    approver_key_id: key.approverKeyId,
    person: key.person,
    public_key: key.publicKey,
    label: key.label,
    status: key.status,
  };
}

function toView(row: Row): ApproverKeyView {
  return {
    approverKeyId: row.approver_key_id as ApproverKeyId,
    workspaceId: row.workspace_id as WorkspaceId,
    person: row.person,
    publicKey: row.public_key,
    label: row.label,
    status: row.revoked_at ? 'revoked' : row.confirmed_at ? 'active' : 'pending',
    createdAtMs: row.created_at.getTime(),
    confirmedBy: row.confirmed_by,
    revokedAtMs: row.revoked_at?.getTime() ?? null,
  };
}
