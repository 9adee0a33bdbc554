// A consistent logical copy of the whole database as JSON lines, and back. pg_dump is not everywhere Purser runs, and a restore has to do
// more than insert rows: it opens a new cluster epoch, so that the log keeps its order, and starts in quarantine until the chain was compared (ruling 9).
import pg from 'pg';

/** First line of a dump. */
interface Header {
  readonly format: 'purser-database-1';
  readonly tables: readonly string[];
}

const FETCH = 1_000;
/** Long enough for every authorization that may be live to die (600 s); the watcher shortens it only after adoption and finality. */
const QUARANTINE_SEC = 600;

/** Streams every table, all of one snapshot. Connect as the owner: row-level security binds everybody else. */
export async function dumpDatabase(ownerUrl: string, write: (line: string) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await client.query('SET LOCAL row_security = off');
    const tables = await tablesOf(client);
    await write(JSON.stringify({ format: 'purser-database-1', tables } satisfies Header));
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
 * Fills a migrated, otherwise empty database from a dump, in one transaction.
 * @throws when the database already holds operations, or the dump is not one or names unknown tables.
 */
export async function restoreDatabase(ownerUrl: string, lines: AsyncIterable<string>): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query('SET LOCAL row_security = off');
    const known = new Set(await tablesOf(client));
    const { rows } = await client.query<{ used: boolean }>('SELECT EXISTS (SELECT FROM operations) AS used');
    if (rows[0]?.used !== false) throw new Error('the database is not empty: restore into a fresh one');
    let header: Header | undefined;
    for await (const line of lines) {
      if (line === '') continue;
      if (header === undefined) header = await begin(client, line, known);
      else await insertRows(client, line, known);
    }
    if (header === undefined) throw new Error('the dump is empty');
    await client.query(
      `UPDATE cluster SET epoch = epoch + 1, quarantined_until = clock_timestamp() + make_interval(secs => ${QUARANTINE_SEC})`,
    );
    // Nobody who held a lease before the restore may still act under it.
    await client.query(
      `UPDATE operations SET lease_owner = NULL, lease_until = NULL, lease_epoch = lease_epoch + 1000`,
    );
    await client.query(`UPDATE singleton_lease SET owner = NULL, until = NULL, epoch = epoch + 1000`);
    await alignSequences(client);
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

/** Ordinary and partitioned tables; partitions are reached through their parents, and applied migrations belong to the target. */
async function tablesOf(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
        AND relname NOT LIKE '%migration%' ORDER BY relname`,
  );
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
