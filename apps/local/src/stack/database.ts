import { createHmac } from 'node:crypto';
import { migrate } from '#postgres';
import { DATABASE_ROLES, rolePasswords, roleUrl, type DatabaseRole } from '#runtime';
import type { Secrets } from './folder.js';

/** Connection strings by database role: no process gets more than its own. */
export interface DatabaseUrls extends Readonly<Record<DatabaseRole, string>> {
  /** Reads every row of every workspace and writes nothing; for whoever checks the books. */
  readonly checker: string;
  /** Reads grants and keeps the issuer's records; nothing else. */
  readonly issuer: string;
}

const CHECKER = 'purser_checker';
const ISSUER = 'purser_issuer';

/** Brings the schema up to date, gives every role its password, and says who connects how. */
export async function prepareDatabase(
  postgresUrl: string,
  { secrets: { databasePassword } }: { readonly secrets: Secrets },
): Promise<DatabaseUrls> {
  const passwordOf = (role: string): string =>
    createHmac('sha256', databasePassword).update(role).digest('base64url');
  await migrate(postgresUrl, {
    appPasswords: {
      ...rolePasswords(databasePassword),
      [CHECKER]: passwordOf(CHECKER),
      [ISSUER]: passwordOf(ISSUER),
    },
  });
  const urls = DATABASE_ROLES.map((role) => [role, roleUrl(postgresUrl, role, databasePassword)] as const);
  const urlOf = (role: string): string => {
    const url = new URL(postgresUrl);
    url.username = role;
    url.password = passwordOf(role);
    return url.href;
  };
  return {
    ...(Object.fromEntries(urls) as Record<DatabaseRole, string>),
    owner: postgresUrl,
    checker: urlOf(CHECKER),
    issuer: urlOf(ISSUER),
  };
}
