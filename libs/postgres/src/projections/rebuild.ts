// A rebuild replays the whole log into tables beside the live ones and then swaps them under the checkpoint's lock. Readers see the old rows
// until the swap and the new ones after it. At the swap both stand at the same event, so their bytes can be compared.
import { sql } from 'kysely';
import pg from 'pg';
import { databaseOn, type Database, type Trx } from '../admin/change.js';
import { PROJECTIONS } from './all.js';
import { readLog } from './event-log.js';
import { BEGINNING, type Order, type Projection } from './projection.js';
import { lockCheckpoint, readPlaces, writeCheckpoint } from './checkpoint.js';

export interface Rebuilt {
  readonly name: string;
  readonly events: number;
  /** SHA-256 over all rows, per table: before and after. They differ only when the handler changed or somebody edited rows (S14). */
  readonly checksums: readonly { readonly table: string; readonly before: string; readonly after: string }[];
  readonly equal: boolean;
}

const BATCH = 2_000;
const beside = (table: string): string => `${table}__next`;

/** Connect as the owner: it makes and renames tables. Refuses an unknown name by throwing. */
export async function rebuildProjection(ownerUrl: string, name: string): Promise<Rebuilt> {
  const projection = PROJECTIONS.find((it) => it.name === name);
  if (!projection)
    throw new Error(
      `there is no projection ${name}; there are ${PROJECTIONS.map((it) => it.name).join(', ')}`,
    );
  const pool = new pg.Pool({ connectionString: ownerUrl, max: 1 });
  try {
    const db = databaseOn(pool);
    await makeTables(db, projection);
    // Most of the log without a lock; it ends where the projector stands, never beyond.
    const first = await replay(db, projection, BEGINNING);
    return await db.transaction().execute(async (trx) => {
      const live = await lockCheckpoint(trx, projection);
      const rest = await replayIn(trx, projection, first.at, live.at);
      const checksums = await swap(trx, projection);
      await writeCheckpoint(trx, projection, live.at);
      return {
        name,
        events: first.count + rest.count,
        checksums,
        equal: checksums.every((it) => it.before === it.after),
      };
    });
  } finally {
    await pool.end();
  }
}

/** Same columns, keys and rights as the live tables. What an interrupted rebuild left is thrown away. */
async function makeTables(db: Database, { tables }: Projection): Promise<void> {
  await db.transaction().execute(async (trx) => {
    for (const table of tables) {
      await sql`DROP TABLE IF EXISTS ${sql.table(beside(table))}`.execute(trx);
      await sql`CREATE TABLE ${sql.table(beside(table))} (LIKE ${sql.table(table)} INCLUDING ALL)`.execute(
        trx,
      );
      await sql`SELECT purser_secure_projection(${beside(table)}::regclass)`.execute(trx);
    }
  });
}

interface Progress {
  readonly at: Order;
  readonly count: number;
}

async function replay(db: Database, projection: Projection, from: Order): Promise<Progress> {
  const to = (await readPlaces(db, [projection])).get(projection.name) ?? BEGINNING;
  let progress: Progress = { at: from, count: 0 };
  for (;;) {
    const { at } = progress;
    const step = await db.transaction().execute((trx) => applyBatch(trx, projection, { from: at, to }));
    if (step.count === 0) return progress;
    progress = { at: step.at, count: progress.count + step.count };
  }
}

async function replayIn(trx: Trx, projection: Projection, from: Order, to: Order): Promise<Progress> {
  let progress: Progress = { at: from, count: 0 };
  for (;;) {
    const step = await applyBatch(trx, projection, { from: progress.at, to });
    if (step.count === 0) return progress;
    progress = { at: step.at, count: progress.count + step.count };
  }
}

async function applyBatch(
  trx: Trx,
  projection: Projection,
  { from, to }: { readonly from: Order; readonly to: Order },
): Promise<Progress> {
  const events = await readLog(trx, from, { limit: BATCH, to });
  const last = events.at(-1);
  if (!last) return { at: from, count: 0 };
  await projection.apply(events, { trx, table: beside });
  return { at: last.order, count: events.length };
}

async function swap(trx: Trx, { tables }: Projection): Promise<Rebuilt['checksums']> {
  const checksums = [];
  for (const table of tables) {
    checksums.push({ table, before: await checksum(trx, table), after: await checksum(trx, beside(table)) });
    await sql`DROP TABLE ${sql.table(table)}`.execute(trx);
    await sql`ALTER TABLE ${sql.table(beside(table))} RENAME TO ${sql.raw(pg.escapeIdentifier(table))}`.execute(
      trx,
    );
  }
  return checksums;
}

/** Over the rows' text in one order, so that it does not depend on where rows lie. */
async function checksum(trx: Trx, table: string): Promise<string> {
  const { rows } = await sql<{ sum: string }>`SELECT encode(sha256(convert_to(coalesce(
      string_agg(encode(sha256(convert_to(t::text, 'UTF8')), 'hex'), '' ORDER BY t::text COLLATE "C"), ''), 'UTF8')), 'hex') AS sum
    FROM ${sql.table(table)} t`.execute(trx);
  return rows[0]?.sum ?? '';
}
