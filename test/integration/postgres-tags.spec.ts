// What a payment is booked under has a budget of its own, charged in the same guarded commit as the agent's and the workspace's.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Limits, OperationRequest, Tag } from '#domain';
import type { Administration, CommitOutcome } from '#engine';
import { createAdministration, createPolicyStore } from '#postgres';
import { aSettlement } from '../support/builders.js';
import { memoryVault } from '../support/memory-basics.js';
import {
  acceptTerms,
  aPlace,
  approve,
  prepare,
  requestApproval,
  RESERVE,
  storeBench,
  Walker,
  type Bench,
  type Place,
} from '../support/postgres-store.js';

let bench: Bench;
let admin: Administration;
beforeAll(async () => {
  bench = await storeBench();
  admin = createAdministration(bench.poolOf('purser_system'), { keyEnvironment: 'test', vault: memoryVault });
});
afterAll(() => bench?.close());

const BY = { type: 'admin', id: 'key_1' } as const;
const RESEARCH: Tag = { kind: 'category', name: 'research' };
const BERLIN: Tag = { kind: 'cost_centre', name: 'berlin-1' };
const BOTH = { category: RESEARCH.name, costCentre: BERLIN.name };
type Booked = Pick<OperationRequest, 'category' | 'costCentre'>;

async function aTaggedPlace(limits: { research?: Limits; berlin?: Limits } = {}): Promise<Place> {
  const place = await aPlace(bench.owner);
  for (const [tag, set] of [
    [RESEARCH, limits.research],
    [BERLIN, limits.berlin],
  ] as const) {
    await admin.tags.register(place.workspaceId, tag, BY);
    if (set) await putLimits(place, tag, set);
  }
  return place;
}

const putLimits = ({ workspaceId }: Place, tag: Tag, limits: Limits) =>
  admin.budgets.putLimits(
    { workspaceId, agentId: null, tag },
    { layer: 'payments', unit: 'USD6', limits },
    BY,
  );

async function opened(place: Place, booked: Booked, store = bench.store): Promise<Walker> {
  const walker = new Walker(store, place);
  await walker.open({ request: booked });
  return walker;
}

async function reserve(place: Place, amount: bigint, booked: Booked): Promise<CommitOutcome> {
  return (await opened(place, booked)).do(acceptTerms(amount), RESERVE);
}

async function numbers({ workspaceId }: Place, tag: Tag): Promise<object> {
  const views = await admin.budgets.get({ workspaceId, agentId: null, tag });
  const view = views.find((it) => it.unit === 'USD6');
  const lifetime = view?.windows.find((it) => it.window === 'lifetime');
  return { held: view?.held, heldCount: view?.heldCount, spent: lifetime?.spent, count: lifetime?.count };
}

const NOTHING = { held: 0n, heldCount: 0, spent: 0n, count: 0n };

describe('a tagged payment', () => {
  it('is held, captured and released at its tags as at its agent, and nowhere else', async () => {
    const place = await aTaggedPlace();
    const paid = await opened(place, BOTH);
    await paid.must(acceptTerms(30n), RESERVE);
    await paid.must(prepare(30n));
    const held = await opened(place, { category: 'research' });
    await held.must(acceptTerms(5n), RESERVE);
    const untagged = await opened(place, {});
    await untagged.must(acceptTerms(100n), RESERVE);
    expect(await numbers(place, RESEARCH)).toEqual({ ...NOTHING, held: 35n, heldCount: 2 });
    expect(await numbers(place, BERLIN)).toEqual({ ...NOTHING, held: 30n, heldCount: 1 });
    await paid.must({ type: 'FinalizeSettlement', settlement: aSettlement() });
    await held.must({ type: 'Cancel', by: 'alice', reason: 'x' });
    const booked = { held: 0n, heldCount: 0, spent: 30n, count: 1n };
    expect([await numbers(place, RESEARCH), await numbers(place, BERLIN)]).toEqual([booked, booked]);
  });

  it.each([
    ['amount', { day: 1_009n }],
    ['count', { count_rolling_24h: 100n }],
  ] as const)(
    'finds exactly 100 of 400 granted by the %s of its tag, over agents and processes',
    async (_, limits) => {
      const place = await aTaggedPlace({ berlin: limits });
      const other = {
        ...place,
        agentId: (await admin.agents.create(place.workspaceId, { name: 'b' }, BY)).agentId,
      };
      await bench.owner.query(
        `UPDATE budget_node SET limit_day = 1000000 WHERE node_id = $1 AND unit = 'USD6'`,
        [other.agentId],
      );
      const stores = [bench.store, bench.otherStore()];
      const walkers = await Promise.all(
        Array.from({ length: 400 }, (_value, at) =>
          opened(at % 3 ? place : other, at % 5 ? { costCentre: 'berlin-1' } : BOTH, stores[at % 2]),
        ),
      );
      const outcomes: CommitOutcome[] = [];
      const queue = walkers.values();
      const client = async (): Promise<void> => {
        for (const walker of queue) outcomes.push(await walker.do(acceptTerms(10n), RESERVE));
      };
      await Promise.all(Array.from({ length: 64 }, client));
      expect(outcomes.filter((it) => it.ok)).toHaveLength(100);
      expect(await numbers(place, BERLIN)).toMatchObject({ held: 1_000n, heldCount: 100 });
    },
  );

  it('is refused by the name of the tag’s node, and asked again at the intent', async () => {
    const place = await aTaggedPlace({ research: { month: 50n } });
    const walker = await opened(place, BOTH);
    await walker.must(acceptTerms(40n), RESERVE);
    expect(await reserve(place, 11n, BOTH)).toMatchObject({
      guard: 'budget',
      details: { node: 'category', layer: 'payments', window: 'month', held: '40', needed: '11' },
    });
    expect(await reserve(place, 11n, { costCentre: 'berlin-1' })).toMatchObject({ ok: true });
    await putLimits(place, RESEARCH, { month: 39n });
    expect(await walker.do(prepare(40n))).toMatchObject({
      guard: 'budget',
      details: { node: 'category', held: '0' },
    });
    await putLimits(place, RESEARCH, { month: 40n });
    await walker.must(prepare(40n));
  });

  it('leaves nothing at its tags when it is refused in the same breath, and moves whole when its terms change', async () => {
    const place = await aTaggedPlace({ research: { lifetime: 100n } });
    await bench.owner.query('UPDATE wallet_asset SET balance = 5 WHERE workspace_id = $1', [
      place.workspaceId,
    ]);
    const walkers = await Promise.all(Array.from({ length: 4 }, () => opened(place, BOTH)));
    const outcomes = await Promise.all(walkers.map((it) => it.do(acceptTerms(60n), RESERVE, prepare(60n))));
    for (const outcome of outcomes) expect(outcome).toMatchObject({ guard: 'wallet' });
    expect([await numbers(place, RESEARCH), await numbers(place, BERLIN)]).toEqual([NOTHING, NOTHING]);
    const walker = await opened(place, BOTH);
    await walker.must(acceptTerms(90n, {}, true), RESERVE, requestApproval(Date.now() + 60_000));
    await walker.must(approve());
    const { terms, verdict } = acceptTerms(70n);
    await walker.must({ type: 'ConfirmTerms', terms, verdict, termsDigest: 't2' }, RESERVE);
    expect(await numbers(place, RESEARCH)).toMatchObject({ held: 70n, heldCount: 1 });
  });

  it('is budget enough when the tag has the only limit', async () => {
    const place = await aPlace(bench.owner, {});
    await admin.tags.register(place.workspaceId, RESEARCH, BY);
    expect(await reserve(place, 5n, { category: 'research' })).toMatchObject({ guard: 'no_budget' });
    await putLimits(place, RESEARCH, { day: 5n });
    expect(await reserve(place, 5n, { category: 'research' })).toMatchObject({ ok: true });
    expect(await reserve(place, 5n, {})).toMatchObject({ guard: 'no_budget' });
  });

  it('counts at the tag of its own workspace only', async () => {
    const [mine, theirs] = [await aTaggedPlace(), await aTaggedPlace()];
    await reserve(mine, 7n, BOTH);
    expect(await numbers(theirs, RESEARCH)).toEqual(NOTHING);
  });
});

describe('tags', () => {
  it('are known until they are retired, and keep what was booked', async () => {
    const place = await aTaggedPlace();
    const policies = createPolicyStore(bench.poolOf('purser_system'));
    const unknown = (...tags: Tag[]) => policies.unknownTags(place.workspaceId, tags);
    const other: Tag = { kind: 'cost_centre', name: 'research' };
    expect(await unknown(RESEARCH, BERLIN)).toEqual([]);
    expect(await unknown(RESEARCH, other)).toEqual([other]);
    await reserve(place, 7n, BOTH);
    await admin.tags.retire(place.workspaceId, RESEARCH, BY);
    expect(await unknown(RESEARCH)).toEqual([RESEARCH]);
    await admin.tags.register(place.workspaceId, RESEARCH, BY);
    expect(await unknown(RESEARCH)).toEqual([]);
    expect(await numbers(place, RESEARCH)).toMatchObject({ held: 7n });
    const elsewhere = await aPlace(bench.owner);
    expect(await policies.unknownTags(elsewhere.workspaceId, [RESEARCH])).toEqual([RESEARCH]);
    await expect(admin.tags.retire(elsewhere.workspaceId, RESEARCH, BY)).rejects.toMatchObject({
      code: 'not_found',
    });
    const facts = (await admin.history(place.workspaceId, { cursor: null, limit: 9 })).items.map(
      (it) => it.type,
    );
    expect(facts).toEqual(['TagRegistered', 'TagRetired', 'TagRegistered', 'TagRegistered']);
  });

  it('registered at once under one name are one', async () => {
    const place = await aPlace(bench.owner);
    const views = await Promise.all(
      Array.from({ length: 10 }, () => admin.tags.register(place.workspaceId, RESEARCH, BY)),
    );
    expect(new Set(views.map((it) => it.createdAtMs)).size).toBe(1);
    expect(await admin.tags.list(place.workspaceId)).toHaveLength(1);
  });

  it('are among the budgets that a payment is judged by', async () => {
    const place = await aTaggedPlace();
    const policies = createPolicyStore(bench.poolOf('purser_system'));
    const views = await policies.budgetsOf(place, 'USD6', [RESEARCH]);
    expect(views.map((it) => it.node).sort()).toEqual(['agent', 'category', 'workspace']);
  });
});
