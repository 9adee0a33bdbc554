import { refuse, type AgentId, type GrantId, type WorkspaceId } from '#domain';
import type { AccessScope, Actor, GrantStore, GrantView, NewGrant, Page, PageRequest } from '#engine';
import { sql } from 'kysely';
import { hash, randomBytes } from 'node:crypto';
import { requireAgent } from './agents.js';
import { change, within, type AdminFact, type Database, type Trx } from './change.js';
import { newId } from './ids.js';
import { CURSOR_PARTS, pageSize, readCursor, toPage } from './page.js';

interface Row {
  readonly workspace_id: string;
  readonly grant_id: string;
  readonly kind: GrantView['kind'];
  readonly agent_id: string;
  readonly client_id: string;
  readonly client_name: string;
  readonly person: string;
  readonly scopes: readonly AccessScope[];
  readonly created_at: Date;
  readonly revoked_at: Date | null;
}

// Never `secret_hash`: nobody but the issuer has a use for it.
const COLUMNS = sql<Row>`workspace_id, grant_id, kind, agent_id, client_id, client_name, person, scopes, created_at, revoked_at`;

export class PostgresGrants implements GrantStore {
  constructor(private readonly db: Database) {}

  agree(
    workspaceId: WorkspaceId,
    input: NewGrant & { readonly clientId: string },
    by: Actor,
  ): Promise<GrantView> {
    return change(this.db, { workspaceId, by }, async (trx) => {
      const grant = await insert(trx, workspaceId, { ...input, kind: 'consent', secretHash: null }, by);
      return { result: grant, fact: factOf('OAuthGrantMade', grant) };
    });
  }

  createClient(
    workspaceId: WorkspaceId,
    input: NewGrant,
    by: Actor,
  ): Promise<{ readonly grant: GrantView; readonly secret: string }> {
    // With 256 random bits a slow hash would add cost and no safety.
    const secret = `prs_client_${randomBytes(32).toString('base64url')}`;
    const secretHash = hash('sha256', secret, 'buffer');
    return change(this.db, { workspaceId, by }, async (trx) => {
      const grant = await insert(
        trx,
        workspaceId,
        { ...input, kind: 'client', clientId: null, secretHash },
        by,
      );
      return { result: { grant, secret }, fact: factOf('OAuthClientMade', grant) };
    });
  }

  async list(workspaceId: WorkspaceId, page: PageRequest): Promise<Page<GrantView>> {
    const size = pageSize(page);
    const after = readCursor(page.cursor, [CURSOR_PARTS.id]);
    return within(this.db, workspaceId, async (trx) => {
      const older = after ? sql`AND grant_id < ${after[0]}` : sql``;
      const { rows } =
        await sql<Row>`SELECT ${COLUMNS} FROM oauth_grant WHERE workspace_id = ${workspaceId} ${older}
        ORDER BY grant_id DESC LIMIT ${size + 1}`.execute(trx);
      return toPage(rows, size, { item: toView, key: (row) => [row.grant_id] });
    });
  }

  revoke(workspaceId: WorkspaceId, grantId: GrantId, by: Actor): Promise<GrantView> {
    return change(this.db, { workspaceId, by }, async (trx) => {
      const { rows: revoked } = await sql<Row>`UPDATE oauth_grant SET revoked_at = clock_timestamp()
        WHERE workspace_id = ${workspaceId} AND grant_id = ${grantId} AND revoked_at IS NULL RETURNING ${COLUMNS}`.execute(
        trx,
      );
      if (revoked[0]) {
        const grant = toView(revoked[0]);
        return { result: grant, fact: factOf('OAuthGrantRevoked', grant) };
      }
      const { rows } = await sql<Row>`SELECT ${COLUMNS} FROM oauth_grant
        WHERE workspace_id = ${workspaceId} AND grant_id = ${grantId}`.execute(trx);
      if (!rows[0]) throw refuse('not_found', { object: 'grant' });
      return { result: toView(rows[0]), fact: null };
    });
  }
}

interface Insert extends NewGrant {
  readonly kind: GrantView['kind'];
  /** Null: its own id. */
  readonly clientId: string | null;
  readonly secretHash: Buffer | null;
}

async function insert(trx: Trx, workspaceId: WorkspaceId, input: Insert, by: Actor): Promise<GrantView> {
  await requireAgent(trx, workspaceId, input.agentId);
  const grantId = newId('grt');
  const { rows } = await sql<Row>`INSERT INTO oauth_grant
      (workspace_id, grant_id, kind, agent_id, client_id, client_name, person, scopes, secret_hash, created_by)
    VALUES (${workspaceId}, ${grantId}, ${input.kind}, ${input.agentId}, ${input.clientId ?? grantId}, ${input.clientName},
      ${input.person}, ${[...input.scopes]}::text[], ${input.secretHash}, ${`${by.type}:${by.id}`})
    RETURNING ${COLUMNS}`.execute(trx);
  if (!rows[0]) throw new Error('the new grant was not stored');
  return toView(rows[0]);
}

function factOf(
  type: string,
  { grantId, agentId, clientId, clientName, person, scopes }: GrantView,
): AdminFact {
  const data = { grant_id: grantId, agent_id: agentId, client_id: clientId, client_name: clientName, person };
  return { type, data: { ...data, scopes: [...scopes] } };
}

function toView(row: Row): GrantView {
  return {
    workspaceId: row.workspace_id as WorkspaceId,
    grantId: row.grant_id as GrantId,
    kind: row.kind,
    agentId: row.agent_id as AgentId,
    clientId: row.client_id,
    clientName: row.client_name,
    person: row.person,
    scopes: row.scopes,
    createdAtMs: row.created_at.getTime(),
    revokedAtMs: row.revoked_at?.getTime() ?? null,
  };
}
