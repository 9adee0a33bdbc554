import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseOperationId, type OperationId } from '#domain';
import { sweep, type Logger, type Ports } from '#engine';
import { checkEvictionPolicy, createRelay, DRIVE_QUEUE, startDriveWorker, type Relay } from '#redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { startRedis, type Service } from '../../../apps/local/src/services/index.js';

const logger: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
let folder: string;
let service: Service;
let redis: Redis;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-redis-'));
  service = await startRedis({ dataDir: folder, throwaway: true });
  redis = new Redis(service.url);
});

afterAll(async () => {
  redis.disconnect();
  await service.stop();
  await rm(folder, { recursive: true, force: true });
});

function anId(): OperationId {
  return parseOperationId(randomUUID());
}

/** A prefix per test: nothing is shared. */
function queue(): { url: string; logger: Logger; prefix: string } {
  return { url: service.url, logger, prefix: `{${randomUUID()}}` };
}

function relayOf(options: Parameters<typeof createRelay>[0]): Relay {
  const relay = createRelay(options);
  onTestFinished(() => relay.close());
  return relay;
}

function workerOf(
  handle: (operationId: OperationId) => Promise<void>,
  options: Parameters<typeof startDriveWorker>[1],
): void {
  const worker = startDriveWorker(handle, options);
  onTestFinished(() => worker.close(1_000));
}

describe('wake-ups', () => {
  it('reach a worker, once for any number of wakes in one tick', async () => {
    const options = queue();
    const seen: OperationId[] = [];
    workerOf((it) => Promise.resolve(void seen.push(it)), options);
    const relay = relayOf(options);
    const [first, second] = [anId(), anId()];
    relay.wake([first, first]);
    relay.wake([first, second]);
    await vi.waitFor(() => expect(seen).toHaveLength(2));
    expect(new Set(seen)).toEqual(new Set([first, second]));
  });

  it('are not swallowed while a job of the same operation runs', async () => {
    const options = queue();
    const id = anId();
    let runs = 0;
    const held: { release?: () => void } = {};
    const running = new Promise<void>((resolve) => {
      held.release = resolve;
    });
    workerOf(() => ((runs += 1) === 1 ? running : Promise.resolve()), options);
    const relay = relayOf(options);
    relay.wake([id]);
    await vi.waitFor(() => expect(runs).toBe(1));
    relay.wake([id]);
    await vi.waitFor(() => expect(runs).toBe(2));
    held.release?.();
  });

  it('leave nothing behind in Redis, also when the handler fails', async () => {
    const options = queue();
    let runs = 0;
    workerOf(async () => {
      runs += 1;
      await Promise.reject(new Error('bug'));
    }, options);
    relayOf(options).wake([anId(), anId(), anId()]);
    await vi.waitFor(() => expect(runs).toBe(3));
    await vi.waitFor(async () => {
      const keys = await redis.keys(`${options.prefix.replace(/[{}]/g, '?')}:${DRIVE_QUEUE}:*`);
      expect(keys.filter((key) => !/:(meta|events|id|stalled-check|marker)$/.test(key))).toEqual([]);
    });
  });

  it('are found again by the sweeper after everything in Redis is gone', async () => {
    const options = queue();
    const id = anId();
    const relay = relayOf(options);
    const relayed = vi.fn<(count: number) => void>();
    const first = relayOf({ ...options, onRelayed: relayed });
    first.wake([id]);
    await vi.waitFor(() => expect(relayed).toHaveBeenCalled());
    await redis.flushall();
    const seen: OperationId[] = [];
    workerOf((it) => Promise.resolve(void seen.push(it)), options);
    const ports = { operations: { due: () => Promise.resolve([id]) }, waker: relay } as unknown as Ports;
    expect(await sweep(ports)).toBe(1);
    await vi.waitFor(() => expect(seen).toEqual([id]));
  });
});

describe('forged jobs', () => {
  it('are dropped, and what is behind them is driven', async () => {
    const options = queue();
    const seen: OperationId[] = [];
    const forged = vi.fn<() => void>();
    const key = `${options.prefix}:${DRIVE_QUEUE}`;
    const payloads = [
      '{}',
      'null',
      '[1]',
      '{"operationId":"drop table"}',
      '"text"',
      '{"operationId":{"a":1}}',
    ];
    for (const [index, data] of payloads.entries()) {
      await redis.hset(`${key}:forged-${index}`, {
        name: 'x',
        data,
        opts: '{}',
        timestamp: '1',
        delay: '0',
        priority: '0',
      });
      await redis.lpush(`${key}:wait`, `forged-${index}`);
    }
    // Not JSON; not even a hash.
    await redis.hset(`${key}:broken`, { name: 'x', data: '{{{', opts: '{}' });
    await redis.lpush(`${key}:wait`, 'broken', 'missing');
    await redis.zadd(`${key}:marker`, 0, '0');
    workerOf((it) => Promise.resolve(void seen.push(it)), { ...options, onForged: forged });
    const id = anId();
    relayOf(options).wake([id]);
    await vi.waitFor(() => expect(seen).toEqual([id]), { timeout: 10_000 });
    await vi.waitFor(() => expect(forged.mock.calls.length).toBeGreaterThanOrEqual(payloads.length));
  });
});

describe('the relay', () => {
  it('drops at once while Redis is away, never throws, and works when it is back', async () => {
    const { url, prefix } = queue();
    const own = await startRedis({ dataDir: join(folder, 'own'), throwaway: true });
    const port = Number(new URL(own.url).port);
    await own.stop();
    const dropped = vi.fn<(count: number, reason: string) => void>();
    const relayed = vi.fn<(count: number) => void>();
    const relay = relayOf({ url: own.url, logger, prefix, onDropped: dropped, onRelayed: relayed });
    relay.wake([anId(), anId()]);
    await vi.waitFor(() => expect(dropped).toHaveBeenCalledWith(2, 'redis_away'), { timeout: 3_000 });
    expect(url).not.toBe(own.url);
    const back = await startRedis({ dataDir: join(folder, 'own'), throwaway: true, port });
    onTestFinished(() => back.stop());
    await vi.waitFor(
      () => {
        relay.wake([anId()]);
        expect(relayed).toHaveBeenCalled();
      },
      { timeout: 10_000, interval: 50 },
    );
  });

  it('gives up a bulk add at its deadline when Redis accepts and does not answer', async () => {
    const silent: Server = createServer();
    await new Promise<void>((resolve) => {
      silent.listen(0, '127.0.0.1', resolve);
    });
    onTestFinished(() => void silent.close());
    const { port } = silent.address() as { port: number };
    const dropped = vi.fn<(count: number, reason: string) => void>();
    const relay = relayOf({
      url: `redis://127.0.0.1:${port}`,
      logger,
      deadlineMs: 200,
      onDropped: dropped,
    });
    relay.wake([anId()]);
    await vi.waitFor(() => expect(dropped).toHaveBeenCalledWith(1, expect.any(String)), { timeout: 2_000 });
    expect(relay.pending).toBe(0);
  });

  it('holds a bounded number of wake-ups and says what it dropped', async () => {
    const dropped = vi.fn<(count: number, reason: string) => void>();
    const relay = relayOf({ ...queue(), capacity: 10, onDropped: dropped });
    relay.wake(Array.from({ length: 25 }, anId));
    expect(relay.pending).toBe(10);
    expect(dropped).toHaveBeenCalledWith(15, 'overflow');
  });
});

it('an eviction policy that loses queues is reported', async () => {
  const error = vi.fn<Logger['error']>();
  expect(await checkEvictionPolicy(redis, { ...logger, error })).toBe(true);
  await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
  expect(await checkEvictionPolicy(redis, { ...logger, error })).toBe(false);
  await redis.config('SET', 'maxmemory-policy', 'noeviction');
  expect(error).toHaveBeenCalledTimes(1);
});
