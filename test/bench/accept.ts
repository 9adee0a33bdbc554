// Bench `accept`: durable accepts per second over HTTP on 64 connections, workers stopped. Ours authenticates, binds the
// idempotency key, appends a hashed event and hands the wake-up to Redis; the baseline only inserts a row. Both commit first.
import { randomUUID } from 'node:crypto';
import { freePort } from '../../apps/local/src/services/index.js';
import { startProcess } from '../../apps/local/src/stack/process.js';
import type { Bench } from './bench.js';
import { applyLoad, type Load } from './support/load.js';
import { BenchStack } from './support/stack.js';

const REQUESTS = 8_000;

export const acceptBench: Bench = {
  name: 'accept',
  unit: 'per s',
  floor: { at_least: 1 },
  runs: 7,
  setUp: async () => {
    const stack = await BenchStack.start();
    try {
      await stack.startSigner();
      await stack.startApi();
      const plainUrl = `http://127.0.0.1:${await freePort()}`;
      const plain = await startProcess({
        entry: 'test/bench/support/plain-api.js',
        nodeFlags: [],
        env: {
          NODE_ENV: 'production',
          DATABASE_URL: stack.urls.postgresUrl,
          PORT: new URL(plainUrl).port,
        },
        logFile: stack.place.folder.log('plain'),
        url: plainUrl,
        // Any answer will do: it has no health route.
        ready: () =>
          fetch(plainUrl).then(
            () => true,
            () => false,
          ),
      });
      const body = JSON.stringify({
        kind: 'purchase',
        url: 'https://shop.example/report',
        max_amount: '10000',
        wait_ms: 0,
      });
      const shared = { body, connections: 64, requests: REQUESTS };
      const perSecond = async (load: Pick<Load, 'url' | 'headers'>): Promise<number> =>
        (await applyLoad({ ...shared, ...load, keyPrefix: `${randomUUID()}-` }, 202)).perSecond;
      const ours = {
        url: `${stack.apiUrl}/purser/v1/operations`,
        headers: { Authorization: `Bearer ${stack.credentials.agent.apiKey}` },
      };
      const baseline = { url: `${plainUrl}/operations`, headers: {} };
      return {
        pair: async () => ({ ours: await perSecond(ours), baseline: await perSecond(baseline) }),
        close: async () => {
          await plain.stop();
          await stack.stop();
        },
      };
    } catch (error) {
      await stack.stop();
      throw error;
    }
  },
};
