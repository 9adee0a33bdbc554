import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import pg from 'pg';
import { parseCaip2, parseWalletId, parseWorkspaceId, type Caip2, type Hex32 } from '#domain';
import type { ChainException, TransferSeen, WatchedBlock, WatchStore } from '#engine';
import { createSingletonLeases, createWatchStore } from '#postgres';
import { randomUUID } from 'node:crypto';
import { address, hex32 } from '../support/builders.js';
import { createDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
let owner: pg.Pool;
let system: pg.Pool;
let store: WatchStore;
let chains = 0;
let network: Caip2;

beforeAll(async () => {
  database = await createDatabase();
  owner = new pg.Pool({ connectionString: database.url });
  const url = new URL(database.url);
  url.username = 'purser_system';
  system = new pg.Pool({ connectionString: url.href });
});

beforeEach(() => {
  chains += 1;
  network = parseCaip2(`eip155:${chains}`);
  store = createWatchStore(system);
});

afterAll(async () => {
  await Promise.all([owner.end(), system.end()]);
  await database.drop();
});

const block = (number: number, branch = 0): WatchedBlock => ({
  number,
  hash: hex32(number * 10 + branch),
  parentHash: hex32((number - 1) * 10 + branch),
  timestampSec: 1_000_000 + number,
});
const GENESIS = hex32(1);
const numbersOf = (blocks: readonly WatchedBlock[]) => blocks.map((it) => it.number);

describe('a singleton lease', () => {
  it('has one owner at a time, and each new ownership a higher epoch', async () => {
    const leases = createSingletonLeases(system);
    const name = randomUUID();
    const taken = await Promise.all(Array.from({ length: 20 }, (_, n) => leases.hold(name, `owner${n}`, 30)));
    expect(taken.filter((epoch) => epoch !== null)).toEqual([1]);
    const holder = `owner${taken.indexOf(1)}`;
    expect(await leases.hold(name, holder, 30)).toBe(1);
    await leases.release(name, 'somebody else');
    expect(await leases.hold(name, 'next', 30)).toBeNull();
    await leases.release(name, holder);
    expect(await leases.hold(name, 'next', 30)).toBe(2);
  });

  it('that ran out is free for all, and even its last owner gets a new epoch', async () => {
    const leases = createSingletonLeases(system);
    const name = randomUUID();
    await leases.hold(name, 'one', 30);
    const expire = () =>
      owner.query(`UPDATE singleton_lease SET until = clock_timestamp() - interval '1 ms' WHERE name = $1`, [
        name,
      ]);
    await expire();
    expect(await leases.hold(name, 'one', 30)).toBe(2);
    await expire();
    expect(await leases.hold(name, 'two', 30)).toBe(3);
    expect(await store.holdLease(name, 'one', 30)).toBe(false);
  });
});

describe('blocks and cursor', () => {
  it('move together, and the newest 256 are remembered', async () => {
    expect(await store.cursor(network)).toBeUndefined();
    const blocks = Array.from({ length: 300 }, (_, n) => block(n + 1));
    await store.advance(network, GENESIS, blocks.slice(0, 150), { scannedTo: 150, finalizedTo: 148 });
    await store.advance(network, GENESIS, blocks.slice(150), { scannedTo: 300, finalizedTo: 298 });
    expect(await store.cursor(network)).toEqual({ genesisHash: GENESIS, scannedTo: 300, finalizedTo: 298 });
    const recent = await store.recentBlocks(network, 1_000);
    expect(numbersOf(recent)).toEqual(numbersOf(blocks.slice(44)).reverse());
    expect(recent[0]).toEqual(block(300));
  });

  it('of a branch that was left are forgotten', async () => {
    await store.advance(
      network,
      GENESIS,
      [1, 2, 3, 4, 5].map((n) => block(n)),
      { scannedTo: 5, finalizedTo: 1 },
    );
    await store.advance(network, GENESIS, [block(3)], { scannedTo: 3, finalizedTo: 1 });
    expect(numbersOf(await store.recentBlocks(network, 10))).toEqual([3, 2, 1]);
    await store.advance(network, GENESIS, [block(3, 7), block(4, 7)], { scannedTo: 4, finalizedTo: 1 });
    expect((await store.recentBlocks(network, 2)).map((it) => it.hash)).toEqual([
      block(4, 7).hash,
      block(3, 7).hash,
    ]);
  });
});

interface Row {
  readonly status: string;
  readonly nonce: Hex32;
  readonly validBefore?: number;
  readonly seenBlock?: number;
}

async function anAuthorization({ status, nonce, validBefore = 100, seenBlock }: Row): Promise<string> {
  const operationId = randomUUID();
  const seen =
    seenBlock === undefined ? [null, null, null, null] : [seenBlock, block(seenBlock).hash, hex32(77), 3];
  await owner.query(
    `INSERT INTO authorization_ledger (workspace_id, operation_id, agent_id, wallet_id, network, token, from_address, to_address, value,
       valid_after, valid_before, nonce, digest, status, seen_block, seen_block_hash, tx_hash, log_index)
     VALUES (gen_random_uuid(), $1, gen_random_uuid(), 'w', $2, $3, $4, $5, 123456789012345678901234567890, 0, $6, $7, 'd', $8, $9, $10, $11, $12)`,
    [operationId, network, address(1), address(2), address(3), validBefore, nonce, status, ...seen],
  );
  return operationId;
}

const ids = (found: readonly { operationId: string }[]) => found.map((it) => it.operationId);

describe('authorizations', () => {
  it('are found by token, payer and nonce, whatever their status, and on this network only', async () => {
    const id = await anAuthorization({ status: 'provisional', nonce: hex32(5), seenBlock: 9 });
    const asked = [5, 6].map((n) => ({ token: address(1), from: address(2), nonce: hex32(n) }));
    const found = await store.match(network, asked);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({
      operationId: id,
      status: 'provisional',
      authorization: {
        value: 123_456_789_012_345_678_901_234_567_890n,
        nonce: hex32(5),
        validBeforeSec: 100,
      },
      settlement: { txHash: hex32(77), blockNumber: 9, blockHash: block(9).hash, logIndex: 3 },
    });
    expect(await store.match(parseCaip2('eip155:999999'), asked)).toEqual([]);
    expect(await store.match(network, [{ token: address(1), from: address(9), nonce: hex32(5) }])).toEqual(
      [],
    );
  });

  it('are listed for expiry, finality and reorganization, oldest first', async () => {
    const late = await anAuthorization({ status: 'live', nonce: hex32(11), validBefore: 90 });
    const early = await anAuthorization({ status: 'live', nonce: hex32(12), validBefore: 80 });
    await anAuthorization({ status: 'live', nonce: hex32(13), validBefore: 100 });
    await anAuthorization({ status: 'dead', nonce: hex32(14), validBefore: 10 });
    const low = await anAuthorization({ status: 'provisional', nonce: hex32(15), seenBlock: 20 });
    const high = await anAuthorization({ status: 'provisional', nonce: hex32(16), seenBlock: 25 });
    const final = await anAuthorization({ status: 'settled', nonce: hex32(17), seenBlock: 23 });
    const all = { limit: 10, after: null };
    const [first] = await store.expiredLive(network, 100, { limit: 1, after: null });
    expect(first).toMatchObject({ operationId: early, settlement: null });
    expect(ids(await store.expiredLive(network, 100, all))).toEqual([early, late]);
    expect(ids(await store.expiredLive(network, 100, { limit: 10, after: first ?? null }))).toEqual([late]);
    const [seen] = await store.provisionalUpTo(network, 24, all);
    expect(seen).toMatchObject({ operationId: low });
    expect(await store.provisionalUpTo(network, 24, { limit: 10, after: seen ?? null })).toEqual([]);
    expect(ids(await store.seenAbove(network, 22))).toEqual([final, high]);
  });
});

async function aWallet(from: string) {
  const workspaceId = parseWorkspaceId(randomUUID());
  const walletId = parseWalletId(`wal_${String(Math.random()).slice(2).padStart(26, '0').slice(-26)}`);
  await owner.query(`INSERT INTO workspace (workspace_id, name) VALUES ($1, 'w')`, [workspaceId]);
  await owner.query(
    `INSERT INTO wallet (workspace_id, wallet_id, address, origin, status) VALUES ($1, $2, $3, 'created', 'retired')`,
    [workspaceId, walletId, from],
  );
  return { workspaceId, walletId };
}

describe('wallets and balances', () => {
  it('a new wallet is watched from the next look on, a retired one for ever', async () => {
    const first = await aWallet(address(901));
    expect((await store.managedWallets()).map((it) => it.walletId)).toContain(first.walletId);
    const second = await aWallet(address(902));
    const watched = await store.managedWallets();
    expect(watched.map((it) => it.walletId)).toEqual(
      expect.arrayContaining([first.walletId, second.walletId]),
    );
    expect(new Set(watched.map((it) => it.address)).size).toBe(watched.length);
  });

  it('an older reading never overwrites a newer one, and what is committed stays', async () => {
    const wallet = await aWallet(address(903));
    const at = (balance: bigint, height: number) => [
      { ...wallet, network, token: address(1), balance, block: height },
    ];
    await store.updateBalances(at(100n, 5));
    await owner.query('UPDATE wallet_asset SET committed = 40 WHERE wallet_id = $1', [wallet.walletId]);
    await store.updateBalances(at(70n, 7));
    await store.updateBalances(at(100n, 6));
    const { rows } = await owner.query(
      'SELECT balance::text, balance_block::int AS block, committed::text FROM wallet_asset WHERE wallet_id = $1',
      [wallet.walletId],
    );
    expect(rows).toEqual([{ balance: '70', block: 7, committed: '40' }]);
  });

  it('a reading from before a payment that was seen already does not bring its money back (ruling 17)', async () => {
    const wallet = await aWallet(address(906));
    for (const [status, height] of [
      ['provisional', 12],
      ['provisional', 11],
      ['live', null],
    ] as const) {
      await owner.query(
        `INSERT INTO authorization_ledger (workspace_id, operation_id, agent_id, wallet_id, network, token, from_address, to_address, value,
           valid_after, valid_before, nonce, digest, status, seen_block)
         VALUES ($1, gen_random_uuid(), gen_random_uuid(), $2, $3, $4, 'f', 't', 30, 0, 100, gen_random_uuid()::text, 'd', $5, $6)`,
        [wallet.workspaceId, wallet.walletId, network, address(1), status, height],
      );
    }
    const balanceOf = async () => {
      const { rows } = await owner.query<{ balance: string }>(
        'SELECT balance::text FROM wallet_asset WHERE wallet_id = $1',
        [wallet.walletId],
      );
      return rows[0]?.balance;
    };
    await store.updateBalances([{ ...wallet, network, token: address(1), balance: 100n, block: 11 }]);
    expect(await balanceOf()).toBe('70');
    await store.updateBalances([{ ...wallet, network, token: address(1), balance: 70n, block: 12 }]);
    expect(await balanceOf()).toBe('70');
  });
});

const transfer = (logIndex: number): TransferSeen => ({
  token: address(1),
  from: address(904),
  to: address(3),
  value: 5n,
  txHash: hex32(99),
  blockNumber: 4,
  blockHash: block(4).hash,
  logIndex,
});
const unexplained = (logIndex: number): ChainException => ({
  network,
  kind: 'unexplained_transfer',
  address: address(904),
  nonce: null,
  transfer: transfer(logIndex),
  txHash: hex32(99),
  blockNumber: 4,
});

describe('exceptions', () => {
  it('are recorded once each, with the workspace whose wallet moved', async () => {
    const { workspaceId } = await aWallet(address(904));
    const reorg: ChainException = {
      ...unexplained(0),
      kind: 'reorg_past_finality',
      address: null,
      transfer: null,
      txHash: null,
    };
    await store.recordExceptions([unexplained(1), unexplained(2), reorg]);
    await store.recordExceptions([unexplained(2), reorg]);
    const { rows } = await owner.query(
      `SELECT kind, workspace_id, transfer ->> 'value' AS value FROM chain_exception WHERE network = $1 ORDER BY kind, fact`,
      [network],
    );
    expect(rows).toEqual([
      { kind: 'reorg_past_finality', workspace_id: null, value: null },
      { kind: 'unexplained_transfer', workspace_id: workspaceId, value: '5' },
      { kind: 'unexplained_transfer', workspace_id: workspaceId, value: '5' },
    ]);
  });
});
