// E7: sellers that take the money and lie. One authorization per purchase, one charge at most, the final state equals the chain.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOSTILE_MODES, startHostileSeller, type HostileSeller } from '../support/hostile-seller.js';
import { Agent, freshKey } from './support/client.js';
import { TestStack, until } from './support/stack.js';

const TOKEN = '0x036CbD53842c5426634e7929541eC2318f3dCF7e';
let stack: TestStack;
let seller: HostileSeller;

beforeAll(async () => {
  seller = await startHostileSeller({ rpcUrl: () => stack.file.rpcUrl, token: TOKEN });
  stack = await TestStack.start({ blockTime: 1, allow: [seller.host] });
});
afterAll(async () => {
  await stack?.stop();
  await seller?.close();
});

describe.concurrent('hostile sellers', () => {
  for (const mode of HOSTILE_MODES) {
    for (const attempts of [1, 2, 5]) {
      it(`${mode}, asked ${attempts} times with one key, is charged exactly once and never signed twice`, async ({
        expect,
      }) => {
        const agent = new Agent(() => stack.file, stack.file.agent);
        const key = freshKey(mode);
        const path = `/${mode}/${attempts}`;
        const body = { url: `${seller.url}${path}`, max_amount: '1000', timeout_ms: 3_000 };
        const ids = new Set<string>();
        for (let attempt = 0; attempt < attempts; attempt += 1) {
          const answer = await agent.purchase(key, body);
          expect(answer.status).not.toBe(402);
          ids.add(answer.body.operation_id);
          if (mode === 'clean')
            expect(answer.body).toMatchObject({ paid: true, seller_accepted: true, settled: true });
        }
        expect(ids.size).toBe(1);
        const [id] = ids;
        await until(
          async () => (await agent.get(`/v1/agent/operations/${id}`)).body.operation.status === 'executed',
          60_000,
          `${mode}: the operation follows the chain`,
        );
        expect(seller.presented.get(path)?.size, 'one payment, however often it was shown').toBe(1);
      });
    }
  }
});

describe('after all of them', () => {
  it('leaves books that an independent checker finds clean', async () => {
    const report = await stack.check();
    expect(report.violations).toEqual([]);
    expect(report.charges).toBe(HOSTILE_MODES.length * 3);
  });
});
