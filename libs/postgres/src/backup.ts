// A consistent logical copy of the whole database as JSON lines, and back. pg_dump is not everywhere Purser runs, and a restore has to do
// more than insert rows: it opens a new cluster epoch, so that the log keeps its order, and starts in quarantine until the chain was compared (ruling 9).
import pg from 'pg';

export interface NextLife {
  /** Nothing is signed for so long; at least the longest validity of what may have been signed since the copy was made. 600 if not given. */
  readonly quarantineSec?: number;
  /** The cluster epoch that the signer knows of: restoring one copy twice must not give two lives the same number. */
  readonly epochAbove?: number;
}

/** First line of a dump. */
interface Header {
  readonly format: 'purser-database-1';
  readonly tables: readonly string[];
  /** The rows fit the schema that these made, no other. */
  readonly migrations: readonly string[];
}

const FETCH = 1_000;
/** No authorization that was signed before the restore lives longer (ruling 13). */
export const LONGEST_VALIDITY_SEC = 600;

/** Streams every table, all of one snapshot. Connect as the owner: row-level security binds everybody else. */
export async function dumpDatabase(ownerUrl: string, write: (line: string) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await client.query('SET LOCAL row_security = off');
    const tables = await tablesOf(client);
    const migrations = await migrationsOf(client);
    await write(JSON.stringify({ format: 'purser-database-1', tables, migrations } satisfies Header));
    for (const table of tables) {
      await client.query(
        `DECLARE rows NO SCROLL CURSOR FOR SELECT row_to_json(t)::text AS line FROM ${pg.escapeIdentifier(table)} t`,
      );
      for (;;) {
        const { rows } = await client.query<{ line: string }>(`FETCH ${FETCH} FROM rows`);
        if (rows.length > 0) await write(JSON.stringify({ table, rows: rows.map((row) => row.line) }));
        if (rows.length < FETCH) break;
      }
      await client.query('CLOSE rows');
    }
    await client.query('COMMIT');
  } finally {
    await client.end();
  }
}

/**
 * Fills a migrated, otherwise empty database from a dump, in one transaction, and begins its next life in quarantine.
 * @throws when the database is in use already, or the dump is not one or names unknown tables.
 */
export async function restoreDatabase(
  ownerUrl: string,
  lines: AsyncIterable<string>,
  next: NextLife = {},
): Promise<void> {
  await inTransaction(ownerUrl, async (client) => {
    await client.query('SET LOCAL row_security = off');
    const known = new Set(await tablesOf(client));
    if (await isUsed(client)) throw new Error('the database is not empty: restore into a fresh one');
    let header: Header | undefined;
    for await (const line of lines) {
      if (line === '') continue;
      if (header === undefined) header = await begin(client, line, known);
      else await insertRows(client, line, known);
    }
    if (header === undefined) throw new Error('the dump is empty');
    await alignSequences(client);
    await beginNextLife(client, next);
  });
}

/**
 * For a database that was brought back by other means (a file system snapshot, point-in-time recovery): what `restoreDatabase` does besides
 * filling it. Every process must be stopped.
 */
export async function declareRestored(ownerUrl: string, next: NextLife = {}): Promise<void> {
  await inTransaction(ownerUrl, async (client) => {
    await client.query('SET LOCAL row_security = off');
    await beginNextLife(client, next);
  });
}

async function beginNextLife(client: pg.Client, next: NextLife): Promise<void> {
  const { quarantineSec = LONGEST_VALIDITY_SEC, epochAbove = 0 } = next;
  await client.query(
    `UPDATE cluster SET epoch = greatest(epoch, $2) + 1, quarantined_until = clock_timestamp() + make_interval(secs => $1)`,
    [quarantineSec, epochAbove],
  );
  // Nobody who held a lease before the restore may still act under it.
  await client.query(
    `UPDATE operations SET lease_owner = NULL, lease_until = NULL, lease_epoch = lease_epoch + 1000`,
  );
  await client.query(`UPDATE singleton_lease SET owner = NULL, until = NULL, epoch = epoch + 1000`);
}

/** Is anything in it that a restore would have to overwrite? Connect as the owner, after migrating. */
export async function isDatabaseUsed(ownerUrl: string): Promise<boolean> {
  let used = true;
  await inTransaction(ownerUrl, async (client) => {
    await client.query('SET LOCAL row_security = off');
    used = await isUsed(client);
  });
  return used;
}

async function isUsed(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ used: boolean }>(
    'SELECT EXISTS (SELECT FROM operations) OR EXISTS (SELECT FROM workspace) AS used',
  );
  return rows[0]?.used !== false;
}

async function inTransaction(ownerUrl: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    await client.query('BEGIN');
    await work(client);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  } finally {
    await client.end();
  }
}

async function begin(client: pg.Client, line: string, known: ReadonlySet<string>): Promise<Header> {
  const header = JSON.parse(line) as Header;
  if (header.format !== 'purser-database-1') throw new Error('not a dump of this format');
  const unknown = header.tables.filter((table) => !known.has(table));
  if (unknown.length > 0)
    throw new Error(`the dump holds tables this version does not have: ${unknown.join(', ')}`);
  if (header.migrations.join() !== (await migrationsOf(client)).join())
    throw new Error('the dump was made by another version of Purser: restore it with that one, then upgrade');
  // The rows a migration plants; the dump brings its own.
  await client.query('DELETE FROM cluster');
  await client.query('DELETE FROM control');
  return header;
}

async function insertRows(client: pg.Client, line: string, known: ReadonlySet<string>): Promise<void> {
  const { table, rows } = JSON.parse(line) as { readonly table: string; readonly rows: readonly string[] };
  if (!known.has(table)) throw new Error('the dump names an unknown table');
  const name = pg.escapeIdentifier(table);
  await client.query(
    `INSERT INTO ${name} OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(NULL::${name}, $1::json)`,
    [`[${rows.join(',')}]`],
  );
}

/**
 * Ordinary and partitioned tables, those that others refer to first. Partitions are reached through their parents, applied migrations belong
 * to the target, and what a rebuild of a projection is just making (`__next`) is nobody's yet.
 */
async function tablesOf(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND c.relname NOT LIKE '%migration%' AND c.relname NOT LIKE '%\\_\\_next'
      ORDER BY EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.conrelid = c.oid), c.relname`,
  );
  return rows.map((row) => row.name);
}

async function migrationsOf(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>('SELECT name FROM applied_migration ORDER BY name');
  return rows.map((row) => row.name);
}

/** Identity columns go on above what was restored. */
async function alignSequences(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ table_name: string; column_name: string }>(
    `SELECT table_name, column_name FROM information_schema.columns c JOIN pg_class r ON r.relname = c.table_name AND r.relnamespace = current_schema()::regnamespace
      WHERE c.table_schema = current_schema() AND c.is_identity = 'YES' AND NOT r.relispartition`,
  );
  for (const { table_name: table, column_name: column } of rows) {
    await client.query(
      `SELECT setval(pg_get_serial_sequence($1, $2), GREATEST(1, (SELECT max(${pg.escapeIdentifier(column)}) FROM ${pg.escapeIdentifier(table)})))`,
      [table, column],
    );
  }
}
