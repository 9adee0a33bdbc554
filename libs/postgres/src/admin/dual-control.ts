// Whether one person may let more pass than before (ruling 28). Changes come through change_request, where the second one decides; whoever forgets that
// is refused here, in the transaction of the change.
import { refuse, type WorkspaceId } from '#domain';
import type { Actor, Role } from '#engine';
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

const SPEAKING: readonly Role[] = ['admin', 'approver', 'backend'];

/**
 * Such a key asks for changes, prepares or decides in a person's name: whoever could have one made in the name of somebody who decides would be the
 * second person as well. The first key of somebody new is an admin's to make.
 */
export async function assertOwnName(
  trx: Trx,
  workspaceId: WorkspaceId,
  { role, person }: { readonly role: Role; readonly person: string },
  by: Actor,
): Promise<void> {
  if (by.type === 'system' || !SPEAKING.includes(role) || !(await isDualControlled(trx, workspaceId))) return;
  const { rows } = await sql<{
    taken: boolean;
  }>`SELECT EXISTS (SELECT FROM api_key k WHERE k.workspace_id = ${workspaceId}
        AND k.person = ${person} AND k.role IN ('admin', 'approver') AND k.revoked_at IS NULL
        AND coalesce(k.expires_at > clock_timestamp(), true))
      AND NOT EXISTS (SELECT FROM api_key k WHERE k.workspace_id = ${workspaceId} AND k.key_id = ${by.id}
        AND k.person = ${person}) AS taken`.execute(trx);
  if (rows[0]?.taken !== false) throw refuse('second_person_needed', { person });
}
