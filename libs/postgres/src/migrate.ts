// Forward-only migrations. Each is SQL text that never changes once applied anywhere; its hash is kept to notice when one did.
import { createHash } from 'node:crypto';
import pg from 'pg';
import { MIGRATIONS, type Migration } from './migrations/index.js';

/** Any number, the same in every process: one migrator at a time. */
const LOCK = 7_040_401;

const HISTORY = `CREATE TABLE IF NOT EXISTS applied_migration (
  name text PRIMARY KEY,
  hash text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)`;

export interface MigrateOptions {
  /** Passwords by role name (`purser_writer`, ...); a role without one keeps what it has and can log in only where the server trusts it. */
  readonly appPasswords?: Readonly<Record<string, string>>;
  /** For tests. */
  readonly migrations?: readonly Migration[];
}

/**
 * Brings the database up to date; connect as its owner. Applies each missing migration in a transaction of its own and returns their names.
 * @throws when an applied migration is unknown here (an older program on a newer database) or was changed since.
 */
export async function migrate(ownerUrl: string, options: MigrateOptions = {}): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: ownerUrl, application_name: 'purser-migrate' });
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    await client.query(HISTORY);
    const applied = await apply(client, options.migrations ?? MIGRATIONS);
    for (const [role, password] of Object.entries(options.appPasswords ?? {})) {
      await client.query(
        `ALTER ROLE ${client.escapeIdentifier(role)} LOGIN PASSWORD ${client.escapeLiteral(password)}`,
      );
    }
    return applied;
  } finally {
    await client.end();
  }
}

async function apply(client: pg.Client, migrations: readonly Migration[]): Promise<string[]> {
  const { rows } = await client.query<{ name: string; hash: string }>(
    'SELECT name, hash FROM applied_migration',
  );
  const known = new Map(migrations.map((migration) => [migration.name, hashOf(migration)]));
  for (const { name, hash } of rows) {
    const here = known.get(name);
    if (here === undefined)
      throw new Error(`migration ${name} is applied but unknown to this version of Purser`);
    if (here !== hash) throw new Error(`migration ${name} was changed after it had been applied`);
  }
  const done = new Set(rows.map((row) => row.name));
  const missing = migrations.filter((migration) => !done.has(migration.name));
  for (const migration of missing) {
    await client.query('BEGIN');
    try {
      await client.query(migration.sql);
      await client.query('INSERT INTO applied_migration (name, hash) VALUES ($1, $2)', [
        migration.name,
        hashOf(migration),
      ]);
      await client.query('COMMIT');
    } catch (error) {
      await client.query('ROLLBACK');
      throw new Error(`migration ${migration.name} failed`, { cause: error });
    }
  }
  return missing.map((migration) => migration.name);
}

function hashOf({ sql }: Migration): string {
  return createHash('sha256').update(sql).digest('hex');
}
