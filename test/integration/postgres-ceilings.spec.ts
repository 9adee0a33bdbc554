// What was authorized and what was charged are two numbers: the rows of budget and wallet follow the second one from the block it is seen in.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseHex32 } from '#domain';
import { createWatchStore } from '#postgres';
import { address, anAuthorization, aSettlement, NETWORK } from '../support/builders.js';
import { budgetOf, walletOf } from '../support/postgres-books.js';
import { acceptTerms, aPlace, opened, RESERVE, storeBench, type Bench } from '../support/postgres-store.js';

let bench: Bench;
beforeAll(async () => {
  bench = await storeBench();
});
afterAll(() => bench?.close());

const FUNDS = 10n ** 15n;
const facilitator = address(0xfac1);

/** Up to 100 units are authorized. */
async function ceiling() {
  const place = await aPlace(bench.owner);
  const walker = await opened(bench.store, place);
  const nonce = parseHex32(`0x${randomUUID().replaceAll('-', '').repeat(2)}`);
  const authorization = anAuthorization({ method: 'upto', facilitator, value: 100n, nonce });
  await walker.must(acceptTerms(100n, { transferMethod: 'upto', facilitator }), RESERVE, {
    type: 'PrepareAuthorization',
    authorization,
    nowMs: Date.now(),
  });
  const books = async () => ({
    ...(await budgetOf(bench.owner, place, place.agentId)),
    ...(await walletOf(bench.owner, place)),
  });
  return { walker, authorization, books };
}

const seen = aSettlement({ amount: 60n });

describe('a ceiling', () => {
  it('is held and committed in full, and charged as the chain says', async () => {
    const { walker, books } = await ceiling();
    expect(await books()).toMatchObject({ held: 100n, committed: '100', lifetime: 0n });
    await walker.must({ type: 'ObserveSettlement', settlement: seen });
    expect(await books()).toMatchObject({ held: 100n, committed: '0', balance: `${FUNDS - 60n}` });
    await walker.must({ type: 'FinalizeSettlement', settlement: seen });
    expect(await books()).toMatchObject({
      held: 0n,
      heldCount: 0,
      lifetime: 60n,
      day: 60n,
      balance: `${FUNDS - 60n}`,
    });
    expect(walker.loaded.state).toMatchObject({ status: 'settled', settlement: { amount: 60n } });
  });

  it('is committed in full again when the block of the charge goes', async () => {
    const { walker, books } = await ceiling();
    await walker.must({ type: 'ObserveSettlement', settlement: seen });
    await walker.must({ type: 'ReorgSettlement' });
    expect(await books()).toMatchObject({ held: 100n, committed: '100', balance: `${FUNDS}` });
    await walker.must({ type: 'FinalizeSettlement', settlement: aSettlement({ amount: 1n }) });
    expect(await books()).toMatchObject({ held: 0n, lifetime: 1n, committed: '0', balance: `${FUNDS - 1n}` });
  });

  it('is told to the watcher with its method and its charge', async () => {
    const { walker, authorization } = await ceiling();
    await walker.must({ type: 'ObserveSettlement', settlement: seen });
    const watch = createWatchStore(bench.poolOf('purser_system'));
    expect(await watch.match(NETWORK, [authorization])).toMatchObject([
      { authorization: { method: 'upto', value: 100n }, status: 'provisional', settlement: seen },
    ]);
  });
});
