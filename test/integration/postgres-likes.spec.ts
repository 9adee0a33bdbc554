// Of purchases that are alike one is paid, however many ask at once and through whichever process; and whom somebody has paid before is read from committed rows.
import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EvmAddress, Likeness, OperationId } from '#domain';
import type { CommitOutcome } from '#engine';
import { createPolicyStore } from '#postgres';
import { address, aProof, aSettlement, aVerdict, SELLER, someTerms } from '../support/builders.js';
import {
  aPlace,
  addAgent,
  approve,
  prepare,
  requestApproval,
  RESERVE,
  storeBench,
  type Bench,
  type Place,
  Walker,
} from '../support/postgres-store.js';

let bench: Bench;
let place: Place;
beforeAll(async () => {
  bench = await storeBench();
});
afterAll(() => bench?.close());
beforeEach(async () => {
  place = await aPlace(bench.owner);
});

const hashOf = (what: string): string => createHash('sha256').update(what).digest('hex');
const alike = (over: Partial<Likeness> = {}): Likeness => ({ hash: hashOf('goods'), withinSec: 60, ...over });
const accept = (like: Likeness, payTo: EvmAddress = SELLER) => ({
  type: 'AcceptTerms' as const,
  terms: someTerms({ amount: 10n, payTo }),
  verdict: aVerdict({ like }),
  termsDigest: 't1',
});

/** Opened, and `ago` before now. */
async function asked(store = bench.store, agoSec = 0, at: Place = place): Promise<Walker> {
  const walker = new Walker(store, at);
  walker.loaded = { ...walker.loaded, openedAtMs: Date.now() - agoSec * 1000 };
  await walker.open();
  return walker;
}

function intent(to: EvmAddress = SELLER) {
  const command = prepare(10n);
  return { ...command, authorization: { ...command.authorization, to } };
}

const buy = (walker: Walker, like: Likeness = alike()): Promise<CommitOutcome> =>
  walker.do(accept(like), RESERVE, intent());

const refusedFor = (first: Walker) => ({
  ok: false,
  reason: 'guard',
  guard: 'duplicate',
  details: { duplicate_of: first.operationId, within_sec: 60 },
});

describe('the same purchase under another key', () => {
  it('is refused, and the refusal names the first', async () => {
    const [first, second] = [await asked(), await asked()];
    expect(await buy(first)).toMatchObject({ ok: true });
    expect(await buy(second)).toEqual(refusedFor(first));
  });

  it('fifty at once through two processes are one payment', async () => {
    const stores = [bench.store, bench.otherStore()] as const;
    const walkers = await Promise.all(Array.from({ length: 50 }, (_, n) => asked(stores[n % 2])));
    const outcomes = await Promise.all(walkers.map((walker) => buy(walker)));
    expect(outcomes.filter((it) => it.ok)).toHaveLength(1);
    const winner = walkers[outcomes.findIndex((it) => it.ok)] as Walker;
    for (const outcome of outcomes.filter((it) => !it.ok)) expect(outcome).toEqual(refusedFor(winner));
    const { rows } = await bench.owner.query('SELECT FROM authorization_ledger WHERE workspace_id = $1', [
      place.workspaceId,
    ]);
    expect(rows).toHaveLength(1);
  });

  it.each([
    [59, false],
    [60, false],
    [62, true],
  ])('opened %i seconds after it: paid %s', async (agoSec, paid) => {
    const first = await asked(bench.store, agoSec);
    expect(await buy(first)).toMatchObject({ ok: true });
    const second = new Walker(bench.store, place);
    second.loaded = { ...second.loaded, openedAtMs: first.loaded.openedAtMs + agoSec * 1000 };
    await second.open();
    expect((await buy(second)).ok).toBe(paid);
  });

  it('is no matter of who is first: the one opened earlier may be the second to be paid', async () => {
    const [earlier, later] = [await asked(bench.store, 30), await asked()];
    expect(await buy(later)).toMatchObject({ ok: true });
    expect(await buy(earlier)).toEqual(refusedFor(later));
  });

  it('is another purchase for another agent, in another workspace, or of other goods', async () => {
    await buy(await asked());
    const neighbour = { workspaceId: place.workspaceId, agentId: randomUUID() as Place['agentId'] };
    await addAgent(bench.owner, neighbour, {});
    for (const [at, like] of [
      [neighbour, alike()],
      [await aPlace(bench.owner), alike()],
      [place, alike({ hash: hashOf('other goods') })],
    ] as const)
      expect(await buy(await asked(bench.store, 0, at), like)).toMatchObject({ ok: true });
  });

  it('is paid where the request names the first, and still not where there is a third', async () => {
    const [first, second, third] = [await asked(), await asked(), await asked()];
    await buy(first);
    const meant = alike({ allow: first.operationId });
    expect(await buy(second, meant)).toMatchObject({ ok: true });
    expect(await buy(third, meant)).toEqual(refusedFor(second));
    expect(await buy(await asked(), alike({ allow: 'any' }))).toMatchObject({ ok: true });
  });

  it('is paid when the first ended unpaid, and when its intent was refused', async () => {
    const [first, second] = [await asked(), await asked()];
    await buy(first);
    await first.must({ type: 'RecordBurned', reason: 'test' });
    expect(await buy(second)).toMatchObject({ ok: true });
    await second.must(
      { type: 'RecordSigned', signatureHash: 'h' },
      { type: 'RecordExpiredUnused', proof: aProof() },
    );
    const poor = await asked();
    await bench.owner.query('UPDATE wallet_asset SET balance = 0 WHERE workspace_id = $1', [
      place.workspaceId,
    ]);
    expect(await buy(poor)).toMatchObject({ guard: 'wallet' });
    await bench.owner.query('UPDATE wallet_asset SET balance = 1000 WHERE workspace_id = $1', [
      place.workspaceId,
    ]);
    expect(await buy(await asked())).toMatchObject({ ok: true });
  });

  it('is found before anybody is asked', async () => {
    const store = createPolicyStore(bench.poolOf('purser_system'));
    const first = await asked();
    const look = (like: Likeness, except?: OperationId) =>
      store.likeOf(place, like, { openedAtMs: Date.now(), except });
    expect(await look(alike())).toBeNull();
    await buy(first);
    expect(await look(alike())).toBe(first.operationId);
    expect(await look(alike(), first.operationId)).toBeNull();
    expect(await look(alike({ allow: first.operationId }))).toBeNull();
    expect(await look(alike({ allow: 'any' }))).toBeNull();
  });
});

describe('who has paid a payee', () => {
  const payee = address(0x9a7ee);
  const known = (who: Place = place) =>
    createPolicyStore(bench.poolOf('purser_system')).payeeKnownTo(who, payee);
  const any = alike({ allow: 'any' });

  it('nobody, before it is final on chain', async () => {
    const walker = await asked();
    expect(await known()).toEqual([]);
    await walker.must(accept(any, payee), RESERVE, intent(payee));
    expect(await known()).toEqual([]);
    await walker.must(
      { type: 'RecordSigned', signatureHash: 'h' },
      { type: 'ObserveSettlement', settlement: aSettlement() },
    );
    expect(await known()).toEqual([]);
    await walker.must({ type: 'FinalizeSettlement', settlement: aSettlement() });
    expect(await known()).toEqual(['workspace', 'agent']);
    const neighbour = { workspaceId: place.workspaceId, agentId: randomUUID() as Place['agentId'] };
    expect(await known(neighbour)).toEqual(['workspace']);
    expect(await known(await aPlace(bench.owner))).toEqual([]);
  });

  it('whoever has signed with an approval', async () => {
    const walker = await asked();
    const judged = {
      ...accept(any, payee),
      verdict: aVerdict({ needsApproval: true, reasons: ['new_payee'] }),
    };
    await walker.must(judged, RESERVE, requestApproval(Date.now() + 60_000));
    await walker.must(approve(), { ...judged, type: 'ConfirmTerms' });
    expect(await known()).toEqual([]);
    await walker.must(intent(payee));
    expect(await known()).toEqual(['workspace', 'agent']);
  });
});
