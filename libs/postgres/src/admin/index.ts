import type { Json, WorkspaceId } from '#domain';
import type {
  ActivityStore,
  AdminEventView,
  Administration,
  ApproverKeyStore,
  GrantStore,
  Page,
  PageRequest,
  Vault,
} from '#engine';
import { sql } from 'kysely';
import type pg from 'pg';
import { PostgresActivities } from './activities.js';
import { PostgresAgents } from './agents.js';
import { PostgresApproverAdmin } from './approver-groups.js';
import { PostgresApproverKeys } from './approver-keys.js';
import { PostgresBudgets } from './budgets.js';
import { PostgresChanges } from './changes.js';
import { databaseOn, within, type Database } from './change.js';
import { PostgresGrants } from './grants.js';
import { PostgresKeys } from './keys.js';
import { CURSOR_PARTS, pageSize, readCursor, toPage } from './page.js';
import { PostgresPolicies } from './policies.js';
import { PostgresSetups } from './setups.js';
import { PostgresStops } from './stops.js';
import { PostgresTeams } from './teams.js';
import { PostgresTags } from './tags.js';
import { PostgresWallets } from './wallets.js';
import { PostgresWorkspaces } from './workspaces.js';

export { createCredentialChecks, type AuthenticatorOptions, type CredentialChecks } from './authenticator.js';
export { createApprovers } from './approver-store.js';
export { newId } from './ids.js';
export { createTokenStandings } from './token-standing.js';
export { createPolicyStore } from './policy-store.js';
export { signatureMatches, signRequest } from './request-signature.js';

export interface AdministrationOptions {
  /** The word in issued keys, `live` or `test`; lower-case letters. */
  readonly keyEnvironment: string;
  /** Seals agents' secrets; without it none are made. */
  readonly vault?: Vault;
}

/** The pool logs in as the administration role; the caller ends it. */
export function createAdministration(pool: pg.Pool, options: AdministrationOptions): Administration {
  const db = databaseOn(pool);
  return {
    workspaces: new PostgresWorkspaces(db),
    agents: new PostgresAgents(db),
    keys: new PostgresKeys(db, options.keyEnvironment, options.vault ?? null),
    wallets: new PostgresWallets(db),
    budgets: new PostgresBudgets(db),
    tags: new PostgresTags(db),
    teams: new PostgresTeams(db),
    policies: new PostgresPolicies(db),
    setups: new PostgresSetups(db),
    stops: new PostgresStops(db),
    approvers: new PostgresApproverAdmin(db),
    changes: new PostgresChanges(db),
    history: (workspaceId, page) => history(db, workspaceId, page),
  };
}

/** Which OAuth clients may act for which agent. The pool as above. */
export function createGrantStore(pool: pg.Pool): GrantStore {
  return new PostgresGrants(databaseOn(pool));
}

/** What people sign with, and what they are asked to sign. The pool as above. */
export function createSigningStores(pool: pg.Pool): {
  readonly activities: ActivityStore;
  readonly approverKeys: ApproverKeyStore;
} {
  const db = databaseOn(pool);
  return { activities: new PostgresActivities(db), approverKeys: new PostgresApproverKeys(db) };
}

interface EventRow {
  readonly position: string;
  readonly type: string;
  readonly actor: Json;
  readonly data: Json;
  readonly occurred_at: Date;
}

async function history(
  db: Database,
  workspaceId: WorkspaceId,
  page: PageRequest,
): Promise<Page<AdminEventView>> {
  const size = pageSize(page);
  const after = readCursor(page.cursor, [CURSOR_PARTS.integer]);
  return within(db, workspaceId, async (trx) => {
    const older = after ? sql`AND position < ${after[0]}::bigint` : sql``;
    const { rows } =
      await sql<EventRow>`SELECT position::text, type, actor, data, occurred_at FROM admin_event
      WHERE workspace_id = ${workspaceId} ${older} ORDER BY admin_event.position DESC LIMIT ${size + 1}`.execute(
        trx,
      );
    return toPage(rows, size, {
      item: (row) => ({
        position: row.position,
        type: row.type,
        actor: row.actor,
        data: row.data,
        occurredAtMs: row.occurred_at.getTime(),
      }),
      key: (row) => [row.position],
    });
  });
}
