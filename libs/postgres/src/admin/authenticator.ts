// Checks every presented key against the database and caches nothing: a revocation holds in all processes from its commit on. It is cheap
// because concurrent requests share one indexed look-up; the alternative, a cache of a few seconds, would save no round trip worth having
// and leave a revoked key working.
import type { AgentId, KeyId, WorkspaceId } from '#domain';
import { coalesce, type Authentication, type Authenticator, type Role } from '#engine';
import type pg from 'pg';
import { matches, prefixOf } from './key-format.js';

interface KeyRow {
  readonly prefix: string;
  readonly workspace_id: string;
  readonly key_id: string;
  readonly secret_hash: Buffer;
  readonly role: Role;
  readonly agent_id: string | null;
  readonly person: string;
  readonly agent_status: string | null;
  readonly use_is_stale: boolean;
}

const FIND = `SELECT k.prefix, k.workspace_id, k.key_id, k.secret_hash, k.role, k.agent_id, k.person, a.status AS agent_status,
    (k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute') AS use_is_stale
  FROM api_key k LEFT JOIN agent a ON a.workspace_id = k.workspace_id AND a.agent_id = k.agent_id
  WHERE k.prefix = ANY($1::text[]) AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())`;
// The condition again: another process may have written it meanwhile.
const TOUCH = `UPDATE api_key SET last_used_at = now()
  WHERE prefix = ANY($1::text[]) AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`;

const FAILED: Authentication = { ok: false, code: 'authentication_failed' };
const FLUSH_AFTER_MS = 1_000;

export interface PostgresAuthenticator extends Authenticator {
  /** Writes down the uses not yet written; call before the pool ends. */
  close(): Promise<void>;
}

/** The pool's role must be able to read keys of all workspaces: who calls is not known before. */
export function createAuthenticator(pool: pg.Pool): PostgresAuthenticator {
  const find = coalesce(async (prefixes: readonly string[]) => {
    const values = [[...new Set(prefixes)]];
    const { rows } = await pool.query<KeyRow>({ name: 'purser_authenticate', text: FIND, values });
    const byPrefix = new Map(rows.map((row) => [row.prefix, row]));
    return prefixes.map((prefix) => byPrefix.get(prefix));
  });
  const uses = new Uses(pool);
  return {
    async authenticate(presented, claimedAgentId) {
      const prefix = prefixOf(presented);
      if (prefix === null) return FAILED;
      const row = await find(prefix);
      if (!matches(presented, row?.secret_hash ?? null) || !row) return FAILED;
      if (claimedAgentId !== undefined && claimedAgentId.toLowerCase() !== row.agent_id) return FAILED;
      if (row.role === 'agent' && row.agent_status !== 'active') return { ok: false, code: 'agent_disabled' };
      if (row.use_is_stale) uses.note(prefix);
      return { ok: true, principal: toPrincipal(row) };
    },
    close: () => uses.close(),
  };
}

function toPrincipal(row: KeyRow): Extract<Authentication, { ok: true }>['principal'] {
  return {
    workspaceId: row.workspace_id as WorkspaceId,
    keyId: row.key_id as KeyId,
    role: row.role,
    agentId: row.agent_id as AgentId | null,
    person: row.person,
  };
}

/** "Last used" is written apart from requests, together for many keys; losing a minute of it to a crash is harmless. */
class Uses {
  private readonly pending = new Set<string>();
  private timer: NodeJS.Timeout | null = null;
  private closed = false;

  constructor(private readonly pool: pg.Pool) {}

  note(prefix: string): void {
    if (this.closed) return;
    this.pending.add(prefix);
    this.timer ??= setTimeout(() => void this.flush(), FLUSH_AFTER_MS).unref();
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.flush();
  }

  private async flush(): Promise<void> {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    const prefixes = [...this.pending];
    this.pending.clear();
    if (prefixes.length === 0) return;
    try {
      await this.pool.query({ name: 'purser_key_used', text: TOUCH, values: [prefixes] });
    } catch {
      // The next use of the key finds it stale again.
    }
  }
}
