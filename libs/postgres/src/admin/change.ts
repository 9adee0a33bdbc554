// Every administrative change is one transaction that also writes who did it (S11), bound to its workspace by row-level security.
import type { Json, WorkspaceId } from '#domain';
import type { Actor } from '#engine';
import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import type pg from 'pg';
import { surviveLostConnections } from './lost-connections.js';

export type Database = Kysely<unknown>;
export type Trx = Transaction<unknown>;

/** Events about the whole installation belong to no workspace. */
export const NO_WORKSPACE = '00000000-0000-0000-0000-000000000000' as WorkspaceId;

export interface AdminFact {
  readonly type: string;
  readonly data: { readonly [field: string]: Json };
}

export function databaseOn(pool: pg.Pool): Database {
  return new Kysely<unknown>({ dialect: new PostgresDialect({ pool: surviveLostConnections(pool) }) });
}

/** Runs `work` in a transaction that sees and touches this workspace only. */
export function within<Result>(
  db: Database,
  workspaceId: WorkspaceId,
  work: (trx: Trx) => Promise<Result>,
): Promise<Result> {
  return db.transaction().execute(async (trx) => {
    await sql`SELECT set_config('purser.workspace_id', ${workspaceId}, true), set_config('lock_timeout', '10s', true)`.execute(
      trx,
    );
    return work(trx);
  });
}

/** As `within`, and records the fact that `work` returns; null: nothing changed, so nothing is recorded. */
export function change<Result>(
  db: Database,
  where: { readonly workspaceId: WorkspaceId; readonly by: Actor },
  work: (trx: Trx) => Promise<{ readonly result: Result; readonly fact: AdminFact | null }>,
): Promise<Result> {
  return within(db, where.workspaceId, async (trx) => {
    const { result, fact } = await work(trx);
    if (fact) {
      await sql`INSERT INTO admin_event (workspace_id, type, actor, data)
        VALUES (${where.workspaceId}, ${fact.type}, ${JSON.stringify(where.by)}::jsonb, ${JSON.stringify(fact.data)}::jsonb)`.execute(
        trx,
      );
    }
    return result;
  });
}
