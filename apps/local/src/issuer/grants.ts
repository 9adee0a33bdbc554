// Grants are rows of the API's (oauth_grant): it says who may act for which agent, the issuer reads it and may only end one.
import type pg from 'pg';

export interface Grant {
  readonly grantId: string;
  readonly kind: 'consent' | 'client';
  readonly workspaceId: string;
  readonly agentId: string;
  readonly clientName: string;
  readonly scopes: readonly string[];
  /** SHA-256 of the secret, hex; null for grants by consent, whose clients have none. */
  readonly secretHash: string | null;
}

interface Row {
  readonly grant_id: string;
  readonly kind: Grant['kind'];
  readonly workspace_id: string;
  readonly agent_id: string;
  readonly client_name: string;
  readonly scopes: readonly string[];
  readonly secret_hash: Buffer | null;
}

const FIND = `SELECT grant_id, kind, workspace_id, agent_id, client_name, scopes, secret_hash FROM oauth_grant
  WHERE grant_id = $1 AND revoked_at IS NULL`;
const REVOKE = `UPDATE oauth_grant SET revoked_at = clock_timestamp()
  WHERE grant_id = $1 AND kind = 'consent' AND revoked_at IS NULL`;

export class Grants {
  constructor(private readonly pool: pg.Pool) {}

  /** Undefined: there is none, or it has been revoked. */
  async find(grantId: string): Promise<Grant | undefined> {
    const { rows } = await this.pool.query<Row>(FIND, [grantId]);
    const row = rows[0];
    if (row === undefined) return undefined;
    return {
      grantId: row.grant_id,
      kind: row.kind,
      workspaceId: row.workspace_id,
      agentId: row.agent_id,
      clientName: row.client_name,
      scopes: row.scopes,
      secretHash: row.secret_hash?.toString('hex') ?? null,
    };
  }

  /** For ever: also access tokens that are still alive stop working with it. */
  async revoke(grantId: string): Promise<void> {
    await this.pool.query(REVOKE, [grantId]);
  }
}
