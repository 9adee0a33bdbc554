// Approvals are decided once and in time, by the clock of the database.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  acceptTerms,
  aPlace,
  approve,
  opened,
  prepare,
  reject,
  requestApproval,
  RESERVE,
  storeBench,
  type Walker,
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

const asked = async (at: Place, decideByMs: number): Promise<Walker> => {
  const walker = await opened(bench.store, at);
  await walker.must(acceptTerms(10n, {}, true), RESERVE, requestApproval(decideByMs));
  return walker;
};

const statusOf = async (walker: Walker): Promise<unknown> => {
  const { rows } = await bench.owner.query('SELECT status FROM approval WHERE operation_id = $1', [
    walker.operationId,
  ]);
  return rows.map((row: { status: string }) => row.status);
};

describe('approvals', () => {
  it('are decided once, before their time', async () => {
    const walker = await asked(place, Date.now() + 60_000);
    const verdicts = await Promise.all([
      bench.store.append(walker.commitOf([approve()])),
      bench.store.append(walker.commitOf([reject()])),
      bench.otherStore().append(walker.commitOf([approve()])),
    ]);
    expect(verdicts.filter((it) => it.ok)).toHaveLength(1);
    const early = await asked(place, Date.now() + 60_000);
    const expiry = early.commitOf([{ type: 'ExpireApproval', nowMs: Date.now() + 120_000 }]);
    expect(await bench.store.append(expiry)).toMatchObject({ guard: 'deadline' });
  });

  it('are refused when the wait for a lock outlasts the deadline (M7)', async () => {
    const decideByMs = Date.now() + 700;
    const rows: readonly string[] = ['operations', 'approval'];
    const walkers = await Promise.all(rows.map(() => asked(place, decideByMs)));
    const blockers = await Promise.all(rows.map(() => bench.owner.connect()));
    for (const [at, table] of rows.entries()) {
      await blockers[at]?.query('BEGIN');
      await blockers[at]?.query(`SELECT FROM ${table} WHERE operation_id = $1 FOR UPDATE`, [
        walkers[at]?.operationId,
      ]);
    }
    const decisions = walkers.map((walker) => walker.do(approve()));
    for (const blocker of blockers) {
      // The server's clock decides: leave the lock only when the deadline is behind it.
      await blocker.query('SELECT pg_sleep_until(to_timestamp($1::float8))', [decideByMs / 1000 + 0.05]);
      await blocker.query('COMMIT');
      blocker.release();
    }
    for (const outcome of await Promise.all(decisions))
      expect(outcome).toMatchObject({ ok: false, guard: 'deadline' });
    expect(await Promise.all(walkers.map(statusOf))).toEqual([['pending'], ['pending']]);
  });

  it('cover an intent only until their use-by, and are closed with their operation', async () => {
    const walker = await asked(place, Date.now() + 60_000);
    const validBeforeMs = prepare(10n).authorization.validBeforeSec * 1000;
    await walker.must(approve(Math.max(validBeforeMs, Date.now() + 400_000)));
    await walker.must({
      type: 'ConfirmTerms',
      terms: acceptTerms(10n).terms,
      verdict: acceptTerms(10n, {}, true).verdict,
      termsDigest: 't1',
    });
    await bench.owner.query('UPDATE approval SET use_by = now() WHERE operation_id = $1', [
      walker.operationId,
    ]);
    expect(await walker.do(prepare(10n))).toMatchObject({ guard: 'deadline' });
    await walker.must({ type: 'Cancel', by: 'alice', reason: 'late' });
    expect(await statusOf(walker)).toEqual(['cancelled']);
  });
});
