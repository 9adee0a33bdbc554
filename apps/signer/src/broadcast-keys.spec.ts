import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseCaip2, parseWorkspaceId } from '#domain';
import { createIds } from '#runtime';
import { BroadcastKeys } from './broadcast-keys.js';
import { Keystore } from './keystore.js';
import { Wallets } from './wallets.js';

const BASE = parseCaip2('eip155:8453');
const LOCAL = parseCaip2('eip155:84532');
const ids = createIds();
const workspaceId = parseWorkspaceId(ids.uuid());
let folder: string;
let keystore: Keystore;
let keys: BroadcastKeys;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'purser-broadcast-'));
  keystore = await Keystore.open(folder, 'a passphrase for tests only', { scryptN: 2 ** 15 });
  keys = await BroadcastKeys.open(keystore);
});
afterEach(() => {
  keys.close();
  keystore.close();
  rmSync(folder, { recursive: true, force: true });
});

const fileOf = (index: number, chain = 84532): string =>
  join(folder, 'broadcast', `eip155-${chain}-0${index}.json`);

function edit(path: string, from: string, to: string): void {
  writeFileSync(path, readFileSync(path, 'utf8').replace(from, to));
}

const reopen = (): Promise<BroadcastKeys> => BroadcastKeys.open(keystore);

describe('broadcast keys', () => {
  it('are made once, in one order, each another, and are on disk before they are known', async () => {
    const asked = await Promise.all([2, 1, 3].map((count) => keys.accounts(LOCAL, count)));
    const [two, same, three] = asked;
    expect([two?.length, same, three?.slice(0, 2)]).toEqual([2, two, two]);
    const elsewhere = await keys.accounts(BASE, 2);
    expect(new Set([...(three ?? []), ...elsewhere]).size).toBe(5);
    const again = await BroadcastKeys.open(keystore);
    expect(await again.accounts(LOCAL, 1)).toEqual(three);
    expect(await again.accounts(BASE, 1)).toEqual(elsewhere);
    expect(again.find(LOCAL, elsewhere[0] ?? expect.fail())).toBeUndefined();
    expect(again.find(LOCAL, three?.[2] ?? expect.fail())?.address).toBe(three?.[2]);
  });

  it('do not open in another place, for another network, or with another address', async () => {
    const [address] = await keys.accounts(LOCAL, 2);
    const kept = readFileSync(fileOf(0), 'utf8');
    edit(fileOf(0), 'eip155:84532', 'eip155:8453');
    renameSync(fileOf(0), fileOf(0, 8453));
    await expect(reopen()).rejects.toThrow('was changed');
    unlinkSync(fileOf(0, 8453));
    await expect(reopen()).rejects.toThrow('is missing');
    renameSync(fileOf(1), fileOf(0));
    await expect(reopen()).rejects.toThrow('name of another');
    writeFileSync(fileOf(0), kept.replace(address ?? '', `0x${'1'.repeat(40)}`));
    await expect(reopen()).rejects.toThrow('was changed');
    writeFileSync(fileOf(0), kept);
    expect(await (await reopen()).accounts(LOCAL, 1)).toEqual([address]);
  });

  it('never become a wallet, neither by their file nor by their key; and no wallet one of them', async () => {
    const [address] = await keys.accounts(LOCAL, 1);
    const file = JSON.parse(readFileSync(fileOf(0), 'utf8')) as { kdf: never; sealed: string };
    const privateKey = await keystore.unseal(file, ['purser/broadcast/v1', LOCAL, 0, address].join('|'));
    const reserving = await Wallets.open(keystore, (it) => keys.has(it));
    const hex = privateKey.toString('hex');
    expect(await reserving.import(workspaceId, ids.walletId(), hex)).toEqual({ error: 'address_exists' });

    const walletId = ids.walletId();
    const unaware = await Wallets.open(keystore);
    await unaware.import(workspaceId, walletId, hex);
    await expect(Wallets.open(keystore, (it) => keys.has(it))).rejects.toThrow('broadcast account');
    const wallet = join(folder, 'wallets', `${walletId}.json`);
    edit(wallet, '"version": 1', `"version": 1, "network": "${LOCAL}", "index": 0`);
    unlinkSync(fileOf(0));
    copyFileSync(wallet, fileOf(0));
    await expect(BroadcastKeys.open(keystore)).rejects.toThrow('was changed');
  });
});
