// What oidc-provider remembers, in PostgreSQL: nothing is lost with the process, and of two uses of one code or refresh token at the same
// time one finds it used. Ids that open something (codes, refresh tokens, session cookies) are stored as SHA-256 only.
import { hash } from 'node:crypto';
import { errors, type Adapter, type AdapterPayload } from 'oidc-provider';
import type pg from 'pg';
import type { Grants } from './grants.js';

interface Row {
  readonly payload: AdapterPayload;
  readonly consumed_sec: number | null;
}

const SELECT = `SELECT payload, extract(epoch FROM consumed_at)::bigint::float8 AS consumed_sec FROM oauth_record
  WHERE model = $1 AND (expires_at IS NULL OR expires_at > clock_timestamp())`;
const UPSERT = `INSERT INTO oauth_record (model, id, payload, grant_id, uid, expires_at)
  VALUES ($1, $2, $3::jsonb, $4, $5, clock_timestamp() + $6::float8 * interval '1 second')
  ON CONFLICT (model, id) DO UPDATE SET payload = excluded.payload, grant_id = excluded.grant_id, uid = excluded.uid, expires_at = excluded.expires_at`;
const CONSUME = `UPDATE oauth_record SET consumed_at = clock_timestamp() WHERE model = $1 AND id = $2 AND consumed_at IS NULL`;
/** Registered clients end by themselves when they are not used. */
const CLIENT_TTL_SEC = 30 * 24 * 3600;

const keyOf = (id: string): Buffer => hash('sha256', id, 'buffer');

export interface RecordsDeps {
  readonly pool: pg.Pool;
  readonly grants: Grants;
}

/** Deletes what has expired; a code or token that was used is kept until then, so that its second use is known for one. */
export async function purgeExpiredRecords(pool: pg.Pool): Promise<void> {
  await pool.query('DELETE FROM oauth_record WHERE expires_at < clock_timestamp()');
}

export class Records implements Adapter {
  constructor(
    private readonly model: string,
    private readonly deps: RecordsDeps,
  ) {}

  async upsert(id: string, payload: AdapterPayload, expiresInSec?: number): Promise<void> {
    if (this.model === 'Client') requirePublic(payload);
    const { jti: _secret, ...kept } = payload;
    const ttlSec = expiresInSec ?? (this.model === 'Client' ? CLIENT_TTL_SEC : null);
    await this.deps.pool.query(UPSERT, [
      this.model,
      keyOf(id),
      JSON.stringify(kept),
      payload.grantId ?? null,
      payload.uid ?? null,
      ttlSec,
    ]);
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    if (this.model === 'Client' && id.startsWith('grt_')) return this.ownClient(id);
    if (this.model === 'Grant' && (await this.deps.grants.find(id)) === undefined) return undefined;
    const { rows } = await this.deps.pool.query<Row>(`${SELECT} AND id = $2`, [this.model, keyOf(id)]);
    return this.toPayload(rows[0], id);
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    const { rows } = await this.deps.pool.query<Row>(`${SELECT} AND uid = $2`, [this.model, uid]);
    return this.toPayload(rows[0]);
  }

  /** There is no device flow. */
  findByUserCode(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async consume(id: string): Promise<void> {
    const { rowCount } = await this.deps.pool.query(CONSUME, [this.model, keyOf(id)]);
    if (rowCount === 1) return;
    // Somebody else was first, between our look and our use: the same as a use after it.
    const { rows } = await this.deps.pool.query<Row>(`${SELECT} AND id = $2`, [this.model, keyOf(id)]);
    const grantId = rows[0]?.payload.grantId;
    if (grantId !== undefined) await this.deps.grants.revoke(grantId);
    throw new errors.InvalidGrant('already used');
  }

  async destroy(id: string): Promise<void> {
    if (this.model === 'Grant') await this.deps.grants.revoke(id);
    await this.deps.pool.query('DELETE FROM oauth_record WHERE model = $1 AND id = $2', [
      this.model,
      keyOf(id),
    ]);
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    await this.deps.pool.query('DELETE FROM oauth_record WHERE model = $1 AND grant_id = $2', [
      this.model,
      grantId,
    ]);
  }

  /** A client that an admin has given an agent to: what it may is its grant. */
  private async ownClient(id: string): Promise<AdapterPayload | undefined> {
    const grant = await this.deps.grants.find(id);
    if (grant?.kind !== 'client' || grant.secretHash === null) return undefined;
    return {
      client_id: id,
      client_name: grant.clientName,
      // Compared as a hash: the secret itself is nowhere.
      client_secret: grant.secretHash,
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
    };
  }

  private toPayload(row: Row | undefined, id?: string): AdapterPayload | undefined {
    if (row === undefined) return undefined;
    const named = id === undefined || this.model === 'Client' ? {} : { jti: id };
    const used = row.consumed_sec === null ? {} : { consumed: row.consumed_sec };
    return { ...row.payload, ...named, ...used };
  }
}

/** Whoever registers is a stranger: a secret would prove nothing about it, and would have to be kept. */
function requirePublic(metadata: AdapterPayload): void {
  const { token_endpoint_auth_method: method, grant_types: grants } = metadata as {
    token_endpoint_auth_method?: unknown;
    grant_types?: readonly string[];
  };
  if (method !== 'none') throw new errors.InvalidClientMetadata('token_endpoint_auth_method must be none');
  if (grants?.some((it) => it !== 'authorization_code' && it !== 'refresh_token') !== false)
    throw new errors.InvalidClientMetadata('grant_types must be authorization_code and refresh_token');
}
