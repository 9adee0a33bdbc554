// The HTTP process. It starts when database, keys and configuration are in order; Redis and the signer may come later.
import { createCore, loadConfig } from '#runtime';
import { createApp } from './create-app.js';
import { Stopping } from './http/stopping.js';

const config = loadConfig('api');
const core = await createCore(config);
const stopping = new Stopping();
const app = await createApp(core, stopping);
await app.listen(config.http.port, config.http.host);
core.logger.info({ url: await app.getUrl() }, 'api listens');

const GRACE_MS = 25_000;
let stopped = false;

/** Requests under way get their answer; then connections are given back. */
async function stop(signal: string): Promise<void> {
  if (stopped) return;
  stopped = true;
  core.logger.info({ signal }, 'api stops');
  setTimeout(() => process.exit(1), GRACE_MS).unref();
  stopping.begin();
  await app.close();
  await core.close();
  process.exit(0);
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(signal));
