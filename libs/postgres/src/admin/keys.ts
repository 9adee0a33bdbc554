import { parseAgentId, refuse, type AgentId, type Json, type KeyId, type WorkspaceId } from '#domain';
import {
  GRANTABLE,
  type AccessScope,
  type Actor,
  type CredentialKind,
  type IssuedKey,
  type KeyStore,
  type KeyView,
  type NewKey,
  type Page,
  type PageRequest,
  type Role,
  type Vault,
} from '#engine';
import { sql } from 'kysely';
import { checkBlocks } from './addresses.js';
import { requireAgent } from './agents.js';
import { change, within, type Database, type Trx } from './change.js';
import { assertOwnName } from './dual-control.js';
import { newId } from './ids.js';
import { freshSecret, hashOf } from './key-format.js';
import { CURSOR_PARTS, pageSize, readCursor, toPage } from './page.js';

interface Row {
  readonly workspace_id: string;
  readonly key_id: string;
  readonly kind: CredentialKind;
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
  readonly scopes: readonly AccessScope[] | null;
  readonly allowed_ips: readonly string[] | null;
}

// Never the hash or the sealed secret: nothing outside the authenticator has a use for them.
const COLUMNS = sql<Row>`workspace_id, key_id, kind, prefix, role, agent_id, person, label, created_at, created_by,
  expires_at, revoked_at, last_used_at, scopes, allowed_ips::text[] AS allowed_ips`;
const LONGEST_OVERLAP_SEC = 30 * 24 * 3600;
/** Each of them is tried on a signed request. */
const MOST_SECRETS = 5;

export class PostgresKeys implements KeyStore {
  /** `environment` is the word in the key, `live` or `test`, so that a person sees which one they hold. Secrets are made only with a vault. */
  constructor(
    private readonly db: Database,
    private readonly environment: string,
    private readonly vault: Vault | null,
  ) {}

  async create(workspaceId: WorkspaceId, input: NewKey, by: Actor): Promise<IssuedKey> {
    check(input);
    return change(this.db, { workspaceId, by }, async (trx) => {
      await assertOwnName(trx, workspaceId, input, by);
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
      if (by.type === 'approver' && keyId !== by.id)
        throw refuse('validation_failed', { field: 'key_id', reason: 'not_your_own' });
      await assertOwnName(trx, workspaceId, old, by);
      const { rows } = await sql<{ usable: boolean }>`SELECT revoked_at IS NULL
          AND (expires_at IS NULL OR expires_at > clock_timestamp()) AS usable
        FROM api_key WHERE workspace_id = ${workspaceId} AND key_id = ${keyId}`.execute(trx);
      if (!rows[0]?.usable) throw refuse('validation_failed', { field: 'key_id', reason: 'key_not_usable' });
      const view = toView(old);
      const successor = { ...view, expiresInSec: null, expiresAt: old.expires_at };
      if (overlapSec === 0) {
        await sql`UPDATE api_key SET revoked_at = clock_timestamp() WHERE workspace_id = ${workspaceId} AND key_id = ${keyId}`.execute(
          trx,
        );
      } else {
        // Never longer than before: `least` ignores null, so an unlimited key becomes a limited one.
        await sql`UPDATE api_key SET expires_at = least(expires_at, clock_timestamp() + ${overlapSec}::int * interval '1 second')
          WHERE workspace_id = ${workspaceId} AND key_id = ${keyId}`.execute(trx);
      }
      const issued = await this.insert(trx, workspaceId, successor, by);
      const data = { ...factOf(issued.key), replaces: keyId, overlap_sec: overlapSec };
      return { result: issued, fact: { type: 'KeyRotated', data } };
    });
  }

  replaceSecrets(
    workspaceId: WorkspaceId,
    agentId: AgentId,
    input: Pick<NewKey, 'person' | 'label'>,
    by: Actor,
  ): Promise<IssuedKey> {
    return change(this.db, { workspaceId, by }, async (trx) => {
      await requireAgent(trx, workspaceId, agentId);
      // The agent's row is locked by all who add a secret, so that none is added beside.
      await sql`SELECT FROM agent WHERE workspace_id = ${workspaceId} AND agent_id = ${agentId} FOR UPDATE`.execute(
        trx,
      );
      const { rows } = await sql<
        Row & { readonly usable: boolean }
      >`UPDATE api_key SET revoked_at = clock_timestamp()
        WHERE workspace_id = ${workspaceId} AND agent_id = ${agentId} AND kind = 'hmac' AND revoked_at IS NULL
        RETURNING ${COLUMNS}, coalesce(expires_at > clock_timestamp(), true) AS usable`.execute(trx);
      const [old] = rows.filter((row) => row.usable).toSorted((a, b) => (a.key_id < b.key_id ? 1 : -1));
      // Whoever may replace a secret may not for that reason make the first one: a secret pays.
      if (!old) throw refuse('validation_failed', { field: 'id', reason: 'no_secret' });
      const fresh = {
        ...input,
        role: 'agent',
        kind: 'hmac',
        agentId,
        scopes: old.scopes,
        allowedIps: old.allowed_ips ?? (await addressesOf(trx, workspaceId, by)),
        expiresInSec: null,
        expiresAt: old.expires_at,
      } as const;
      const issued = await this.insert(trx, workspaceId, fresh, by);
      return { result: issued, fact: { type: 'SecretsReplaced', data: factOf(issued.key) } };
    });
  }

  private async insert(
    trx: Trx,
    workspaceId: WorkspaceId,
    input: NewKey & { readonly expiresAt: Date | null },
    by: Actor,
  ): Promise<IssuedKey> {
    const kind = input.kind ?? 'key';
    if (kind === 'hmac') await leaveRoom(trx, workspaceId, input);
    const fresh = freshSecret(this.environment, input.role, kind);
    const { rows } = await sql<Row>`INSERT INTO api_key
        (workspace_id, key_id, kind, prefix, secret_hash, sealed_secret, role, agent_id, person, label, created_by, scopes, allowed_ips, expires_at)
      VALUES (${workspaceId}, ${newId('key')}, ${kind}, ${fresh.prefix}, ${kind === 'key' ? hashOf(fresh.text) : null},
        ${kind === 'hmac' ? this.seal(workspaceId, fresh.text) : null}, ${input.role}, ${input.agentId}, ${input.person},
        ${input.label}, ${`${by.type}:${by.id}`}, ${input.scopes ?? null}::text[],
        (SELECT array_agg(network(block::inet)) FROM unnest(${input.allowedIps ?? null}::text[]) block),
        coalesce(${input.expiresAt}::timestamptz, clock_timestamp() + ${input.expiresInSec}::int * interval '1 second'))
      RETURNING ${COLUMNS}`.execute(trx);
    const row = rows[0];
    if (!row) throw new Error('the new key was not stored');
    return { key: toView(row), secret: fresh.text };
  }

  private seal(workspaceId: WorkspaceId, secret: string): Buffer {
    if (this.vault === null) throw new Error('secrets are made only with a vault');
    return Buffer.from(this.vault.seal(workspaceId, Buffer.from(secret, 'latin1')));
  }
}

function check({ role, agentId, kind, expiresInSec, scopes, allowedIps }: NewKey): void {
  if ((role === 'agent') !== (agentId !== null))
    throw refuse('validation_failed', { field: 'agent_id', reason: 'exactly_for_agent_keys' });
  if (kind === 'hmac' && role !== 'agent')
    throw refuse('validation_failed', { field: 'kind', reason: 'hmac_only_for_agents' });
  if (expiresInSec !== null && !(Number.isSafeInteger(expiresInSec) && expiresInSec > 0))
    throw refuse('validation_failed', { field: 'expires_in_sec', reason: 'not_a_positive_integer' });
  const foreign = scopes?.findIndex((scope) => !GRANTABLE[role].includes(scope)) ?? -1;
  if (foreign >= 0)
    throw refuse('validation_failed', { field: `scopes.${foreign}`, reason: 'not_for_this_role' });
  if (scopes?.length === 0) throw refuse('validation_failed', { field: 'scopes', reason: 'empty' });
  if (allowedIps) checkBlocks(allowedIps);
}

/** The agent's row is locked, so that two at once cannot both be the last. */
async function leaveRoom(trx: Trx, workspaceId: WorkspaceId, { agentId }: NewKey): Promise<void> {
  await sql`SELECT FROM agent WHERE workspace_id = ${workspaceId} AND agent_id = ${agentId} FOR UPDATE`.execute(
    trx,
  );
  const { rows } = await sql<{ full: boolean }>`SELECT count(*) >= ${MOST_SECRETS} AS full FROM api_key
    WHERE workspace_id = ${workspaceId} AND agent_id = ${agentId} AND kind = 'hmac' AND revoked_at IS NULL`.execute(
    trx,
  );
  if (rows[0]?.full !== false)
    throw refuse('validation_failed', { field: 'kind', reason: `at_most_${MOST_SECRETS}_secrets_per_agent` });
}

async function lock(trx: Trx, workspaceId: WorkspaceId, keyId: KeyId): Promise<Row> {
  const { rows } = await sql<Row>`SELECT ${COLUMNS} FROM api_key
    WHERE workspace_id = ${workspaceId} AND key_id = ${keyId} FOR UPDATE`.execute(trx);
  if (!rows[0]) throw refuse('not_found', { object: 'key' });
  return rows[0];
}

/** What binds the key that acts; null: nothing does. */
async function addressesOf(
  trx: Trx,
  workspaceId: WorkspaceId,
  { id }: Actor,
): Promise<readonly string[] | null> {
  const { rows } = await sql<Pick<Row, 'allowed_ips'>>`SELECT allowed_ips::text[] AS allowed_ips FROM api_key
    WHERE workspace_id = ${workspaceId} AND key_id = ${id}`.execute(trx);
  return rows[0]?.allowed_ips ?? null;
}

function factOf(key: KeyView): Record<string, Json> {
  const { keyId, kind, role, agentId, person, label, scopes, allowedIps } = key;
  return { key_id: keyId, kind, role, agent_id: agentId, person, label, scopes, allowed_ips: allowedIps };
}

function toView(row: Row): KeyView {
  return {
    keyId: row.key_id as KeyId,
    kind: row.kind,
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
    scopes: row.scopes,
    allowedIps: row.allowed_ips,
  };
}
