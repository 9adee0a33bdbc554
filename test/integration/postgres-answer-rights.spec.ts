import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { AnswerRights, Asker, TransferKey } from '#engine';
import { createAnswerRights } from '#postgres';
import { address, hex32, NETWORK, TOKEN, uuid, WORKSPACE } from '../support/builders.js';
import { storeBench, type Bench } from '../support/postgres-store.js';

let bench: Bench;
beforeAll(async () => {
  bench = await storeBench();
});
afterAll(() => bench?.close());

let last = 0;
/** A settlement as any claim leaves it. */
async function aSettlement(): Promise<TransferKey> {
  last += 1;
  const payer = { from: address(0xaa), nonce: hex32(last) };
  const key = { network: NETWORK, method: 'eip3009', token: TOKEN, ...payer } as const;
  await bench.owner.query(
    `INSERT INTO settlement (network, token, payer, nonce, settlement_id, payee, value, valid_after, valid_before, signature_sealed, asked_by)
     VALUES ($1, $2, $3, $4, $5, $6, 1, 0, 1900000000, '', 'test')`,
    [key.network, key.token, key.from, key.nonce, uuid(last, 7), address(0xbb)],
  );
  return key;
}
/** Two processes. */
const rights = () => createAnswerRights(bench.poolOf('purser_system'));
const MINUTE = 60_000;
const NOBODY = { workspaceId: null, requestKey: null };

async function taken(
  of: AnswerRights,
  key: TransferKey,
  forMs = MINUTE,
  by: Asker = NOBODY,
): Promise<string> {
  const holder = await of.take(key, forMs, by);
  if (holder === undefined) throw new Error('not taken');
  return holder;
}

describe('the right to be told an outcome', () => {
  it('is one caller’s among many, over processes', async () => {
    const key = await aSettlement();
    const asked = [rights(), rights()].flatMap((each) =>
      Array.from({ length: 25 }, () => each.take(key, MINUTE, NOBODY)),
    );
    expect((await Promise.all(asked)).filter((it) => it !== undefined)).toHaveLength(1);
  });

  it('is free again when it is given back or its time is over', async () => {
    const key = await aSettlement();
    const mine = rights();
    const holder = await taken(mine, key);
    expect(await mine.take(key, MINUTE, NOBODY)).toBeUndefined();
    await mine.giveBack(key, holder);
    await taken(mine, key, -1);
    await taken(mine, key);
  });

  it('is free until it is taken, again when its time is over, and never once it was told', async () => {
    const [key, other] = [await aSettlement(), await aSettlement()];
    const mine = rights();
    expect(await Promise.all([mine.free(key), mine.free(other)])).toEqual([true, true]);
    await taken(mine, key, -1);
    expect(await mine.free(key)).toBe(true);
    const holder = await taken(mine, key);
    expect(await Promise.all([mine.free(key), mine.free(other)])).toEqual([false, true]);
    await mine.told(key, holder);
    expect(await mine.free(key)).toBe(false);
  });

  it('is used up by being told, also against whoever gives it back afterwards', async () => {
    const [key, other] = [await aSettlement(), await aSettlement()];
    const mine = rights();
    const holder = await taken(mine, key, 1);
    expect(await mine.told(key, holder)).toBe(true);
    await mine.giveBack(key, holder);
    expect(await mine.take(key, MINUTE, NOBODY)).toBeUndefined();
    await taken(mine, other);
  });

  it('is known by whoever has it, and still when it was used up; not by others, nor without a key', async () => {
    const [key, other] = [await aSettlement(), await aSettlement()];
    const [mine, theirs] = [rights(), rights()];
    const by = { workspaceId: WORKSPACE, requestKey: 'key:order-1' };
    const holder = await taken(mine, key, MINUTE, by);
    await taken(mine, other);
    const known = () =>
      Promise.all([
        theirs.isOf(key, by),
        theirs.isOf(key, { ...by, requestKey: 'key:order-2' }),
        theirs.isOf(key, { ...by, workspaceId: null }),
        theirs.isOf(other, by),
        theirs.isOf(other, NOBODY),
      ]);
    expect(await known()).toEqual([true, false, false, false, false]);
    await mine.told(key, holder);
    expect(await known()).toEqual([true, false, false, false, false]);
  });

  it('lasts by the clock of the database, whatever this process takes for now', async () => {
    const key = await aSettlement();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 10 * MINUTE });
    try {
      await taken(rights(), key);
      vi.setSystemTime(Date.now() + 20 * MINUTE);
      expect(await rights().take(key, MINUTE, NOBODY)).toBeUndefined();
    } finally {
      vi.useRealTimers();
    }
    const { rows } = await bench.owner.query<{ left: string }>(
      'SELECT extract(epoch FROM held_until - clock_timestamp()) AS left FROM answer_right WHERE nonce = $1',
      [key.nonce],
    );
    const left = Number(rows[0]?.left);
    expect(left).toBeGreaterThan(30);
    expect(left).toBeLessThanOrEqual(60);
  });

  it('that ran out may still be used while nobody else has taken it', async () => {
    const key = await aSettlement();
    const slow = await taken(rights(), key, -1);
    expect(await rights().told(key, slow)).toBe(true);
    expect(await rights().take(key, MINUTE, NOBODY)).toBeUndefined();
  });

  it('that somebody else took over is theirs: neither told nor given back by the one before', async () => {
    const key = await aSettlement();
    const [mine, theirs] = [rights(), rights()];
    const slow = await taken(mine, key, -1);
    const quick = await taken(theirs, key);
    await mine.giveBack(key, slow);
    expect(await mine.take(key, MINUTE, NOBODY)).toBeUndefined();
    expect(await mine.told(key, slow)).toBe(false);
    expect(await theirs.told(key, quick)).toBe(true);
    expect(await mine.told(key, slow)).toBe(false);
  });

  it('is told to one of those who end at the same time', async () => {
    const key = await aSettlement();
    const each = [rights(), rights(), rights()];
    const holders: string[] = [];
    for (const it of each) holders.push(await taken(it, key, -1));
    const told = await Promise.all(each.map((it, n) => it.told(key, holders[n] ?? '')));
    expect(told).toEqual([false, false, true]);
  });
});
