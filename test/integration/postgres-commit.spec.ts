// An operation through the store, commit by commit, and the idempotency keys that lead to it.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fold, parseOperationId, upcast } from '#domain';
import { eventHash, GENESIS_PREV_HASH, type HashedEvent } from '#postgres';
import { aDelivery, aProof, aSettlement } from '../support/builders.js';
import { budgetOf, walletOf } from '../support/postgres-books.js';
import {
  acceptTerms,
  aPlace,
  opened,
  prepare,
  RESERVE,
  storeBench,
  Walker,
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

const wallet = (at: Place) => walletOf(bench.owner, at);

describe('an operation through the store', () => {
  it('keeps state, version, hash chain and budget in step, from opening to capture', async () => {
    const at = await aPlace(bench.owner);
    const walker = await opened(bench.store, at);
    await walker.must(acceptTerms(500n), RESERVE, prepare(500n));
    expect(await wallet(at)).toEqual({ balance: '1000000000000000', committed: '500' });
    await walker.must(
      { type: 'RecordSigned', signatureHash: 's' },
      {
        type: 'RecordDelivery',
        delivery: aDelivery(),
        seen: aSettlement(),
      },
    );
    expect(await wallet(at)).toEqual({ balance: '999999999999500', committed: '0' });
    await walker.must({ type: 'ReorgSettlement' });
    expect(await wallet(at)).toEqual({ balance: '1000000000000000', committed: '500' });
    await walker.must({ type: 'ObserveSettlement', settlement: aSettlement() });
    expect(await budgetOf(bench.owner, at, at.agentId)).toMatchObject({ held: 500n, lifetime: 0n });
    await walker.must({ type: 'FinalizeSettlement', settlement: aSettlement() });
    expect(await wallet(at)).toEqual({ balance: '999999999999500', committed: '0' });
    const paid = { held: 0n, heldCount: 0, day: 500n, month: 500n, lifetime: 500n };
    expect(await budgetOf(bench.owner, at, at.agentId)).toEqual(paid);
    expect(await budgetOf(bench.owner, at, at.workspaceId)).toEqual(paid);

    const known = walker.loaded;
    await walker.reload();
    expect(walker.loaded.state).toEqual(known.state);
    expect(walker.loaded).toMatchObject({ version: known.version, lastHash: known.lastHash });

    const { rows } = await bench.owner.query(
      `SELECT version, type, schema, data, actor, occurred_at_ms, encode(hash, 'hex') AS hash FROM events WHERE operation_id = $1 ORDER BY version`,
      [walker.operationId],
    );
    let prev = GENESIS_PREV_HASH;
    for (const row of rows) {
      prev = eventHash(prev, {
        ...(row as Omit<HashedEvent, 'workspaceId'>),
        workspaceId: at.workspaceId,
        operationId: walker.operationId,
        occurredAtMs: Number(row.occurred_at_ms),
      });
      expect(row.hash).toBe(prev);
    }
    expect(fold(rows.map(upcast))).toEqual(walker.loaded.state);
    const { rows: ops } = await bench.owner.query(
      'SELECT status, version, answerable FROM operations WHERE operation_id = $1',
      [walker.operationId],
    );
    expect(ops[0]).toEqual({ status: 'settled', version: rows.length, answerable: true });
  });

  it('gives budget and wallet back on proof that the authorization is dead, once', async () => {
    const at = await aPlace(bench.owner);
    const walker = await opened(bench.store, at);
    await walker.must(acceptTerms(70n), RESERVE, prepare(70n));
    const proof = aProof({ blockTimeSec: 4_000_000_000 });
    await walker.must({ type: 'RecordExpiredUnused', proof });
    expect(await wallet(at)).toEqual({ balance: '1000000000000000', committed: '0' });
    expect(await budgetOf(bench.owner, at, at.agentId)).toMatchObject({ held: 0n, heldCount: 0 });
    const again = walker.commitOf([], {
      events: [{ type: 'BudgetReleased', data: { amount: 70n, reason: 'twice' } }],
      state: walker.loaded.state,
    });
    await expect(bench.store.append(again)).rejects.toThrow(/release of what is not held/);
    expect(await budgetOf(bench.owner, at, at.agentId)).toMatchObject({ held: 0n, heldCount: 0 });
  });

  it('never releases a hold under a live authorization (S5)', async () => {
    const walker = await opened(bench.store, place);
    await walker.must(acceptTerms(70n), RESERVE, prepare(70n));
    const rogue = walker.commitOf([], {
      events: [{ type: 'BudgetReleased', data: { amount: 70n, reason: 'timeout' } }],
      state: walker.loaded.state,
    });
    await expect(bench.store.append(rogue)).rejects.toThrow(/live authorization/);
  });

  it('captures less than it held, and the rest is free again', async () => {
    const at = await aPlace(bench.owner);
    const walker = await opened(bench.store, at);
    await walker.must(acceptTerms(100n), RESERVE, prepare(100n));
    const commit = walker.commitOf([{ type: 'FinalizeSettlement', settlement: aSettlement() }]);
    const events = commit.events.map((event) =>
      event.type === 'BudgetCaptured' ? { type: event.type, data: { amount: 60n } } : event,
    );
    expect(await bench.store.append({ ...commit, events })).toMatchObject({ ok: true });
    expect(await budgetOf(bench.owner, at, at.workspaceId)).toMatchObject({ held: 0n, lifetime: 60n });
  });

  it('stores sealed blobs with the commit, and forgets them after their time', async () => {
    const walker = await opened(bench.store, place);
    const blobs = [
      { kind: 'request_body', sealed: Buffer.from([0, 255, 7]), meta: { a: [1] }, ttlMs: 60_000 },
      { kind: 'signature', sealed: Buffer.from('x'), meta: null, ttlMs: 0 },
    ] as const;
    expect(
      await bench.store.append({ ...walker.commitOf([acceptTerms(5n)]), blobs: [...blobs] }),
    ).toMatchObject({ ok: true });
    const stored = await bench.store.blob(walker.loaded, 'request_body');
    expect({ ...stored, sealed: [...(stored?.sealed ?? [])] }).toEqual({
      sealed: [0, 255, 7],
      meta: { a: [1] },
    });
    expect(await bench.store.blob(walker.loaded, 'signature')).toBeUndefined();
  });
});

describe('idempotency keys', () => {
  it('bind one operation for ever, also when claimed in parallel by two processes', async () => {
    const other = bench.otherStore();
    for (let round = 0; round < 5; round += 1) {
      const operationId = parseOperationId(randomUUID());
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, (_, at) =>
          new Walker(at % 2 === 0 ? bench.store : other, place, operationId).open(),
        ),
      );
      const openings = outcomes.filter((it) => it.ok && it.outcome === 'opened');
      expect(openings).toHaveLength(1);
      const replays = outcomes.filter((it) => it.ok && it.outcome === 'existing');
      expect(replays).toHaveLength(49);
      expect(replays[0]).toMatchObject({ operationId, fingerprint: 'f' });
      const { rows } = await bench.owner.query(
        'SELECT count(*)::int AS n FROM events WHERE operation_id = $1',
        [operationId],
      );
      expect(rows[0]).toEqual({ n: 1 });
    }
  });

  it('are not bound by a refusal, and are answered while everything is stopped', async () => {
    const at = await aPlace(bench.owner);
    const first = await opened(bench.store, at);
    await bench.owner.query('UPDATE control SET paused = true WHERE scope = $1', [at.workspaceId]);
    const walker = new Walker(bench.store, at);
    expect(await walker.open()).toMatchObject({
      ok: false,
      guard: 'stopped',
      details: { scope: 'workspace' },
    });
    expect(await new Walker(bench.store, at, first.operationId).open()).toMatchObject({
      outcome: 'existing',
    });
    await bench.owner.query('UPDATE control SET paused = false WHERE scope = $1', [at.workspaceId]);
    expect(await walker.open()).toMatchObject({ outcome: 'opened' });
  });
});
