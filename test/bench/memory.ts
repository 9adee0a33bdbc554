// Bench `memory`: does anything grow with the number of operations served? RSS of api, worker and signer after 20,000 operations
// against the same processes after 2,000, each after a pause and a full garbage collection. Fresh processes for every pair.
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { Client } from 'pg';
import type { Service } from '../../apps/local/src/services/child.js';
import { projectRoot } from '../../apps/local/src/project.js';
import type { Bench } from './bench.js';
import { broughtChallenge } from './support/challenge.js';
import { applyLoad } from './support/load.js';
import { BenchStack, residentMiB } from './support/stack.js';

const FEW = 2_000;
const MANY = 20_000;
const SETTLE_MS = 1_500;

export const memoryBench: Bench = {
  name: 'memory',
  unit: 'MiB',
  floor: { at_most: 1.2 },
  runs: 5,
  warmUp: false,
  setUp: async () => {
    const stack = await BenchStack.start();
    const client = new Client({ connectionString: stack.databases.checker });
    await client.connect();
    return {
      pair: () => pair(stack, client),
      close: async () => {
        await client.end();
        await stack.stop();
      },
    };
  },
};

async function pair(stack: BenchStack, client: Client): Promise<{ ours: number; baseline: number }> {
  const processes = await withPreload(async () => [
    await stack.startSigner(),
    await stack.startWorker(),
    await stack.startApi(),
  ]);
  try {
    await serve(stack, client, FEW);
    const baseline = await resident(processes);
    await serve(stack, client, MANY - FEW);
    return { ours: await resident(processes), baseline };
  } finally {
    for (const process of [...processes].reverse()) await stack.stopProcess(process);
  }
}

/** Operations through HTTP, queue and signer; returns when all are signed. */
async function serve(stack: BenchStack, client: Client, requests: number): Promise<void> {
  const before = await signedSoFar(client);
  const { apiUrl, credentials } = stack;
  const load = {
    url: `${apiUrl}/purser/v1/operations`,
    headers: { Authorization: `Bearer ${credentials.agent.apiKey}` },
    body: JSON.stringify({
      kind: 'authorize',
      url: 'https://shop.example/report',
      max_amount: '1',
      challenge: broughtChallenge('https://shop.example/report', 1n),
      wait_ms: 0,
    }),
    connections: 64,
    requests,
    keyPrefix: `${randomUUID()}-`,
  };
  await applyLoad(load, 202);
  const deadline = Date.now() + 120_000;
  while ((await signedSoFar(client)) < before + requests) {
    if (Date.now() > deadline) throw new Error('not every operation was signed within two minutes');
    await new Promise((done) => setTimeout(done, 100));
  }
}

async function signedSoFar(client: Client): Promise<number> {
  const { rows } = await client.query<{ count: string }>(
    `SELECT count(*) FROM events WHERE type = 'AuthorizationSigned'`,
  );
  return Number(rows[0]?.count);
}

async function resident(processes: readonly Service[]): Promise<number> {
  for (let round = 0; round < 2; round += 1) {
    await new Promise((done) => setTimeout(done, SETTLE_MS));
    for (const { pid } of processes) process.kill(pid, 'SIGUSR2');
  }
  await new Promise((done) => setTimeout(done, SETTLE_MS));
  return processes.reduce((sum, process) => sum + residentMiB(process), 0);
}

async function withPreload<T>(start: () => Promise<T>): Promise<T> {
  const before = process.env['NODE_OPTIONS'];
  process.env['NODE_OPTIONS'] =
    `--import=${resolve(projectRoot, 'dist/test/bench/support/collect-garbage.js')}`;
  try {
    return await start();
  } finally {
    if (before === undefined) delete process.env['NODE_OPTIONS'];
    else process.env['NODE_OPTIONS'] = before;
  }
}
