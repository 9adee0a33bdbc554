// S1 and S13 under parallel duplicates over two API processes.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHostileSeller, type HostileSeller } from '../support/hostile-seller.js';
import { Agent, freshKey } from './support/client.js';
import { FULL, TestStack } from './support/stack.js';

const KEYS = FULL ? 1_000 : 12;
const DUPLICATES = FULL ? 50 : 20;
const KEYS_AT_ONCE = 10;
const TOKEN = '0x036CbD53842c5426634e7929541eC2318f3dCF7e';

let stack: TestStack;
let seller: HostileSeller;
const history = join(mkdtempSync(join(tmpdir(), 'purser-history-')), 'history.jsonl');

beforeAll(async () => {
  seller = await startHostileSeller({ rpcUrl: () => stack.file.rpcUrl, token: TOKEN });
  stack = await TestStack.start({ apis: 2, workers: 2, allow: [seller.host] });
});
afterAll(async () => {
  await stack?.stop();
  await seller?.close();
});

describe('parallel duplicates', () => {
  it(`${KEYS} keys x ${DUPLICATES} over two API processes are charged once each`, async () => {
    const agent = new Agent(() => stack.file, stack.file.agent, history);
    const before = (await stack.check()).charges;
    for (let start = 0; start < KEYS; start += KEYS_AT_ONCE) {
      const keys = Array.from({ length: Math.min(KEYS_AT_ONCE, KEYS - start) }, (_, index) => ({
        key: freshKey('dup'),
        url: `${seller.url}/clean/${start + index}`,
      }));
      await Promise.all(
        keys.map(async ({ key, url }) => {
          const answers = await Promise.all(
            Array.from({ length: DUPLICATES }, (_, copy) =>
              agent.purchase(key, { url, max_amount: '1000' }, copy),
            ),
          );
          const ids = new Set(answers.map((answer) => answer.body.operation_id));
          expect(ids.size, 'one operation for one key').toBe(1);
          for (const answer of answers) expect(answer.status).toBe(200);
        }),
      );
    }
    const report = await stack.check(history);
    expect(report.violations).toEqual([]);
    expect(report.charges - before).toBe(KEYS);
    expect(seller.settled).toBe(KEYS);
  });

  it('another body under a used key is refused and changes nothing', async () => {
    const agent = new Agent(() => stack.file, stack.file.agent, history);
    const key = freshKey('reuse');
    const url = `${seller.url}/clean/reuse`;
    expect((await agent.purchase(key, { url, max_amount: '1000' })).status).toBe(200);
    const before = await stack.check();
    const others = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        agent.purchase(key, { url: `${url}-${index}`, max_amount: '1000' }, index),
      ),
    );
    for (const answer of others) {
      expect(answer.status).toBe(409);
      expect(answer.body.error.code).toBe('idempotency_key_reuse_mismatch');
    }
    const after = await stack.check(history);
    expect({ operations: after.operations, charges: after.charges }).toEqual({
      operations: before.operations,
      charges: before.charges,
    });
    expect(after.violations).toEqual([]);
  });

  it('the same purchase under fifty keys is charged once, where policy refuses duplicates', async () => {
    const { apiUrl, adminKey } = stack.file;
    const policy = `${apiUrl}/purser/v1/agents/${stack.file.agent.id}/policy`;
    const rule = (body: object) =>
      fetch(policy, {
        method: 'PUT',
        headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    expect((await rule({ duplicate_window_sec: 3_600 })).status).toBe(200);
    const agent = new Agent(() => stack.file, stack.file.agent, history);
    const before = await stack.check();
    const wish = { url: `${seller.url}/clean/the-same`, max_amount: '1000' };
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, copy) => agent.purchase(freshKey('alike'), wish, copy)),
    );
    const paid = answers.filter(({ status }) => status === 200);
    expect(paid).toHaveLength(1);
    for (const { body } of answers.filter(({ status }) => status !== 200))
      expect(body.error.details).toMatchObject({
        cause: 'duplicate_intent',
        duplicate_of: paid[0]?.body.operation_id,
        suggestion: { action: 'allow_duplicate', operation_id: paid[0]?.body.operation_id },
      });
    const after = await stack.check(history);
    expect(after.charges - before.charges).toBe(1);
    expect(after.violations).toEqual([]);
    expect((await rule({})).status).toBe(200);
  });
});
