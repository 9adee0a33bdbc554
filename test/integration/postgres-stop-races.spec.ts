// The kill switch against operations in flight, on the write model itself: intents, questions and decisions of two processes run into stops of every scope.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseEvmAddress } from '#domain';
import { carryOut, stopScope, unstop, type Ports, type StopOrder, type StopScope } from '#engine';
import { createAdministration } from '#postgres';
import { checkStops } from '../checker/stop-rules.js';
import type { Books, EventRow, Plain } from '../checker/model.js';
import { NETWORK, SELLER } from '../support/builders.js';
import { memoryDerivation } from '../support/memory-basics.js';
import { budgetOf } from '../support/postgres-books.js';
import {
  acceptTerms,
  addAgent,
  aPlace,
  approve,
  opened,
  prepare,
  requestApproval,
  RESERVE,
  storeBench,
  type Bench,
  type Place,
} from '../support/postgres-store.js';

const BY = { actor: { type: 'admin', id: 'key_ann' }, person: 'ann' } as const;
const ROUNDS = 12;
const WORKERS = 12;
const SELLERS = [SELLER, parseEvmAddress(`0x${'77'.repeat(20)}`)] as const;
const HOSTS = ['a.shop.example', 'b.other.example'] as const;

let bench: Bench;
let stops: ReturnType<typeof createAdministration>['stops'];
let operations: Ports['operations'];
beforeAll(async () => {
  bench = await storeBench();
  operations = bench.otherStore();
  ({ stops } = createAdministration(bench.poolOf('purser_system'), { keyEnvironment: 'test' }));
});
afterAll(() => bench?.close());

const orderOf = (scope: StopScope): StopOrder => ({ scope, reason: 'drill', by: BY, cancelOnChain: false });

/** What a stop needs of the engine; everything else is out of its reach. */
function ports(clock = () => Date.now()): Ports {
  const nothing = { info: () => undefined, warn: () => undefined, error: () => undefined };
  return {
    operations,
    clock: { nowMs: clock },
    waker: { wake: () => undefined },
    derivation: memoryDerivation,
    adoption: { find: () => Promise.resolve({ kind: 'none' }), firstUsed: () => Promise.resolve(null) },
    broadcasts: true,
    logger: nothing,
  } as unknown as Ports;
}

async function books(): Promise<Books> {
  const { rows } = await bench.owner.query<Record<string, never>>(
    `SELECT workspace_id AS "workspaceId", operation_id AS "operationId", version, type, data,
            cluster_epoch AS epoch, txid::text AS tx, position::text AS pos FROM events ORDER BY operation_id, version`,
  );
  const operations = new Map<string, EventRow[]>();
  for (const row of rows as unknown as (EventRow & { epoch: number; tx: string; pos: string })[]) {
    const event = { ...row, order: [row.epoch, BigInt(row.tx), BigInt(row.pos)] as const };
    operations.set(row.operationId, [...(operations.get(row.operationId) ?? []), event]);
  }
  const facts = await bench.owner.query<{ workspaceId: string; type: string; data: Plain }>(
    `SELECT workspace_id AS "workspaceId", type, data FROM admin_event WHERE data ? 'events_to' ORDER BY position`,
  );
  return { operations, stops: facts.rows } as unknown as Books;
}

const open = async (at: Place): Promise<number> =>
  Number(
    (
      await bench.owner.query<{ n: string }>(
        `SELECT count(*) AS n FROM approval WHERE workspace_id = $1 AND status IN ('pending', 'approved')`,
        [at.workspaceId],
      )
    ).rows[0]?.n,
  );

describe('stops against operations in flight', () => {
  it(
    'have no intent and no question in their scope between a stop and its end, whatever the scope (S17)',
    { timeout: 120_000 },
    async () => {
      const at = await aPlace(bench.owner);
      const { workspaceId } = at;
      const second: Place = { workspaceId, agentId: (await aPlace(bench.owner)).agentId };
      await bench.owner.query('DELETE FROM agent WHERE agent_id = $1', [second.agentId]);
      await addAgent(bench.owner, second, {});
      const other = await aPlace(bench.owner);
      const stores = [bench.store, bench.otherStore()];
      const ending = new AbortController();
      let [passed, stopped] = [0, 0];
      const work = async (number: number): Promise<void> => {
        for (let round = 0; !ending.signal.aborted; round += 1) {
          const place = [at, second, other][(number + round) % 3] as Place;
          const payTo = SELLERS[round % 2] as typeof SELLER;
          const terms = { payTo, resourceUrl: `https://${HOSTS[(number >> 1) % 2]}/x` };
          const walker = await opened(stores[number % 2] as Bench['store'], place).catch(() => null);
          if (walker === null) continue;
          const asks = round % 3 === 0;
          await walker.must(acceptTerms(1n, terms, asks), RESERVE);
          const came = await walker.do(
            asks ? requestApproval(Date.now() + 60_000) : prepare(1n, undefined, { to: payTo }),
          );
          if (came.ok) passed += 1;
          else stopped += 1;
        }
      };
      const workers = Array.from({ length: WORKERS }, (_, number) => work(number));
      const scopes: StopScope[] = [
        { kind: 'global' },
        { kind: 'workspace', workspaceId },
        { kind: 'agent', ...at },
        { kind: 'payee', workspaceId, payee: SELLER, network: null },
        { kind: 'payee', workspaceId: null, payee: SELLERS[1], network: NETWORK },
        { kind: 'host', workspaceId, host: HOSTS[0] },
        { kind: 'host', workspaceId: null, host: '*.other.example' },
      ];
      for (let round = 0; round < ROUNDS; round += 1) {
        const some = scopes.filter((_, index) => (round + index) % 3 === 0);
        for (const scope of some) {
          const report = await stopScope(ports(), stops, orderOf(scope));
          expect(report.finished).toBe(true);
          expect((await stops.openApprovals(scope, null)).items).toEqual([]);
        }
        await new Promise((done) => setTimeout(done, 20));
        for (const scope of some) await unstop(ports(), stops, scope, BY);
      }
      ending.abort();
      await Promise.all(workers);
      const found: string[] = [];
      checkStops(await books(), (rule, where, what) => void found.push(`${rule} ${where} ${what}`));
      expect(found).toEqual([]);
      // The test has tested something: both happened, often.
      expect(Math.min(passed, stopped)).toBeGreaterThan(50);
    },
  );
});

describe('what a stop leaves to be done', () => {
  const MANY = 1_500;

  it(`releases ${MANY} approvals, also when it is cut off again and again, and frees exactly their budget`, async () => {
    const at = await aPlace(bench.owner);
    const outside = await opened(bench.store, at);
    await outside.must(acceptTerms(5n, { payTo: SELLERS[1] }, true), RESERVE);
    await outside.must(requestApproval(Date.now() + 600_000));
    for (let start = 0; start < MANY; start += 300) {
      await Promise.all(
        Array.from({ length: 300 }, async (_, number) => {
          const walker = await opened(bench.store, at);
          await walker.must(acceptTerms(10n, {}, true), RESERVE);
          await walker.must(requestApproval(Date.now() + 600_000));
          if (number % 3 === 0) await walker.must(approve());
        }),
      );
    }
    expect((await budgetOf(bench.owner, at, at.agentId)).held).toBe(BigInt(MANY) * 10n + 5n);
    const scope: StopScope = { kind: 'payee', workspaceId: at.workspaceId, payee: SELLER, network: null };
    const stop = await stops.stop(orderOf(scope));
    // Each go dies after the first two hundred.
    let reads = 0;
    const short = await carryOut(
      ports(() => (reads += 1)),
      stops,
      stop,
      2,
    );
    expect(short).toMatchObject({ finished: false, released: 200 });
    await expect(stops.resume(scope, BY.actor)).rejects.toMatchObject({ code: 'stop_under_way' });
    expect((await stops.take(100)).map((it) => it.stopId)).toContain(stop.stopId);
    const [one, two] = await Promise.all([
      carryOut(ports(), stops, stop, Date.now() + 60_000),
      carryOut(ports(), stops, stop, Date.now() + 60_000),
    ]);
    expect([one.finished, two.finished]).toEqual([true, true]);
    expect(await open(at)).toBe(1);
    const { rows } = await bench.owner.query<{ status: string; n: string }>(
      `SELECT status, count(*) AS n FROM operations WHERE workspace_id = $1 GROUP BY status ORDER BY status`,
      [at.workspaceId],
    );
    expect(rows).toEqual([
      { status: 'awaiting_approval', n: '1' },
      { status: 'cancelled', n: String(MANY) },
    ]);
    expect(await budgetOf(bench.owner, at, at.agentId)).toMatchObject({ held: 5n, heldCount: 1 });
    await unstop(ports(), stops, scope, BY);
  }, 120_000);

  it('a decision at the same moment is taken or comes too late, and is released either way', async () => {
    for (let round = 0; round < 40; round += 1) {
      const at = await aPlace(bench.owner);
      const walker = await opened(bench.store, at);
      await walker.must(acceptTerms(10n, {}, true), RESERVE);
      await walker.must(requestApproval(Date.now() + 600_000));
      const scope: StopScope = { kind: 'workspace', workspaceId: at.workspaceId };
      const [report] = await Promise.all([stopScope(ports(), stops, orderOf(scope)), walker.do(approve())]);
      expect(report).toMatchObject({ finished: true });
      expect(await open(at)).toBe(0);
      expect((await budgetOf(bench.owner, at, at.agentId)).held).toBe(0n);
      await unstop(ports(), stops, scope, BY);
    }
  });
});
