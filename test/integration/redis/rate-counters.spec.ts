// Counting calls over several processes, with and without Redis.
import { randomUUID } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pass } from 'node:timers/promises';
import { afterEach, expect, inject, it } from 'vitest';
import { createRateCounters, type SharedRateCounters } from '#redis';
import { startRedis } from '../../../apps/local/src/services/index.js';

const SILENT = { info: () => {}, warn: () => {}, error: () => {} };
const LIMIT = { name: 'test', most: 10, burst: 1_000, windowSec: 60 };
const open: SharedRateCounters[] = [];
afterEach(() => open.splice(0).forEach((counters) => counters.close()));

function counters(url: string, prefix: string, skewMs = 0): SharedRateCounters {
  const clock = { nowMs: () => Date.now() + skewMs };
  const made = createRateCounters({ url, logger: SILENT, clock, prefix });
  open.push(made);
  return made;
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error('it never came to hold');
    await pass(5);
  }
}

it('what one process counts another knows a moment later', async () => {
  const prefix = randomUUID();
  const [one, two] = [counters(inject('redisUrl'), prefix), counters(inject('redisUrl'), prefix)];
  await pass(100);
  for (let n = 0; n < 6; n += 1) expect(one.take(LIMIT, 'agent').allowed).toBe(true);
  await until(() => (two.take({ ...LIMIT, name: 'other' }, 'agent'), one.look(LIMIT, 'agent').count === 6));
  two.take(LIMIT, 'agent');
  await until(() => two.look(LIMIT, 'agent').count === 7);
  for (let n = 0; n < 3; n += 1) expect(two.take(LIMIT, 'agent').allowed).toBe(true);
  expect(two.take(LIMIT, 'agent')).toMatchObject({ allowed: false, count: 11, remaining: 0 });
  await until(() => two.look(LIMIT, 'agent').count === 11);
  one.take(LIMIT, 'agent');
  await until(() => one.look(LIMIT, 'agent').count === 12);
  expect(one.take(LIMIT, 'agent').allowed).toBe(false);
  expect(one.take(LIMIT, 'somebody else').allowed).toBe(true);
});

it('without Redis each process goes on counting for itself, at once and never open', () => {
  const alone = counters('redis://127.0.0.1:1', randomUUID());
  const startedMs = performance.now();
  const allowed = Array.from({ length: 1_000 }, () => alone.take(LIMIT, 'agent').allowed);
  expect(allowed.filter(Boolean)).toHaveLength(10);
  expect(allowed.slice(0, 10).every(Boolean)).toBe(true);
  expect(performance.now() - startedMs).toBeLessThan(200);
});

it('a Redis that dies, forgets and comes back opens no window early', async () => {
  const redis = await startRedis({
    dataDir: await mkdtemp(join(tmpdir(), 'purser-redis-')),
    throwaway: true,
  });
  try {
    const prefix = randomUUID();
    const one = counters(redis.url, prefix);
    await pass(150);
    for (let n = 0; n < 12; n += 1) one.take(LIMIT, 'agent');
    await pass(100);
    const client = new (await import('ioredis')).Redis(redis.url);
    await client.flushall();
    client.disconnect();
    for (let n = 0; n < 5; n += 1) {
      expect(one.take(LIMIT, 'agent').allowed).toBe(false);
      await pass(30);
    }
    await redis.stop();
    for (let n = 0; n < 5; n += 1) {
      expect(one.take(LIMIT, 'agent').allowed).toBe(false);
      await pass(30);
    }
  } finally {
    await redis.stop();
  }
});

it('a window ends in time, and the next one begins at one', () => {
  let nowMs = 1_000_000;
  const made = createRateCounters({
    url: 'redis://127.0.0.1:1',
    logger: SILENT,
    clock: { nowMs: () => nowMs },
  });
  open.push(made);
  for (let n = 0; n < 11; n += 1) made.take(LIMIT, 'agent');
  expect(made.look(LIMIT, 'agent')).toMatchObject({ count: 11, resetsAtMs: 1_060_000, retryAfterSec: 60 });
  nowMs += 59_999;
  expect(made.take(LIMIT, 'agent').allowed).toBe(false);
  nowMs += 1;
  expect(made.take(LIMIT, 'agent')).toMatchObject({ allowed: true, count: 1, remaining: 9 });
});
