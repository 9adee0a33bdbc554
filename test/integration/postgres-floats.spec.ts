// Float policies on real rows: one top-up per lack, never more than the cap of the day, whoever looks and however often.
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseOperationId, type OperationId } from '#domain';
import type { FloatClaim, FloatStore } from '#engine';
import { createFloatStore } from '#postgres';
import { address, NETWORK, TOKEN, WALLET } from '../support/builders.js';
import { aPlace, opened, storeBench, type Bench, type Place } from '../support/postgres-store.js';

let bench: Bench;
let owner: pg.Pool;
let store: FloatStore;
let other: FloatStore;
let at: Place;
let walletId: typeof WALLET;
beforeAll(async () => {
  bench = await storeBench();
  owner = bench.owner;
  store = createFloatStore(bench.poolOf('purser_system'));
  other = createFloatStore(bench.poolOf('purser_system'));
});
afterAll(() => bench?.close());

beforeEach(async () => {
  at = await aPlace(owner);
  walletId = `wal_${randomUUID().replaceAll('-', '').slice(0, 26)}` as typeof WALLET;
  await owner.query(
    `INSERT INTO wallet (workspace_id, wallet_id, agent_id, address, origin) VALUES ($1, $2, $3, $4, 'created')`,
    [at.workspaceId, walletId, at.agentId, address(Math.floor(Math.random() * 1e12))],
  );
  await owner.query(
    `INSERT INTO wallet_asset (workspace_id, wallet_id, network, token, balance, balance_block) VALUES ($1, $2, $3, $4, 30, 10)`,
    [at.workspaceId, walletId, NETWORK, TOKEN],
  );
  await owner.query('DELETE FROM wallet_float');
  await owner.query(
    `INSERT INTO wallet_float (workspace_id, wallet_id, network, token, enabled, min, target, cap_per_day, person)
     VALUES ($1, $2, $3, $4, true, 50, 100, 200, 'ann')`,
    [at.workspaceId, walletId, NETWORK, TOKEN],
  );
});

const claim = (of = store) => of.claim(NETWORK, [walletId], 16);
const balance = (value: number, block: number, committed = 0) =>
  owner.query(
    'UPDATE wallet_asset SET balance = $2, balance_block = $3, committed = $4 WHERE wallet_id = $1',
    [walletId, value, block, committed],
  );
async function row() {
  const { rows } = await owner.query<Record<string, unknown>>(
    'SELECT amount::text, day_sent::text AS sent, problem, operation_id FROM wallet_float WHERE wallet_id = $1',
    [walletId],
  );
  return rows[0];
}

/** The claim's operation, in a status of its own. */
async function operation(of: FloatClaim, status: string, seenBlock: number | null = null): Promise<void> {
  await store.begin(of, await topUpOf(of.address, status, seenBlock));
}

async function topUpOf(to: string, status: string, seenBlock: number | null = null): Promise<OperationId> {
  const walker = await opened(bench.store, at);
  await owner.query(`UPDATE operations SET status = $2, kind = 'top_up' WHERE operation_id = $1`, [
    walker.operationId,
    status,
  ]);
  await owner.query(
    `INSERT INTO authorization_ledger (workspace_id, operation_id, agent_id, wallet_id, network, token, from_address, to_address, value,
       valid_after, valid_before, nonce, digest, status, seen_block)
     VALUES ($1, $2, $3, 'treasury', $4, $5, 'f', $7, 70, 0, 100, gen_random_uuid()::text, 'd', $8, $6)`,
    [
      at.workspaceId,
      walker.operationId,
      at.agentId,
      NETWORK,
      TOKEN,
      seenBlock,
      to,
      status === 'settled' ? 'settled' : status === 'authorized' ? 'live' : 'dead',
    ],
  );
  return walker.operationId;
}
const later = () => owner.query(`UPDATE wallet_float SET not_before = '-infinity'`);

describe('a float policy', () => {
  it('claims what is lacking once, also from many watchers at the same moment', async () => {
    const claims = (await Promise.all([store, other, store, other, store].map(claim))).flat();
    // Whoever comes later may find the claim not opened yet, and would open the very same operation.
    expect(new Set(claims.map((it) => `${it.serial}/${it.amount}`))).toEqual(new Set(['1/70']));
    expect(claims[0]).toMatchObject({ person: 'ann', agentId: at.agentId, walletId });
    expect(await row()).toMatchObject({ amount: '70', sent: '70' });
  });

  it('has nothing to do above its minimum, and counts what is live as gone', async () => {
    await balance(50, 11);
    expect(await claim()).toEqual([]);
    await balance(120, 12, 71);
    expect(await claim()).toMatchObject([{ amount: 51n }]);
  });

  it('is looked at when it is set, and then only with its wallet', async () => {
    expect(await store.fresh(NETWORK)).toEqual([walletId]);
    expect([await store.fresh(NETWORK), await store.claim(NETWORK, [], 16)]).toEqual([[], []]);
    expect(await store.claim(NETWORK, null, 16)).toHaveLength(1);
  });

  it('claims again only once the balance shows what was sent', async () => {
    const [first] = await claim();
    await operation(first as FloatClaim, 'authorized', null);
    expect([await store.ended(NETWORK), await claim()]).toEqual([[], []]);
    await owner.query(
      `UPDATE authorization_ledger SET seen_block = 20, status = 'settled' WHERE workspace_id = $1`,
      [at.workspaceId],
    );
    await owner.query(`UPDATE operations SET status = 'settled' WHERE workspace_id = $1`, [at.workspaceId]);
    expect([await store.ended(NETWORK), await claim()]).toEqual([[], []]);
    await balance(100, 20);
    expect(await store.ended(NETWORK)).toMatchObject([{ walletId, problem: null }]);
    expect(await claim()).toEqual([]);
    // A reading from before, as a watcher that was frozen may still have it.
    await balance(30, 19);
    expect(await claim()).toEqual([]);
    await balance(20, 21);
    expect(await claim()).toMatchObject([{ serial: 2, amount: 80n }]);
  });

  it('never sends more than its cap in a day, whatever the lack', async () => {
    const sent: bigint[] = [];
    for (let block = 20; block < 24; block += 1) {
      const [next] = await claim();
      if (!next) break;
      sent.push(next.amount);
      await operation(next, 'settled', block);
      await balance(30, block);
      await store.ended(NETWORK);
    }
    expect(sent).toEqual([70n, 70n, 60n]);
    await owner.query(`UPDATE wallet_float SET day = day - 1 WHERE wallet_id = $1`, [walletId]);
    expect(await claim()).toMatchObject([{ amount: 70n }]);
  });

  it.each(['refused', 'rejected', 'expired', 'cancelled', 'failed'])(
    'counts nothing for a top-up that was %s, says so once, and waits before it tries again',
    async (status) => {
      const [next] = await claim();
      await operation(next as FloatClaim, status);
      expect(await store.ended(NETWORK)).toMatchObject([{ walletId, problem: status, isNew: true }]);
      expect(await row()).toMatchObject({ amount: null, sent: '0', problem: status });
      expect(await claim()).toEqual([]);
      await owner.query(`UPDATE wallet_float SET not_before = '-infinity'`);
      const [again] = await claim();
      await operation(again as FloatClaim, status);
      expect(await store.ended(NETWORK)).toMatchObject([{ isNew: false }]);
    },
  );

  it('is tried again with the same key when it could not be asked for, and stays counted meanwhile', async () => {
    const [first] = (await claim()) as [FloatClaim];
    const id = parseOperationId(randomUUID());
    expect(await store.begin(first, id)).toBe(true);
    // Another watcher finds the claim of one that stands still, and is refused.
    expect(await claim(other)).toEqual([first]);
    expect(await other.putOff(first, 'workspace_paused')).toBe(true);
    expect(await row()).toMatchObject({ amount: '70', sent: '70', problem: 'workspace_paused' });
    expect(await claim()).toEqual([]);
    await later();
    expect(await claim()).toEqual([first]);
    expect([await store.begin(first, id), await store.begin(first, parseOperationId(randomUUID()))]).toEqual([
      true,
      false,
    ]);
  });

  it('cannot be put off once its operation exists, noted or not seen by whoever is refused', async () => {
    const [first] = (await claim()) as [FloatClaim];
    await operation(first, 'authorized');
    expect(await store.putOff(first, 'wallet_missing')).toBe(false);
    expect(await row()).toMatchObject({ amount: '70', sent: '70', problem: null });
    await later();
    expect(await claim()).toEqual([]);
  });

  it('leaves a claim behind that does not fit any more, counted, and never opened by its key', async () => {
    const [first] = (await claim()) as [FloatClaim];
    await store.putOff(first, 'agent_paused');
    await balance(45, 11);
    await later();
    expect(await claim()).toMatchObject([{ serial: 2, amount: 55n }]);
    expect(await row()).toMatchObject({ amount: '55', sent: '125' });
    expect(await store.begin(first, parseOperationId(randomUUID()))).toBe(false);
  });

  it.each([
    ['its policy is stopped', `UPDATE wallet_float SET enabled = false`],
    ['its wallet is retired', `UPDATE wallet SET status = 'retired'`],
  ])('opens no claim when %s', async (_why, change) => {
    const [first] = (await claim()) as [FloatClaim];
    await owner.query(`${change} WHERE wallet_id = $1`, [walletId]);
    expect(await store.claim(NETWORK, null, 16)).toEqual([]);
    expect(await store.begin(first, parseOperationId(randomUUID()))).toBe(false);
  });

  it('counts the claim of yesterday that is tried today in the day of today', async () => {
    const [first] = (await claim()) as [FloatClaim];
    await owner.query(`UPDATE wallet_float SET day = day - 1, day_sent = 200 WHERE wallet_id = $1`, [
      walletId,
    ]);
    expect(await claim()).toEqual([first]);
    expect(await row()).toMatchObject({ sent: '70' });
  });

  it('counts a top-up on its way, whoever asked for it, as there', async () => {
    const { rows } = await owner.query<{ address: string }>(
      'SELECT address FROM wallet WHERE wallet_id = $1',
      [walletId],
    );
    const to = rows[0]?.address ?? '';
    const id = await topUpOf(to, 'authorized');
    expect(await claim()).toEqual([]);
    const seen = (status: string, block: number) =>
      owner.query('UPDATE authorization_ledger SET status = $2, seen_block = $3 WHERE operation_id = $1', [
        id,
        status,
        block,
      ]);
    await seen('provisional', 11);
    expect(await claim()).toEqual([]);
    // The balance of block 11 has it.
    await balance(30, 11);
    expect(await claim()).toMatchObject([{ amount: 70n }]);
  });

  it('claims no more at once than it is asked for', async () => {
    const second = `wal_${randomUUID().replaceAll('-', '').slice(0, 26)}`;
    await owner.query(
      `INSERT INTO wallet (workspace_id, wallet_id, agent_id, address, origin) VALUES ($1, $2, $3, $4, 'created')`,
      [at.workspaceId, second, at.agentId, address(Math.floor(Math.random() * 1e12))],
    );
    for (const table of ['wallet_asset', 'wallet_float'])
      await owner.query(
        `INSERT INTO ${table} SELECT (jsonb_populate_record(it, jsonb_build_object('wallet_id', $2::text))).* FROM ${table} it WHERE wallet_id = $1`,
        [walletId, second],
      );
    expect(await store.claim(NETWORK, null, 1)).toHaveLength(1);
    expect(await store.claim(NETWORK, null, 2)).toHaveLength(2);
  });

  it('fills no retired wallet, and none when it is stopped', async () => {
    await owner.query('UPDATE wallet_float SET enabled = false');
    expect(await store.claim(NETWORK, null, 16)).toEqual([]);
    await owner.query('UPDATE wallet_float SET enabled = true');
    await owner.query(`UPDATE wallet SET status = 'retired' WHERE wallet_id = $1`, [walletId]);
    expect(await store.claim(NETWORK, null, 16)).toEqual([]);
  });
});
