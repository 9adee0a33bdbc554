import { sql } from 'kysely';
import type { Database, Trx } from '../admin/change.js';
import { BEGINNING, type Order, type Projection } from './projection.js';

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

const COLUMNS = sql<Row>`version, cluster_epoch::text AS epoch_text, txid::text AS txid_text, position::text AS position_text`;

/** The row's lock keeps every other projector and rebuild out until the transaction ends. */
export async function lockCheckpoint(trx: Trx, { name, version }: Projection): Promise<Checkpoint> {
  const locked = () =>
    sql<Row>`SELECT ${COLUMNS} FROM projection_checkpoint WHERE name = ${name} FOR UPDATE`.execute(trx);
  const found = (await locked()).rows[0];
  if (found) return toCheckpoint(found);
  await sql`INSERT INTO projection_checkpoint (name, version) VALUES (${name}, ${version}) ON CONFLICT DO NOTHING`.execute(
    trx,
  );
  const made = (await locked()).rows[0];
  if (!made) throw new Error(`the checkpoint of ${name} vanished`);
  return toCheckpoint(made);
}

/** Without a lock: a place the projection has certainly reached. */
export async function readCheckpoint(db: Database, { name }: Projection): Promise<Order> {
  const { rows } = await sql<Row>`SELECT ${COLUMNS} FROM projection_checkpoint WHERE name = ${name}`.execute(
    db,
  );
  return rows[0] ? toCheckpoint(rows[0]).at : BEGINNING;
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
