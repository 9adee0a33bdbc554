// What the vendor has and Purser does not says so, whoever asks; what neither has is simply not there.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AGENT } from '../support/builders.js';
import { MemoryApi } from '../support/memory-api.js';

let api: MemoryApi;
beforeAll(async () => {
  api = await MemoryApi.start();
});
afterAll(() => api.close());

it.each([
  ['POST', `/v1/agents/${AGENT}/sign-transaction`],
  ['POST', '/v1/agents/wallets'],
  ['GET', `/v1/agents/${AGENT}/tools`],
  ['DELETE', `/v1/agents/${AGENT}/tools/search`],
  ['GET', '/v1/action/skills'],
  ['POST', '/v1/action/skills/pay/execute'],
  ['GET', `/v1/agents/${AGENT}/x402/blocked-origins`],
] as const)('%s %s is not served', async (method, path) => {
  for (const as of ['backend', 'nobody']) {
    const { status, body } = await api.call({ method, path, as });
    expect([status, body.success, body.code, body.path]).toEqual([501, false, 'not_served', path]);
  }
});

it('nothing is there where the vendor has nothing', async () => {
  const { status, body } = await api.call({ path: `/v1/agents/${AGENT}/nonsense`, as: 'backend' });
  expect([status, body.code, body.statusCode]).toEqual([404, 'not_found', 404]);
});
