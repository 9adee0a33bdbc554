// Usage has happened: it is recorded once, beyond any limit, and from then on payments are refused.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Layer, Limits, UsageLayer } from '#domain';
import { recordUsage, type CommitOutcome, type UsageEvent } from '#engine';
import { createReaderPool, createReadStore, createUsageLedger } from '#postgres';
import {
  acceptTerms,
  addNode,
  aPlace,
  opened,
  prepare,
  RESERVE,
  storeBench,
  type Bench,
  type Place,
} from '../support/postgres-store.js';
import { minutesPass } from '../support/postgres-books.js';

let bench: Bench;
let ledger: ReturnType<typeof createUsageLedger>;
let reads: ReturnType<typeof createReadStore>;
beforeAll(async () => {
  bench = await storeBench();
  ledger = createUsageLedger(bench.poolOf('purser_writer'));
  const url = new URL(bench.database.url);
  url.username = 'purser_reader';
  const pool = createReaderPool({ connectionString: url.href });
  reads = createReadStore(pool);
  return () => pool.end();
});
afterAll(() => bench?.close());

type Layers = Partial<Record<UsageLayer, Limits>>;

async function place(agent: Layers = {}, workspace: Layers = {}): Promise<Place> {
  const made = await aPlace(bench.owner);
  for (const layer of ['infra', 'tokens'] as const) {
    const { workspaceId, agentId } = made;
    await addNode(
      bench.owner,
      workspaceId,
      { nodeId: workspaceId, kind: 'workspace', layer },
      workspace[layer] ?? {},
    );
    await addNode(bench.owner, workspaceId, { nodeId: agentId, kind: 'agent', layer }, agent[layer] ?? {});
  }
  return made;
}

const event = (over: Partial<UsageEvent> = {}): UsageEvent => ({
  id: randomUUID(),
  layer: 'tokens',
  kind: 'llm_call',
  amount: 185_100_000n,
  metadata: { model: 'm' },
  ...over,
});

const record = ({ workspaceId, agentId }: Place, ...events: UsageEvent[]) =>
  recordUsage({ usage: ledger }, { workspaceId, agentId, keyId: 'key_1', person: 'alice' }, events);

async function pay(of: Place): Promise<CommitOutcome> {
  const walker = await opened(bench.store, of);
  return walker.do(acceptTerms(5n), RESERVE);
}

async function used(
  { workspaceId }: Place,
  nodeId: string,
  layer: Layer,
): Promise<{ spent: string; count: number }> {
  const { rows } = await bench.owner.query<{ spent: string; count: number }>(
    `SELECT lifetime_spent::text AS spent, lifetime_count::int AS count FROM budget_node WHERE workspace_id = $1 AND node_id = $2 AND layer = $3
       AND unit IN ('USD12', 'USD6')`,
    [workspaceId, nodeId, layer],
  );
  if (!rows[0]) throw new Error('no such node');
  return rows[0];
}

describe('usage', () => {
  it('is charged to its layer of agent and workspace, to the millionth of a millionth', async () => {
    const of = await place();
    await record(
      of,
      event({ amount: 1n }),
      event({ amount: 2_000_000_000_000n }),
      event({ layer: 'infra', amount: 7n }),
    );
    for (const node of [of.agentId, of.workspaceId]) {
      expect(await used(of, node, 'tokens')).toEqual({ spent: '2000000000001', count: 2 });
      expect(await used(of, node, 'infra')).toEqual({ spent: '7', count: 1 });
      expect(await used(of, node, 'payments')).toEqual({ spent: '0', count: 0 });
    }
    const { items } = await reads.usage(of.workspaceId, of.agentId, { cursor: null, limit: 2 });
    expect(items).toHaveLength(2);
    const other = await place();
    expect((await reads.usage(other.workspaceId, of.agentId, { cursor: null, limit: 9 })).items).toEqual([]);
  });

  it('counts once per id, whoever sends it again and how often at once', async () => {
    const of = await place();
    const events = Array.from({ length: 20 }, () => event({ amount: 10n }));
    const outcomes = (await Promise.all(Array.from({ length: 12 }, () => record(of, ...events)))).flat();
    expect(outcomes.filter((it) => it === 'recorded')).toHaveLength(20);
    expect(await used(of, of.agentId, 'tokens')).toEqual({ spent: '200', count: 20 });
    expect(await record(of, event({ amount: 1n }), ...events)).toEqual([
      'recorded',
      ...events.map(() => 'repeated'),
    ]);
    expect(await used(of, of.workspaceId, 'tokens')).toEqual({ spent: '201', count: 21 });
  });

  it('of which one id stands for something else is not recorded at all', async () => {
    const of = await place();
    const known = event({ amount: 10n });
    await record(of, known);
    for (const other of [{ amount: 11n }, { layer: 'infra' as const }, { kind: 'api_call' }]) {
      const refused = record(of, event(), { ...known, ...other });
      await expect(refused).rejects.toMatchObject({
        code: 'idempotency_key_reused',
        details: { field: 'events.1.id' },
      });
    }
    expect(await used(of, of.agentId, 'tokens')).toEqual({ spent: '10', count: 1 });
    expect(await used(of, of.agentId, 'infra')).toEqual({ spent: '0', count: 0 });
  });

  it.each<[string, UsageEvent[], string]>([
    ['none', [], 'events'],
    ['101', Array.from({ length: 101 }, () => event()), 'events'],
    ['an id twice', [event({ id: 'a' }), event({ id: 'a' })], 'events.1.id'],
    ['less than nothing', [event(), event({ amount: -1n })], 'events.1.amount'],
  ])('is refused as a whole: %s', async (_, events, field) => {
    const of = await place();
    await expect(record(of, ...events)).rejects.toMatchObject({ details: { field } });
    expect(await used(of, of.agentId, 'tokens')).toEqual({ spent: '0', count: 0 });
  });

  it('of 2,000 events from 40 callers over two processes adds up', async () => {
    const of = await place();
    const other = createUsageLedger(bench.poolOf('purser_writer'));
    const { workspaceId, agentId } = of;
    await Promise.all(
      Array.from({ length: 40 }, (_, caller) =>
        (caller % 2 ? ledger : other).record(
          { workspaceId, agentId },
          Array.from({ length: 50 }, () => event({ amount: 3n, layer: caller % 3 ? 'tokens' : 'infra' })),
          { type: 'agent', id: 'k' },
        ),
      ),
    );
    const sums = await Promise.all(
      (['tokens', 'infra'] as const).map((layer) => used(of, workspaceId, layer)),
    );
    expect(sums.map((it) => it.count).reduce((a, b) => a + b)).toBe(2_000);
    expect(sums.map((it) => BigInt(it.spent)).reduce((a, b) => a + b)).toBe(6_000n);
  });
});

describe('an exhausted layer', () => {
  it.each([
    ['agent', 'tokens', 'day'],
    ['workspace', 'tokens', 'month'],
    ['agent', 'infra', 'rolling_30d'],
    ['workspace', 'infra', 'hour'],
  ] as const)(
    'of the %s refuses payments: %s per %s, at its limit and beyond, never before',
    async (node, layer, window) => {
      const limit = { [layer]: { [window]: 100n } };
      const of = await (node === 'agent' ? place(limit) : place({}, limit));
      await record(of, event({ layer, amount: 99n }));
      expect(await pay(of)).toMatchObject({ ok: true });
      await record(of, event({ layer, amount: 1n }));
      const refusal = {
        guard: 'budget',
        details: {
          node,
          layer,
          failed_layers: [layer],
          unit: 'USD12',
          window,
          limit: '100',
          spent: '100',
          held: '0',
        },
      };
      expect(await pay(of)).toMatchObject(refusal);
      await record(of, event({ layer, amount: 10n ** 12n }));
      expect(await pay(of)).toMatchObject({ details: { spent: '1000000000100' } });
    },
  );

  it('says all that failed, payments among them', async () => {
    const of = await place({ infra: { day: 1n }, tokens: { day: 1n } }, { infra: { day: 1n } });
    await record(of, event({ layer: 'infra' }), event({ layer: 'tokens' }));
    await bench.owner.query(
      `UPDATE budget_node SET limit_day = 4 WHERE node_id = $1 AND layer = 'payments'`,
      [of.agentId],
    );
    expect(await pay(of)).toMatchObject({
      details: { layer: 'payments', window: 'day', failed_layers: ['infra', 'payments', 'tokens'] },
    });
  });

  it('refuses the intent of what was reserved before, and lets it pass in the next window', async () => {
    const of = await place({ tokens: { rolling_24h: 100n } });
    const walker = await opened(bench.store, of);
    await walker.must(acceptTerms(5n), RESERVE);
    await record(of, event({ amount: 200n }));
    expect(await walker.do(prepare(5n))).toMatchObject({
      guard: 'budget',
      details: { failed_layers: ['tokens'] },
    });
    await minutesPass(bench.owner, of, 24 * 60 - 2);
    expect(await walker.do(prepare(5n))).toMatchObject({ guard: 'budget' });
    await minutesPass(bench.owner, of, 4);
    await walker.must(prepare(5n));
  });

  it('counts how often too', async () => {
    const of = await place({ infra: { count_day: 2n } });
    await record(of, event({ layer: 'infra', amount: 0n }));
    expect(await pay(of)).toMatchObject({ ok: true });
    await record(of, event({ layer: 'infra', amount: 0n }));
    expect(await pay(of)).toMatchObject({
      details: { layer: 'infra', measure: 'count', limit: '2', spent: '2' },
    });
  });

  it('of another agent does not matter', async () => {
    const of = await place({ tokens: { day: 1n } });
    const other = await place({ tokens: { day: 1n } });
    await record(other, event());
    expect(await pay(of)).toMatchObject({ ok: true });
  });
});
