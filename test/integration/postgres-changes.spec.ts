// Dual control on real rows: what lets more pass waits for a second person and is carried out once, on what it was made for, or not at all.
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_RULES, type ApprovalId, type Limits } from '#domain';
import type { Change, Changer, ChangeView, LimitChange, PolicyVersion, ReadStore, Scope } from '#engine';
import { createReadStore } from '#postgres';
import { adminBench, ALL, type AdminBench } from '../support/postgres-admin.js';

let bench: AdminBench;
let reader: pg.Pool;
let reads: ReadStore;
beforeAll(async () => {
  bench = await adminBench();
  reader = bench.as('purser_reader');
  reads = createReadStore(reader);
});
afterAll(async () => {
  await reader?.end();
  await bench?.close();
});

async function aWorkspace(dualControl = true) {
  const { workspaceId, agentId } = await bench.aWorkspace();
  await bench.owner.query('UPDATE workspace SET dual_control = $2 WHERE workspace_id = $1', [
    workspaceId,
    dualControl,
  ]);
  const as = (person: string): Changer => ({
    workspaceId,
    actor: { type: 'admin', id: `key of ${person}` },
    person,
  });
  return { workspaceId, agentId, as, scope: { workspaceId, agentId } as Scope };
}
type Workspace = Awaited<ReturnType<typeof aWorkspace>>;

const limits = (it: Limits): LimitChange => ({ layer: 'payments', unit: 'USD6', limits: it });
const limitChange = ({ agentId }: Workspace, it: Limits) =>
  ({ kind: 'limits', agentId, change: limits(it) }) as const;
const dayOf = async ({ scope }: Workspace): Promise<unknown> => {
  const views = await bench.admin.budgets.get(scope);
  return views.find((it) => it.unit === 'USD6')?.windows.find((it) => it.window === 'day')?.limit;
};
const pending = async (place: Workspace, change: Change, by = 'ann'): Promise<ChangeView> => {
  const changed = await bench.admin.changes.submit(place.as(by), change);
  if (changed.kind !== 'pending') throw new Error('was carried out');
  return changed.request;
};
const approve = (place: Workspace, { approvalId, digest }: ChangeView, by: string) =>
  bench.admin.changes.approve(place.as(by), approvalId, digest);
const typesOf = async ({ workspaceId }: Workspace): Promise<readonly string[]> =>
  (await bench.admin.history(workspaceId, ALL)).items.map((it) => it.type);

/** Limits of 100 a day, as they are when an installation is set up. */
async function limited(dualControl = true): Promise<Workspace> {
  const place = await aWorkspace(dualControl);
  await bench.admin.budgets.putLimits(place.scope, limits({ day: 100n }), { type: 'system', id: 'setup' });
  return place;
}

const policy = (rules: object) =>
  ({ kind: 'policy', agentId: null, rules: { ...DEFAULT_RULES, ...rules } }) as const;
const group = (...members: string[]) =>
  ({ kind: 'approvers', agentId: null, group: { name: 'finance', members } }) as const;

describe('what is based on', () => {
  it.each([true, false])(
    'something else than what stands is refused; dual control: %s',
    async (dualControl) => {
      const place = await limited(dualControl);
      const submit = (change: Change) => bench.admin.changes.submit(place.as('ann'), change);
      const wish = limitChange(place, { day: 90n });
      const stale = { code: 'version_conflict', details: { object: 'budget' } };
      for (const basedOn of [{}, { day: 99n }, { day: 100n, hour: 1n }, { day: 100n, count_day: 1n }])
        await expect(submit({ ...wish, basedOn })).rejects.toMatchObject(stale);
      expect(await dayOf(place)).toBe(100n);
      await submit({ ...wish, basedOn: { day: 100n } });
      expect(await dayOf(place)).toBe(90n);

      const rules = { ...policy({ deniedHosts: ['a.example'] }), agentId: place.agentId };
      const first = await submit({ ...rules, basedOn: 0 });
      await expect(submit({ ...rules, basedOn: 0 })).rejects.toMatchObject({
        code: 'version_conflict',
        details: { object: 'policy' },
      });
      const { version } = (first as { readonly value: PolicyVersion }).value.policy;
      expect(await submit({ ...rules, basedOn: version })).toMatchObject({ kind: 'done' });
    },
  );
});

describe('with dual control', () => {
  it('a limit is lowered at once, and raised by two', async () => {
    const place = await limited();
    const lowered = await bench.admin.changes.submit(place.as('ann'), limitChange(place, { day: 50n }));
    expect([lowered.kind, await dayOf(place)]).toEqual(['done', 50n]);
    const request = await pending(place, limitChange(place, { day: 200n }));
    expect([request.status, await dayOf(place)]).toEqual(['pending', 50n]);
    await expect(approve(place, request, 'ann')).rejects.toMatchObject({
      code: 'approver_not_eligible',
      details: { reason: 'requester' },
    });
    await expect(approve(place, { ...request, digest: 'other' }, 'ben')).rejects.toMatchObject({
      code: 'approval_digest_mismatch',
    });
    expect(await approve(place, request, 'ben')).toMatchObject({ status: 'approved', decidedBy: 'ben' });
    expect(await dayOf(place)).toBe(200n);
    expect(await approve(place, request, 'ben')).toMatchObject({ status: 'approved' });
    expect((await typesOf(place)).slice(0, 3)).toEqual([
      'ChangeApproved',
      'BudgetLimitsChanged',
      'ChangeRequested',
    ]);
  });

  it('limits of tags and teams are too, and an agent leaves a team by two', async () => {
    const place = await limited();
    const { workspaceId, agentId } = place;
    const { admin } = bench;
    const tag = { kind: 'category', name: 'x' } as const;
    await admin.tags.register(workspaceId, tag, place.as('ann').actor);
    const [outer, other] = await Promise.all(
      ['a', 'b'].map((name) =>
        admin.teams.create(workspaceId, { name, parentId: null }, place.as('ann').actor),
      ),
    );
    if (!outer || !other) throw new Error('no teams');
    for (const target of [{ tag }, { teamId: outer.teamId }]) {
      const change = (day: bigint) =>
        ({ kind: 'limits', agentId: null, ...target, change: limits({ day }) }) as const;
      const setUp = { workspaceId, agentId: null, ...target };
      await admin.budgets.putLimits(setUp, limits({ day: 9n }), { type: 'system', id: 'setup' });
      const request = await pending(place, change(10n));
      const limit = async () =>
        (await admin.budgets.get(setUp))[0]?.windows.find((it) => it.window === 'day')?.limit;
      expect(await limit()).toBe(9n);
      await approve(place, request, 'ben');
      expect(await limit()).toBe(10n);
    }
    const move = (teamId: typeof outer.teamId | null) => ({ kind: 'team', agentId, teamId }) as const;
    const joined = await admin.changes.submit(place.as('ann'), move(outer.teamId));
    expect(joined.kind).toBe('done');
    for (const teamId of [other.teamId, null]) {
      const direct = admin.teams.assign(workspaceId, { agentId, teamId }, place.as('ann').actor);
      await expect(direct).rejects.toMatchObject({ code: 'second_person_needed' });
      const before = await admin.teams.teamsOf(workspaceId, agentId);
      const request = await pending(place, move(teamId));
      expect(await admin.teams.teamsOf(workspaceId, agentId)).toEqual(before);
      await approve(place, request, 'ben');
      expect((await admin.teams.teamsOf(workspaceId, agentId)).map((it) => it.teamId)).toEqual(
        teamId ? [teamId] : [],
      );
    }
  });

  it('whoever goes past it is refused in the transaction itself', async () => {
    const place = await limited();
    const direct = bench.admin.budgets.putLimits(place.scope, limits({ day: 101n }), place.as('ann').actor);
    await expect(direct).rejects.toMatchObject({ code: 'second_person_needed' });
    const policy = bench.admin.policies.put(
      place.scope,
      { ...DEFAULT_RULES, prepaidHosts: ['a.example'] },
      place.as('ann').actor,
    );
    await expect(policy).rejects.toMatchObject({ code: 'second_person_needed' });
    expect(await dayOf(place)).toBe(100n);
  });

  it('is carried out once in a race of two, and not at all after a no or a change of mind', async () => {
    const place = await limited();
    const request = await pending(place, limitChange(place, { day: 200n }));
    const both = await Promise.allSettled([
      approve(place, request, 'ben'),
      approve(place, request, 'cleo'),
      bench.admin.changes.reject(place.as('dora'), request.approvalId, 'no'),
      bench.admin.changes.withdraw(place.as('ann'), request.approvalId),
    ]);
    expect(both.filter((it) => it.status === 'fulfilled')).toHaveLength(1);
    const facts = await typesOf(place);
    expect(facts.filter((it) => /^Change(Approved|Rejected|Withdrawn)$/.test(it))).toHaveLength(1);
    const second = await pending(place, limitChange(place, { day: 300n }), 'ben');
    await bench.admin.changes.withdraw(place.as('ben'), second.approvalId);
    await expect(approve(place, second, 'ann')).rejects.toMatchObject({ code: 'already_decided' });
    await expect(bench.admin.changes.withdraw(place.as('ann'), second.approvalId)).rejects.toMatchObject({
      code: 'already_decided',
    });
  });

  it('is outdated when what it was made on has changed since, and ends by its time', async () => {
    const place = await limited();
    const request = await pending(place, limitChange(place, { day: 200n }));
    await bench.admin.changes.submit(place.as('cleo'), limitChange(place, { day: 10n }));
    await expect(approve(place, request, 'ben')).rejects.toMatchObject({ code: 'version_conflict' });
    expect(await bench.admin.changes.get(place.workspaceId, request.approvalId)).toMatchObject({
      status: 'outdated',
    });
    expect(await dayOf(place)).toBe(10n);
    const late = await pending(place, limitChange(place, { day: 200n }));
    await bench.owner.query(
      'UPDATE change_request SET decide_by = clock_timestamp() WHERE approval_id = $1',
      [late.approvalId],
    );
    await expect(approve(place, late, 'ben')).rejects.toMatchObject({ code: 'approval_expired' });
    expect(await bench.admin.changes.get(place.workspaceId, late.approvalId)).toMatchObject({
      status: 'expired',
    });
  });

  it('a policy is tightened at once and loosened by two; so is a group, and so is a stop lifted', async () => {
    const place = await aWorkspace();
    const { workspaceId } = place;
    expect(
      await bench.admin.changes.submit(place.as('ann'), policy({ approvalThreshold: 5n })),
    ).toMatchObject({ kind: 'done' });
    const looser = await pending(place, policy({ approvalThreshold: 6n }));
    expect(looser.wanted).toMatchObject({ approval_threshold: '6', loosens: ['approvalThreshold'] });
    await approve(place, looser, 'ben');
    const stored = await bench.admin.policies.get({ workspaceId, agentId: null });
    expect(stored).toMatchObject({
      policy: { version: 2, approvalThreshold: 6n },
      createdBy: `system:${looser.approvalId}`,
    });

    expect(await bench.admin.changes.submit(place.as('ann'), group('bob', 'carol'))).toMatchObject({
      kind: 'done',
    });
    expect(await bench.admin.changes.submit(place.as('ann'), group('carol'))).toMatchObject({ kind: 'done' });
    const joining = await pending(place, group('carol', 'mallory'));
    await approve(place, joining, 'ben');
    expect((await bench.admin.approvers.groups(workspaceId))[0]?.members.map((it) => it.person)).toEqual([
      'carol',
      'mallory',
    ]);

    const scope = { kind: 'workspace', workspaceId } as const;
    const by = { actor: place.as('ann').actor, person: 'ann' };
    const stop = await bench.admin.stops.stop({ scope, reason: 'drill', by, cancelOnChain: false });
    const lifting = { kind: 'resume', agentId: null, stopId: stop.stopId } as const;
    const request = await pending(place, lifting);
    await expect(approve(place, request, 'ben')).rejects.toMatchObject({ code: 'stop_under_way' });
    await bench.admin.stops.carriedOut(stop);
    await expect(bench.admin.stops.resume(scope, by.actor)).rejects.toMatchObject({
      code: 'second_person_needed',
    });
    await approve(place, request, 'ben');
    expect(await bench.admin.stops.find(scope)).toBeNull();
    expect(await bench.admin.changes.submit(place.as('ann'), lifting)).toMatchObject({ kind: 'done' });
  });

  it('changes are listed with what waits for people, by who may decide them, and in no other workspace', async () => {
    const place = await limited();
    const other = await limited();
    const ids: ApprovalId[] = [];
    for (const day of [200n, 300n, 400n])
      ids.push((await pending(place, limitChange(place, { day }))).approvalId);
    const list = async (filter: object, limit = 100, at = place) => {
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const page: Awaited<ReturnType<ReadStore['approvalItems']>> = await reads.approvalItems(
          at.workspaceId,
          filter,
          { cursor, limit },
        );
        seen.push(...page.items.map((it) => it.view.approvalId));
        cursor = page.nextCursor;
      } while (cursor !== null);
      return seen;
    };
    expect(await list({})).toEqual(ids.toReversed());
    expect(await list({}, 1)).toEqual(ids.toReversed());
    expect(await list({ decidableBy: 'ben' })).toHaveLength(3);
    expect(await list({ decidableBy: 'ann' })).toEqual([]);
    expect(await list({ kind: 'operation' })).toEqual([]);
    expect(await list({ status: 'approved' })).toEqual([]);
    expect(await list({ dueBeforeMs: Date.now() })).toEqual([]);
    expect(await list({}, 100, other)).toEqual([]);
    await expect(reads.approvalItem(other.workspaceId, ids[0] as ApprovalId)).rejects.toMatchObject({
      code: 'not_found',
    });
  });
});

describe('without dual control', () => {
  it('everything is done at once', async () => {
    const place = await limited(false);
    expect(
      await bench.admin.changes.submit(place.as('ann'), limitChange(place, { day: 200n })),
    ).toMatchObject({ kind: 'done' });
    expect(await dayOf(place)).toBe(200n);
  });
});
