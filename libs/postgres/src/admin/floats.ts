// Float policies as an admin sets them; what they do is in watch/float-store.ts.
import { refuse, type WalletId, type WorkspaceId } from '#domain';
import type { Actor, FloatPolicy } from '#engine';
import { sql } from 'kysely';
import { change, type Database, type Trx } from './change.js';

export interface FloatPlace {
  readonly workspaceId: WorkspaceId;
  readonly walletId: WalletId;
  readonly by: Actor;
}

export function setFloat(
  db: Database,
  { workspaceId, walletId, by }: FloatPlace,
  { network, token, min, target, capPerDay, person }: FloatPolicy & { readonly person: string },
): Promise<void> {
  const amounts = { min: min.toString(), target: target.toString(), cap_per_day: capPerDay.toString() };
  return change(db, { workspaceId, by }, async (trx) => {
    await requireFillable(trx, workspaceId, walletId);
    await sql`INSERT INTO wallet_float (workspace_id, wallet_id, network, token, enabled, min, target, cap_per_day, person)
      VALUES (${workspaceId}, ${walletId}, ${network}, ${token}, true, ${amounts.min}::numeric, ${amounts.target}::numeric,
        ${amounts.cap_per_day}::numeric, ${person})
      ON CONFLICT (workspace_id, wallet_id, network, token) DO UPDATE SET enabled = true, min = excluded.min, target = excluded.target,
        cap_per_day = excluded.cap_per_day, person = excluded.person, looked_at = false, problem = NULL, not_before = '-infinity'`.execute(
      trx,
    );
    const data = { wallet_id: walletId, network, token, ...amounts };
    return { result: undefined, fact: { type: 'FloatSet', data } };
  });
}

export function stopFloat(
  db: Database,
  { workspaceId, walletId, by }: FloatPlace,
  { network, token }: Pick<FloatPolicy, 'network' | 'token'>,
): Promise<void> {
  return change(db, { workspaceId, by }, async (trx) => {
    const { numAffectedRows } =
      await sql`UPDATE wallet_float SET enabled = false WHERE workspace_id = ${workspaceId}
      AND wallet_id = ${walletId} AND network = ${network} AND token = ${token} AND enabled`.execute(trx);
    const fact = { type: 'FloatStopped', data: { wallet_id: walletId, network, token } };
    return { result: undefined, fact: numAffectedRows === 1n ? fact : null };
  });
}

async function requireFillable(trx: Trx, workspaceId: WorkspaceId, walletId: WalletId): Promise<void> {
  const { rows } = await sql<{ agent_id: string | null }>`SELECT agent_id FROM wallet
    WHERE workspace_id = ${workspaceId} AND wallet_id = ${walletId} AND status = 'active'`.execute(trx);
  if (!rows[0]) throw refuse('not_found', { object: 'wallet' });
  if (rows[0].agent_id === null)
    throw refuse('validation_failed', { field: 'wallet_id', reason: 'belongs_to_no_agent' });
}
