// A team's limits hold for everything below it, to the payment, whoever moves whom meanwhile.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Limits, OperationRequest, TeamId } from '#domain';
import { recordUsage, type Administration, type CommitOutcome } from '#engine';
import { createAdministration, createReaderPool, createReadStore, createUsageLedger } from '#postgres';
import { aSettlement } from '../support/builders.js';
import { memoryVault } from '../support/memory-basics.js';
import {
  acceptTerms,
  aPlace,
  prepare,
  RESERVE,
  storeBench,
  Walker,
  type Bench,
  type Place,
} from '../support/postgres-store.js';

let bench: Bench;
let admin: Administration;
let reads: ReturnType<typeof createReadStore>;
beforeAll(async () => {
  bench = await storeBench();
  admin = createAdministration(bench.poolOf('purser_system'), { keyEnvironment: 'test', vault: memoryVault });
  const url = new URL(bench.database.url);
  url.username = 'purser_reader';
  const pool = createReaderPool({ connectionString: url.href });
  reads = createReadStore(pool);
  return () => pool.end();
});
afterAll(() => bench?.close());

const BY = { type: 'admin', id: 'key_1' } as const;
type Booked = Pick<OperationRequest, 'category' | 'costCentre'>;

/** Agents of one workspace, and a chain of teams with these limits from the outermost down. */
async function aTree(agents: number, limits: readonly Limits[], workspace: Limits = { lifetime: 10n ** 9n }) {
  const { workspaceId } = await aPlace(bench.owner, { workspace });
  const places: Place[] = [];
  for (let at = 0; at < agents; at += 1)
    places.push({
      workspaceId,
      agentId: (await admin.agents.create(workspaceId, { name: `a${at}` }, BY)).agentId,
    });
  const teams: TeamId[] = [];
  for (const [at, set] of limits.entries()) {
    const { teamId } = await admin.teams.create(
      workspaceId,
      { name: `t${at}`, parentId: teams.at(-1) ?? null },
      BY,
    );
    teams.push(teamId);
    await putLimits(workspaceId, teamId, set);
  }
  return { workspaceId, places, teams };
}

const putLimits = (workspaceId: Place['workspaceId'], teamId: TeamId, limits: Limits) =>
  admin.budgets.putLimits(
    { workspaceId, agentId: null, teamId },
    { layer: 'payments', unit: 'USD6', limits },
    BY,
  );
const assign = ({ workspaceId, agentId }: Place, teamId: TeamId | null) =>
  admin.teams.assign(workspaceId, { agentId, teamId }, BY);

async function opened(place: Place, booked: Booked = {}, store = bench.store): Promise<Walker> {
  const walker = new Walker(store, place);
  await walker.open({ request: booked });
  return walker;
}

async function reserve(place: Place, amount: bigint): Promise<CommitOutcome> {
  return (await opened(place)).do(acceptTerms(amount), RESERVE);
}

async function held(workspaceId: Place['workspaceId'], teamId: TeamId): Promise<readonly unknown[]> {
  const views = await admin.budgets.get({ workspaceId, agentId: null, teamId });
  const view = views.find((it) => it.unit === 'USD6');
  return [view?.held, view?.heldCount, view?.windows.find((it) => it.window === 'lifetime')?.spent];
}

describe('teams', () => {
  it('are charged from the agent up to the outermost, and say which of them refuses', async () => {
    const { workspaceId, places, teams } = await aTree(2, [{ day: 100n }, { day: 60n }]);
    const [one, two] = places as [Place, Place];
    const [outer, inner] = teams as [TeamId, TeamId];
    expect((await assign(one, inner)).map((it) => it.teamId)).toEqual([outer, inner]);
    await assign(two, outer);
    const walker = await opened(one);
    await walker.must(acceptTerms(50n), RESERVE);
    expect(await reserve(one, 11n)).toMatchObject({
      details: { node: 'team', node_id: inner, window: 'day' },
    });
    expect(await reserve(two, 51n)).toMatchObject({ details: { node: 'team', node_id: outer, held: '50' } });
    expect(await reserve(two, 50n)).toMatchObject({ ok: true });
    await walker.must(prepare(50n));
    await walker.must({ type: 'FinalizeSettlement', settlement: aSettlement() });
    expect(await held(workspaceId, inner)).toEqual([0n, 0, 50n]);
    expect(await held(workspaceId, outer)).toEqual([50n, 1, 50n]);
    const shown = (await reads.budgets(workspaceId, one.agentId)).filter((it) => it.unit === 'USD6');
    expect(shown.map((it) => [it.node, it.nodeId])).toEqual([
      ['workspace', workspaceId],
      ['team', outer],
      ['team', inner],
      ['agent', one.agentId],
    ]);
  });

  it('grant exactly 100 of 400 over four agents, two processes and tags', async () => {
    const { workspaceId, places, teams } = await aTree(4, [{ day: 1_009n }, { count_hour: 400n }]);
    const [outer, inner] = teams as [TeamId, TeamId];
    for (const [at, place] of places.entries()) await assign(place, at % 2 ? inner : outer);
    const tag = { kind: 'category', name: 'x' } as const;
    await admin.tags.register(workspaceId, tag, BY);
    const stores = [bench.store, bench.otherStore()];
    const walkers = await Promise.all(
      Array.from({ length: 400 }, (_, at) =>
        opened(places[at % 4] as Place, at % 3 ? {} : { category: 'x' }, stores[at % 2]),
      ),
    );
    const outcomes: CommitOutcome[] = [];
    const queue = walkers.values();
    const client = async (): Promise<void> => {
      for (const walker of queue) outcomes.push(await walker.do(acceptTerms(10n), RESERVE));
    };
    await Promise.all(Array.from({ length: 64 }, client));
    expect(outcomes.filter((it) => it.ok)).toHaveLength(100);
    expect(await held(workspaceId, outer)).toEqual([1_000n, 100, 0n]);
  });

  it('that agents are moved between while they pay lose and double nothing', async () => {
    const { workspaceId, places } = await aTree(3, []);
    const made = ['a', 'b', 'c'].map((name) => admin.teams.create(workspaceId, { name, parentId: null }, BY));
    const teams = (await Promise.all(made)).map((it) => it.teamId);
    const walkers: Walker[] = [];
    const run = { over: false };
    const mover = async (): Promise<void> => {
      for (let at = 0; !run.over; at += 1) await assign(places[at % 3] as Place, teams[(at * 7) % 4] ?? null);
    };
    const payer = async (place: Place): Promise<void> => {
      for (let at = 0; at < 60; at += 1) {
        const walker = await opened(place);
        await walker.must(acceptTerms(7n), RESERVE);
        if (at % 3 === 0) await walker.must({ type: 'Cancel', by: 'x', reason: 'x' });
        else if (at % 3 === 1) {
          await walker.must(prepare(7n));
          await walker.must({ type: 'FinalizeSettlement', settlement: aSettlement() });
        } else walkers.push(walker);
      }
    };
    const moving = mover();
    await Promise.all(places.flatMap((place) => [payer(place), payer(place)]));
    run.over = true;
    await moving;
    const { rows } = await bench.owner.query(
      `SELECT n.held = coalesce(h.held, 0) AND n.held_count = coalesce(h.n, 0) AS held, n.lifetime_spent = coalesce(c.spent, 0) AS spent
         FROM budget_node n,
         LATERAL (SELECT sum(v.amount) AS held, count(*) AS n FROM reservation v WHERE n.node_id = ANY (v.others) AND v.state = 'held') h,
         LATERAL (SELECT sum(v.captured) AS spent FROM reservation v WHERE n.node_id = ANY (v.others) AND v.state = 'captured') c
        WHERE n.workspace_id = $1 AND n.kind = 'team' AND n.unit = 'USD6' AND n.layer = 'payments'`,
      [workspaceId],
    );
    expect(rows).toEqual(teams.map(() => ({ held: true, spent: true })));
    for (const walker of walkers) await walker.must({ type: 'Cancel', by: 'x', reason: 'x' });
    for (const teamId of teams) expect((await held(workspaceId, teamId)).slice(0, 2)).toEqual([0n, 0]);
  });

  it('pay no more than what is left after what was charged to them before', async () => {
    const { workspaceId, places, teams } = await aTree(1, [{ day: 100n }]);
    const [place, team] = [places[0] as Place, teams[0] as TeamId];
    await assign(place, team);
    const walker = await opened(place);
    await walker.must(acceptTerms(90n), RESERVE);
    await assign(place, null);
    expect(await reserve(place, 50n)).toMatchObject({ ok: true });
    expect(await held(workspaceId, team)).toEqual([90n, 1, 0n]);
    await assign(place, team);
    expect(await reserve(place, 11n)).toMatchObject({ guard: 'budget', details: { node: 'team' } });
    await walker.must({ type: 'Cancel', by: 'x', reason: 'x' });
    expect(await held(workspaceId, team)).toEqual([0n, 0, 0n]);
  });

  it('carry usage too, and an exhausted layer of theirs refuses payments below', async () => {
    const { workspaceId, places, teams } = await aTree(2, [{}]);
    const [mine, other] = places as [Place, Place];
    const team = teams[0] as TeamId;
    await assign(mine, team);
    const change = { layer: 'tokens', unit: 'USD12', limits: { day: 100n } } as const;
    await admin.budgets.putLimits({ workspaceId, agentId: null, teamId: team }, change, BY);
    const usage = createUsageLedger(bench.poolOf('purser_writer'));
    const event = { id: 'e', layer: 'tokens', kind: 'llm_call', amount: 100n, metadata: null } as const;
    await recordUsage({ usage }, { ...mine, keyId: 'k', person: 'p' }, [event]);
    expect(await reserve(mine, 1n)).toMatchObject({
      details: { node: 'team', layer: 'tokens', failed_layers: ['tokens'] },
    });
    expect(await reserve(other, 1n)).toMatchObject({ ok: true });
    const { rows } = await bench.owner.query(
      `SELECT lifetime_spent::int AS spent FROM budget_node WHERE node_id = $1 AND layer = 'tokens'`,
      [team],
    );
    expect(rows).toEqual([{ spent: 100 }]);
  });

  it('are at most six above each other, of one name each, and of their own workspace', async () => {
    const { workspaceId, places, teams } = await aTree(1, [{}, {}, {}, {}, {}, { day: 5n }]);
    const refused = admin.teams.create(workspaceId, { name: 'deep', parentId: teams.at(-1) ?? null }, BY);
    await expect(refused).rejects.toMatchObject({ details: { field: 'parent_id' } });
    await expect(admin.teams.create(workspaceId, { name: 't0', parentId: null }, BY)).rejects.toMatchObject({
      details: { field: 'name', reason: 'taken' },
    });
    const place = places[0] as Place;
    expect(await assign(place, teams[5] as TeamId)).toHaveLength(6);
    expect(await reserve(place, 6n)).toMatchObject({ details: { node: 'team', node_id: teams[5] } });
    const { workspaceId: elsewhere } = await aPlace(bench.owner);
    const notFound = { code: 'not_found', details: { object: 'team' } };
    await expect(
      admin.teams.create(elsewhere, { name: 'x', parentId: teams[0] ?? null }, BY),
    ).rejects.toMatchObject(notFound);
    const { agentId } = await admin.agents.create(elsewhere, { name: 'x' }, BY);
    const foreign = { workspaceId: elsewhere, agentId };
    await expect(assign(foreign, teams[0] as TeamId)).rejects.toMatchObject(notFound);
    await expect(
      admin.budgets.get({ workspaceId: elsewhere, agentId: null, teamId: teams[0] as TeamId }),
    ).rejects.toMatchObject(notFound);
  });
});
