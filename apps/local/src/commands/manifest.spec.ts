import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DATABASE_FILE, describeFile, verifiedManifest, writeManifest } from './manifest.js';

let folder: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'purser-manifest-'));
  mkdirSync(join(folder, 'keystore', 'wallets'), { recursive: true, mode: 0o700 });
  for (const path of FILES) writeFileSync(join(folder, path), path, { mode: 0o600 });
  await writeManifest(folder, await Promise.all(FILES.map((path) => describeFile(folder, path))));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const FILES = [DATABASE_FILE, 'keystore/derivation.json', 'keystore/wallets/wal_1.json'];

describe('a backup', () => {
  it('is accepted as it was written', async () => {
    const { files } = await verifiedManifest(folder);
    expect(files.map(({ path }) => path)).toEqual(FILES);
  });

  it('is refused when a file was changed, also without changing its length, or is missing', async () => {
    writeFileSync(join(folder, 'keystore/derivation.json'), 'keystore/derivation.jsoN');
    await expect(verifiedManifest(folder)).rejects.toThrow('its checksum differs');
    rmSync(join(folder, 'keystore/derivation.json'));
    await expect(verifiedManifest(folder)).rejects.toThrow('missing');
  });

  it('is refused when it was never finished', async () => {
    rmSync(join(folder, 'manifest.json'));
    await expect(verifiedManifest(folder)).rejects.toThrow('no finished backup');
  });

  it.each(['../outside', 'keystore/../../outside', '/etc/hosts', 'keystore/./x', 'keystore//x', 'other/x'])(
    'cannot make a restore write to %s',
    async (path) => {
      await writeManifest(folder, [
        await describeFile(folder, DATABASE_FILE),
        { path, bytes: 0, sha256: '' },
      ]);
      await expect(verifiedManifest(folder)).rejects.toThrow('no backup has');
    },
  );
});
