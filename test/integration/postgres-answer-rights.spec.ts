import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TransferKey } from '#engine';
import { createAnswerRights } from '#postgres';
import { address, hex32, NETWORK, TOKEN, uuid } from '../support/builders.js';
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
  const key = { network: NETWORK, token: TOKEN, from: address(0xaa), nonce: hex32(last) };
  await bench.owner.query(
    `INSERT INTO settlement (network, token, payer, nonce, settlement_id, payee, value, valid_after, valid_before, signature_sealed, asked_by)
     VALUES ($1, $2, $3, $4, $5, $6, 1, 0, 1900000000, '', 'test')`,
    [key.network, key.token, key.from, key.nonce, uuid(last, 7), address(0xbb)],
  );
  return key;
}
/** Two processes. */
const rights = () => createAnswerRights(bench.poolOf('purser_system'));
const later = (ms: number): number => Date.now() + ms;

describe('the right to be told an outcome', () => {
  it('is one caller’s among many, over processes', async () => {
    const key = await aSettlement();
    const asked = [rights(), rights()].flatMap((each) =>
      Array.from({ length: 25 }, () => each.take(key, later(60_000))),
    );
    expect((await Promise.all(asked)).filter(Boolean)).toHaveLength(1);
  });

  it('is free again when it is given back or its time is over', async () => {
    const key = await aSettlement();
    const mine = rights();
    expect(await mine.take(key, later(60_000))).toBe(true);
    expect(await mine.take(key, later(60_000))).toBe(false);
    await mine.giveBack(key);
    expect(await mine.take(key, later(-1))).toBe(true);
    expect(await mine.take(key, later(60_000))).toBe(true);
  });

  it('is used up by being told, also against whoever gives it back afterwards', async () => {
    const [key, other] = [await aSettlement(), await aSettlement()];
    const mine = rights();
    await mine.take(key, later(1));
    await mine.told(key);
    await mine.giveBack(key);
    expect(await Promise.all([mine.take(key, later(60_000)), mine.take(other, later(60_000))])).toEqual([
      false,
      true,
    ]);
  });
});
