// Checks every presented credential against the database and caches nothing: a revocation holds in all processes from its commit on. It is
// cheap because concurrent requests share one indexed look-up; the alternative, a cache of a few seconds, would save no round trip worth
// having and leave a revoked key working. Whoever has not proven the credential learns nothing: unknown and wrong are one answer, in one time.
import { parseAgentId, type AgentId, type OperationId, type WorkspaceId } from '#domain';
import {
  coalesce,
  type AccessScope,
  type Authentication,
  type Authenticator,
  type PresentedKey,
  type PresentedSignature,
  type Principal,
  type RequestFacts,
  type Role,
  type Vault,
} from '#engine';
import { hash, randomBytes } from 'node:crypto';
import type pg from 'pg';
import { mayComeFrom } from './addresses.js';
import { NO_WORKSPACE } from './change.js';
import { matches, readKey } from './key-format.js';
import { isSignature, isTimely, signatureMatches } from './request-signature.js';

interface CredentialRow {
  readonly prefix: string;
  readonly workspace_id: string;
  readonly key_id: string;
  readonly role: Role;
  readonly agent_id: string | null;
  readonly person: string;
  readonly scopes: readonly AccessScope[] | null;
  readonly allowed_ips: readonly string[] | null;
  readonly agent_status: string | null;
  readonly revoked: boolean;
  readonly expired: boolean;
  readonly use_is_stale: boolean;
}
type KeyRow = CredentialRow & { readonly secret_hash: Buffer };
type SecretRow = CredentialRow & {
  readonly digest: Buffer;
  readonly sealed_secret: Buffer;
  readonly now_sec: number;
  readonly used: boolean;
  readonly operation_id: OperationId | null;
};

const KEYS = `SELECT * FROM purser_find_keys($1::text[])`;
const SECRETS = `SELECT * FROM purser_find_secrets($1::uuid[], $2::bytea[])`;
const USE = `INSERT INTO signed_request (workspace_id, agent_id, digest) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`;
// The condition again: another process may have written it meanwhile.
const TOUCH = `UPDATE api_key SET last_used_at = now()
  WHERE prefix = ANY($1::text[]) AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`;

const FAILED: Authentication = { ok: false, code: 'authentication_failed' };
const FLUSH_AFTER_MS = 1_000;

export interface AuthenticatorOptions {
  /** The word in this installation's keys; one that was issued under another is refused. */
  readonly keyEnvironment: string;
  readonly vault: Vault;
}

export interface CredentialChecks {
  key(presented: PresentedKey, facts: RequestFacts): Promise<Authentication>;
  hmac(presented: PresentedSignature, facts: RequestFacts): Promise<Authentication>;
  useOnce: Authenticator['useOnce'];
  /** Writes down the uses not yet written; call before the pool ends. */
  close(): Promise<void>;
}

/** The pool's role must be able to read credentials of all workspaces: who calls is not known before. */
export function createCredentialChecks(
  pool: pg.Pool,
  { keyEnvironment, vault }: AuthenticatorOptions,
): CredentialChecks {
  const findKey = coalesce(async (prefixes: readonly string[]) => {
    const values = [[...new Set(prefixes)]];
    const { rows } = await pool.query<KeyRow>({ name: 'purser_find_keys', text: KEYS, values });
    const byPrefix = new Map(rows.map((row) => [row.prefix, row]));
    return prefixes.map((prefix) => byPrefix.get(prefix));
  });
  const findSecrets = coalesce(async (requests: readonly SignedBy[]) => {
    const different = new Map(requests.map((request) => [request.digest, request]));
    const digests = [...different.keys()].map((digest) => Buffer.from(digest, 'hex'));
    const values = [[...different.values()].map((request) => request.agentId), digests];
    const { rows } = await pool.query<SecretRow>({ name: 'purser_find_secrets', text: SECRETS, values });
    const byDigest = new Map<string, SecretRow[]>();
    for (const row of rows) {
      const digest = row.digest.toString('hex');
      byDigest.set(digest, [...(byDigest.get(digest) ?? []), row]);
    }
    return requests.map((request) => byDigest.get(request.digest) ?? []);
  });
  const uses = new Uses(pool);
  const decoy = { workspaceId: NO_WORKSPACE, sealed: vault.seal(NO_WORKSPACE, randomBytes(70)) };
  const unseal = (workspaceId: WorkspaceId, sealed: Uint8Array): string =>
    Buffer.from(vault.open(workspaceId, sealed)).toString('latin1');

  /** Only what has been proven gets here. */
  const admit = (
    row: CredentialRow,
    environment: string | undefined,
    { ip }: RequestFacts,
    credential: Principal['credential'],
  ): Authentication => {
    const reason = row.revoked
      ? 'revoked'
      : row.expired
        ? 'expired'
        : environment !== keyEnvironment
          ? 'environment'
          : mayComeFrom(row.allowed_ips, ip)
            ? undefined
            : 'address';
    if (reason !== undefined) return { ok: false, code: 'credential_not_usable', details: { reason } };
    if (row.role === 'agent' && row.agent_status !== 'active') return { ok: false, code: 'agent_disabled' };
    if (row.use_is_stale) uses.note(row.prefix);
    return { ok: true, principal: toPrincipal(row, credential) };
  };

  return {
    async key({ key, agentId }, facts) {
      const said = readKey(key);
      if (said === null) return FAILED;
      const row = await findKey(said.prefix);
      if (!matches(key, row?.secret_hash ?? null) || !row) return FAILED;
      if (agentId !== undefined && agentId.toLowerCase() !== row.agent_id) return FAILED;
      return admit(row, said.environment, facts, 'key');
    },
    async hmac(presented, facts) {
      const agentId = agentIdIn(presented.agentId);
      if (agentId === null || !isSignature(presented)) return FAILED;
      const digest = digestOf(agentId, presented);
      const rows = await findSecrets({ agentId, digest });
      if (rows.length === 0) {
        signatureMatches(unseal(decoy.workspaceId, decoy.sealed), presented);
        return FAILED;
      }
      for (const row of rows) {
        const secret = unseal(row.workspace_id as WorkspaceId, row.sealed_secret);
        if (!signatureMatches(secret, presented)) continue;
        const admitted = admit(row, readKey(secret)?.environment, facts, 'hmac');
        if (!admitted.ok) return admitted;
        if (!isTimely(presented, row.now_sec))
          return { ok: false, code: 'expired_timestamp', details: { server_time: Math.floor(row.now_sec) } };
        const signed = { digest, used: row.used, operationId: row.operation_id };
        return { ok: true, principal: { ...admitted.principal, signed } };
      }
      return FAILED;
    },
    async useOnce({ workspaceId, agentId }, { digest, used }) {
      if (used || agentId === null) return false;
      const values = [workspaceId, agentId, Buffer.from(digest, 'hex')];
      const { rowCount } = await pool.query({ name: 'purser_use_signed', text: USE, values });
      return rowCount === 1;
    },
    close: () => uses.close(),
  };
}

interface SignedBy {
  readonly agentId: AgentId;
  readonly digest: string;
}

function digestOf(agentId: AgentId, { timestamp, signature }: PresentedSignature): string {
  return hash('sha256', `${agentId}\n${timestamp}\n${signature}`, 'hex');
}

function agentIdIn(text: string): AgentId | null {
  try {
    return parseAgentId(text.toLowerCase());
  } catch {
    return null;
  }
}

function toPrincipal(row: CredentialRow, credential: Principal['credential']): Principal {
  return {
    workspaceId: row.workspace_id as WorkspaceId,
    keyId: row.key_id,
    role: row.role,
    agentId: row.agent_id as AgentId | null,
    person: row.person,
    scopes: row.scopes === null ? null : new Set(row.scopes),
    credential,
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
