import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readPrivate, writePrivate } from '#runtime';

export const DATABASE_FILE = 'database.jsonl.gz';
export const KEYSTORE_FOLDER = 'keystore';

export interface ManifestFile {
  /** Relative to the backup, with forward slashes. */
  readonly path: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

/** `manifest.json`: written last, so a backup without one is half a backup. */
export interface Manifest {
  readonly format: 'purser-backup-1';
  readonly createdAt: string;
  readonly files: readonly ManifestFile[];
}

const FILE = 'manifest.json';
/** Nothing that climbs out of the folder it is restored into. */
const PLAIN_PATH = /^(?:database\.jsonl\.gz|keystore(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+){1,4})$/;

export async function describeFile(folder: string, path: string): Promise<ManifestFile> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(join(folder, path))) hash.update(chunk as Buffer);
  return { path, bytes: (await stat(join(folder, path))).size, sha256: hash.digest('hex') };
}

export async function writeManifest(folder: string, files: readonly ManifestFile[]): Promise<void> {
  const manifest: Manifest = { format: 'purser-backup-1', createdAt: new Date().toISOString(), files };
  await writePrivate(join(folder, FILE), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Reads the manifest and every file it names. @throws when one is missing, changed or not where a backup has it. */
export async function verifiedManifest(folder: string): Promise<Manifest> {
  const text = await readPrivate(join(folder, FILE));
  if (text === undefined) throw new Error(`${folder} holds no finished backup: there is no ${FILE}`);
  const manifest = JSON.parse(text) as Manifest;
  if (manifest.format !== 'purser-backup-1') throw new Error('the backup has an unknown format');
  for (const { path, bytes, sha256 } of manifest.files) {
    if (!PLAIN_PATH.test(path)) throw new Error(`the manifest names a file that no backup has: ${path}`);
    const found = await describeFile(folder, path).catch(() => undefined);
    if (found === undefined) throw new Error(`${path} is missing from the backup`);
    if (found.bytes !== bytes || found.sha256 !== sha256)
      throw new Error(`${path} is not what was backed up: its checksum differs`);
  }
  if (!manifest.files.some(({ path }) => path === DATABASE_FILE))
    throw new Error(`the backup lacks ${DATABASE_FILE}`);
  return manifest;
}
