import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fingerprintsOf, openDerivationKeys } from './derivation-keys.js';
import { KeystoreError } from './sealed-file.js';

const passphrase = 'correct horse battery staple';
const quick = { scryptN: 2 ** 15 };
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'purser-keys-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('derivation keys', () => {
  it('are made once, also when processes start together', async () => {
    const opened = await Promise.all([1, 2, 3].map(() => openDerivationKeys(folder, passphrase, quick)));
    const prints = opened.map(fingerprintsOf);
    expect(prints[1]).toEqual(prints[0]);
    expect(prints[2]).toEqual(prints[0]);
    expect(fingerprintsOf(await openDerivationKeys(folder, passphrase))).toEqual(prints[0]);
  });

  it('lie encrypted in a file that only its owner can read', async () => {
    const keys = await openDerivationKeys(folder, passphrase, quick);
    const path = join(folder, 'derivation.json');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const text = readFileSync(path, 'utf8');
    expect(text).not.toContain(keys.operation.key.toString('hex'));
    expect(JSON.stringify(fingerprintsOf(keys))).not.toContain(keys.operation.key.toString('hex'));
  });

  it('do not open with another passphrase, and are not replaced by a new file then', async () => {
    const before = fingerprintsOf(await openDerivationKeys(folder, passphrase, quick));
    await expect(openDerivationKeys(folder, 'another passphrase!', quick)).rejects.toThrow(KeystoreError);
    expect(fingerprintsOf(await openDerivationKeys(folder, passphrase))).toEqual(before);
  });

  it('are refused when others could read them, or when the file asks for a weak key derivation', async () => {
    await openDerivationKeys(folder, passphrase, quick);
    const path = join(folder, 'derivation.json');
    chmodSync(path, 0o640);
    await expect(openDerivationKeys(folder, passphrase)).rejects.toThrow(/0600/);
    chmodSync(path, 0o600);
    writeFileSync(path, readFileSync(path, 'utf8').replace('"n": 32768', '"n": 1024'));
    await expect(openDerivationKeys(folder, passphrase)).rejects.toThrow(KeystoreError);
    chmodSync(folder, 0o755);
    await expect(openDerivationKeys(folder, passphrase)).rejects.toThrow(/0700/);
  });

  it('are not made where they must exist already', async () => {
    await expect(openDerivationKeys(folder, passphrase, { create: false })).rejects.toThrow(/missing/);
  });
});
