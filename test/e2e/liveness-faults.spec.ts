// L1-L3 and L9 of the safety rules, measured while processes die and freeze: each test says its figure and holds it against its bound.
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AT_ONCE, FINALITY_LAG_MS, LivenessBench, type Row } from './support/liveness-bench.js';
import { crowd, figure, pause } from './support/measure.js';
import { FULL, until } from './support/stack.js';

const MOST_TAKEN_OVER = 24;
const LEFT_WHEN_REDIS_DIES = FULL ? 1_000 : 200;

let bench: LivenessBench;
beforeAll(async () => {
  bench = await LivenessBench.start();
});
afterAll(() => bench?.stop());

/** Processes are named in leases by host and pid. */
const pidOf = (owner: string | null): number => Number(owner?.split(':').at(-1));

/** Does what it says; a process that is just gone is not an error. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Already ended: its supervisor is starting another.
  }
}

describe('L3', () => {
  it('what a frozen worker and a killed one had in hand is resumed by another within 45 s, and charged once', async () => {
    const paths: string[] = [];
    const ids: string[] = [];
    let held: Row[] = [];
    await until(
      async () => {
        // One after another: what is woken together may go to one worker.
        const path = `/settle_then_timeout/taken-over-${paths.length}`;
        if (paths.length < MOST_TAKEN_OVER) {
          paths.push(path);
          const url = `${bench.seller.url}${path}`;
          ids.push(await bench.submit(bench.agent, url, { timeout_ms: 25_000 }));
        }
        held = (await bench.operations(ids)).filter((row) => row.lease_owner !== null);
        const shown = paths.every((it) => bench.seller.presented.has(it));
        return shown && held.length >= 8 && new Set(held.map((row) => row.lease_owner)).size >= 2;
      },
      20_000,
      'two workers or more hold operations whose payments have been shown',
    );
    const [frozen, killed] = [...new Set(held.map((row) => pidOf(row.lease_owner)))] as [number, number];
    const abandoned = held.filter((row) => [frozen, killed].includes(pidOf(row.lease_owner)));
    const before = new Map(abandoned.map((row) => [row.operation_id, row]));
    const began = performance.now();
    process.kill(frozen, 'SIGSTOP');
    process.kill(killed, 'SIGKILL');
    const tookMs = new Map<string, number>();
    try {
      await until(
        async () => {
          for (const row of await bench.operations([...before.keys()])) {
            const taken = row.lease_epoch > (before.get(row.operation_id)?.lease_epoch ?? Infinity);
            if (taken && !tookMs.has(row.operation_id))
              tookMs.set(row.operation_id, performance.now() - began);
          }
          return tookMs.size === before.size;
        },
        60_000,
        'another worker takes over',
      );
    } finally {
      signal(frozen, 'SIGCONT');
    }
    const slowest = Math.max(...tookMs.values());
    figure('L3', `slowest of ${before.size} taken over from a frozen and a killed worker, ms`, slowest);
    expect(slowest).toBeLessThan(45_000);
    // The frozen one goes on where it stood; what it writes meets the fence.
    await bench.allEnd(ids, 60_000);
    for (const path of paths) expect(bench.seller.presented.get(path)?.size, path).toBe(1);
    const report = await bench.stack.check();
    expect(report.violations).toEqual([]);
  });
});

describe('L2', () => {
  it(`${LEFT_WHEN_REDIS_DIES} operations whose jobs are lost with all of Redis are driven within 60 s of its return`, async () => {
    const workers = [...(bench.stack.file.pids['worker'] ?? [])];
    const ids: string[] = [];
    const redis = new Redis(bench.stack.file.redisUrl, {
      retryStrategy: () => 50,
      maxRetriesPerRequest: null,
    });
    redis.on('error', () => undefined);
    const some = (count: number, name: string) =>
      Array.from({ length: count }, (_, n) => async () => {
        ids.push(await bench.submit(bench.agent, `${bench.seller.url}/clean/${name}-${n}`));
      });
    let returnedAt = 0;
    // Frozen workers leave what is accepted in the queue, where it is lost; the rest is accepted without a queue.
    for (const pid of workers) signal(pid, 'SIGSTOP');
    try {
      await crowd(AT_ONCE, some(LEFT_WHEN_REDIS_DIES / 2, 'queued'));
      await redis.flushall();
      bench.stack.kill('redis');
      await crowd(AT_ONCE, some(LEFT_WHEN_REDIS_DIES / 2, 'unqueued'));
      await redis.ping();
      await redis.flushall();
      returnedAt = Date.now();
    } finally {
      for (const pid of workers) signal(pid, 'SIGCONT');
    }
    await bench.allDriven(ids, 90_000);
    const tookMs = Date.now() - returnedAt;
    redis.disconnect();
    figure('L2', `${ids.length} operations driven after the return of an empty Redis, ms`, tookMs);
    expect(tookMs).toBeLessThan(60_000);
    await bench.allEnd(ids, 60_000);
  });
});

describe('L9 and L1', () => {
  it('a worker that is told to stop under load is gone within 25 s, and everything it left ends', async () => {
    const over = new AbortController();
    const ids: string[] = [];
    const shopping = crowd(
      4,
      Array.from({ length: 4 }, (_, buyer) => async () => {
        for (let n = 0; !over.signal.aborted; n += 1) {
          const mode = n % 8 === 0 ? 'settle_then_timeout' : 'clean';
          ids.push(await bench.submit(bench.agent, `${bench.seller.url}/${mode}/${buyer}-${n}`));
          await pause(250);
        }
      }),
    );
    await until(() => Promise.resolve(ids.length > 40), 30_000, 'there is load');
    const [pid] = bench.stack.file.pids['worker'] as [number];
    const began = performance.now();
    process.kill(pid, 'SIGTERM');
    await until(
      () => Promise.resolve(!(bench.stack.file.pids['worker'] ?? []).includes(pid)),
      40_000,
      'the worker is gone',
    );
    const drainedMs = performance.now() - began;
    over.abort();
    await shopping;
    const lastFault = Date.now();
    figure('L9', 'from SIGTERM under load to the end of the process, ms', drainedMs);
    expect(drainedMs).toBeLessThan(25_000 + 500);
    // L1: validity, finality and a minute after the last fault.
    await bench.allEnd(ids, 300_000 + FINALITY_LAG_MS + 60_000);
    figure('L1', `all ${ids.length} operations ended after the last fault, ms`, Date.now() - lastFault);
    const report = await bench.stack.check();
    expect(report.violations).toEqual([]);
  });
});
