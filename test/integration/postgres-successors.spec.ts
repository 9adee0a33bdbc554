// Operations that follow one another under one root, in Postgres: who is the newest, and that equal requests at once meet in one.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ABSENT, decide, evolve, type OperationId } from '#domain';
import { aRequest, uuid } from '../support/builders.js';
import { aPlace, storeBench, type Bench, type Place } from '../support/postgres-store.js';

let bench: Bench;
let place: Place;
beforeAll(async () => {
  bench = await storeBench();
  place = await aPlace(bench.owner);
});
afterAll(() => bench?.close());

const ROOT = `keyless:${'a'.repeat(64)}`;
let opened = 0;

async function open(keyHash: string, at: Place = place): Promise<OperationId> {
  const operationId = uuid((opened += 1), 77) as OperationId;
  const nowMs = 1_763_700_000_000 + opened * 1000;
  const request = aRequest({ agentId: at.agentId });
  const decision = decide(ABSENT, { type: 'Open', request, fingerprint: 'f', keyHash, requester: 'alice' });
  if (!decision.ok) throw new Error(decision.code);
  const outcome = await bench.store.open({
    workspaceId: at.workspaceId,
    operationId,
    agentId: at.agentId,
    openedAtMs: nowMs,
    expectedVersion: 0,
    lastHash: '0'.repeat(64),
    leaseEpoch: null,
    events: decision.events,
    state: decision.events.reduce(evolve, ABSENT),
    actor: { type: 'agent', id: 'key' },
    nowMs,
    nextAttemptAtMs: nowMs,
    releaseLease: false,
    idempotencyKeyHash: keyHash,
    fingerprint: 'f',
    blobs: [],
  });
  if (!outcome.ok) throw new Error('not opened');
  return outcome.outcome === 'existing' ? outcome.operationId : operationId;
}

const newest = (root: string, at: Place = place) => bench.store.newest(at.workspaceId, at.agentId, root);

it('the newest of a root is found, with its history and the window of its workspace', async () => {
  expect(await newest(ROOT)).toBeUndefined();
  const first = await open(`${ROOT}:first`);
  const second = await open(`${ROOT}:${first}`);
  await open('b'.repeat(64));
  await open(`again:${'a'.repeat(64)}:${first}`);
  await open(`keyless:${'c'.repeat(64)}:first`);
  const found = await newest(ROOT);
  expect(found).toMatchObject({ operationId: second, keylessWindowMs: 10_000 });
  expect(found?.history.map(({ event }) => event.type)).toEqual(['OperationOpened']);
  expect(found?.history[0]?.atMs).toBeGreaterThan(1_763_700_000_000);
  const asked = await bench.store.newest(place.workspaceId, place.agentId, ROOT, first);
  expect(asked?.operationId).toBe(first);
});

it('another workspace, and another agent, has none', async () => {
  const elsewhere = await aPlace(bench.owner);
  expect(await newest(ROOT, elsewhere)).toBeUndefined();
  expect(await newest(ROOT, { ...place, agentId: elsewhere.agentId })).toBeUndefined();
  const known = await newest(ROOT);
  const stranger = await bench.store.newest(
    elsewhere.workspaceId,
    elsewhere.agentId,
    ROOT,
    known?.operationId,
  );
  expect(stranger).toBeUndefined();
});

it('fifty openings after the same operation are one', async () => {
  const first = await open(`again:${'d'.repeat(64)}:first`);
  const ids = await Promise.all(Array.from({ length: 50 }, () => open(`again:${'d'.repeat(64)}:${first}`)));
  expect(new Set(ids).size).toBe(1);
  expect((await newest(`again:${'d'.repeat(64)}`))?.operationId).toBe(ids[0]);
});
