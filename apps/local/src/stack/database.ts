import { createHmac } from 'node:crypto';
import { migrate } from '#postgres';
import { DATABASE_ROLES, rolePasswords, roleUrl, type DatabaseRole } from '#runtime';
import type { Secrets } from './folder.js';

/** Connection strings by database role: no process gets more than its own. */
export interface DatabaseUrls extends Readonly<Record<DatabaseRole, string>> {
  /** Reads every row of every workspace and writes nothing; for whoever checks the books. */
  readonly checker: string;
}

const CHECKER = 'purser_checker';

/** Brings the schema up to date, gives every role its password, and says who connects how. */
export async function prepareDatabase(
  postgresUrl: string,
  { secrets: { databasePassword } }: { readonly secrets: Secrets },
): Promise<DatabaseUrls> {
  const checkerPassword = createHmac('sha256', databasePassword).update(CHECKER).digest('base64url');
  await migrate(postgresUrl, {
    appPasswords: { ...rolePasswords(databasePassword), [CHECKER]: checkerPassword },
  });
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
