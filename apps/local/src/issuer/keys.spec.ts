import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openIssuerKeys } from './keys.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'purser-issuer-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('are made once, kept sealed, and open with their passphrase alone', async () => {
  const made = await openIssuerKeys(folder, 'correct horse battery');
  expect(await openIssuerKeys(folder, 'correct horse battery')).toEqual(made);
  const path = join(folder, 'issuer.json');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(path, 'utf8')).not.toContain(made.jwks.keys[0]?.d ?? '?');
  await expect(openIssuerKeys(folder, 'another passphrase')).rejects.toThrow(/passphrase/);
});
