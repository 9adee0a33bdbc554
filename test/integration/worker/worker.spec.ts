import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseOperationId, type OperationId } from '#domain';
import type { Claimed, Ports, StopStore } from '#engine';
import { createRelay, type Relay } from '#redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { startRedis, type Service } from '../../../apps/local/src/services/index.js';
import { runWorker } from '../../../apps/worker/src/run-worker.js';
import type { WorkerCore, WorkerOptions } from '../../../apps/worker/src/worker-core.js';
import { WorkerService } from '../../../apps/worker/src/worker.service.js';

// Its own Redis: these tests empty it.
let folder: string;
let service: Service;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-worker-'));
  service = await startRedis({ dataDir: folder, throwaway: true });
});
afterAll(async () => {
  await service.stop();
  await rm(folder, { recursive: true, force: true });
});

interface World {
  readonly core: WorkerCore;
  readonly relay: Relay;
  /** Operations that are not driven yet: what `due` of a real store would find. */
  readonly unfinished: Set<OperationId>;
  readonly driven: OperationId[];
  readonly closed: () => boolean;
}

/** A store in memory whose operations are finished by one drive; `claim` may be slowed. */
function world(claimTakes: () => Promise<void> = () => Promise.resolve()): World {
  const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const relay = createRelay({ url: service.url, logger });
  const unfinished = new Set<OperationId>();
  const leased = new Set<OperationId>();
  const driven: OperationId[] = [];
  let closed = false;
  const ports = {
    clock: { nowMs: () => Date.now() },
    seller: {},
    waker: relay,
    logger,
    metrics: { stepTook: () => undefined, ended: () => undefined },
    operations: {
      claim: async (operationId: OperationId) => {
        if (!unfinished.has(operationId) || leased.has(operationId)) return undefined;
        leased.add(operationId);
        await claimTakes();
        return {
          operationId,
          leaseEpoch: 1,
          attempts: 0,
          state: { status: 'settled' },
        } as unknown as Claimed;
      },
      yieldLease: ({ operationId }: Claimed) => {
        leased.delete(operationId);
        unfinished.delete(operationId);
        driven.push(operationId);
        return Promise.resolve();
      },
      renew: () => Promise.resolve([]),
      due: (limit: number) => Promise.resolve([...unfinished].slice(0, limit)),
    },
  } as unknown as Ports;
  const core: WorkerCore = {
    ports,
    admin: { stops: { take: () => Promise.resolve([]) } as unknown as StopStore },
    watchers: [],
    broadcasters: [],
    onWaitingTransfers: () => ({ close: () => Promise.resolve() }),
    onNewHead: () => () => undefined,
    projections: { start: () => undefined, stop: () => Promise.resolve() },
    purgeExpiredBlobs: () => Promise.resolve(0),
    metrics: { contentType: 'text/plain', scrape: () => Promise.resolve('purser_up 1\n') },
    close: async () => {
      closed = true;
      await relay.close();
    },
  };
  return { core, relay, unfinished, driven, closed: () => closed };
}

async function started(core: WorkerCore, options: Partial<WorkerOptions> = {}) {
  const app = await runWorker(core, {
    owner: randomUUID(),
    redisUrl: service.url,
    roles: ['drive', 'sweep', 'watch', 'project', 'webhooks'],
    concurrency: 64,
    perSeller: 16,
    port: 0,
    sweepEveryMs: 15_000,
    watchEveryMs: 1_000,
    ...options,
  });
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= app.close());
  onTestFinished(stop);
  return { stop, url: `http://127.0.0.1:${app.get(WorkerService).port}` };
}

function operations(count: number, unfinished: Set<OperationId>): OperationId[] {
  const ids = Array.from({ length: count }, () => parseOperationId(randomUUID()));
  for (const id of ids) unfinished.add(id);
  return ids;
}

describe('a worker', () => {
  it('drives what it is woken for, each operation once, however often it is woken', async () => {
    const { core, relay, unfinished, driven } = world();
    await started(core, { roles: ['drive'] });
    const ids = operations(200, unfinished);
    for (let wakes = 0; wakes < 10; wakes += 1) {
      relay.wake(ids);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    await vi.waitFor(() => expect(unfinished.size).toBe(0), { timeout: 10_000 });
    expect(driven.toSorted()).toEqual(ids.toSorted());
  });

  it('ignores operations that do not exist', async () => {
    const { core, relay, unfinished, driven } = world();
    await started(core, { roles: ['drive'] });
    relay.wake(Array.from({ length: 100 }, () => parseOperationId(randomUUID())));
    const [real] = operations(1, unfinished);
    relay.wake([real as OperationId]);
    await vi.waitFor(() => expect(driven).toEqual([real]));
  });

  it('loses no operation when Redis is emptied again and again', async () => {
    const { core, relay, unfinished } = world();
    await started(core, { sweepEveryMs: 300 });
    const redis = new Redis(service.url);
    onTestFinished(() => redis.disconnect());
    for (let round = 0; round < 10; round += 1) {
      relay.wake(operations(100, unfinished));
      await redis.flushall();
    }
    await vi.waitFor(() => expect(unfinished.size).toBe(0), { timeout: 20_000 });
  });

  it('says on its loopback port whether it is ready, and its metrics', async () => {
    const { core } = world();
    const { url } = await started(core);
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    expect(await (await fetch(`${url}/metrics`)).text()).toBe('purser_up 1\n');
    expect((await fetch(`${url}/else`)).status).toBe(404);
    expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(405);
  });

  it('lets drives end before it stops, and closes the core last', async () => {
    const held: { finish?: () => void } = {};
    const gate = new Promise<void>((resolve) => {
      held.finish = resolve;
    });
    let claiming = 0;
    const { core, relay, unfinished, driven, closed } = world(() => {
      claiming += 1;
      return gate;
    });
    const { stop } = await started(core, { roles: ['drive'] });
    const ids = operations(20, unfinished);
    relay.wake(ids);
    await vi.waitFor(() => expect(claiming).toBe(20));
    const stopped = stop();
    expect(closed()).toBe(false);
    held.finish?.();
    await stopped;
    expect(driven.toSorted()).toEqual(ids.toSorted());
    expect(closed()).toBe(true);
  });

  it('stops within 25 s with a drive that never ends', async () => {
    let claiming = 0;
    const { core, relay, unfinished, closed } = world(() => {
      claiming += 1;
      return new Promise(() => undefined);
    });
    const { stop } = await started(core, { roles: ['drive', 'sweep'] });
    relay.wake(operations(3, unfinished));
    await vi.waitFor(() => expect(claiming).toBe(3));
    const begun = performance.now();
    await stop();
    expect(performance.now() - begun).toBeLessThan(25_000);
    expect(closed()).toBe(true);
  });
});
