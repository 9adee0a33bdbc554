// The HTTP process. It starts when database, keys and configuration are in order; Redis and the signer may come later.
import { createCore, loadConfig } from '#runtime';
import { createApp } from './create-app.js';

const config = loadConfig('api');
const core = await createCore(config);
const app = await createApp(core);
await app.listen(config.http.port, config.http.host);
core.logger.info({ url: await app.getUrl() }, 'api listens');

const GRACE_MS = 25_000;
let stopping = false;

/** Requests under way get their answer; then connections are given back. */
async function stop(signal: string): Promise<void> {
  if (stopping) return;
  stopping = true;
  core.logger.info({ signal }, 'api stops');
  setTimeout(() => process.exit(1), GRACE_MS).unref();
  await app.close();
  await core.close();
  process.exit(0);
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(signal));
