// What belongs to the installation as a whole: whose database this is, and the few figures somebody scrapes.
import type pg from 'pg';

/**
 * Binds the database to this installation's derivation keys at the first start, and refuses any other set from then on: other keys would
 * derive other operation ids and nonces, and a retry could then pay twice (ruling 9).
 * @throws when the database remembers other keys.
 */
export async function bindInstallation(
  system: pg.Pool,
  keyFingerprints: Readonly<Record<string, string>>,
): Promise<void> {
  const mine = JSON.stringify({ keys: keyFingerprints });
  await system.query(`UPDATE cluster SET genesis = genesis || $1::jsonb WHERE NOT genesis ? 'keys'`, [mine]);
  const { rows } = await system.query<{ same: boolean }>(`SELECT genesis @> $1::jsonb AS same FROM cluster`, [
    mine,
  ]);
  if (rows[0]?.same !== true)
    throw new Error('this database belongs to an installation with other derivation keys');
}

const PURGE_BATCH = 1_000;

/** Deletes sealed bytes past their time to live; returns how many. */
export async function purgeExpiredBlobs(system: pg.Pool): Promise<number> {
  const { rowCount } = await system.query(
    `DELETE FROM blob WHERE (workspace_id, operation_id, kind) IN
       (SELECT workspace_id, operation_id, kind FROM blob WHERE expires_at <= clock_timestamp() ORDER BY expires_at LIMIT ${PURGE_BATCH})`,
  );
  // No signature is good for that long.
  await system.query(`DELETE FROM signed_request WHERE seen_at < clock_timestamp() - interval '10 minutes'`);
  return rowCount ?? 0;
}

export interface InstallationFigures {
  /** Operations that somebody still has to look at, by status; ended ones are counted where they end. */
  readonly operationsByStatus: Readonly<Record<string, number>>;
  /** Base units by budget unit. */
  readonly heldBudget: Readonly<Record<string, bigint>>;
  readonly liveAuthorizations: Readonly<Record<string, number>>;
}

/** Reads through partial indexes and the few workspace nodes: the cost follows what is open, not what ever happened. */
export async function readFigures(system: pg.Pool): Promise<InstallationFigures> {
  const [open, held, live] = await Promise.all([
    system.query<{ status: string; n: string }>(
      `SELECT status, count(*) AS n FROM operations WHERE next_attempt_at IS NOT NULL GROUP BY status`,
    ),
    system.query<{ unit: string; held: string }>(
      `SELECT unit, sum(held)::text AS held FROM budget_node WHERE kind = 'workspace' AND layer = 'payments' GROUP BY unit`,
    ),
    system.query<{ network: string; n: string }>(
      `SELECT network, count(*) AS n FROM authorization_ledger WHERE status = 'live' GROUP BY network`,
    ),
  ]);
  return {
    operationsByStatus: Object.fromEntries(open.rows.map((row) => [row.status, Number(row.n)])),
    heldBudget: Object.fromEntries(held.rows.map((row) => [row.unit, BigInt(row.held)])),
    liveAuthorizations: Object.fromEntries(live.rows.map((row) => [row.network, Number(row.n)])),
  };
}
