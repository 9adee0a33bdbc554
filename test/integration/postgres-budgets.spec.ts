// A cap is exact: whatever races, nothing is granted beyond it, and nothing stays held that was refused.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WINDOWS } from '#domain';
import type { CommitOutcome } from '#engine';
import { aSettlement } from '../support/builders.js';
import { budgetOf, minutesPass } from '../support/postgres-books.js';
import {
  acceptTerms,
  aPlace,
  approve,
  opened,
  prepare,
  requestApproval,
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

const granted = (outcomes: readonly CommitOutcome[]): number => outcomes.filter((it) => it.ok).length;

async function reserve(place: Place, amount: bigint): Promise<{ walker: Walker; outcome: CommitOutcome }> {
  const walker = await opened(bench.store, place);
  return { walker, outcome: await walker.do(acceptTerms(amount), RESERVE) };
}

async function paid(place: Place, amount: bigint): Promise<Walker> {
  const { walker } = await reserve(place, amount);
  await walker.must(prepare(amount));
  await walker.must({ type: 'FinalizeSettlement', settlement: aSettlement() });
  return walker;
}

describe('a cap is exact', () => {
  it.each([1, 100])(
    'grants exactly %i of 400 attempts by 64 clients over two processes, at workspace and agent at once',
    async (fits) => {
      const cap = BigInt(fits) * 10n + 9n;
      const place = await aPlace(bench.owner, {
        workspace: { lifetime: cap, day: cap },
        agent: { month: cap },
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
      expect(outcomes).toHaveLength(400);
      expect(granted(outcomes)).toBe(fits);
      const expected = { held: BigInt(fits) * 10n, heldCount: fits };
      expect(await budgetOf(bench.owner, place, place.workspaceId)).toMatchObject(expected);
      expect(await budgetOf(bench.owner, place, place.agentId)).toMatchObject(expected);
    },
  );

  it('says which limit, what is held, spent and needed, and when the window starts anew', async () => {
    const place = await aPlace(bench.owner, { workspace: { lifetime: 1000n }, agent: { day: 100n } });
    await paid(place, 30n);
    await reserve(place, 50n);
    const { outcome } = await reserve(place, 21n);
    expect(outcome).toEqual({
      ok: false,
      reason: 'guard',
      guard: 'budget',
      details: {
        node: 'agent',
        node_id: place.agentId,
        layer: 'payments',
        failed_layers: ['payments'],
        unit: 'USD6',
        window: 'day',
        measure: 'amount',
        limit: '100',
        held: '50',
        held_count: 1,
        spent: '30',
        needed: '21',
        resets_at_ms: (Math.floor(Date.now() / 86_400_000) + 1) * 86_400_000,
        earliest_release_ms: null,
      },
    });
    expect((await reserve(place, 20n)).outcome).toMatchObject({ ok: true });
  });

  it.each(WINDOWS.map((window) => [window] as const))(
    'holds in the window %s, counting what is held',
    async (window) => {
      const place = await aPlace(bench.owner, { workspace: { [window]: 100n } });
      const amount = window === 'per_payment' ? 101n : 40n;
      if (window !== 'per_payment') {
        await paid(place, 35n);
        expect((await reserve(place, 30n)).outcome).toMatchObject({ ok: true });
      }
      expect((await reserve(place, amount)).outcome).toMatchObject({
        guard: 'budget',
        details: { node: 'workspace', window },
      });
    },
  );
});

describe('windows', () => {
  it('start anew by themselves, and a charge of an older period does not count in the current one', async () => {
    const place = await aPlace(bench.owner, { workspace: { day: 100n, month: 1000n, lifetime: 1000n } });
    await paid(place, 100n);
    expect((await reserve(place, 1n)).outcome).toMatchObject({ guard: 'budget', details: { window: 'day' } });
    await bench.owner.query(`UPDATE budget_node SET day = day - 1 WHERE workspace_id = $1`, [
      place.workspaceId,
    ]);
    const { walker, outcome } = await reserve(place, 100n);
    expect(outcome).toMatchObject({ ok: true });
    await walker.must(prepare(100n));
    await bench.owner.query(
      `UPDATE reservation SET charged_at = charged_at - interval '70 days' WHERE operation_id = $1`,
      [walker.operationId],
    );
    await walker.must({ type: 'FinalizeSettlement', settlement: aSettlement() });
    expect(await budgetOf(bench.owner, place, place.workspaceId)).toEqual({
      held: 0n,
      heldCount: 0,
      day: 0n,
      month: 100n,
      lifetime: 200n,
    });
    const { rows } = await bench.owner.query(
      `SELECT spent::text, minute < now() - interval '60 days' AS old FROM budget_minute WHERE workspace_id = $1 AND node_id = $1 ORDER BY minute`,
      [place.workspaceId],
    );
    expect(rows).toEqual([
      { spent: '100', old: true },
      { spent: '100', old: false },
    ]);
  });

  it('of 24 hours forget by the minute', async () => {
    const place = await aPlace(bench.owner, { workspace: { rolling_24h: 100n } });
    await paid(place, 100n);
    expect((await reserve(place, 1n)).outcome).toMatchObject({ details: { window: 'rolling_24h' } });
    await minutesPass(bench.owner, place, 24 * 60 - 2);
    expect((await reserve(place, 1n)).outcome).toMatchObject({ details: { window: 'rolling_24h' } });
    await minutesPass(bench.owner, place, 4);
    expect((await reserve(place, 100n)).outcome).toMatchObject({ ok: true });
  });

  it('are asked again at the intent, which is charged to its own time', async () => {
    const place = await aPlace(bench.owner, { workspace: { day: 100n } });
    const { walker } = await reserve(place, 60n);
    await bench.owner.query(
      `UPDATE reservation SET charged_at = charged_at - interval '2 days' WHERE operation_id = $1`,
      [walker.operationId],
    );
    await bench.owner.query(
      `UPDATE budget_node SET limit_day = 59 WHERE workspace_id = $1 AND node_id = $1`,
      [place.workspaceId],
    );
    expect(await walker.do(prepare(60n))).toMatchObject({
      guard: 'budget',
      details: { window: 'day', held: '0', needed: '60', limit: '59' },
    });
    await bench.owner.query(
      `UPDATE budget_node SET limit_day = 60 WHERE workspace_id = $1 AND node_id = $1`,
      [place.workspaceId],
    );
    await walker.must(prepare(60n));
    const { rows } = await bench.owner.query(
      `SELECT charged_at > now() - interval '1 hour' AS fresh FROM reservation WHERE operation_id = $1`,
      [walker.operationId],
    );
    expect(rows).toEqual([{ fresh: true }]);
  });
});

describe('a refused command', () => {
  it('leaves nothing behind, also when its hold stood before the refusal', async () => {
    const place = await aPlace(bench.owner, { workspace: { lifetime: 100n } });
    await bench.owner.query('UPDATE wallet_asset SET balance = 5 WHERE workspace_id = $1', [
      place.workspaceId,
    ]);
    const walkers = await Promise.all(Array.from({ length: 4 }, () => opened(bench.store, place)));
    // In one batch: each holds 60, the wallet refuses each, so the next one finds room again.
    const outcomes = await Promise.all(
      walkers.map((walker) => walker.do(acceptTerms(60n), RESERVE, prepare(60n))),
    );
    for (const outcome of outcomes) expect(outcome).toMatchObject({ guard: 'wallet' });
    expect(await budgetOf(bench.owner, place, place.workspaceId)).toMatchObject({ held: 0n, heldCount: 0 });
    const { rows } = await bench.owner.query(
      'SELECT count(*)::int AS n FROM reservation WHERE workspace_id = $1',
      [place.workspaceId],
    );
    expect(rows).toEqual([{ n: 0 }]);
  });

  it('leaves the old hold when changed terms find no room, and replaces it when they do, across units', async () => {
    const place = await aPlace(bench.owner, { workspace: { lifetime: 100n } });
    const walker = await opened(bench.store, place);
    await walker.must(acceptTerms(90n, {}, true), RESERVE, requestApproval(Date.now() + 60_000));
    await walker.must(approve());
    const { terms, verdict } = acceptTerms(70n, { unit: 'EUR6' });
    const changed = { type: 'ConfirmTerms', terms, verdict, termsDigest: 't2' } as const;
    expect(await walker.do(changed, RESERVE)).toMatchObject({
      guard: 'no_budget',
      details: { unit: 'EUR6' },
    });
    expect(await budgetOf(bench.owner, place, place.workspaceId)).toMatchObject({ held: 90n, heldCount: 1 });
    const pay = await reserve(place, 11n);
    expect(pay.outcome).toMatchObject({ guard: 'budget' });
    await bench.owner.query(
      `UPDATE budget_node SET limit_day = 70 WHERE workspace_id = $1 AND node_id = $1 AND unit = 'EUR6'`,
      [place.workspaceId],
    );
    await walker.must(changed, RESERVE);
    expect(await budgetOf(bench.owner, place, place.workspaceId)).toMatchObject({ held: 0n, heldCount: 0 });
    const { rows } = await bench.owner.query(
      `SELECT node_id, held::text FROM budget_node WHERE workspace_id = $1 AND unit = 'EUR6' ORDER BY depth`,
      [place.workspaceId],
    );
    expect(rows).toEqual([
      { node_id: place.workspaceId, held: '70' },
      { node_id: place.agentId, held: '70' },
    ]);
    const { rows: approvals } = await bench.owner.query(
      'SELECT status FROM approval WHERE operation_id = $1',
      [walker.operationId],
    );
    expect(approvals).toEqual([{ status: 'cancelled' }]);
  });
});
