import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { choosePorts, loadSecrets, StackFolder } from './folder.js';
import { parseOptions } from './options.js';
import { dollars } from '../demo/terminal.js';

describe('stack options', () => {
  it('have one process of each kind and 1-second blocks when nothing is said', () => {
    expect(parseOptions([])).toEqual({ apis: 1, workers: 1, mining: 1, reset: false, once: false });
  });

  it('take counts, automining and the flags', () => {
    const args = ['--apis', '2', '--workers', '3', '--block-time', '0', '--reset', '--once'];
    expect(parseOptions(args)).toEqual({ apis: 2, workers: 3, mining: 'automine', reset: true, once: true });
  });

  it.each([['--apis', '0'], ['--workers', 'x'], ['--block-time', '-1'], ['--apis', '1e1'], ['--unknown']])(
    'are refused when unknown or out of range: %s %s',
    (...args) => {
      expect(() => parseOptions(args.filter((arg) => arg !== undefined))).toThrow();
    },
  );
});

describe('stack folder', () => {
  let checkout: string;
  beforeEach(() => {
    checkout = mkdtempSync(join(tmpdir(), 'purser-folder-'));
  });
  afterEach(() => rmSync(checkout, { recursive: true, force: true }));

  it('keeps secrets and ports between runs, readable by the owner only', async () => {
    const folder = new StackFolder(checkout);
    const secrets = loadSecrets(folder);
    const ports = await choosePorts(folder, 2, 1);
    expect(loadSecrets(new StackFolder(checkout))).toEqual(secrets);
    expect(ports.api).toHaveLength(2);
    expect(statSync(folder.within('secrets.json')).mode & 0o077).toBe(0);
    expect(statSync(folder.path).mode & 0o077).toBe(0);
    expect(JSON.parse(readFileSync(folder.within('ports.json'), 'utf8'))).toEqual(ports);
  });

  it('gives a folder from before a seller only the key that is missing', () => {
    const folder = new StackFolder(checkout);
    const { sellerKeys, ...secrets } = loadSecrets(folder);
    const { facilitated: _facilitated, ...older } = sellerKeys;
    folder.write(folder.within('secrets.json'), { ...secrets, sellerKeys: older });
    const now = loadSecrets(folder);
    expect(now).toMatchObject({ ...secrets, sellerKeys: older });
    expect(loadSecrets(folder).sellerKeys.facilitated).toBe(now.sellerKeys.facilitated);
  });

  it('gives two checkouts different ports and secrets', async () => {
    const other = mkdtempSync(join(tmpdir(), 'purser-folder-'));
    const here = await choosePorts(new StackFolder(checkout), 1, 1);
    const there = await choosePorts(new StackFolder(other), 1, 1);
    const all = [here, there].flatMap((ports) => [
      ports.postgres,
      ports.redis,
      ports.chain,
      ...ports.api,
      ...Object.values(ports.sellers),
    ]);
    expect(new Set(all).size).toBe(all.length);
    rmSync(other, { recursive: true });
  });

  it('takes over the lock of a stack that is gone', () => {
    const folder = new StackFolder(checkout);
    writeFileSync(folder.within('stack.lock'), '4194305');
    expect(() => folder.lock()).not.toThrow();
    expect(readFileSync(folder.within('stack.lock'), 'utf8')).toBe(String(process.pid));
  });

  it('forgets everything on reset', () => {
    const folder = new StackFolder(checkout);
    const before = loadSecrets(folder);
    folder.reset();
    expect(loadSecrets(folder)).not.toEqual(before);
  });

  it('puts the signer’s socket where its path is short enough', () => {
    const deep = join(checkout, 'a'.repeat(120));
    expect(new StackFolder(deep).signerSocket.length).toBeLessThanOrEqual(100);
    expect(new StackFolder(checkout).signerSocket).toBe(join(checkout, '.purser/signer.sock'));
  });
});

describe('dollars', () => {
  it.each([
    [10_000n, '$0.01'],
    [250_000n, '$0.25'],
    [1n, '$0.000001'],
    [1_500_000n, '$1.50'],
    [1_000_000_000n, '$1000.00'],
  ])('%s millionths are %s', (atomic, text) => {
    expect(dollars(atomic)).toBe(text);
  });
});
