import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import pg from 'pg';
import { fold } from '#domain';
import type { Logger } from '#engine';
import { Projector, PROJECTIONS, rebuildProjection } from '#postgres';
import { randomUUID } from 'node:crypto';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { appendEvents, historyOf, type History } from '../support/history.js';
import { expectedBalances, manyHistories, random } from '../support/many-histories.js';

const silent: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
const TABLES = PROJECTIONS.flatMap((it) => it.tables);
let database: TestDatabase;
let owner: pg.Pool;
let system: pg.Pool;

beforeEach(async () => {
  database = await createDatabase();
  owner = new pg.Pool({ connectionString: database.url, max: 24 });
  system = systemPool();
  // The database is dropped while connections that were told to end are still ending.
  owner.on('error', () => undefined);
});

afterEach(async () => {
  await Promise.all([owner.end(), system.end()]);
  await database.drop();
});

function systemPool(): pg.Pool {
  const url = new URL(database.url);
  url.username = 'purser_system';
  const pool = new pg.Pool({ connectionString: url.href });
  pool.on('error', () => undefined);
  return pool;
}

const projectorOn = (pool: pg.Pool, owner = 'one', batchSize = 200) =>
  new Projector({ pool, owner, logger: silent, batchSize, pollMs: 20, gatherMs: 0 });

/** Appends histories in pieces of one to three events, some rolled back and tried again, some transactions slow. */
async function writeAll(histories: readonly History[], seed: number): Promise<number> {
  const next = random(seed);
  let rolledBack = 0;
  for (const history of histories) {
    let from = 0;
    while (from < history.events.length) {
      const to = Math.min(history.events.length, from + 1 + Math.floor(next() * 3));
      const client = await owner.connect();
      try {
        await client.query('BEGIN');
        await client.query('SELECT pg_current_xact_id()');
        if (next() < 0.5) await client.query('SELECT pg_sleep($1)', [next() * 0.004]);
        await appendEvents(client, history, { from, to });
        if (next() < 0.5) await client.query('SELECT pg_sleep($1)', [next() * 0.004]);
        const commits = next() > 0.15;
        await client.query(commits ? 'COMMIT' : 'ROLLBACK');
        if (commits) from = to;
        else rolledBack += 1;
      } finally {
        client.release();
      }
    }
  }
  return rolledBack;
}

const opened = () => historyOf({ workspaceId: randomUUID(), agentId: randomUUID(), way: 'opened' });

async function contents(): Promise<Record<string, string>> {
  const out: Record<string, string> = {};
  for (const table of TABLES) {
    const { rows } = await owner.query<{ text: string }>(`SELECT t::text AS text FROM ${table} t ORDER BY 1`);
    out[table] = rows.map((row) => row.text).join('\n');
  }
  return out;
}

/** Row-level security, policies and grants of every projection. */
const rights = async () =>
  (
    await owner.query<{ text: string }>(
      `SELECT c.relname || ' ' || c.relrowsecurity || c.relforcerowsecurity || ' ' || (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(c.relacl) a) || ' ' ||
         (SELECT string_agg(p.policyname || p.roles::text || p.qual, ',' ORDER BY p.policyname) FROM pg_policies p WHERE p.tablename = c.relname) AS text
       FROM pg_class c WHERE c.relname LIKE 'projection\\_%' AND c.relrowsecurity AND c.relkind = 'r' ORDER BY 1`,
    )
  ).rows.map((row) => row.text);

async function shownBalances() {
  const { rows } = await owner.query<Record<string, string>>(
    `SELECT agent_id, held::text, captured::text, released::text FROM projection_balances
      WHERE held <> 0 OR captured <> 0 OR released <> 0 ORDER BY agent_id::text`,
  );
  return rows.map((row) => ({
    agentId: row['agent_id'],
    held: BigInt(row['held'] ?? ''),
    captured: BigInt(row['captured'] ?? ''),
    released: BigInt(row['released'] ?? ''),
  }));
}

describe('the projector', () => {
  it('skips and repeats nothing under 16 writers with rollbacks, a projector that is killed, and two at once; a rebuild gives the same bytes', async () => {
    const histories = manyHistories(1_250, 7);
    const total = histories.reduce((sum, it) => sum + it.events.length, 0);
    expect(total).toBeGreaterThanOrEqual(5_000);
    const doomed = systemPool();
    const projectors = [projectorOn(doomed, 'doomed', 50), projectorOn(system, 'other', 70)];
    for (const projector of projectors) projector.start();
    let killed = 0;
    const killing = setInterval(() => {
      void owner
        .query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND usename = 'purser_system' AND state <> 'idle'`,
        )
        .then(({ rows }) => (killed += rows.length));
    }, 40);
    const share = Math.ceil(histories.length / 16);
    const rolledBack = await Promise.all(
      Array.from({ length: 16 }, (_, n) => writeAll(histories.slice(n * share, (n + 1) * share), n + 1)),
    );
    clearInterval(killing);
    for (const projector of projectors) await projector.stop();
    await doomed.end();
    const projector = projectorOn(system);
    await projector.catchUp();

    expect(rolledBack.reduce((sum, it) => sum + it, 0)).toBeGreaterThan(100);
    expect(killed).toBeGreaterThan(5);
    const audited = await owner.query<{ n: number }>('SELECT count(*)::int AS n FROM projection_audit');
    expect(audited.rows[0]?.n).toBe(total);
    expect(await shownBalances()).toEqual(expectedBalances(histories));
    const shown = await owner.query<{ operation_id: string; status: string }>(
      'SELECT operation_id, status FROM projection_operations',
    );
    const status = new Map(shown.rows.map((row) => [row.operation_id, row.status]));
    expect(histories.filter((it) => status.get(it.operationId) !== fold(it.events).status)).toEqual([]);
    expect(await projector.lag()).toEqual(PROJECTIONS.map(({ name }) => ({ name, events: 0, lagMs: 0 })));

    const before = await contents();
    for (const { name } of PROJECTIONS)
      expect(await rebuildProjection(database.url, name)).toMatchObject({ equal: true, events: total });
    expect(await contents()).toEqual(before);
  });

  it('waits for a slow transaction instead of passing it by', async () => {
    const [slow, fast] = [opened(), opened()];
    const client = await owner.connect();
    await client.query('BEGIN');
    await appendEvents(client, slow);
    await appendEvents(owner, fast);
    const projector = projectorOn(system);
    expect(await projector.catchUp()).toBe(0);
    expect((await projector.lag())[0]).toMatchObject({ events: 1 });
    await client.query('COMMIT');
    client.release();
    expect(await projector.catchUp()).toBe(2 * PROJECTIONS.length);
  });

  it('orders transaction ids as numbers, and the lives of the database before them', async () => {
    const histories = [opened(), opened(), opened()];
    for (const history of histories) await appendEvents(owner, history);
    // As after a restore: old events with transaction ids above anything this server has handed out.
    await owner.query(`SET session_replication_role = replica; UPDATE cluster SET epoch = 2`);
    const rewrite = new pg.Client({ connectionString: database.url });
    await rewrite.connect();
    await rewrite.query('SET session_replication_role = replica');
    for (const [history, txid] of histories
      .slice(0, 2)
      .map((it, n) => [it, n === 0 ? '10000000000' : '9'] as const))
      await rewrite.query('UPDATE events SET txid = $1::xid8 WHERE operation_id = $2', [
        txid,
        history.operationId,
      ]);
    await rewrite.query('UPDATE events SET cluster_epoch = 2 WHERE operation_id = $1', [
      histories[2]?.operationId,
    ]);
    await rewrite.end();
    await projectorOn(system, 'one', 1).catchUp();
    const { rows } = await owner.query<{ operation_id: string }>(
      'SELECT operation_id FROM projection_audit ORDER BY cluster_epoch, txid, position',
    );
    expect(rows.map((row) => row.operation_id)).toEqual([1, 0, 2].map((n) => histories[n]?.operationId));
  });

  it('follows new events within a second of being woken or of its poll', async () => {
    const projector = new Projector({ pool: system, owner: 'one', logger: silent });
    projector.start();
    try {
      await appendEvents(
        owner,
        historyOf({ workspaceId: randomUUID(), agentId: randomUUID(), way: 'settled' }),
      );
      const startedAt = performance.now();
      projector.wake();
      for (;;) {
        const lag = await projector.lag();
        if (lag.every((it) => it.events === 0)) break;
        expect(performance.now() - startedAt).toBeLessThan(5_000);
      }
      expect(performance.now() - startedAt).toBeLessThan(1_000);
    } finally {
      await projector.stop();
    }
    const { rows } = await owner.query('SELECT owner FROM singleton_lease WHERE owner IS NOT NULL');
    expect(rows).toEqual([]);
  });

  it('stands still, loudly, when its tables were made by another version of its handler', async () => {
    const balances = PROJECTIONS.find((it) => it.name === 'balances');
    if (!balances) throw new Error('there is a balances projection');
    await appendEvents(
      owner,
      historyOf({ workspaceId: randomUUID(), agentId: randomUUID(), way: 'settled' }),
    );
    await projectorOn(system).catchUp();
    const next = new Projector({
      pool: system,
      owner: 'next',
      logger: silent,
      projections: [{ ...balances, version: 2 }],
    });
    await expect(next.catchUp()).rejects.toThrow('rebuild it');
  });
});

describe('a rebuild', () => {
  it('finds rows that somebody edited, and puts them right', async () => {
    const histories = manyHistories(50, 3);
    for (const history of histories) await appendEvents(owner, history);
    await projectorOn(system).catchUp();
    const before = await contents();
    await owner.query(`UPDATE projection_balances SET captured = captured + 1`);
    await owner.query(`DELETE FROM projection_audit WHERE version = 2`);
    expect(await rebuildProjection(database.url, 'balances')).toMatchObject({ equal: false });
    expect(await rebuildProjection(database.url, 'audit')).toMatchObject({ equal: false });
    expect(await contents()).toEqual(before);
  });

  it('runs while events arrive and readers read, and leaves the rights as they were', async () => {
    const before = await rights();
    expect(before).toHaveLength(TABLES.length);
    const histories = manyHistories(200, 5);
    const projector = projectorOn(system);
    projector.start();
    const writing = writeAll(histories, 9);
    let reads = 0;
    const done = new AbortController();
    const reading = (async () => {
      while (!done.signal.aborted) {
        await owner.query('SELECT count(*) FROM projection_spend');
        reads += 1;
      }
    })();
    for (const { name } of PROJECTIONS)
      expect(await rebuildProjection(database.url, name)).toMatchObject({ equal: true });
    await writing;
    done.abort();
    await reading;
    await projector.stop();
    await projectorOn(system).catchUp();
    expect(reads).toBeGreaterThan(0);
    expect(await shownBalances()).toEqual(expectedBalances(histories));
    expect(await rights()).toEqual(before);
  });
});
