// An allowance is an intent like any other to stops and approvals, and nothing to budgets and balances.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allowanceNonce, allowanceResource, parseHex32, PERMIT2, type OperationCommand } from '#domain';
import { createWatchStore } from '#postgres';
import {
  address,
  anAuthorization,
  aProof,
  aSettlement,
  aVerdict,
  NETWORK,
  PAYER,
  someTerms,
  TOKEN,
  WALLET,
} from '../support/builders.js';
import { budgetOf, walletOf } from '../support/postgres-books.js';
import {
  aPlace,
  approve,
  opened,
  prepare,
  requestApproval,
  RESERVE,
  acceptTerms,
  storeBench,
  type Bench,
  type Place,
  type Walker,
} from '../support/postgres-store.js';

let bench: Bench;
let place: Place;
beforeAll(async () => {
  bench = await storeBench();
});
afterAll(() => bench?.close());

const TERMS = someTerms({
  payTo: PERMIT2,
  amount: 1n << 255n,
  transferMethod: 'allowance',
  resourceUrl: allowanceResource(WALLET),
});
const VERDICT = aVerdict({ needsApproval: true, reasons: ['allowance'] });
const judged = { terms: TERMS, verdict: VERDICT, termsDigest: 't1' } as const;
let payers = 0x9000;

const intent = (from = address((payers += 1))) => {
  const derived = parseHex32(`0x${randomUUID().replaceAll('-', '').repeat(2)}`);
  const nonce = allowanceNonce(derived, 0n);
  const authorization = anAuthorization({
    method: 'allowance',
    to: PERMIT2,
    value: TERMS.amount,
    from,
    nonce,
  });
  return { type: 'PrepareAuthorization', authorization, nowMs: Date.now() } satisfies OperationCommand;
};

/** Approved of, in a place without any budget. */
async function approved(): Promise<Walker> {
  place = await aPlace(bench.owner, {});
  const walker = await opened(bench.store, place);
  await walker.must({ type: 'AcceptTerms', ...judged }, requestApproval(Date.now() + 60_000));
  await walker.must(approve(), { type: 'ConfirmTerms', ...judged });
  return walker;
}
const books = async () => ({
  ...(await budgetOf(bench.owner, place, place.agentId)),
  ...(await walletOf(bench.owner, place)),
});
const UNTOUCHED = { held: 0n, heldCount: 0, lifetime: 0n, committed: '0', balance: `${10n ** 15n}` };

describe('an allowance', () => {
  it('is taken to its end, and back, without moving budget or balance', async () => {
    const walker = await approved();
    await walker.must(intent());
    expect(await books()).toMatchObject(UNTOUCHED);
    await walker.must({ type: 'ObserveSettlement', settlement: aSettlement() });
    await walker.must({ type: 'ReorgSettlement' });
    expect(await books()).toMatchObject(UNTOUCHED);
    await walker.must({ type: 'ObserveSettlement', settlement: aSettlement() });
    await walker.must({ type: 'FinalizeSettlement', settlement: aSettlement() });
    expect(await books()).toMatchObject(UNTOUCHED);
    expect(walker.loaded.state.status).toBe('settled');
    const { rows } = await bench.owner.query('SELECT FROM reservation WHERE operation_id = $1', [
      walker.operationId,
    ]);
    expect(rows).toEqual([]);
  });

  it('is one at a time of a wallet and token, whoever asks at the same moment', async () => {
    const from = address(0x8001);
    const walkers = await Promise.all([1, 2, 3, 4].map(approved));
    const outcomes = await Promise.all(walkers.map((it) => it.do(intent(from))));
    const winner = walkers[outcomes.findIndex((it) => it.ok)] ?? expect.fail('nobody won');
    expect(outcomes.filter((it) => it.ok)).toHaveLength(1);
    for (const lost of outcomes.filter((it) => !it.ok))
      expect(lost).toMatchObject({
        reason: 'guard',
        guard: 'under_way',
        details: { operation_id: winner.operationId },
      });
    await winner.must({ type: 'RecordExpiredUnused', proof: aProof({ blockTimeSec: 9_999_999_999 }) });
    await (await approved()).must(intent(from));
  });

  it('is no hindrance to the payments of its batch', async () => {
    const paying = await aPlace(bench.owner);
    const buyers = await Promise.all([1, 2, 3].map(() => opened(bench.store, paying)));
    for (const buyer of buyers) await buyer.must(acceptTerms(100n), RESERVE);
    const givers = await Promise.all([1, 2].map(approved));
    const outcomes = await Promise.all([
      ...buyers.map((it) => it.do(prepare(100n))),
      ...givers.map((it) => it.do(intent())),
    ]);
    expect(outcomes.every((it) => it.ok)).toBe(true);
    expect(await walletOf(bench.owner, paying)).toMatchObject({ committed: '300' });
  });

  it('is not begun while anything in its scope is stopped', async () => {
    const walker = await approved();
    await bench.owner.query('UPDATE control SET paused = true WHERE scope = $1', [place.workspaceId]);
    expect(await walker.do(intent())).toMatchObject({ guard: 'stopped' });
  });

  it('is not begun after its approval has run out', async () => {
    const walker = await approved();
    await bench.owner.query(
      `UPDATE approval SET use_by = now() - interval '1 second' WHERE operation_id = $1`,
      [walker.operationId],
    );
    expect(await walker.do(intent())).toMatchObject({ guard: 'deadline' });
  });

  it('is told to the watcher with its amount, while it is under way', async () => {
    const walker = await approved();
    const { authorization } = intent();
    await walker.must({ type: 'PrepareAuthorization', authorization, nowMs: Date.now() });
    const watch = createWatchStore(bench.poolOf('purser_system'));
    const seen = [authorization, authorization, { token: TOKEN, from: PAYER }];
    expect(await watch.allowancesUnderWay(NETWORK, seen)).toMatchObject([
      { operationId: walker.operationId, authorization: { method: 'allowance', value: TERMS.amount } },
    ]);
    await walker.must({ type: 'ObserveSettlement', settlement: aSettlement() });
    expect(await watch.allowancesUnderWay(NETWORK, seen)).toEqual([]);
  });

  it('that a wallet gave is kept beside its balance, and an answer that is missing changes nothing', async () => {
    const { workspaceId } = await aPlace(bench.owner);
    const watch = createWatchStore(bench.poolOf('purser_system'));
    const at = { workspaceId, walletId: WALLET, network: NETWORK, token: TOKEN, balance: 5n };
    await watch.updateBalances([{ ...at, block: 7, permit2Allowance: 1n << 255n }]);
    await watch.updateBalances([{ ...at, block: 8 }]);
    const { rows } = await bench.owner.query(
      'SELECT permit2_allowance::text AS allowance, balance_block::int AS block FROM wallet_asset WHERE workspace_id = $1',
      [workspaceId],
    );
    expect(rows).toEqual([{ allowance: (1n << 255n).toString(), block: 8 }]);
  });
});
