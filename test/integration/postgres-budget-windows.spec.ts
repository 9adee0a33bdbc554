// Every kind of limit is exact to the payment, and every window to its edge.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COUNT_WINDOWS, LIMIT_NAMES, WINDOWS, type LimitName } from '#domain';
import type { CommitOutcome } from '#engine';
import { aSettlement } from '../support/builders.js';
import { minutesPass } from '../support/postgres-books.js';
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
beforeAll(async () => {
  bench = await storeBench();
});
afterAll(() => bench?.close());

async function reserve(place: Place, amount: bigint): Promise<CommitOutcome> {
  const walker = await opened(bench.store, place);
  return walker.do(acceptTerms(amount), RESERVE);
}

/** A payment whose intent was at that moment, captured now. */
async function paid(place: Place, amount: bigint, at?: Date): Promise<void> {
  const walker = await opened(bench.store, place);
  await walker.must(acceptTerms(amount), RESERVE);
  await walker.must(prepare(amount));
  if (at)
    await bench.owner.query('UPDATE reservation SET charged_at = $2 WHERE operation_id = $1', [
      walker.operationId,
      at,
    ]);
  await walker.must({ type: 'FinalizeSettlement', settlement: aSettlement() });
}

interface Use {
  readonly spent: readonly string[];
  readonly counts: readonly string[];
}

/** What the rows say at a moment, by the guard's own function. */
async function useAt(place: Place, at: Date | string): Promise<Use> {
  const { rows } = await bench.owner.query<Use>(
    `SELECT u.spent::text[], u.counts::text[] FROM budget_node n, purser_budget_use(n, $2) u
      WHERE n.workspace_id = $1 AND n.node_id = $1 AND n.unit = 'USD6' AND n.layer = 'payments'`,
    [place.workspaceId, at],
  );
  if (!rows[0]) throw new Error('no such node');
  return rows[0];
}

const ENOUGH = 10n ** 9n;
const LONGER_THAN_A_PAYMENT = LIMIT_NAMES.filter((name) => name !== 'per_payment');

describe('a limit is exact', () => {
  it.each(LONGER_THAN_A_PAYMENT.flatMap((name) => [[name, 'workspace'] as const, [name, 'agent'] as const]))(
    'in %s of the %s: 100 of 400 by 64 clients over two processes',
    async (name: LimitName, node) => {
      const limit = name.startsWith('count_') ? 100n : 1_009n;
      const place = await aPlace(bench.owner, {
        workspace: { lifetime: ENOUGH },
        [node]: { lifetime: ENOUGH, [name]: limit },
      });
      const stores = [bench.store, bench.otherStore()];
      const walkers = await Promise.all(
        Array.from({ length: 400 }, async (_, at) => {
          const walker = new Walker(stores[at % 2] ?? bench.store, place);
          await walker.open();
          return walker;
        }),
      );
      const outcomes: CommitOutcome[] = [];
      const queue = walkers.values();
      const client = async (): Promise<void> => {
        for (const walker of queue) outcomes.push(await walker.do(acceptTerms(10n), RESERVE));
      };
      await Promise.all(Array.from({ length: 64 }, client));
      expect(outcomes.filter((it) => it.ok)).toHaveLength(100);
    },
  );

  it.each(COUNT_WINDOWS.map((window) => [window] as const))(
    'counts what is held and what is paid in the window %s, and forgets what was never paid',
    async (window) => {
      const place = await aPlace(bench.owner, { agent: { lifetime: ENOUGH, [`count_${window}`]: 3n } });
      await paid(place, 5n);
      const held = await opened(bench.store, place);
      await held.must(acceptTerms(5n), RESERVE);
      expect(await reserve(place, 5n)).toMatchObject({ ok: true });
      expect(await reserve(place, 5n)).toMatchObject({
        guard: 'budget',
        details: { node: 'agent', window, measure: 'count', limit: '3', held: '2', spent: '1', needed: '1' },
      });
      await held.must({ type: 'Cancel', by: 'alice', reason: 'x' });
      expect(await reserve(place, 5n)).toMatchObject({ ok: true });
      expect(await reserve(place, 5n)).toMatchObject({ guard: 'budget' });
    },
  );

  it('asks again at the intent: a count that was lowered since refuses it', async () => {
    const place = await aPlace(bench.owner, { agent: { lifetime: ENOUGH, count_day: 2n } });
    const walker = await opened(bench.store, place);
    await walker.must(acceptTerms(5n), RESERVE);
    const lower = (limit: number) =>
      bench.owner.query(
        `UPDATE budget_node SET limit_count_day = $3 WHERE workspace_id = $1 AND node_id = $2 AND unit = 'USD6'`,
        [place.workspaceId, place.agentId, limit],
      );
    await lower(0);
    expect(await walker.do(prepare(5n))).toMatchObject({
      guard: 'budget',
      details: { window: 'day', measure: 'count', held: '0', needed: '1', limit: '0' },
    });
    await lower(1);
    await walker.must(prepare(5n));
  });

  it('in counts alone is no budget: how much may be paid is not said', async () => {
    const place = await aPlace(bench.owner, { agent: { count_day: 5n } });
    expect(await reserve(place, 1n)).toMatchObject({ guard: 'no_budget' });
  });
});

describe('a calendar window', () => {
  const EDGES = [
    ['hour', (now: Date) => new Date(Math.floor(now.getTime() / 3_600_000) * 3_600_000)],
    ['day', (now: Date) => new Date(Math.floor(now.getTime() / 86_400_000) * 86_400_000)],
    ['month', (now: Date) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1))],
  ] as const;
  it.each(EDGES)('%s begins with its first millisecond', async (window, startOf) => {
    const place = await aPlace(bench.owner);
    const start = startOf(new Date());
    await paid(place, 7n, new Date(start.getTime() - 1));
    await paid(place, 20n, start);
    const at = WINDOWS.indexOf(window);
    const { spent, counts } = await useAt(place, start);
    expect([spent[at], counts[at]]).toEqual(['20', '1']);
    expect([spent[WINDOWS.indexOf('lifetime')], counts[WINDOWS.indexOf('lifetime')]]).toEqual(['27', '2']);
  });

  it.each([
    ['2028-02-29T23:59:59.999Z', ['9', '9', '9']],
    ['2028-03-01T00:00:00.000Z', ['0', '0', '0']],
    ['2028-02-29T23:00:00.000Z', ['9', '9', '9']],
    ['2028-12-31T23:59:59.999Z', ['0', '0', '0']],
  ])('holds until its last millisecond, also in a leap February: %s', async (at, expected) => {
    const place = await aPlace(bench.owner);
    await bench.owner.query(
      `UPDATE budget_node SET hour = '2028-02-29T23:00Z', hour_spent = 9, hour_count = 9, day = '2028-02-29', day_spent = 9, day_count = 9,
              month = '2028-02-01', month_spent = 9, month_count = 9 WHERE workspace_id = $1`,
      [place.workspaceId],
    );
    const { spent, counts } = await useAt(place, at);
    expect(spent.slice(1, 4)).toEqual(expected);
    expect(counts.slice(1, 4)).toEqual(expected);
  });
});

describe('a rolling window', () => {
  const LENGTHS = [
    ['rolling_24h', 24 * 60],
    ['rolling_30d', 30 * 24 * 60],
  ] as const;
  it.each(LENGTHS)('%s forgets whole minutes, the last one when it is over', async (window, minutes) => {
    const place = await aPlace(bench.owner, {
      agent: { lifetime: ENOUGH, [window]: 100n, [`count_${window}`]: 9n },
    });
    const minute = Math.floor(Date.now() / 60_000) * 60_000;
    await paid(place, 60n, new Date(minute));
    await paid(place, 40n, new Date(minute));
    const refusal = { guard: 'budget', details: { window, measure: 'amount', spent: '100' } };
    expect(await reserve(place, 1n)).toMatchObject(refusal);
    // Still in it: the minute in which the first moment of the window lies. One less for a test that runs across a minute.
    await minutesPass(bench.owner, place, minutes - 1);
    expect(await reserve(place, 1n)).toMatchObject({
      ...refusal,
      details: { ...refusal.details, earliest_release_ms: minute + 2 * 60_000 },
    });
    await minutesPass(bench.owner, place, 2);
    expect(await reserve(place, 100n)).toMatchObject({ ok: true });
    const { rows } = await bench.owner.query(
      `SELECT ${window}_spent::int AS spent, ${window}_count::int AS count FROM budget_node WHERE node_id = $1 AND unit = 'USD6'`,
      [place.agentId],
    );
    expect(rows).toEqual([{ spent: 0, count: 0 }]);
  });

  it.each(LENGTHS)(
    '%s takes off each minute once, and its sum stays what its minutes add up to',
    async (window, minutes) => {
      const place = await aPlace(bench.owner, { agent: { lifetime: ENOUGH, [window]: ENOUGH } });
      for (const pass of [0, 1, minutes / 2, 7, minutes / 2 - 3, 2, 1, 1, 1, minutes / 3, minutes]) {
        await minutesPass(bench.owner, place, pass);
        await paid(place, BigInt(1 + (pass % 7)));
        await paid(place, 3n, new Date(Date.now() - 90 * 60_000));
        expect(await reserve(place, 1n)).toMatchObject({ ok: true });
        const { rows } = await bench.owner.query(
          `SELECT n.${window}_spent = s.spent AS spent, n.${window}_count = s.count AS count FROM budget_node n,
           LATERAL (SELECT sum(m.spent) AS spent, sum(m.count) AS count FROM budget_minute m
                     WHERE m.node_id = n.node_id AND m.minute >= n.${window}_from) s WHERE n.node_id = $1 AND n.unit = 'USD6'`,
          [place.agentId],
        );
        expect(rows).toEqual([{ spent: true, count: true }]);
      }
    },
  );

  it('that gets its limit late knows what was spent before', async () => {
    const place = await aPlace(bench.owner);
    await paid(place, 30n);
    await bench.owner.query(
      `UPDATE budget_node SET limit_rolling_30d = 40, limit_count_rolling_24h = 2 WHERE workspace_id = $1 AND node_id = $2`,
      [place.workspaceId, place.agentId],
    );
    expect(await reserve(place, 11n)).toMatchObject({ details: { window: 'rolling_30d', spent: '30' } });
    await paid(place, 1n);
    expect(await reserve(place, 1n)).toMatchObject({ details: { window: 'rolling_24h', measure: 'count' } });
  });
});
