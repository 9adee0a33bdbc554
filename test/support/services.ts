import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { prepareChain } from '../../apps/local/src/chain.js';
import {
  postgresDataDir,
  startAnvil,
  startPostgres,
  startRedis,
} from '../../apps/local/src/services/index.js';

declare module 'vitest' {
  // Read with `inject('databaseUrl')` and so on; see database.ts and chain.ts beside this file.
  export interface ProvidedContext {
    /** A superuser's, on the server's first database: make your own with `createDatabase`. */
    databaseUrl: string;
    redisUrl: string;
    /** Automining, finality two blocks behind, test USDC and Multicall3 in place. */
    rpcUrl: string;
  }
}

/**
 * One PostgreSQL, Redis and EVM node for a whole test run, gone afterwards. PostgreSQL does not wait for the disk here;
 * a test about durability starts its own server.
 */
export default async function startServices(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'purser-test-'));
  const dataDir = postgresDataDir(join(folder, 'postgres'));
  const services = await Promise.all([
    startPostgres({ dataDir, throwaway: true, settings: { max_connections: '300' } }),
    startRedis({ dataDir: join(folder, 'redis'), throwaway: true }),
    startAnvil({ mining: 'automine' }),
  ]);
  const [postgres, redis, anvil] = services;
  await prepareChain(anvil.url);
  project.provide('databaseUrl', postgres.url);
  project.provide('redisUrl', redis.url);
  project.provide('rpcUrl', anvil.url);
  return async () => {
    await Promise.all(services.map((service) => service.stop()));
    await rm(dataDir, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  };
}
