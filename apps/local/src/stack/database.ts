import { createHmac } from 'node:crypto';
import { Client } from 'pg';
import { migrate } from '#postgres';
import { DATABASE_ROLES, rolePassword, roleUrl, type DatabaseRole } from '#runtime';
import type { Place } from './services.js';

/** Connection strings by database role: no process gets more than its own. */
export interface DatabaseUrls extends Readonly<Record<DatabaseRole, string>> {
  /** Reads every row of every workspace and writes nothing; for whoever checks the books. */
  readonly checker: string;
}

const CHECKER = 'purser_checker';

/** Brings the schema up to date, gives every role its password, and says who connects how. */
export async function prepareDatabase(postgresUrl: string, { secrets }: Place): Promise<DatabaseUrls> {
  await migrate(postgresUrl);
  const { databasePassword } = secrets;
  const checkerPassword = createHmac('sha256', databasePassword).update(CHECKER).digest('base64url');
  const client = new Client({ connectionString: postgresUrl });
  await client.connect();
  try {
    for (const role of DATABASE_ROLES) {
      if (role !== 'owner') await setPassword(client, `purser_${role}`, rolePassword(databasePassword, role));
    }
    const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [CHECKER]);
    if (rowCount === 0) {
      await client.query(`CREATE ROLE ${CHECKER} BYPASSRLS IN ROLE pg_read_all_data`);
      await client.query(`ALTER ROLE ${CHECKER} SET default_transaction_read_only = on`);
    }
    await setPassword(client, CHECKER, checkerPassword);
  } finally {
    await client.end();
  }
  const urls = DATABASE_ROLES.map((role) => [role, roleUrl(postgresUrl, role, databasePassword)] as const);
  const checker = new URL(postgresUrl);
  checker.username = CHECKER;
  checker.password = checkerPassword;
  return {
    ...(Object.fromEntries(urls) as Record<DatabaseRole, string>),
    owner: postgresUrl,
    checker: checker.href,
  };
}

async function setPassword(client: Client, role: string, password: string): Promise<void> {
  await client.query(
    `ALTER ROLE ${client.escapeIdentifier(role)} LOGIN PASSWORD ${client.escapeLiteral(password)}`,
  );
}
