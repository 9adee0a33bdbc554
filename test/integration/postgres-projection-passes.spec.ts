import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import pg from 'pg';
import type { Logger } from '#engine';
import { Projector, PROJECTIONS, rebuildProjection, type Projection, type ProjectorOptions } from '#postgres';
import { randomUUID } from 'node:crypto';
import { WAYS } from '../support/builders.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { appendEvents, historyOf, type History } from '../support/history.js';

const NAMES = PROJECTIONS.map(({ name }) => name);
const agent = { workspaceId: randomUUID(), agentId: randomUUID() };
let database: TestDatabase;
let owner: pg.Pool;
let system: pg.Pool;
let statements: string[];
let errors: unknown[];
let warnings: string[];
let started: Projector[];
const logger: Logger = {
  info: () => undefined,
  warn: (_fields, message) => void warnings.push(message),
  error: (fields) => void errors.push(fields['projection']),
};

beforeEach(async () => {
  [statements, errors, warnings, started] = [[], [], [], []];
  database = await createDatabase();
  owner = new pg.Pool({ connectionString: database.url });
  const url = new URL(database.url);
  url.username = 'purser_system';
  system = new pg.Pool({ connectionString: url.href });
  // The database is dropped while connections that were told to end are still ending.
  for (const pool of [owner, system]) pool.on('error', () => undefined);
  system.on('connect', listenTo);
});

afterEach(async () => {
  await Promise.all(started.map((it) => it.stop()));
  await Promise.all([owner.end(), system.end()]);
  await database.drop();
});

function listenTo(client: pg.PoolClient): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  client.query = ((...args: unknown[]) => {
    const [asked] = args as [string | { readonly text: string }];
    statements.push(typeof asked === 'string' ? asked : asked.text);
    return query(...args);
  }) as typeof client.query;
}

const projectorOf = (options: Partial<ProjectorOptions> = {}) =>
  new Projector({ pool: system, owner: 'one', logger, pollMs: 20, gatherMs: 0, ...options });

function start(options: Partial<ProjectorOptions> = {}): Projector {
  const projector = projectorOf(options);
  started.push(projector);
  projector.start();
  return projector;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** As it runs in a worker, but for what is told of every pass. */
function startWatched(onPass: () => void): Projector {
  const projector = new Projector({
    pool: system,
    owner: 'one',
    logger,
    projections: projectionsBut('audit', (it) => ({
      ...it,
      apply(applied, target) {
        onPass();
        return it.apply(applied, target);
      },
    })),
  });
  started.push(projector);
  projector.start();
  return projector;
}

const settled = () => historyOf({ ...agent, way: 'settled' });
const everyWay = (): History[] =>
  (Object.keys(WAYS) as (keyof typeof WAYS)[])
    .filter((way) => way !== 'absent')
    .map((way) => historyOf({ ...agent, way }));

async function append(histories: readonly History[]): Promise<number> {
  for (const history of histories) await appendEvents(owner, history);
  return histories.reduce((sum, it) => sum + it.events.length, 0);
}

const projectionsBut = (name: string, instead: (it: Projection) => Projection): Projection[] =>
  PROJECTIONS.map((it) => (it.name === name ? instead(it) : it));

async function waiting(projector: Projector): Promise<Record<string, number>> {
  return Object.fromEntries((await projector.lag()).map(({ name, events }) => [name, events]));
}

const allAt = (events: number) => Object.fromEntries(NAMES.map((name) => [name, events]));

/** Reads the log once per projection, so it cannot share a mistake of the common pass. */
async function expectEqualToRebuilds(events: number): Promise<void> {
  for (const name of NAMES)
    expect(await rebuildProjection(database.url, name)).toMatchObject({ name, equal: true, events });
}

describe('a common pass', () => {
  it('writes what each projection alone would have written, in any batches', async () => {
    let events = await append(everyWay());
    expect(await projectorOf({ batchSize: 7 }).catchUp()).toBe(events * NAMES.length);
    events += await append(everyWay());
    expect(await projectorOf().catchUp()).toBe((events / 2) * NAMES.length);
    await expectEqualToRebuilds(events);
  });

  it('takes along those that stand elsewhere, a little or a lot', async () => {
    let events = 0;
    for (const batchSize of [1_000, 5]) {
      for (const names of [['audit'], ['audit', 'spend'], NAMES.filter((name) => name !== 'balances')]) {
        events += await append(everyWay());
        const projections = PROJECTIONS.filter(({ name }) => names.includes(name));
        await projectorOf({ projections }).catchUp();
      }
      events += await append([settled()]);
      const projector = start({ batchSize });
      await expect.poll(() => waiting(projector)).toEqual(allAt(0));
      await projector.stop();
    }
    expect([...errors, ...warnings]).toEqual([]);
    await expectEqualToRebuilds(events);
  });

  it('asks one thing while idle, and reads the log once for all', async () => {
    await projectorOf().catchUp();
    await append([settled()]);
    statements.length = 0;
    const projector = start();
    await expect.poll(() => waiting(projector)).toEqual(allAt(0));
    expect(
      statements.filter((it) => /FROM events e\s+WHERE.*LIMIT \$\d+$/s.test(it) && !it.includes('count(')),
    ).toHaveLength(1);
    expect(statements.filter((it) => /^(begin|start transaction)/i.test(it))).toHaveLength(1);
    expect(statements.filter((it) => it.startsWith('INSERT INTO "projection_'))).toHaveLength(4);
    statements.length = 0;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(statements.length).toBeGreaterThan(0);
    expect(new Set(statements).size).toBe(1);
    expect(statements.length).toBeLessThanOrEqual(11);
  });
});

describe('a projection that cannot go on', () => {
  it('stops none of the others when it fails, and loses nothing when it is mended', async () => {
    let broken = true;
    const projections = projectionsBut('balances', (it) => ({
      ...it,
      apply: (applied, target) => (broken ? Promise.reject(new Error('broken')) : it.apply(applied, target)),
    }));
    const projector = start({ projections });
    let events = 0;
    for (let round = 0; round < 3; round += 1) {
      events += await append([settled()]);
      await expect.poll(() => waiting(projector)).toEqual({ ...allAt(0), balances: events });
    }
    expect(new Set(errors)).toEqual(new Set(['balances']));
    // Only once: afterwards it is left out of what the others do together.
    expect(warnings).toEqual(['projecting one by one']);
    broken = false;
    await expect.poll(() => waiting(projector)).toEqual(allAt(0));
    await expectEqualToRebuilds(events);
  });

  it('stops none of the others when its tables need a rebuild', async () => {
    await append([settled()]);
    await projectorOf().catchUp();
    const projector = start({ projections: projectionsBut('spend', (it) => ({ ...it, version: 2 })) });
    const events = await append([settled()]);
    await expect.poll(() => waiting(projector)).toEqual({ ...allAt(0), spend: events });
    expect(new Set(errors)).toEqual(new Set(['spend']));
  });

  it('stops none of the others while somebody holds its checkpoint or its table', async () => {
    await projectorOf().catchUp();
    let events = 0;
    for (const lock of [
      `SELECT FROM projection_checkpoint WHERE name = 'audit' FOR UPDATE`,
      'LOCK TABLE projection_audit IN SHARE MODE',
    ]) {
      // Before the lock: an open transaction that has an id holds back what comes after it for every projection.
      const added = await append([settled()]);
      events += added;
      const client = await owner.connect();
      await client.query('BEGIN');
      await client.query(lock);
      const projector = start();
      try {
        await expect.poll(() => waiting(projector)).toEqual({ ...allAt(0), audit: added });
      } finally {
        await client.query('COMMIT');
        client.release();
      }
      await expect.poll(() => waiting(projector)).toEqual(allAt(0));
      await projector.stop();
    }
    await expectEqualToRebuilds(events);
  });
});

describe('gathering', () => {
  it.each(['woken', 'left to its own looks'])(
    'takes a purchase in one pass, or two, after it was answered, when %s',
    async (how) => {
      await projectorOf().catchUp();
      const passes: number[] = [];
      const projector = startWatched(() => passes.push(performance.now()));
      await pause(100);
      const purchase = settled();
      const startedAt = performance.now();
      for (let from = 0; from < purchase.events.length; from += 1) {
        await appendEvents(owner, purchase, { from, to: from + 1 });
        if (how === 'woken') projector.wake();
        await pause(5);
      }
      await expect.poll(() => waiting(projector)).toEqual(allAt(0));
      expect(passes.length).toBeLessThanOrEqual(2);
      // By two clocks, the database's and ours, of which one counts whole milliseconds.
      expect(passes[0]).toBeGreaterThan(startedAt + 195);
      expect(performance.now() - startedAt).toBeLessThan(2_000);
      await expectEqualToRebuilds(purchase.events.length);
    },
  );

  it('keeps the lag below two seconds, in few passes, under a steady stream', async () => {
    await projectorOf().catchUp();
    let passes = 0;
    const projector = startWatched(() => (passes += 1));
    const lags: number[] = [];
    const startedAt = performance.now();
    while (performance.now() - startedAt < 3_000) {
      await append([settled()]);
      projector.wake();
      lags.push(...(await projector.lag()).map(({ lagMs }) => lagMs));
      await pause(10);
    }
    expect(Math.max(...lags)).toBeLessThan(1_500);
    expect(passes).toBeGreaterThan(3);
    expect(passes).toBeLessThanOrEqual((performance.now() - startedAt) / 200 + 1);
  });
});
