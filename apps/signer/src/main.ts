import { createPolicyStore } from '#postgres';
import { ConfigError, createLogger, loadConfig, sanitizeText } from '#runtime';
import { startSigner } from './signer.js';

/** Longer than any batch; the supervisor's own limit is longer still. */
const STOP_WITHIN_MS = 10_000;

async function main(): Promise<void> {
  const config = loadConfig('signer');
  const log = createLogger({ name: 'signer', level: config.telemetry.logLevel });
  process.on('uncaughtException', (error) => {
    // In an unknown state nothing may be signed. Whatever was in the ledger is signed again after the restart, to the same bytes.
    log.fatal({ error }, 'uncaught');
    process.exit(1);
  });
  const signer = await startSigner({ config, log, policies: createPolicyStore }).catch((error: unknown) => {
    log.fatal({ error }, 'the signer refuses to start');
    process.exit(1);
  });
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'stopping');
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref();
    void signer.close().then(() => process.exit(0));
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
}

try {
  await main();
} catch (error) {
  const text = error instanceof ConfigError ? error.message : sanitizeText(String(error));
  process.stderr.write(`${text}\n`);
  process.exit(1);
}
