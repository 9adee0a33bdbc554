import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { loadConfig } from '#runtime';
import { projectRoot } from '../project.js';
import { startPostgres } from '../services/index.js';
import { prepareDatabase } from '../stack/database.js';
import { loadSecrets, StackFolder, type Ports } from '../stack/folder.js';

/** What the commands work on: the installation that the environment describes, or the embedded stack. */
export interface Installation {
  /** Everything the owner may do, so for these commands alone. */
  readonly ownerUrl: string;
  readonly systemUrl: string;
  readonly rolePasswords: Readonly<Record<string, string>>;
  readonly keystore: string;
  /** Only the network of the embedded node: nobody's money. */
  readonly local: boolean;
  readonly keyEnvironment: 'test' | 'live';
  readonly close: () => Promise<void>;
}

/** From the environment and `.env`, as every process reads them. */
export function environmentInstallation(): Installation {
  const file = join(projectRoot, '.env');
  if (existsSync(file)) process.loadEnvFile(file);
  const { database, rolePasswords, keystore, networks } = loadConfig('migrate');
  if (database.owner === null) throw new Error('DATABASE_URL is missing');
  return {
    ownerUrl: database.owner,
    systemUrl: systemUrlOf(database.owner, rolePasswords['purser_system']),
    rolePasswords,
    keystore: resolve(projectRoot, keystore.folder),
    local: networks.every(({ profile }) => profile.name === 'local'),
    keyEnvironment: networks.every(({ profile }) => profile.testnet) ? 'test' : 'live',
    close: () => Promise.resolve(),
  };
}

/** Row-level security binds the owner too; the system role may administer. */
function systemUrlOf(ownerUrl: string, password: string | undefined): string {
  const url = new URL(ownerUrl);
  if (password === undefined) url.searchParams.set('options', '-c role=purser_system');
  else {
    url.username = 'purser_system';
    url.password = password;
  }
  return url.href;
}

/**
 * The stack in this checkout (or PURSER_HOME). Its PostgreSQL is used where it runs; where it does not, one is started for as long as the
 * command takes. @throws when the command needs the stack stopped and it runs.
 */
export async function stackInstallation({ stopped }: { readonly stopped: boolean }): Promise<Installation> {
  const folder = new StackFolder(projectRoot);
  const ports = folder.read<Ports>(folder.within('ports.json'));
  if (!existsSync(folder.within('secrets.json')) || ports === undefined)
    throw new Error(`there is no stack in ${folder.path}`);
  const secrets = loadSecrets(folder);
  const running = isLocked(folder);
  if (running && stopped) throw new Error('stop the stack first');
  const postgres = running
    ? undefined
    : await startPostgres({
        dataDir: folder.postgresData,
        password: secrets.postgresPassword,
        logFile: folder.log('postgres'),
      });
  const close = async (): Promise<void> => {
    await postgres?.stop();
    if (!running) folder.unlock();
  };
  const password = encodeURIComponent(secrets.postgresPassword);
  const ownerUrl = postgres?.url ?? `postgres://postgres:${password}@127.0.0.1:${ports.postgres}/postgres`;
  try {
    const databases = running ? undefined : await prepareDatabase(ownerUrl, { secrets });
    return {
      ownerUrl,
      systemUrl: databases?.system ?? ownerUrl,
      rolePasswords: {},
      keystore: folder.within('keystore'),
      local: true,
      keyEnvironment: 'test',
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Takes the lock unless the stack has it. */
function isLocked(folder: StackFolder): boolean {
  try {
    folder.lock();
    return false;
  } catch {
    return true;
  }
}
