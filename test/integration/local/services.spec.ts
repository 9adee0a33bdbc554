import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mintUsdc, prepareChain, usdcBalance } from '../../../apps/local/src/chain.js';
import {
  freePort,
  postgresDataDir,
  rpc,
  startAnvil,
  startPostgres,
  startRedis,
  type Service,
} from '../../../apps/local/src/services/index.js';

let folder: string;
let dataDir: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-services-'));
  dataDir = postgresDataDir(join(folder, 'postgres'));
});
afterAll(async () => {
  await rm(dataDir, { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
});

async function kill(service: Service): Promise<void> {
  process.kill(service.pid, 'SIGKILL');
  await service.exited;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('embedded PostgreSQL', () => {
  it('comes back after kill -9 on the same port with everything that was committed', async () => {
    const port = await freePort();
    const first = await startPostgres({ dataDir, port, password: 'p@ss/word' });
    await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS n');
    await kill(first);
    const second = await startPostgres({ dataDir, port, password: 'p@ss/word' });
    expect(second.url).toBe(first.url);
    expect(await query(second.url, 'SELECT n FROM kept')).toEqual([{ n: 42 }]);
    await second.stop();
  });

  it('checks data pages, waits for the disk and lets nobody in without the password', async () => {
    const service = await startPostgres({ dataDir, password: 'p@ss/word' });
    const settings = await query(
      service.url,
      "SELECT current_setting('data_checksums') AS checksums, current_setting('fsync') AS fsync",
    );
    expect(settings).toEqual([{ checksums: 'on', fsync: 'on' }]);
    await expect(query(service.url.replace('p%40ss%2Fword', 'wrong'), 'SELECT 1')).rejects.toThrow(
      /password/,
    );
    await service.stop();
  });
});

describe('embedded Redis', () => {
  it('comes back after kill -9 on the same port with what it had written to disk', async () => {
    const options = { dataDir: join(folder, 'redis'), port: await freePort() };
    const first = await startRedis(options);
    const client = new Redis(first.url);
    await client.config('SET', 'appendfsync', 'always');
    await client.set('kept', '42');
    client.disconnect();
    await kill(first);
    const second = await startRedis(options);
    const again = new Redis(second.url);
    expect(await again.get('kept')).toBe('42');
    expect(await again.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
    again.disconnect();
    await second.stop();
  });
});

describe('embedded EVM node', () => {
  const account = '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC';

  it('finalizes a block when two more stand on it', async () => {
    const node = await startAnvil({ mining: 'automine' });
    await rpc(node.url, 'anvil_mine', ['0x5']);
    const finalized = (await rpc(node.url, 'eth_getBlockByNumber', ['finalized', false])) as {
      number: string;
    };
    expect(BigInt(finalized.number)).toBe(3n);
    await node.stop();
  });

  it('comes back after kill -9 on the same port with its blocks, logs and balances', async () => {
    const stateFile = join(folder, 'chain/state.json');
    const options = { mining: 'automine', port: await freePort(), stateFile, saveEveryMs: 10 } as const;
    const first = await startAnvil(options);
    await prepareChain(first.url);
    const hash = await mintUsdc(first.url, account, 5_000_000n);
    const block = (await rpc(first.url, 'eth_getBlockByNumber', ['latest', false])) as { hash: string };
    const genesis = (await rpc(first.url, 'eth_getBlockByNumber', ['0x0', false])) as { hash: string };
    await expect
      .poll(() => readFile(stateFile, 'utf8').catch(() => ''), { timeout: 30_000 })
      .toContain(block.hash);
    await kill(first);

    const second = await startAnvil(options);
    expect(second.url).toBe(first.url);
    expect(await rpc(second.url, 'eth_getBlockByNumber', ['latest', false])).toMatchObject({
      hash: block.hash,
    });
    expect(await rpc(second.url, 'eth_getBlockByNumber', ['0x0', false])).toMatchObject({
      hash: genesis.hash,
    });
    expect(await usdcBalance(second.url, account)).toBe(5_000_000n);
    const logs = (await rpc(second.url, 'eth_getLogs', [
      { fromBlock: '0x0', toBlock: 'latest' },
    ])) as unknown[];
    expect(logs).toHaveLength(2);
    expect(await rpc(second.url, 'eth_getTransactionReceipt', [hash])).toMatchObject({ status: '0x1' });
    await mintUsdc(second.url, account, 1n);
    const newest = (await rpc(second.url, 'eth_getBlockByNumber', ['latest', false])) as {
      timestamp: string;
    };
    expect(Math.abs(Number(newest.timestamp) - Date.now() / 1000)).toBeLessThan(5);
    await second.stop();
  });
});
