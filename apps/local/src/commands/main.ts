// `npm run bootstrap`, `npm run backup`, `npm run restore`: what an operator does beside running the processes.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { LONGEST_VALIDITY_SEC, migrate } from '#postgres';
import { makeFirstAdmin } from '../first-admin.js';
import { backUp } from './backup.js';
import { environmentInstallation, stackInstallation, type Installation } from './installation.js';
import { declare, restore } from './restore.js';

const USAGE = `usage: npm run bootstrap -- [--workspace NAME] [--admin PERSON]
                                              the first workspace and its first admin key
       npm run backup    -- --to DIR          database, keystore and the signer's mark; processes may run
       npm run restore   -- --from DIR        the same back, into an empty database; every process stopped
       npm run restore   -- --in-place        for a database that something else has brought back

  --stack                backup, restore: of the embedded stack, not of the installation in the environment
  --quarantine SECONDS   restore: how long nothing is signed (${LONGEST_VALIDITY_SEC})`;

interface Arguments {
  readonly stack: boolean;
  readonly inPlace: boolean;
  readonly to: string | undefined;
  readonly from: string | undefined;
  readonly quarantineSec: number;
  readonly workspace: string;
  readonly admin: string;
}

class UsageError extends Error {}

/** npm runs scripts in the checkout; the caller means a path from where they are. */
const asGiven = (path: string | undefined): string | undefined =>
  path === undefined ? undefined : resolve(process.env['INIT_CWD'] ?? '.', path);

function read(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      stack: { type: 'boolean', default: false },
      'in-place': { type: 'boolean', default: false },
      to: { type: 'string' },
      from: { type: 'string' },
      quarantine: { type: 'string', default: String(LONGEST_VALIDITY_SEC) },
      workspace: { type: 'string', default: 'main' },
      admin: { type: 'string', default: 'admin' },
    },
  });
  if (!/^\d{1,6}$/.test(values.quarantine)) throw new UsageError('--quarantine wants a number of seconds');
  return {
    stack: values.stack,
    inPlace: values['in-place'],
    to: asGiven(values.to),
    from: asGiven(values.from),
    quarantineSec: Number(values.quarantine),
    workspace: values.workspace,
    admin: values.admin,
  };
}

async function bootstrap(at: Installation, { workspace, admin }: Arguments): Promise<number> {
  await migrate(at.ownerUrl, { appPasswords: at.rolePasswords });
  const { systemUrl, keyEnvironment } = at;
  const made = await makeFirstAdmin(systemUrl, { workspace, person: admin, keyEnvironment, by: 'bootstrap' });
  if (made === null) {
    console.error(
      'There is an admin already, so nothing was made. An admin makes further keys:\n' +
        `  curl -s -X POST $PURSER/purser/v1/keys -H "authorization: Bearer $ADMIN_KEY" -H 'content-type: application/json' \\\n` +
        `    -d '{"role":"admin","person":"second@example.com","label":"second admin"}'`,
    );
    return 1;
  }
  console.log(`workspace   ${made.workspaceId} (${workspace})`);
  console.log(`admin key   ${made.adminKey}`);
  console.log('The key is shown this once: only its hash is stored. Put it where you keep secrets.');
  return 0;
}

async function makeBackup(at: Installation, { to }: Arguments): Promise<number> {
  if (to === undefined) throw new UsageError('--to is missing');
  const files = await backUp(at, to);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  console.log(`${files.length} files, ${bytes} bytes in ${to}`);
  console.log('The passphrases are not in it: keep them elsewhere, and never with it.');
  return 0;
}

async function bringBack(at: Installation, { from, inPlace, quarantineSec }: Arguments): Promise<number> {
  if (from === undefined && !inPlace) throw new UsageError('--from or --in-place is missing');
  if (from === undefined) await declare(at, { quarantineSec });
  else {
    const { keysAdded } = await restore(at, from, { quarantineSec });
    console.log(`restored; ${keysAdded} files added to ${at.keystore}`);
  }
  console.log(
    `Start every process now. Nothing is signed for ${quarantineSec} s and until a later block is final; payments made since the backup are adopted.`,
  );
  return 0;
}

async function main([command, ...rest]: readonly string[]): Promise<number> {
  if (command !== 'bootstrap' && command !== 'backup' && command !== 'restore') throw new UsageError(command);
  const args = read(rest);
  if (command === 'bootstrap' && args.stack) throw new UsageError('the stack makes its own admin');
  const at = args.stack
    ? await stackInstallation({ stopped: command === 'restore' })
    : environmentInstallation();
  try {
    switch (command) {
      case 'bootstrap':
        return await bootstrap(at, args);
      case 'backup':
        return await makeBackup(at, args);
      case 'restore':
        return await bringBack(at, args);
    }
  } finally {
    await at.close();
  }
}

main(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (error: unknown) => {
    const isUsage =
      error instanceof UsageError || String((error as { code?: unknown }).code).startsWith('ERR_PARSE');
    console.error(error instanceof Error && error.message !== '' ? error.message : 'the command failed');
    if (isUsage) console.error(USAGE);
    process.exit(isUsage ? 2 : 1);
  },
);
