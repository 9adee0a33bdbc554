// Bench `saga`: operations of kind authorize with a brought challenge, from acceptance to signature, 256 in flight, without HTTP:
// `submit` is called here, the wake-up goes through BullMQ to a worker process, the signature comes from the signer process.
// The baseline is the same four durable steps done naively (support/naive-saga.ts).
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { Client } from 'pg';
import { parseAgentId, parseIdempotencyKey, parseWorkspaceId, type Json } from '#domain';
import { submit, type AgentPrincipal, type SubmitRequest } from '#engine';
import { createCore, loadConfig } from '#runtime';
import type { Bench } from './bench.js';
import { broughtChallenge } from './support/challenge.js';
import { NaiveSaga } from './support/naive-saga.js';
import { BenchStack } from './support/stack.js';

const IN_FLIGHT = 256;
const OPERATIONS = 5_000;
const BASELINE_OPERATIONS = 800;
const ANSWER_WITHIN_MS = 30_000;

type Core = Awaited<ReturnType<typeof createCore>>;

export const sagaBench: Bench = {
  name: 'saga',
  unit: 'per s',
  floor: { at_least: 8 },
  runs: 7,
  setUp: async () => {
    const stack = await BenchStack.start();
    try {
      await stack.startSigner();
      // Projections are no part of a saga, here as in the baseline; the watcher keeps the wallet's balance.
      await stack.startWorker({ PURSER_WORKER_ROLES: 'drive,sweep,watch' });
      const core = await createCore(loadConfig('api', stack.environment('api')));
      const naive = await NaiveSaga.start(stack.urls.postgresUrl, stack.urls.redisUrl);
      const client = new Client({ connectionString: stack.databases.checker });
      await client.connect();
      const principal: AgentPrincipal = {
        workspaceId: parseWorkspaceId(stack.credentials.workspaceId),
        agentId: parseAgentId(stack.credentials.agent.id),
        keyId: 'bench',
        person: 'bench@example.test',
      };
      return {
        pair: async () => {
          const before = await signedSoFar(client);
          const ours = await throughput(OPERATIONS, () => authorize(core, principal));
          if ((await signedSoFar(client)) !== before + OPERATIONS)
            throw new Error('some operations were answered without a signature');
          return { ours, baseline: await throughput(BASELINE_OPERATIONS, () => naive.saga.run()) };
        },
        close: async () => {
          await naive.close();
          await client.end();
          await core.close();
          await stack.stop();
        },
      };
    } catch (error) {
      await stack.stop();
      throw error;
    }
  },
};

async function authorize({ ports }: Core, principal: AgentPrincipal): Promise<void> {
  const key = parseIdempotencyKey(randomUUID());
  const { operationId } = await submit(ports, principal, { key, request: REQUEST, body: null });
  const deadlineMs = ports.clock.nowMs() + ANSWER_WITHIN_MS;
  await ports.answers.changed(operationId, deadlineMs);
  if (ports.clock.nowMs() >= deadlineMs) throw new Error('an operation was not signed in time');
}

const URL_ON_SALE = 'https://shop.example/report';
const REQUEST: SubmitRequest = {
  kind: 'authorize',
  url: URL_ON_SALE,
  method: 'GET',
  headers: {},
  maxAmount: 1n,
  expect: {},
  challenge: broughtChallenge(URL_ON_SALE, 1n) satisfies Json,
  allowReplay: false,
  timeoutMs: 30_000,
  note: null,
};

/** Runs `count` of them, always `IN_FLIGHT` at once; per second. */
async function throughput(count: number, one: () => Promise<void>): Promise<number> {
  let begun = 0;
  const startedMs = performance.now();
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (begun < count) {
        begun += 1;
        await one();
      }
    }),
  );
  return (count * 1000) / (performance.now() - startedMs);
}

async function signedSoFar(client: Client): Promise<number> {
  const { rows } = await client.query<{ count: string }>(
    `SELECT count(*) FROM events WHERE type = 'AuthorizationSigned'`,
  );
  return Number(rows[0]?.count);
}
