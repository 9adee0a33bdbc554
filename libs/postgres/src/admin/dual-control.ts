// Whether one person may let more pass than before (ruling 28). Changes come through change_request, where the second one decides; whoever forgets that
// is refused here, in the transaction of the change.
import { refuse, type WorkspaceId } from '#domain';
import type { Actor } from '#engine';
import { sql } from 'kysely';
import type { Trx } from './change.js';

/** A share of the row: it cannot be switched while this decides. */
export async function isDualControlled(trx: Trx, workspaceId: WorkspaceId): Promise<boolean> {
  const { rows } = await sql<{ dual_control: boolean }>`SELECT dual_control FROM workspace
    WHERE workspace_id = ${workspaceId}`.execute(trx);
  return rows[0]?.dual_control === true;
}

/** What sets up an installation is no person, and has nobody beside it. */
export async function assertAlone(trx: Trx, workspaceId: WorkspaceId, by: Actor): Promise<void> {
  if (by.type !== 'system' && (await isDualControlled(trx, workspaceId)))
    throw refuse('second_person_needed');
}
