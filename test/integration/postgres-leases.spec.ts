// Who may write next: the version a commit expects, and the lease that fences a worker.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnreadableHistory } from '#domain';
import {
  acceptTerms,
  aPlace,
  opened,
  storeBench,
  type Bench,
  type Place,
} from '../support/postgres-store.js';

let bench: Bench;
let place: Place;
beforeAll(async () => {
  bench = await storeBench();
  place = await aPlace(bench.owner);
});
afterAll(() => bench?.close());

describe('versions and fences', () => {
  it('let exactly one of many concurrent commits on a version through', async () => {
    const walker = await opened(bench.store, place);
    const other = bench.otherStore();
    const commit = walker.commitOf([acceptTerms(5n)]);
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? bench.store : other).append(commit)),
    );
    expect(outcomes.filter((it) => it.ok)).toHaveLength(1);
    expect(outcomes.filter((it) => !it.ok && it.reason === 'conflict')).toHaveLength(19);
  });

  it('shut out a worker whose lease was taken over', async () => {
    const walker = await opened(bench.store, place);
    const first = await bench.store.claim(walker.operationId, 'one');
    expect(first).toMatchObject({ leaseEpoch: 1, attempts: 1 });
    expect(await bench.store.claim(walker.operationId, 'two')).toBeUndefined();
    await bench.owner.query('UPDATE operations SET lease_until = now() WHERE operation_id = $1', [
      walker.operationId,
    ]);
    const second = await bench.store.claim(walker.operationId, 'two');
    expect(second).toMatchObject({ leaseEpoch: 2, attempts: 2 });
    const stale = walker.commitOf([acceptTerms(5n)], { leaseEpoch: 1 });
    expect(await bench.store.append(stale)).toEqual({ ok: false, reason: 'lease_lost' });
    expect(await bench.store.renew([{ operationId: walker.operationId, leaseEpoch: 1 }])).toEqual([
      walker.operationId,
    ]);
    expect(await bench.store.renew([{ operationId: walker.operationId, leaseEpoch: 2 }])).toEqual([]);
    expect(await bench.store.append({ ...stale, leaseEpoch: 2, releaseLease: true })).toMatchObject({
      ok: true,
    });
    expect(await bench.store.claim(walker.operationId, 'three')).toMatchObject({
      leaseEpoch: 3,
      attempts: 1,
    });
  });

  it('bring an operation back when its lease runs out, and when it was given back', async () => {
    const walker = await opened(bench.store, place);
    const due = async (): Promise<boolean> => (await bench.store.due(100_000)).includes(walker.operationId);
    expect(await due()).toBe(true);
    const claimed = await bench.store.claim(walker.operationId, 'one');
    if (!claimed) throw new Error('not claimed');
    expect(await due()).toBe(false);
    await bench.owner.query(
      'UPDATE operations SET lease_until = now(), next_attempt_at = now() WHERE operation_id = $1',
      [walker.operationId],
    );
    expect(await due()).toBe(true);
    await bench.store.yieldLease(claimed, Date.now() - 1, 'fault');
    expect(await bench.store.claim(walker.operationId, 'two')).toMatchObject({ attempts: 2 });
  });

  it('leave an operation with an unreadable history alone, and spare those that are claimed or read beside it', async () => {
    const [bad, good] = [await opened(bench.store, place), await opened(bench.store, place)];
    const { operationId: id } = bad;
    await bench.owner.query(
      `WITH row AS (UPDATE operations SET version = 2 WHERE operation_id = $1 RETURNING *)
       INSERT INTO events (workspace_id, opened_month, operation_id, version, type, schema, data, actor, occurred_at_ms, prev_hash, hash, cluster_epoch)
       SELECT e.workspace_id, e.opened_month, e.operation_id, 2, 'OfTomorrow', 1, '{}', e.actor, e.occurred_at_ms, e.hash, e.hash, e.cluster_epoch
         FROM events e JOIN row USING (operation_id)`,
      [id],
    );
    for (let attempt = 1; attempt <= 8; attempt += 1) {
      const [claimed, read, beside, readBeside] = await Promise.allSettled([
        bench.store.claim(id, 'one'),
        bench.store.load(bad.loaded),
        bench.store.claim(good.operationId, 'one'),
        bench.store.load(good.loaded),
      ]);
      expect(claimed).toMatchObject({
        status: 'rejected',
        reason: { message: 'unknown event OfTomorrow v1' },
      });
      expect(read).toMatchObject({ status: 'rejected', reason: expect.any(UnreadableHistory) as unknown });
      expect(beside.status).toBe('fulfilled');
      expect(readBeside).toMatchObject({ status: 'fulfilled', value: { operationId: good.operationId } });
    }
    const { rows } = await bench.owner.query(
      'SELECT attempts, lease_owner, next_attempt_at FROM operations WHERE operation_id = $1',
      [id],
    );
    expect(rows).toEqual([{ attempts: 8, lease_owner: null, next_attempt_at: null }]);
  });

  it('claim each operation for one of many workers', async () => {
    const walkers = await Promise.all(Array.from({ length: 30 }, () => opened(bench.store, place)));
    const stores = [bench.store, bench.otherStore(), bench.otherStore()];
    const claims = await Promise.all(
      stores.flatMap((store, at) => walkers.map((walker) => store.claim(walker.operationId, `w${at}`))),
    );
    expect(claims.filter((it) => it !== undefined)).toHaveLength(30);
    expect(claims.every((it) => !it || it.state.status === 'opened')).toBe(true);
  });
});
