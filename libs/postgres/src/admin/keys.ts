import { parseAgentId, refuse, type KeyId, type WorkspaceId } from '#domain';
import type { Actor, IssuedKey, KeyStore, KeyView, NewKey, Page, PageRequest, Role } from '#engine';
import { sql } from 'kysely';
import { requireAgent } from './agents.js';
import { change, within, type Database, type Trx } from './change.js';
import { newId } from './ids.js';
import { freshKey } from './key-format.js';
import { CURSOR_PARTS, pageSize, readCursor, toPage } from './page.js';

interface Row {
  readonly workspace_id: string;
  readonly key_id: string;
  readonly prefix: string;
  readonly role: Role;
  readonly agent_id: string | null;
  readonly person: string;
  readonly label: string;
  readonly created_at: Date;
  readonly created_by: string;
  readonly expires_at: Date | null;
  readonly revoked_at: Date | null;
  readonly last_used_at: Date | null;
}

// Never `secret_hash`: nothing outside the authenticator has a use for it.
const COLUMNS = sql<Row>`workspace_id, key_id, prefix, role, agent_id, person, label, created_at, created_by,
  expires_at, revoked_at, last_used_at`;
const LONGEST_OVERLAP_SEC = 30 * 24 * 3600;

export class PostgresKeys implements KeyStore {
  /** `environment` is the word in the key, `live` or `test`, so that a person sees which one they hold. */
  constructor(
    private readonly db: Database,
    private readonly environment: string,
  ) {}

  async create(workspaceId: WorkspaceId, input: NewKey, by: Actor): Promise<IssuedKey> {
    if ((input.role === 'agent') !== (input.agentId !== null)) {
      throw refuse('validation_failed', { field: 'agent_id', reason: 'exactly_for_agent_keys' });
    }
    if (input.expiresInSec !== null && !(Number.isSafeInteger(input.expiresInSec) && input.expiresInSec > 0))
      throw refuse('validation_failed', { field: 'expires_in_sec', reason: 'not_a_positive_integer' });
    return change(this.db, { workspaceId, by }, async (trx) => {
      if (input.agentId !== null) await requireAgent(trx, workspaceId, input.agentId);
      const issued = await this.insert(trx, workspaceId, { ...input, expiresAt: null }, by);
      return { result: issued, fact: { type: 'KeyCreated', data: factOf(issued.key) } };
    });
  }

  async list(workspaceId: WorkspaceId, page: PageRequest): Promise<Page<KeyView>> {
    const size = pageSize(page);
    const after = readCursor(page.cursor, [CURSOR_PARTS.id]);
    return within(this.db, workspaceId, async (trx) => {
      const older = after ? sql`AND key_id < ${after[0]}` : sql``;
      const { rows } =
        await sql<Row>`SELECT ${COLUMNS} FROM api_key WHERE workspace_id = ${workspaceId} ${older}
        ORDER BY key_id DESC LIMIT ${size + 1}`.execute(trx);
      return toPage(rows, size, { item: toView, key: (row) => [row.key_id] });
    });
  }

  revoke(workspaceId: WorkspaceId, keyId: KeyId, by: Actor): Promise<KeyView> {
    return change(this.db, { workspaceId, by }, async (trx) => {
      const before = await lock(trx, workspaceId, keyId);
      if (before.revoked_at) return { result: toView(before), fact: null };
      const { rows } = await sql<Row>`UPDATE api_key SET revoked_at = clock_timestamp()
        WHERE workspace_id = ${workspaceId} AND key_id = ${keyId} RETURNING ${COLUMNS}`.execute(trx);
      const key = toView(rows[0] ?? before);
      return { result: key, fact: { type: 'KeyRevoked', data: factOf(key) } };
    });
  }

  async rotate(workspaceId: WorkspaceId, keyId: KeyId, overlapSec: number, by: Actor): Promise<IssuedKey> {
    if (!Number.isSafeInteger(overlapSec) || overlapSec < 0 || overlapSec > LONGEST_OVERLAP_SEC)
      throw refuse('validation_failed', { field: 'overlap_sec', reason: 'not_between_0_and_30_days' });
    return change(this.db, { workspaceId, by }, async (trx) => {
      const old = await lock(trx, workspaceId, keyId);
      const { rows } = await sql<{ usable: boolean }>`SELECT revoked_at IS NULL
          AND (expires_at IS NULL OR expires_at > clock_timestamp()) AS usable
        FROM api_key WHERE workspace_id = ${workspaceId} AND key_id = ${keyId}`.execute(trx);
      if (!rows[0]?.usable) throw refuse('validation_failed', { field: 'key_id', reason: 'key_not_usable' });
      const view = toView(old);
      const issued = await this.insert(
        trx,
        workspaceId,
        { ...view, expiresInSec: null, expiresAt: old.expires_at },
        by,
      );
      if (overlapSec === 0) {
        await sql`UPDATE api_key SET revoked_at = clock_timestamp() WHERE workspace_id = ${workspaceId} AND key_id = ${keyId}`.execute(
          trx,
        );
      } else {
        // Never longer than before: `least` ignores null, so an unlimited key becomes a limited one.
        await sql`UPDATE api_key SET expires_at = least(expires_at, clock_timestamp() + ${overlapSec}::int * interval '1 second')
          WHERE workspace_id = ${workspaceId} AND key_id = ${keyId}`.execute(trx);
      }
      const data = { ...factOf(issued.key), replaces: keyId, overlap_sec: overlapSec };
      return { result: issued, fact: { type: 'KeyRotated', data } };
    });
  }

  private async insert(
    trx: Trx,
    workspaceId: WorkspaceId,
    input: NewKey & { readonly expiresAt: Date | null },
    by: Actor,
  ): Promise<IssuedKey> {
    const fresh = freshKey(this.environment, input.role);
    const { rows } = await sql<Row>`INSERT INTO api_key
        (workspace_id, key_id, prefix, secret_hash, role, agent_id, person, label, created_by, expires_at)
      VALUES (${workspaceId}, ${newId('key')}, ${fresh.prefix}, ${fresh.hash}, ${input.role}, ${input.agentId}, ${input.person},
        ${input.label}, ${`${by.type}:${by.id}`},
        coalesce(${input.expiresAt}::timestamptz, clock_timestamp() + ${input.expiresInSec}::int * interval '1 second'))
      RETURNING ${COLUMNS}`.execute(trx);
    const row = rows[0];
    if (!row) throw new Error('the new key was not stored');
    return { key: toView(row), secret: fresh.text };
  }
}

async function lock(trx: Trx, workspaceId: WorkspaceId, keyId: KeyId): Promise<Row> {
  const { rows } = await sql<Row>`SELECT ${COLUMNS} FROM api_key
    WHERE workspace_id = ${workspaceId} AND key_id = ${keyId} FOR UPDATE`.execute(trx);
  if (!rows[0]) throw refuse('not_found', { object: 'key' });
  return rows[0];
}

function factOf(key: KeyView): Record<string, string | null> {
  return { key_id: key.keyId, role: key.role, agent_id: key.agentId, person: key.person, label: key.label };
}

function toView(row: Row): KeyView {
  return {
    keyId: row.key_id as KeyId,
    workspaceId: row.workspace_id as WorkspaceId,
    role: row.role,
    agentId: row.agent_id === null ? null : parseAgentId(row.agent_id),
    person: row.person,
    label: row.label,
    prefix: row.prefix,
    createdAtMs: row.created_at.getTime(),
    createdBy: row.created_by,
    expiresAtMs: row.expires_at?.getTime() ?? null,
    revokedAtMs: row.revoked_at?.getTime() ?? null,
    lastUsedAtMs: row.last_used_at?.getTime() ?? null,
  };
}
