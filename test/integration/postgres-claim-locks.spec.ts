// Claims that meet others over the same rows: all lock them in one order, and a statement that lost all the same runs again.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SettlementDesk, SignedTransfer, Vault } from '#engine';
import { createBroadcastStore, createSettlementDesk } from '#postgres';
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { address, hex32, NETWORK, TOKEN } from '../support/builders.js';
import { storeBench, type Bench } from '../support/postgres-store.js';

let bench: Bench;
let pool: pg.Pool;
beforeAll(async () => {
  bench = await storeBench();
  pool = bench.poolOf('purser_system');
});
afterAll(() => bench?.close());

const vault: Vault = { seal: (_, plain) => plain, open: (_, sealed) => sealed };

function deskOn(claiming: Pick<pg.Pool, 'query'>): SettlementDesk {
  const endings = { changed: () => sleep(10) };
  return createSettlementDesk({
    pool: claiming as pg.Pool,
    vault,
    clock: { nowMs: () => Date.now() },
    endings,
  });
}

const transferOf = (nonce: number): SignedTransfer => ({
  method: 'eip3009',
  network: NETWORK,
  token: TOKEN,
  from: address(0xaa),
  to: address(0xbb),
  value: 10_000n,
  validAfterSec: 0,
  validBeforeSec: 4_000_000_000,
  nonce: hex32(nonce),
  signature: new Uint8Array(65),
});

const claim = (desk: SettlementDesk, transfer: SignedTransfer) =>
  desk.claim({ transfer, workspaceId: null, askedBy: 'test', requestKey: randomUUID() });

async function somebodyWaitsForALock(): Promise<void> {
  for (;;) {
    const { rowCount } = await bench.owner.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    if (rowCount !== null && rowCount > 0) return;
    await sleep(5);
  }
}

it('a claim that waits for one transfer holds none that comes after it', async () => {
  const desk = deskOn(pool);
  const [first, second] = [transferOf(1), transferOf(2)];
  await Promise.all([claim(desk, first), claim(desk, second)]);
  const other = await bench.owner.connect();
  try {
    await other.query('BEGIN');
    await other.query('SELECT FROM settlement WHERE nonce = $1 FOR UPDATE', [first.nonce]);
    const claims = [second, first].map((transfer) => claim(desk, transfer));
    await somebodyWaitsForALock();
    // Would end in a deadlock if the claims had begun with the one that arrived first.
    const { rowCount } = await other.query('SELECT FROM settlement WHERE nonce = $1 FOR UPDATE NOWAIT', [
      second.nonce,
    ]);
    expect(rowCount).toBe(1);
    await other.query('COMMIT');
    expect((await Promise.all(claims)).map((it) => it.claimed)).toEqual([false, false]);
  } finally {
    await other.query('ROLLBACK');
    other.release();
  }
});

it.each([
  [1, 'is made all the same'],
  [2, 'fails'],
])('a claim that loses %d deadlocks %s', async (losses, what) => {
  const deadlock = Object.assign(new Error('deadlock detected'), { code: '40P01' });
  let left = losses;
  const desk = deskOn({
    query: (...args: Parameters<typeof pool.query>) => {
      left -= 1;
      return left >= 0 ? Promise.reject(deadlock) : pool.query(...args);
    },
  } as Pick<pg.Pool, 'query'>);
  const claiming = claim(desk, transferOf(10 + losses));
  if (what === 'fails') await expect(claiming).rejects.toBe(deadlock);
  else expect(await claiming).toMatchObject({ claimed: true, settlement: { status: 'waiting' } });
});

it('outcomes that lost a deadlock are written all the same', async () => {
  const transfer = transferOf(21);
  await claim(deskOn(pool), transfer);
  let left = 1;
  const losing = {
    query: (...args: Parameters<typeof pool.query>) => {
      left -= 1;
      if (left < 0) return pool.query(...args);
      return Promise.reject(Object.assign(new Error('deadlock detected'), { code: '40P01' }));
    },
  };
  const store = createBroadcastStore(losing as pg.Pool, vault);
  const outcome = { kind: 'failed', reason: 'invalid_exact_evm_transaction_failed' } as const;
  await store.end([{ key: transfer, outcome }]);
  expect(await deskOn(pool).find(transfer)).toMatchObject({ status: 'failed' });
});
