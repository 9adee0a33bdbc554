import { createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { PassThrough } from 'node:stream';
import { createGzip } from 'node:zlib';
import { dumpDatabase } from '#postgres';
import { writePrivate } from '#runtime';
import type { Installation } from './installation.js';
import {
  DATABASE_FILE,
  describeFile,
  KEYSTORE_FOLDER,
  writeManifest,
  type ManifestFile,
} from './manifest.js';

/**
 * Copies database, keystore and the signer's mark into an empty folder; everything may go on running. The keys stay encrypted: without the
 * passphrases, which are not in it, a backup is worth nothing.
 */
export async function backUp(from: Installation, to: string): Promise<readonly ManifestFile[]> {
  const keys = await keystoreFiles(from.keystore);
  if (!keys.includes('derivation.json'))
    throw new Error(`there is no keystore in ${from.keystore}; run this where the signer's keystore is`);
  await mkdir(to, { recursive: true, mode: 0o700 });
  if ((await readdir(to)).length > 0) throw new Error(`${to} is not empty`);
  // The database first: a wallet that is made meanwhile is in the keystore before a database knows of it, so no known wallet lacks its key.
  await dumpInto(join(to, DATABASE_FILE), from.ownerUrl);
  const copied: string[] = [];
  for (const path of await keystoreFiles(from.keystore)) {
    const target = `${KEYSTORE_FOLDER}/${path}`;
    await mkdir(dirname(join(to, target)), { recursive: true, mode: 0o700 });
    await writePrivate(join(to, target), await readFile(join(from.keystore, path), 'utf8'));
    copied.push(target);
  }
  const files: ManifestFile[] = [];
  for (const path of [DATABASE_FILE, ...copied]) files.push(await describeFile(to, path));
  await writeManifest(to, files);
  return files;
}

async function dumpInto(file: string, ownerUrl: string): Promise<void> {
  const lines = new PassThrough();
  const written = pipeline(
    lines,
    createGzip(),
    createWriteStream(file, { mode: 0o600, flags: 'wx', flush: true }),
  );
  const dumped = dumpDatabase(ownerUrl, async (line) => {
    if (!lines.write(`${line}\n`)) await once(lines, 'drain');
  }).then(
    () => lines.end(),
    (error: unknown) => {
      lines.destroy(error instanceof Error ? error : new Error('the dump failed'));
      throw error;
    },
  );
  // A full disk ends the pipeline, and the dump must not wait for it for ever.
  await Promise.all([written, dumped]);
}

/** Below the keystore, without the names of writes under way. */
export async function keystoreFiles(keystore: string): Promise<string[]> {
  const entries = await readdir(keystore, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => join(entry.parentPath, entry.name).slice(keystore.length + 1))
    .sort();
}
