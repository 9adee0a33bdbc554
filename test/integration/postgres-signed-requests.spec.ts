// A signed request opens one operation: in the commit itself, among other commands, and against others that come at once (ruling 27).
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCredentialChecks, purgeExpiredBlobs } from '#postgres';
import type { Principal } from '#engine';
import { memoryVault } from '../support/memory-basics.js';
import { aPlace, storeBench, Walker, type Bench, type Place } from '../support/postgres-store.js';

let bench: Bench;
let place: Place;
beforeAll(async () => {
  bench = await storeBench();
  place = await aPlace(bench.owner);
});
afterAll(() => bench?.close());

const aDigest = () => randomBytes(32).toString('hex');
const bound = async (digest: string) => {
  const { rows } = await bench.owner.query<{ operation_id: string | null }>(
    'SELECT operation_id FROM signed_request WHERE digest = $1',
    [Buffer.from(digest, 'hex')],
  );
  return rows.map((row) => row.operation_id);
};

it('is bound by the commit that opens its operation, and no blob is left of it', async () => {
  const signedDigest = aDigest();
  const walker = new Walker(bench.store, place);
  expect(await walker.open({ signedDigest })).toMatchObject({ outcome: 'opened' });
  expect(await bound(signedDigest)).toEqual([walker.operationId]);
  const { rows } = await bench.owner.query(`SELECT FROM blob WHERE kind = 'signed_request'`);
  expect(rows).toHaveLength(0);
});

it('of many openings with it, under different keys and among others, one opens', async () => {
  const signedDigest = aDigest();
  const contenders = Array.from({ length: 12 }, () => new Walker(bench.store, place));
  const others = Array.from({ length: 12 }, () => new Walker(bench.store, place));
  const [outcomes, rest] = await Promise.all([
    Promise.all(contenders.map((walker) => walker.open({ signedDigest }))),
    Promise.all(others.map((walker) => walker.open({ signedDigest: aDigest() }))),
  ]);
  expect(rest.every((it) => it.ok && it.outcome === 'opened')).toBe(true);
  expect(outcomes.filter((it) => it.ok && it.outcome === 'opened')).toHaveLength(1);
  const [winner] = await bound(signedDigest);
  for (const outcome of outcomes)
    if (outcome.ok && outcome.outcome === 'existing')
      expect(outcome).toMatchObject({ operationId: winner, fingerprint: 'f' });
  const { rows } = await bench.owner.query(`SELECT FROM operations WHERE operation_id = ANY($1)`, [
    contenders.map((walker) => walker.operationId),
  ]);
  expect(rows).toHaveLength(1);
});

it('joins once: whoever binds it later hears of the first', async () => {
  const digest = aDigest();
  const [first, second] = [new Walker(bench.store, place), new Walker(bench.store, place)];
  await first.open();
  await second.open();
  const bind = ({ operationId }: Walker) =>
    bench.store.bindSigned({ ...place, operationId }, place.agentId, digest);
  expect(await bind(first)).toBe(first.operationId);
  expect(await bind(second)).toBe(first.operationId);
});

it('that opens nothing is used once, also by many at once; ten minutes later it is forgotten', async () => {
  const system = bench.poolOf('purser_system');
  const checks = createCredentialChecks(system, { keyEnvironment: 'test', vault: memoryVault });
  const digest = aDigest();
  const caller = { workspaceId: place.workspaceId, agentId: place.agentId } as Principal;
  const use = () => checks.useOnce(caller, { digest, used: false, operationId: null });
  const uses = await Promise.all(Array.from({ length: 10 }, use));
  expect(uses.filter(Boolean)).toHaveLength(1);
  await bench.owner.query(`UPDATE signed_request SET seen_at = now() - interval '9 minutes'`);
  await purgeExpiredBlobs(system);
  expect(await use()).toBe(false);
  await bench.owner.query(`UPDATE signed_request SET seen_at = now() - interval '11 minutes'`);
  await purgeExpiredBlobs(system);
  expect(await use()).toBe(true);
});
