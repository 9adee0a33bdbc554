import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseWorkspaceId } from '#domain';
import { createIds } from '#runtime';
import { Keystore } from './keystore.js';
import { Wallets } from './wallets.js';

const passphrase = 'a passphrase for tests only';
const quick = { scryptN: 2 ** 15 };
const ids = createIds();
const workspaceId = parseWorkspaceId(ids.uuid());
// Private key 1; its address is common knowledge.
const KNOWN_KEY = `0x${'1'.padStart(64, '0')}`;
const KNOWN_ADDRESS = '0x7e5f4552091a69125d5dfcb7b8c2659029395bdf';
let folder: string;
let wallets: Wallets;

async function openWallets(at: string, options: { scryptN?: number } = {}): Promise<Wallets> {
  return Wallets.open(await Keystore.open(at, passphrase, options));
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'purser-wallets-'));
  wallets = await openWallets(folder, quick);
});
afterEach(() => {
  wallets.close();
  rmSync(folder, { recursive: true, force: true });
});

const fileOf = (walletId: string): string => join(folder, 'wallets', `${walletId}.json`);

describe('keystore', () => {
  it('gives back after a restart what it was given, and never shows a key', async () => {
    const walletId = ids.walletId();
    await wallets.import(workspaceId, walletId, KNOWN_KEY);
    const created = await wallets.create(workspaceId, ids.walletId());
    expect(readFileSync(fileOf(walletId), 'utf8')).not.toContain(KNOWN_KEY.slice(2));
    const again = await openWallets(folder);
    expect(again.find(walletId)?.key.address).toBe(KNOWN_ADDRESS);
    expect(again.list(workspaceId)).toEqual(expect.arrayContaining(['wallet' in created && created.wallet]));
    expect(JSON.stringify(again.list(workspaceId))).not.toContain('key');
    again.close();
  });

  it('makes a wallet once per id, also when asked twice at once, and a different key each time', async () => {
    const walletId = ids.walletId();
    const [first, second] = await Promise.all([
      wallets.create(workspaceId, walletId),
      wallets.create(workspaceId, walletId),
    ]);
    expect(second).toEqual(first);
    const other = await wallets.create(workspaceId, ids.walletId());
    expect('wallet' in other && 'wallet' in first && other.wallet.address !== first.wallet.address).toBe(
      true,
    );
    expect(await wallets.create(parseWorkspaceId(ids.uuid()), walletId)).toEqual({ error: 'wallet_exists' });
  });

  it('imports a key once, repeats its answer, and refuses a second wallet for it and what is no key', async () => {
    const walletId = ids.walletId();
    const first = await wallets.import(workspaceId, walletId, KNOWN_KEY);
    expect(await wallets.import(workspaceId, walletId, KNOWN_KEY)).toEqual(first);
    expect(await wallets.import(workspaceId, ids.walletId(), KNOWN_KEY)).toEqual({ error: 'address_exists' });
    for (const wrong of ['', '0x00', `0x${'0'.repeat(64)}`, `0x${'f'.repeat(64)}`])
      expect(await wallets.import(workspaceId, ids.walletId(), wrong)).toEqual({ error: 'invalid_key' });
  });

  it('keeps a retired wallet retired: the file does not open when its status is edited', async () => {
    const walletId = ids.walletId();
    await wallets.create(workspaceId, walletId);
    await wallets.retire(workspaceId, walletId);
    expect(wallets.find(walletId)?.status).toBe('retired');
    const text = readFileSync(fileOf(walletId), 'utf8');
    writeFileSync(fileOf(walletId), text.replace('"retired"', '"active"'));
    await expect(openWallets(folder)).rejects.toThrow('was changed');
  });

  it('restores a wallet from its backup into another keystore with the same passphrase', async () => {
    const walletId = ids.walletId();
    await wallets.import(workspaceId, walletId, KNOWN_KEY);
    const answer = await wallets.backup(workspaceId, walletId);
    const elsewhere = mkdtempSync(join(tmpdir(), 'purser-wallets-'));
    (await openWallets(elsewhere, quick)).close();
    if ('error' in answer) throw new Error(answer.error);
    writeFileSync(join(elsewhere, 'wallets', `${walletId}.json`), answer.backup, { mode: 0o600 });
    const restored = await openWallets(elsewhere);
    expect(restored.find(walletId)?.address).toBe(KNOWN_ADDRESS);
    restored.close();
    rmSync(elsewhere, { recursive: true, force: true });
  });

  it('refuses a wrong passphrase, also while it is still empty, and files that others can read', async () => {
    await expect(Keystore.open(folder, 'some other passphrase')).rejects.toThrow('does not open');
    const walletId = ids.walletId();
    await wallets.create(workspaceId, walletId);
    chmodSync(fileOf(walletId), 0o644);
    await expect(openWallets(folder)).rejects.toThrow('0600');
  });

  it('leaves no half-written file behind', async () => {
    await Promise.all(Array.from({ length: 20 }, () => wallets.create(workspaceId, ids.walletId())));
    const names = readdirSync(join(folder, 'wallets'));
    expect(names).toHaveLength(20);
    expect(names.every((name) => /^wal_.*\.json$/.test(name))).toBe(true);
  });
});
