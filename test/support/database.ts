import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { inject } from 'vitest';
import { migrate } from '#postgres';

const TEMPLATE = 'purser_template';
/** Any number, the same in every test process: only one of them makes the template. */
const TEMPLATE_LOCK = 7_040_402;

export interface TestDatabase {
  /** The server's superuser on this database; no row-level security binds it. */
  readonly url: string;
  readonly name: string;
  readonly drop: () => Promise<void>;
}

/** A fresh, migrated database of one's own, copied in about 40 ms from a template that is migrated once per run. */
export async function createDatabase(): Promise<TestDatabase> {
  const server = inject('databaseUrl');
  const name = `test_${randomBytes(8).toString('hex')}`;
  await withClient(server, async (client) => {
    await ensureTemplate(client, server);
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`);
  });
  return {
    url: databaseUrl(server, name),
    name,
    drop: () =>
      withClient(server, async (client) => {
        await untilLeft(client, name);
        await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      }),
  };
}

const LEAVE_WITHIN_MS = 2_000;
const STAYING = `SELECT FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'`;

/**
 * A pool that has ended may still be saying goodbye. Whom the server throws out meanwhile hears an error that nobody listens for any more, and
 * that ends the test process.
 */
async function untilLeft(client: Client, name: string): Promise<void> {
  const deadline = Date.now() + LEAVE_WITHIN_MS;
  while (Date.now() < deadline) {
    const { rowCount } = await client.query(STAYING, [name]);
    if (rowCount === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The same server and user, another database. */
export function databaseUrl(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

async function ensureTemplate(client: Client, server: string): Promise<void> {
  await client.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]);
  try {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [TEMPLATE]);
    if (rowCount !== 0) return;
    // Under a working name first: a migration that fails must not leave something that looks like a template.
    const incoming = `${TEMPLATE}_new`;
    await client.query(`DROP DATABASE IF EXISTS ${incoming} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${incoming}`);
    await migrate(databaseUrl(server, incoming));
    await client.query(`ALTER DATABASE ${incoming} RENAME TO ${TEMPLATE}`);
  } finally {
    await client.query('SELECT pg_advisory_unlock($1)', [TEMPLATE_LOCK]);
  }
}

async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
