import { createReadStream } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { declareRestored, isDatabaseUsed, LONGEST_VALIDITY_SEC, migrate, restoreDatabase } from '#postgres';
import { privateFolder, readPrivate, writePrivate } from '#runtime';
import type { Installation } from './installation.js';
import { DATABASE_FILE, KEYSTORE_FOLDER, verifiedManifest, type Manifest } from './manifest.js';

export interface RestoreOptions {
  /** How long nothing is signed; below the longest validity only where no money is at stake. */
  readonly quarantineSec: number;
}

/**
 * Brings an installation back from a backup, every process stopped: an empty database is filled, keys that are missing are added. What the
 * keystore holds already stays, because it may be newer: wallets made since, and the mark that tells the signer what it has signed since.
 * @throws before anything is changed: a damaged backup, a database in use, a keystore of another installation.
 */
export async function restore(
  into: Installation,
  from: string,
  options: RestoreOptions,
): Promise<{ readonly keysAdded: number }> {
  refuseShortQuarantine(into, options);
  const manifest = await verifiedManifest(from);
  await refuseForeignKeystore(into.keystore, from);
  await migrate(into.ownerUrl, { appPasswords: into.rolePasswords });
  if (await isDatabaseUsed(into.ownerUrl))
    throw new Error('the database is not empty: restore into a fresh one');
  const epochAbove = await knownEpoch(into.keystore);
  const keysAdded = await addKeys(into.keystore, from, manifest);
  await restoreDatabase(into.ownerUrl, linesOf(join(from, DATABASE_FILE)), { ...options, epochAbove });
  return { keysAdded };
}

/** Opened by whoever asks for the first line: lines that come before anybody listens would be lost. */
async function* linesOf(file: string): AsyncIterable<string> {
  const packed = createReadStream(file);
  const plain = createGunzip();
  packed.once('error', (error) => plain.destroy(error));
  yield* createInterface({ input: packed.pipe(plain), crlfDelay: Infinity });
}

/** For a database that something else has brought back: opens its next life, in quarantine. */
export async function declare(installation: Installation, options: RestoreOptions): Promise<void> {
  refuseShortQuarantine(installation, options);
  await migrate(installation.ownerUrl, { appPasswords: installation.rolePasswords });
  const epochAbove = await knownEpoch(installation.keystore);
  await declareRestored(installation.ownerUrl, { ...options, epochAbove });
}

function refuseShortQuarantine({ local }: Installation, { quarantineSec }: RestoreOptions): void {
  if (local || quarantineSec >= LONGEST_VALIDITY_SEC) return;
  throw new Error(
    `the quarantine must last ${LONGEST_VALIDITY_SEC} s or more: payments signed after the backup may live so long`,
  );
}

/** Made once and never changed: with other derivation keys a retry would become another operation and a second payment. */
const IDENTITY = ['derivation.json', 'keystore.json'] as const;

async function refuseForeignKeystore(keystore: string, from: string): Promise<void> {
  for (const name of IDENTITY) {
    const here = await readPrivate(join(keystore, name));
    const there = await readPrivate(join(from, KEYSTORE_FOLDER, name));
    if (here !== undefined && here !== there)
      throw new Error(`the keystore in ${keystore} belongs to another installation: ${name} differs`);
  }
}

async function addKeys(keystore: string, from: string, { files }: Manifest): Promise<number> {
  await privateFolder(keystore);
  let added = 0;
  for (const { path } of files) {
    if (path === DATABASE_FILE) continue;
    const target = join(keystore, path.slice(KEYSTORE_FOLDER.length + 1));
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    if (await writePrivate(target, await readFile(join(from, path), 'utf8'), { once: true })) added += 1;
  }
  return added;
}

/** The epoch in the signer's mark; its last whole line counts. 0: it has signed nothing here. */
async function knownEpoch(keystore: string): Promise<number> {
  const text = (await readPrivate(join(keystore, 'signer', 'ledger.mark'))) ?? '';
  for (const line of text.split('\n').reverse()) {
    try {
      const { clusterEpoch } = JSON.parse(line) as { clusterEpoch?: unknown };
      if (Number.isSafeInteger(clusterEpoch)) return clusterEpoch as number;
    } catch {
      // A crash may have left half a line.
    }
  }
  return 0;
}
