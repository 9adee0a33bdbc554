import 'reflect-metadata';
import { hostname } from 'node:os';
import { createCore, loadConfig } from '#runtime';
import { runWorker } from './run-worker.js';

/** L9. Killing us earlier is safe as well; this only bounds how long an orchestrator waits. */
const STOP_WITHIN_MS = 25_000;
/** A lease of 30 s, a sweep and the way through the queue must stay within 45 s (L3). */
const SWEEP_EVERY_MS = 10_000;
const WATCH_EVERY_MS = 500;

const config = loadConfig('worker');
if (config.redis.url === null) throw new Error('the worker needs REDIS_URL');
const core = await createCore(config);
const app = await runWorker(core, {
  owner: `${hostname()}:${process.pid}`,
  redisUrl: config.redis.url,
  roles: config.worker.roles,
  concurrency: config.worker.concurrency,
  perSeller: config.worker.perSeller,
  port: config.worker.port,
  sweepEveryMs: SWEEP_EVERY_MS,
  watchEveryMs: WATCH_EVERY_MS,
});

let stopping = false;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref();
    app.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
}
