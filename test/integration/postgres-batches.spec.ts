// Group commit: what the operations of one batch have to do with each other, and what they have not.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOperationStore } from '#postgres';
import { budgetOf } from '../support/postgres-books.js';
import {
  acceptTerms,
  aPlace,
  opened,
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

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;

describe('a batch', () => {
  it('loses only the command that breaks an invariant', async () => {
    const at = await aPlace(bench.owner);
    const walkers = await Promise.all(Array.from({ length: 40 }, () => opened(bench.store, at)));
    const outcomes = await Promise.allSettled(
      walkers.map((walker, number) => {
        if (number % 13 !== 5) return walker.do(acceptTerms(1n), RESERVE);
        const commit = walker.commitOf([acceptTerms(1n), RESERVE]);
        const rogue = { type: 'BudgetCaptured', data: { amount: 2n } } as const;
        return bench.store.append({ ...commit, events: [...commit.events, rogue] });
      }),
    );
    expect(outcomes.filter((it) => it.status === 'rejected')).toHaveLength(3);
    expect(await budgetOf(bench.owner, at, at.workspaceId)).toMatchObject({ held: 37n, heldCount: 37 });
  });

  it('mixes workspaces, and a row locked in one does not delay the others', async () => {
    const slow = await aPlace(bench.owner);
    const quick = await aPlace(bench.owner);
    const [held, ...free] = await Promise.all([
      opened(bench.store, slow),
      ...Array.from({ length: 20 }, () => opened(bench.store, quick)),
    ]);
    const blocker = await bench.owner.connect();
    await blocker.query('BEGIN');
    await blocker.query('SELECT FROM budget_node WHERE workspace_id = $1 FOR UPDATE', [slow.workspaceId]);
    let slowDone = false;
    const waiting = held.do(acceptTerms(1n), RESERVE).then((outcome) => {
      slowDone = true;
      return outcome;
    });
    for (const walker of free) expect(await walker.do(acceptTerms(1n), RESERVE)).toMatchObject({ ok: true });
    expect(slowDone).toBe(false);
    await blocker.query('COMMIT');
    blocker.release();
    expect(await waiting).toMatchObject({ ok: true });
  });

  it('of unknown outcome is told apart: the same key finds out', async () => {
    const store = bench.otherStore();
    const walkers = Array.from({ length: 200 }, () => new Walker(store, place));
    const outcomes: Promise<PromiseSettledResult<unknown>[]> = Promise.allSettled(
      walkers.map(async (walker, at) => {
        for (let turn = 0; turn < at; turn += 1) await Promise.resolve();
        return walker.open();
      }),
    );
    const killing = (async () => {
      let killed = 0;
      while (killed < 3) {
        const { rows } = await bench.owner.query<{ n: number }>(
          `WITH victims AS MATERIALIZED (
             SELECT pid FROM pg_stat_activity WHERE usename = 'purser_writer' AND datname = current_database())
           SELECT count(pg_terminate_backend(pid))::int AS n FROM victims`,
        );
        killed += rows[0]?.n ?? 0;
      }
    })();
    await killing;
    for (const [at, outcome] of (await outcomes).entries()) {
      if (outcome.status === 'rejected')
        expect(outcome.reason).toMatchObject({ code: 'database_unavailable' });
      const walker = new Walker(store, place, walkers[at]?.operationId);
      const again = await walker.open().catch(() => walker.open());
      expect(again).toMatchObject({ ok: true });
    }
    const { rows } = await bench.owner.query(
      'SELECT count(*)::int AS n FROM events WHERE operation_id = ANY ($1)',
      [walkers.map((walker) => walker.operationId)],
    );
    expect(rows).toEqual([{ n: 200 }]);
  });

  it('beyond the capacity is refused at once', async () => {
    const writer = bench.poolOf('purser_writer');
    const store = createOperationStore({ writer, reads: writer, groupCommit: { capacity: 10 } });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 12 }, () => new Walker(store, place).open().catch(codeOf)),
    );
    const refused = outcomes.filter((it) => it.status === 'fulfilled' && it.value === 'database_unavailable');
    expect(refused).toHaveLength(2);
  });

  it('notifies which operations became answerable', async () => {
    const client = await bench.owner.connect();
    const heard: string[] = [];
    client.on('notification', (message) => heard.push(...(message.payload ?? '').split(',')));
    await client.query('LISTEN purser_answers');
    const walkers = await Promise.all(Array.from({ length: 450 }, () => opened(bench.store, place)));
    await Promise.all(
      walkers.map((walker) => walker.must({ type: 'Refuse', code: 'policy_refused', details: {} })),
    );
    await client.query('SELECT 1');
    expect(new Set(heard)).toEqual(new Set(walkers.map((walker) => walker.operationId)));
    client.release(true);
  });
});
