import { sql } from 'kysely';
import type { Database, Trx } from '../admin/change.js';
import { FINAL } from './event-log.js';
import type { Order, Projection } from './projection.js';

interface Row {
  readonly version: number;
  readonly epoch_text: string;
  readonly txid_text: string;
  readonly position_text: string;
}

/** Where a projection stands, and by which version of its handler it came there. One row per name. */
export interface Checkpoint {
  readonly version: number;
  readonly at: Order;
}

/** A checkpoint as it was seen without a lock: another projector may have moved it since. */
export interface Standing extends Checkpoint {
  readonly projection: Projection;
  /** Age of the oldest final event that is not applied yet; null when there is none. */
  readonly waitingMs: number | null;
}

const COLUMNS = sql`c.version, c.cluster_epoch::text AS epoch_text, c.txid::text AS txid_text, c.position::text AS position_text`;

/** The row's lock keeps every other projector and rebuild out until the transaction ends. */
export async function lockCheckpoint(trx: Trx, { name, version }: Projection): Promise<Checkpoint> {
  const locked = () =>
    sql<Row>`SELECT ${COLUMNS} FROM projection_checkpoint c WHERE c.name = ${name} FOR UPDATE`.execute(trx);
  const found = (await locked()).rows[0];
  if (found) return toCheckpoint(found);
  await sql`INSERT INTO projection_checkpoint (name, version) VALUES (${name}, ${version}) ON CONFLICT DO NOTHING`.execute(
    trx,
  );
  const made = (await locked()).rows[0];
  if (!made) throw new Error(`the checkpoint of ${name} vanished`);
  return toCheckpoint(made);
}

/** Without a lock: places the projections have certainly reached; one that never ran has none. */
export async function readPlaces(
  db: Database,
  projections: readonly Projection[],
): Promise<ReadonlyMap<string, Order>> {
  const { rows } = await sql<
    Row & { name: string }
  >`SELECT c.name, ${COLUMNS} FROM projection_checkpoint c WHERE c.name = ANY (${namesOf(projections)}::text[])`.execute(
    db,
  );
  return new Map(rows.map((row) => [row.name, toCheckpoint(row).at]));
}

/** Where they stand and whether anything waits for them, in one statement: an idle projector asks nothing else. */
export async function readStandings(
  db: Database,
  projections: readonly Projection[],
): Promise<readonly Standing[]> {
  if (projections.length === 0) return [];
  const seen = await standingsOf(db, projections);
  if (seen.length === projections.length) return seen;
  await sql`INSERT INTO projection_checkpoint (name, version)
    SELECT * FROM unnest(${namesOf(projections)}::text[], ${projections.map((it) => it.version)}::integer[])
    ON CONFLICT DO NOTHING`.execute(db);
  return standingsOf(db, projections);
}

async function standingsOf(db: Database, projections: readonly Projection[]): Promise<readonly Standing[]> {
  // Whether the next event is final is asked of that event alone: after one that is not, none is. While an old transaction holds the log
  // back, a look costs no more than at any other time.
  const { rows } = await sql<
    Row & { name: string; waiting_ms: string | null }
  >`SELECT c.name, ${COLUMNS}, (CASE WHEN ${FINAL} THEN extract(epoch FROM clock_timestamp() - e.recorded_at) * 1000 END)::text AS waiting_ms
    FROM projection_checkpoint c LEFT JOIN LATERAL (SELECT n.cluster_epoch, n.txid, n.recorded_at FROM events n
      WHERE (n.cluster_epoch, n.txid, n.position) > (c.cluster_epoch, c.txid, c.position)
      ORDER BY n.cluster_epoch, n.txid, n.position LIMIT 1) e ON true
    WHERE c.name = ANY (${namesOf(projections)}::text[])`.execute(db);
  const found = new Map(rows.map((row) => [row.name, row]));
  return projections.flatMap((projection) => {
    const row = found.get(projection.name);
    if (!row) return [];
    const waitingMs = row.waiting_ms === null ? null : Math.max(0, Number(row.waiting_ms));
    return [{ projection, ...toCheckpoint(row), waitingMs }];
  });
}

/**
 * Moves the checkpoints that nobody has locked and that are still where they were seen; their names. The locks keep every other projector and
 * rebuild out until the transaction ends. From here on the transaction waits for no lock longer than a second: a table that somebody
 * keeps locked shall delay its own projection only.
 */
export async function advance(
  trx: Trx,
  standings: readonly Standing[],
  to: Order,
): Promise<ReadonlySet<string>> {
  const seen = standings.map(({ projection, version, at }) => ({ name: projection.name, version, ...at }));
  const { rows } = await sql<{ name: string }>`WITH free AS MATERIALIZED (
      SELECT c.name FROM projection_checkpoint c JOIN jsonb_to_recordset(${JSON.stringify(seen)}::jsonb)
        AS seen(name text, version integer, "clusterEpoch" integer, txid text, position text)
        ON c.name = seen.name AND c.version = seen.version AND c.cluster_epoch = seen."clusterEpoch" AND c.txid = seen.txid::xid8
          AND c.position = seen.position::bigint
      ORDER BY c.name FOR UPDATE OF c SKIP LOCKED)
    UPDATE projection_checkpoint c SET cluster_epoch = ${to.clusterEpoch}, txid = ${to.txid}::xid8, position = ${to.position}::bigint,
      updated_at = clock_timestamp()
    FROM free WHERE c.name = free.name RETURNING c.name, set_config('lock_timeout', '1s', true)`.execute(trx);
  return new Set(rows.map((row) => row.name));
}

export async function writeCheckpoint(trx: Trx, { name, version }: Projection, at: Order): Promise<void> {
  await sql`UPDATE projection_checkpoint SET version = ${version}, cluster_epoch = ${at.clusterEpoch}, txid = ${at.txid}::xid8,
      position = ${at.position}::bigint, updated_at = clock_timestamp()
    WHERE name = ${name}`.execute(trx);
}

function toCheckpoint(row: Row): Checkpoint {
  return {
    version: row.version,
    at: { clusterEpoch: Number(row.epoch_text), txid: row.txid_text, position: row.position_text },
  };
}

function namesOf(projections: readonly Projection[]): string[] {
  return projections.map(({ name }) => name);
}
