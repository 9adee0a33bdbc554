// Operations that follow one another under one root, in Postgres: who is the newest, and that equal requests at once meet in one.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ABSENT, decide, evolve, type OperationId } from '#domain';
import { createAdoption } from '#postgres';
import { aRequest, hex32, NETWORK, PAYER, uuid } from '../support/builders.js';
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
  // By the database's clock, whatever the process believed.
  expect(found?.history[0]?.atMs).toBeGreaterThan(1_763_700_000_000);
  expect((found?.nowMs ?? 0) - (found?.history[0]?.atMs ?? 0)).toBeLessThan(60_000);
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

it('what a restored database has forgotten is found among many nonces, and only where something can have been forgotten', async () => {
  const nonces = [hex32(0xf01), hex32(0xf02), hex32(0xf03)];
  let asked = 0;
  const ask = (adoption = createAdoption(bench.poolOf('purser_system'))) =>
    adoption.firstUsed(place.workspaceId, () => {
      asked += 1;
      return nonces;
    });
  expect([await ask(), asked]).toEqual([null, 0]);
  await bench.owner.query('UPDATE cluster SET epoch = 2');
  expect(await ask()).toBe('not_yet');
  await bench.owner.query(
    `INSERT INTO chain_exception (network, kind, fact, address, nonce, tx_hash, block_number) VALUES ($1, 'unknown_nonce', 'f', $2, $3, $4, 1)`,
    [NETWORK, PAYER, nonces[1], hex32(0xf99)],
  );
  expect(await ask()).toBe(1);
});
