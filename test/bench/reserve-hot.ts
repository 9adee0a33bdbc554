// Bench `reserve_hot`: reservations with their events per second on one budget, 256 callers. Ours goes through the store, with everything
// it does beside: version, fence, hash chain, two budget levels. The baseline is the usual way: one guarded transaction per reservation.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import pg from 'pg';
import {
  decide,
  evolve,
  ABSENT,
  parseAgentId,
  parseOperationId,
  parseWorkspaceId,
  type OperationCommand,
} from '#domain';
import type { Commit } from '#engine';
import { createOperationStore, createPool, GENESIS_PREV_HASH, migrate } from '#postgres';
import { postgresDataDir, startPostgres } from '../../apps/local/src/services/index.js';
import { aRequest, aVerdict, someTerms } from '../support/builders.js';
import type { Bench } from './bench.js';

const CALLERS = 256;
const OURS = 7_680;
const BASELINE = 1_280;
const POOL_SIZES = [8, 16, 32];

const BASELINE_TABLES = `
CREATE TABLE baseline_budget (id integer PRIMARY KEY, cap numeric(78,0) NOT NULL, held numeric(78,0) NOT NULL DEFAULT 0) WITH (fillfactor = 50);
CREATE TABLE baseline_reservation (operation_id uuid PRIMARY KEY, budget_id integer NOT NULL, amount numeric(78,0) NOT NULL);
CREATE TABLE baseline_event (operation_id uuid, version integer, type text NOT NULL, data jsonb NOT NULL, at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (operation_id, version));
INSERT INTO baseline_budget (id, cap) VALUES (1, 1e30);`;

export const reserveHotBench: Bench = {
  name: 'reserve_hot',
  unit: 'per s',
  floor: { at_least: 5 },
  runs: 7,
  setUp: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'purser-bench-'));
    const dataDir = postgresDataDir(join(folder, 'postgres'));
    const postgres = await startPostgres({ dataDir });
    const ours = await Ours.start(postgres.url);
    const pools = await Promise.all(POOL_SIZES.map((size) => baselinePool(postgres.url, size)));
    const baseline = await fastest(pools);
    return {
      pair: async () => ({ ours: await ours.run(), baseline: await runBaseline(baseline, BASELINE) }),
      close: async () => {
        await Promise.all([ours.close(), ...pools.map((pool) => pool.end())]);
        await postgres.stop();
        await rm(dataDir, { recursive: true, force: true });
        await rm(folder, { recursive: true, force: true });
      },
    };
  },
};

class Ours {
  private readonly workspaceId = parseWorkspaceId(randomUUID());
  private readonly agentId = parseAgentId(randomUUID());
  private readonly writer: pg.Pool;
  private readonly store: ReturnType<typeof createOperationStore>;

  private constructor(url: string) {
    const asWriter = new URL(url);
    asWriter.username = 'purser_writer';
    this.writer = createPool(asWriter.href, { name: 'bench', max: 4 });
    this.store = createOperationStore({ writer: this.writer, reads: this.writer });
  }

  static async start(url: string): Promise<Ours> {
    await migrate(url);
    const ours = new Ours(url);
    const { workspaceId, agentId } = ours;
    const owner = new pg.Client({ connectionString: url });
    await owner.connect();
    await owner.query(BASELINE_TABLES);
    await owner.query(`INSERT INTO workspace (workspace_id, name) VALUES ('${workspaceId}', 'bench')`);
    await owner.query(
      `INSERT INTO agent (workspace_id, agent_id, name) VALUES ('${workspaceId}', '${agentId}', 'bench')`,
    );
    await owner.query(`INSERT INTO control (scope) VALUES ('${workspaceId}')`);
    await owner.query(
      `INSERT INTO budget_node (workspace_id, node_id, unit, kind, depth, limit_day, limit_lifetime) VALUES
         ('${workspaceId}', '${workspaceId}', 'USD6', 'workspace', 0, 1e30, 1e30), ('${workspaceId}', '${agentId}', 'USD6', 'agent', 1, 1e30, 1e30)`,
    );
    await owner.end();
    return ours;
  }

  async run(): Promise<number> {
    const operations = Array.from({ length: OURS }, () => this.opening());
    await atOnce(operations, async (commit) => {
      const opened = { ...commit, idempotencyKeyHash: commit.operationId, fingerprint: 'bench' };
      await this.store.open(opened);
    });
    const reservations: Commit[] = [];
    await atOnce(operations, async (commit) => {
      // What was opened, judged; the last hash is the store's.
      const loaded = { ...commit, lastHash: await this.lastHash(commit) };
      const judged = next(loaded, 1, {
        type: 'AcceptTerms',
        terms: someTerms(),
        verdict: aVerdict(),
        termsDigest: 't',
      });
      const outcome = await this.store.append(judged);
      if (!outcome.ok) throw new Error(outcome.reason);
      reservations.push(next({ ...judged, lastHash: outcome.lastHash }, 2, { type: 'ReserveBudget' }));
    });
    return throughput(reservations, async (commit) => {
      const outcome = await this.store.append(commit);
      if (!outcome.ok) throw new Error(outcome.reason);
    });
  }

  async close(): Promise<void> {
    await this.writer.end();
  }

  private async lastHash(commit: Commit): Promise<string> {
    const { rows } = await this.writer.query<{ hash: string }>({
      name: 'bench_hash',
      text: `SELECT encode(last_hash, 'hex') AS hash FROM operations WHERE workspace_id = $1 AND operation_id = $2`,
      values: [commit.workspaceId, commit.operationId],
    });
    return rows[0]?.hash ?? '';
  }

  private opening(): Commit {
    const { workspaceId, agentId } = this;
    const nothing: Commit = {
      workspaceId,
      agentId,
      operationId: parseOperationId(randomUUID()),
      openedAtMs: Date.now(),
      expectedVersion: 0,
      lastHash: GENESIS_PREV_HASH,
      leaseEpoch: null,
      events: [],
      actor: { type: 'system', id: 'bench' },
      nowMs: Date.now(),
      state: ABSENT,
      nextAttemptAtMs: null,
      releaseLease: false,
    };
    const request = aRequest({ agentId });
    return next(nothing, 0, {
      type: 'Open',
      request,
      fingerprint: 'bench',
      keyHash: 'k',
      requester: 'bench',
    });
  }
}

function next(before: Commit, expectedVersion: number, command: OperationCommand): Commit {
  const decision = decide(before.state, command);
  if (!decision.ok) throw new Error(decision.code);
  const state = decision.events.reduce(evolve, before.state);
  return { ...before, expectedVersion, events: decision.events, state, nowMs: Date.now() };
}

async function baselinePool(url: string, max: number): Promise<pg.Pool> {
  const pool = new pg.Pool({ connectionString: url, max });
  // The server may go while the last connections are still saying goodbye.
  pool.on('error', () => undefined);
  await runBaseline(pool, 256);
  return pool;
}

async function fastest(pools: readonly pg.Pool[]): Promise<pg.Pool> {
  const timed: (readonly [number, pg.Pool])[] = [];
  for (const pool of pools) timed.push([await runBaseline(pool, BASELINE), pool]);
  const best = timed.toSorted((a, b) => b[0] - a[0])[0];
  if (!best) throw new Error('no pool');
  return best[1];
}

function runBaseline(pool: pg.Pool, count: number): Promise<number> {
  const data = JSON.stringify({ amount: '10000', unit: 'USD6' });
  return throughput(
    Array.from({ length: count }, () => randomUUID()),
    async (id) => {
      const client = await pool.connect();
      try {
        await client.query('BEGIN');
        const { rowCount } = await client.query({
          name: 'baseline_hold',
          text: 'UPDATE baseline_budget SET held = held + $2 WHERE id = $1 AND held + $2 <= cap',
          values: [1, '10000'],
        });
        if (rowCount !== 1) throw new Error('no room');
        await client.query({
          name: 'baseline_reserve',
          text: 'INSERT INTO baseline_reservation (operation_id, budget_id, amount) VALUES ($1, 1, $2)',
          values: [id, '10000'],
        });
        await client.query({
          name: 'baseline_event',
          text: `INSERT INTO baseline_event (operation_id, version, type, data) VALUES ($1, 3, 'BudgetReserved', $2)`,
          values: [id, data],
        });
        await client.query('COMMIT');
      } finally {
        client.release();
      }
    },
  );
}

async function throughput<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<number> {
  const started = performance.now();
  await atOnce(items, work);
  return (items.length * 1000) / (performance.now() - started);
}

/** 256 callers, each with one request under way. */
async function atOnce<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const iterator = items.values();
  const caller = async (): Promise<void> => {
    for (const item of iterator) await work(item);
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
}
