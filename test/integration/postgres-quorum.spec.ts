// Quorums on real rows, through the use case: groups, delegations and keys as they stand when it matters, under every race.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApprovalRule, OperationCommand, Roster } from '#domain';
import {
  approve,
  cancel,
  reject,
  type ApprovalFilter,
  type ApproverAdmin,
  type Ports,
  type Signatory,
} from '#engine';
import { createAdministration, createApprovers, createReadStore } from '#postgres';
import { silentLogger } from '../support/memory-basics.js';
import {
  acceptTerms,
  aPlace,
  opened,
  prepare,
  requestApproval,
  RESERVE,
  storeBench,
  type Bench,
  type Place,
  type Walker,
} from '../support/postgres-store.js';

let bench: Bench;
let groups: ApproverAdmin;
let here: Ports;
let there: Ports;
let reader: Parameters<typeof createReadStore>[0];

beforeAll(async () => {
  bench = await storeBench();
  const system = bench.poolOf('purser_system');
  groups = createAdministration(system, { keyEnvironment: 'test' }).approvers;
  const portsOn = (operations: Bench['store']): Ports =>
    ({
      clock: { nowMs: () => Date.now() },
      operations,
      approvers: createApprovers(system),
      derivation: { authorizationNonce: () => `0x${'00'.repeat(32)}` },
      adoption: { find: () => Promise.resolve({ kind: 'none' }), firstUsed: () => Promise.resolve(null) },
      waker: { wake: () => undefined },
      logger: silentLogger,
    }) as unknown as Ports;
  reader = bench.poolOf('purser_reader');
  here = portsOn(bench.store);
  there = portsOn(bench.otherStore());
});
afterAll(() => bench?.close());

const BY = { type: 'admin', id: 'key_admin' } as const;
const TWO_OF_FINANCE: ApprovalRule = { quorum: 2, groups: ['finance'] };

async function aWorkspace(): Promise<Place> {
  const place = await aPlace(bench.owner);
  await groups.putGroup(place.workspaceId, { name: 'finance', members: ['bob', 'carol', 'dave'] }, BY);
  return place;
}

async function waiting(place: Place, rule = TWO_OF_FINANCE, decideInMs = 60_000): Promise<Walker> {
  const walker = await opened(bench.store, place);
  const terms = acceptTerms(5n, {}, true);
  await walker.must(
    { ...terms, verdict: { ...terms.verdict, approval: [rule] } },
    RESERVE,
    requestApproval(Date.now() + decideInMs),
  );
  return walker;
}

const as = ({ workspaceId }: Place, person: string, onBehalfOf?: string) => ({
  workspaceId,
  keyId: `key of ${person}`,
  person,
  ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
});
const yes = (ports: Ports, { place, operationId }: Walker, person: string, onBehalfOf?: string) =>
  approve(ports, as(place, person, onBehalfOf), operationId, 'd1');
const codeOf = (error: unknown): unknown => {
  const { code, details } = error as { code?: string; details?: { reason?: string } };
  if (code === undefined) throw error;
  return details?.reason ?? code;
};
const outcome = (it: Promise<{ readonly status: string }>): Promise<unknown> =>
  it.then((view) => view.status, codeOf);
const votesOf = async ({ operationId }: Walker): Promise<unknown> => {
  const { rows } = await bench.owner.query(
    `SELECT p.status, array(SELECT coalesce(v.on_behalf_of, v.voter) FROM approval_vote v WHERE v.approval_id = p.approval_id ORDER BY 1) AS votes
       FROM approval p WHERE p.operation_id = $1`,
    [operationId],
  );
  return rows[0];
};

describe('a quorum of two', () => {
  it('is complete with the second person, and repeating changes nothing', async () => {
    const walker = await waiting(await aWorkspace());
    expect(await outcome(yes(here, walker, 'bob'))).toBe('awaiting_approval');
    expect(await outcome(yes(there, walker, 'bob'))).toBe('awaiting_approval');
    expect(await votesOf(walker)).toEqual({ status: 'pending', votes: ['bob'] });
    expect(await outcome(yes(there, walker, 'carol'))).toBe('approved');
    expect(await outcome(yes(here, walker, 'bob'))).toBe('approved');
    expect(await outcome(yes(here, walker, 'dave'))).toBe('already_decided');
    expect(await votesOf(walker)).toEqual({ status: 'approved', votes: ['bob', 'carol'] });
  });

  it('is never met by one person with two keys, nor by those who asked or operate the agent', async () => {
    const place = await aWorkspace();
    await groups.putGroup(
      place.workspaceId,
      { name: 'finance', members: ['alice', 'bob', 'olga', 'carol'] },
      BY,
    );
    await bench.owner.query(
      `INSERT INTO api_key (workspace_id, key_id, prefix, secret_hash, role, agent_id, person, created_by)
       VALUES ($1, $2, $2, '\\x00', 'agent', $3, 'olga', 'test')`,
      [place.workspaceId, randomUUID(), place.agentId],
    );
    const walker = await waiting(place);
    const withKey = (keyId: string) =>
      approve(here, { workspaceId: place.workspaceId, keyId, person: 'bob' }, walker.operationId, 'd1');
    for (const key of ['key_1', 'key_2']) expect(await outcome(withKey(key))).toBe('awaiting_approval');
    expect(await outcome(yes(here, walker, 'alice'))).toBe('requester');
    expect(await outcome(yes(here, walker, 'olga'))).toBe('operator');
    expect(await outcome(yes(here, walker, 'mallory'))).toBe('not_in_group');
    expect(await votesOf(walker)).toEqual({ status: 'pending', votes: ['bob'] });
  });

  it('forgets who has left the group since, and who has lost every key', async () => {
    const place = await aWorkspace();
    const walker = await waiting(place);
    await yes(here, walker, 'bob');
    await groups.putGroup(place.workspaceId, { name: 'finance', members: ['carol', 'dave'] }, BY);
    expect(await outcome(yes(here, walker, 'carol'))).toBe('awaiting_approval');
    await bench.owner.query(
      `INSERT INTO api_key (workspace_id, key_id, prefix, secret_hash, role, person, created_by, revoked_at)
       VALUES ($1, $2, $2, '\\x00', 'approver', 'dave', 'test', now())`,
      [place.workspaceId, randomUUID()],
    );
    expect(await outcome(yes(here, walker, 'dave'))).toBe('without_credential');
    await groups.putGroup(place.workspaceId, { name: 'finance', members: ['bob', 'carol'] }, BY);
    expect(await outcome(yes(here, walker, 'carol'))).toBe('approved');
  });

  it('takes a delegate for the person they stand for, while the delegation holds', async () => {
    const place = await aWorkspace();
    const bob: Signatory = as(place, 'bob');
    const input = {
      delegate: 'erin',
      startsAtMs: null,
      endsAtMs: Date.now() + 3_600_000,
      reason: 'on holiday',
    };
    const { delegationId } = await groups.delegate(bob, input);
    const walker = await waiting(place);
    expect(await outcome(yes(here, walker, 'erin', 'bob'))).toBe('awaiting_approval');
    expect(await outcome(yes(here, walker, 'bob'))).toBe('has_voted');
    expect(await outcome(yes(here, walker, 'erin'))).toBe('not_in_group');
    expect(await outcome(yes(here, walker, 'frank', 'erin'))).toBe('no_delegation');
    await expect(groups.endDelegation(as(place, 'carol'), delegationId, 'carol')).rejects.toMatchObject({
      code: 'not_found',
    });
    await groups.endDelegation(bob, delegationId, 'bob');
    expect(await outcome(yes(here, walker, 'carol'))).toBe('awaiting_approval');
    expect(await outcome(yes(here, walker, 'dave'))).toBe('approved');
    await expect(groups.delegate(bob, { ...input, delegate: 'bob' })).rejects.toMatchObject({
      code: 'validation_failed',
    });
    await expect(groups.delegate(bob, { ...input, endsAtMs: Date.now() })).rejects.toMatchObject({
      code: 'validation_failed',
    });
  });

  it('is listed for whoever may still add to it, and found by what it is about', async () => {
    const place = await aWorkspace();
    const walker = await waiting(place);
    await yes(here, walker, 'bob');
    const reads = createReadStore(reader);
    const list = async (filter: ApprovalFilter): Promise<number> =>
      (await reads.approvalItems(place.workspaceId, filter, { cursor: null, limit: 10 })).items.length;
    for (const [person, count] of Object.entries({ carol: 1, dave: 1, bob: 0, alice: 0, mallory: 0 }))
      expect([person, await list({ decidableBy: person })]).toEqual([person, count]);
    const found: readonly ApprovalFilter[] = [
      { host: 'shop.example', minAmount: 5n, maxAmount: 5n, agentId: place.agentId, status: 'pending' },
      { kind: 'operation', dueBeforeMs: Date.now() + 3_600_000 },
    ];
    for (const filter of found) expect(await list(filter)).toBe(1);
    const missed: readonly ApprovalFilter[] = [
      { host: 'other.example' },
      { minAmount: 6n },
      { maxAmount: 4n },
      { dueBeforeMs: Date.now() },
      { kind: 'change' },
      { status: 'approved' },
    ];
    for (const filter of missed) expect(await list(filter)).toBe(0);
    const [item] = (await reads.approvalItems(place.workspaceId, {}, { cursor: null, limit: 10 })).items;
    expect(item).toMatchObject({
      kind: 'operation',
      view: { revision: 2, rules: [TWO_OF_FINANCE], votes: [{ by: 'bob', onBehalfOf: null }] },
    });
  });

  it('is not used by an intent whose votes are gone', async () => {
    const walker = await waiting(await aWorkspace());
    for (const person of ['bob', 'carol']) await yes(here, walker, person);
    await walker.reload();
    await bench.owner.query(`DELETE FROM approval_vote WHERE voter = 'carol'`);
    const accepted = acceptTerms(5n, {}, true);
    await walker.must({ ...accepted, type: 'ConfirmTerms' });
    await expect(walker.do(prepare(5n))).rejects.toThrow('an intent without its quorum');
  });
});

describe('a decision judged by approvers that have changed since', () => {
  it('is a conflict and judged again, while the change is under way and after it', async () => {
    const place = await aWorkspace();
    const walker = await waiting(place, { quorum: 1, groups: ['finance'] });
    const stale: Roster = {
      ...(await here.approvers.rosterFor({
        ...place,
        openedAtMs: 0,
        people: ['bob'],
        groups: ['finance'],
      })),
    };
    const grant: OperationCommand = {
      type: 'Approve',
      by: 'bob',
      onBehalfOf: null,
      roster: stale,
      digest: 'd1',
      nowMs: 0,
      useByMs: Date.now() + 600_000,
    };
    const changing = await bench.owner.connect();
    await changing.query('BEGIN');
    await changing.query('UPDATE approver_roster SET epoch = epoch + 1 WHERE workspace_id = $1', [
      place.workspaceId,
    ]);
    expect(await bench.store.append(walker.commitOf([grant]))).toEqual({ ok: false, reason: 'conflict' });
    await changing.query('ROLLBACK');
    changing.release();
    await groups.putGroup(place.workspaceId, { name: 'finance', members: ['carol'] }, BY);
    expect(await bench.store.append(walker.commitOf([grant]))).toEqual({ ok: false, reason: 'conflict' });
    expect(await outcome(yes(here, walker, 'bob'))).toBe('not_in_group');
    expect(await outcome(yes(here, walker, 'carol'))).toBe('approved');
  });
});

describe('races', () => {
  const ROUNDS = 400;
  it(
    `vote, vote, reject, cancel and leave at once: one outcome in each of ${ROUNDS} rounds`,
    { timeout: 300_000 },
    async () => {
      const ends: Record<string, number> = {};
      const places: string[] = [];
      for (let start = 0; start < ROUNDS; start += 20) {
        const place = await aWorkspace();
        places.push(place.workspaceId);
        const agent = { ...place, keyId: 'key_agent', person: 'alice' };
        const walkers = await Promise.all(Array.from({ length: 20 }, () => waiting(place)));
        await Promise.all([
          ...walkers.flatMap((walker, index) => {
            const tries = [
              () => yes(here, walker, 'bob'),
              () => yes(there, walker, 'carol'),
              () => yes(here, walker, 'dave'),
              () => yes(there, walker, 'bob'),
              ...(index % 3 === 0 ? [() => reject(there, as(place, 'dave'), walker.operationId, 'no')] : []),
              ...(index % 4 === 0 ? [() => cancel(here, agent, walker.operationId, 'no more')] : []),
            ];
            return tries.map((run) => outcome(run()));
          }),
          groups.putGroup(place.workspaceId, { name: 'finance', members: ['carol', 'dave'] }, BY),
        ]);
        for (const walker of walkers) {
          await walker.reload();
          ends[walker.loaded.state.status] = (ends[walker.loaded.state.status] ?? 0) + 1;
        }
      }
      expect(
        Object.keys(ends).every((it) =>
          ['approved', 'rejected', 'cancelled', 'awaiting_approval'].includes(it),
        ),
      ).toBe(true);
      expect(ends['approved']).toBeGreaterThan(0);
      // Whoever counted was a member at that very moment, and nothing is decided twice.
      const { rows } = await bench.owner.query<Record<string, number>>(
        `SELECT (SELECT count(*)::int FROM events e JOIN approval p ON p.workspace_id = e.workspace_id AND p.approval_id = e.data ->> 'approvalId'
                WHERE e.type = 'ApprovalGranted' AND e.workspace_id = ANY ($1) AND 2 > (SELECT count(DISTINCT m.person) FROM approver_member m
                  WHERE m.workspace_id = e.workspace_id AND m.group_name = 'finance' AND e.data -> 'voters' ? m.person
                    AND m.since <= p.decided_at AND coalesce(m.until, 'infinity') > p.decided_at)) AS short,
              (SELECT count(*)::int FROM (SELECT operation_id FROM events WHERE type IN ('ApprovalGranted', 'ApprovalRejected', 'ApprovalExpired')
                 GROUP BY operation_id HAVING count(*) > 1) doubled) AS twice`,
        [places],
      );
      expect(rows[0]).toEqual({ short: 0, twice: 0 });
    },
  );
});
