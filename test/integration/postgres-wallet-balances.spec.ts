// What the watcher keeps of wallets' balances, and the guard of the intent over them (ruling 17), on real rows under the real roles.
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LowBalance, WatchStore } from '#engine';
import { createReaderPool, createReadStore, createWatchStore } from '#postgres';
import { address, NETWORK, TOKEN, WALLET } from '../support/builders.js';
import { walletOf } from '../support/postgres-books.js';
import {
  acceptTerms,
  aPlace,
  opened,
  prepare,
  RESERVE,
  storeBench,
  type Bench,
  type Place,
} from '../support/postgres-store.js';

let bench: Bench;
let watch: WatchStore;
let owner: pg.Pool;
beforeAll(async () => {
  bench = await storeBench();
  owner = bench.owner;
  watch = createWatchStore(bench.poolOf('purser_system'));
});
afterAll(() => bench?.close());

/** A wallet of its own: its id is unique, as the watcher takes it to be. */
async function aWallet(at: Place, balance: bigint, block = 5) {
  const walletId = `wal_${randomUUID().replaceAll('-', '').slice(0, 26)}` as typeof WALLET;
  await owner.query(
    `INSERT INTO wallet (workspace_id, wallet_id, address, origin) VALUES ($1, $2, $3, 'created')`,
    [at.workspaceId, walletId, address(Math.floor(Math.random() * 1e12))],
  );
  const of = { workspaceId: at.workspaceId, walletId, network: NETWORK, token: TOKEN };
  await watch.updateBalances([{ ...of, balance, block }]);
  const setTo = (value: bigint, height: number) =>
    watch.updateBalances([{ ...of, balance: value, block: height }]);
  return { ...of, setTo };
}

const brief = (rows: readonly LowBalance[]) => rows.map(({ low, available }) => [low, available]);

describe('the alarm of a low wallet', () => {
  it('comes once when too little is available, and once when it is enough again', async () => {
    const at = await aPlace(owner);
    const wallet = await aWallet(at, 100n);
    const look = () => watch.lowBalances(NETWORK, [wallet.walletId]);
    await owner.query('UPDATE wallet_asset SET low_below = 50 WHERE wallet_id = $1', [wallet.walletId]);
    expect(await look()).toEqual([]);
    // What is signed away is not available, though it is still there.
    await owner.query('UPDATE wallet_asset SET committed = 60 WHERE wallet_id = $1', [wallet.walletId]);
    expect(brief(await watch.lowBalances(NETWORK, null))).toEqual([[true, 40n]]);
    await wallet.setTo(90n, 6);
    expect(await look()).toEqual([]);
    await wallet.setTo(200n, 7);
    expect(brief(await look())).toEqual([[false, 140n]]);
    expect(await look()).toEqual([]);
  });

  it('is seen by whoever reads the workspace, and by nobody else', async () => {
    const at = await aPlace(owner);
    const { walletId } = await aWallet(at, 100n);
    await owner.query('UPDATE wallet_asset SET low_below = 500 WHERE wallet_id = $1', [walletId]);
    const pool = createReaderPool({ connectionString: readerUrl(), max: 1 });
    const reads = createReadStore(pool);
    const { wallets } = await reads.balances(at.workspaceId, { walletId });
    expect(wallets).toMatchObject([{ walletId, onChain: 100n, available: 100n, block: 5, lowBelow: 500n }]);
    const other = await aPlace(owner);
    expect((await reads.balances(other.workspaceId, { walletId })).wallets).toEqual([]);
    await pool.end();
  });
});

function readerUrl(): string {
  const url = new URL(bench.database.url);
  url.username = 'purser_reader';
  return url.href;
}

describe('a reading of a block that was reorganized away', () => {
  it('gives way to one of a lower block, and nothing else does', async () => {
    const at = await aPlace(owner);
    const high = await aWallet(at, 100n, 20);
    const deep = await aWallet(at, 100n, 9);
    expect(await watch.rereadAbove(NETWORK, 10)).toEqual([high.walletId]);
    await high.setTo(30n, 11);
    await deep.setTo(30n, 8);
    const { rows } = await owner.query<{ balance: string }>(
      'SELECT balance::text FROM wallet_asset WHERE wallet_id = ANY($1) ORDER BY balance_block',
      [[high.walletId, deep.walletId]],
    );
    expect(rows.map((row) => row.balance)).toEqual(['100', '30']);
  });
});

describe('the last of a wallet', () => {
  it.each([2, 5])('is signed away once by %i intents at the same moment in two processes', async (count) => {
    const at = await aPlace(owner);
    await owner.query('UPDATE wallet_asset SET balance = 15 WHERE workspace_id = $1', [at.workspaceId]);
    const stores = [bench.store, bench.otherStore()];
    const walkers = await Promise.all(
      Array.from({ length: count }, async (_, n) => {
        const walker = await opened(stores[n % 2] as typeof bench.store, at);
        await walker.must(acceptTerms(10n), RESERVE);
        return walker;
      }),
    );
    const outcomes = await Promise.all(walkers.map((walker) => walker.do(prepare(10n))));
    expect(outcomes.filter((it) => it.ok)).toHaveLength(1);
    for (const outcome of outcomes.filter((it) => !it.ok))
      expect(outcome).toMatchObject({
        guard: 'wallet',
        details: { balance: '15', committed: '10', needed: '10' },
      });
    expect(await walletOf(owner, at)).toEqual({ balance: '15', committed: '10' });
  });
});
