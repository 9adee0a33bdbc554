// kill -9 of every process at random under load, and a queue that is wiped again and again: one charge per purchase or provably none (S1, S16, L2, L3, L9).
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startHostileSeller, type HostileSeller } from '../support/hostile-seller.js';
import { Agent, freshKey } from './support/client.js';
import { FULL, TestStack, until } from './support/stack.js';

const TOKEN = '0x036CbD53842c5426634e7929541eC2318f3dCF7e';
const KILLS = FULL ? 100 : 10;
const ROLES = ['api', 'worker', 'signer', 'postgres', 'redis'] as const;
const FLUSH_FOR_MS = FULL ? 60_000 : 8_000;
const BUYERS = 6;
const ENDED = ['executed', 'execution_failed', 'policy_rejected', 'cancelled'];

let stack: TestStack;
let seller: HostileSeller;
let history: string;

beforeEach(async () => {
  history = join(mkdtempSync(join(tmpdir(), 'purser-history-')), 'history.jsonl');
  seller = await startHostileSeller({ rpcUrl: () => stack.file.rpcUrl, token: TOKEN });
  stack = await TestStack.start({ apis: 2, workers: 2, blockTime: 1, allow: [seller.host] });
});
afterEach(async () => {
  await stack?.stop();
  await seller?.close();
});

/** Buys until told to stop; returns what was bought and with which answer. */
async function shop(buyer: number, over: () => boolean): Promise<string[]> {
  const agent = new Agent(() => stack.file, stack.file.agent, history);
  const ids: string[] = [];
  for (let n = 0; !over(); n += 1) {
    const body = { url: `${seller.url}/clean/${buyer}-${n}`, max_amount: '1000', timeout_ms: 10_000 };
    const answer = await agent.purchaseUntilAnswered(freshKey('chaos'), body);
    expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(500 + 3);
    if (answer.body?.operation_id) ids.push(answer.body.operation_id);
  }
  return ids;
}

async function everyOperationEnds(ids: readonly string[]): Promise<number> {
  const agent = new Agent(() => stack.file, stack.file.agent);
  let executed = 0;
  for (const id of ids) {
    let status = '';
    await until(
      async () => {
        status = (await agent.get(`/v1/agent/operations/${id}`)).body?.operation?.status ?? '';
        return ENDED.includes(status);
      },
      // L1: validity, finality, and a minute.
      (300 + 5 + 60) * 1000,
      `operation ${id} ends`,
    );
    if (status === 'executed') executed += 1;
  }
  return executed;
}

describe('under fire', () => {
  it(
    `${KILLS} kills of api, worker, signer, Postgres and Redis lose and double nothing`,
    { timeout: 3_600_000 },
    async () => {
      let done = false;
      const shopping = Promise.all(Array.from({ length: BUYERS }, (_, buyer) => shop(buyer, () => done)));
      let killed = 0;
      for (let kill = 0; killed < KILLS; kill += 1) {
        await new Promise((wait) => setTimeout(wait, 400 + Math.random() * 800));
        if (stack.kill(ROLES[kill % ROLES.length] as string)) killed += 1;
      }
      done = true;
      const ids = (await shopping).flat();
      expect(ids.length).toBeGreaterThan(BUYERS);
      const executed = await everyOperationEnds(ids);
      const report = await stack.check(history);
      expect(report.violations).toEqual([]);
      expect(report.charges).toBe(executed);
      expect(report.charges).toBe(seller.settled);
    },
  );

  it('a queue wiped every two seconds delays and loses nothing', { timeout: 3_600_000 }, async () => {
    const redis = new Redis(stack.file.redisUrl);
    const endsAt = Date.now() + FLUSH_FOR_MS;
    const shopping = Promise.all(
      Array.from({ length: BUYERS }, (_, buyer) => shop(buyer, () => Date.now() > endsAt)),
    );
    let flushes = 0;
    while (Date.now() < endsAt) {
      await redis.flushall();
      flushes += 1;
      await new Promise((wait) => setTimeout(wait, 2_000));
    }
    const ids = (await shopping).flat();
    redis.disconnect();
    expect(flushes).toBeGreaterThan(2);
    const executed = await everyOperationEnds(ids);
    expect(executed).toBe(ids.length);
    const report = await stack.check(history);
    expect(report.violations).toEqual([]);
    expect(report.charges).toBe(executed);
  });
});
