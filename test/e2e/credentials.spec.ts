// Credentials on a whole stack with two API processes: signed requests as their senders make them, replays of them, and limits over both.
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { call, type Answer } from './support/client.js';
import { TestStack } from './support/stack.js';

const FINANCIAL = 40;

let stack: TestStack;
let secret: string;
beforeAll(async () => {
  stack = await TestStack.start({
    apis: 2,
    env: { PURSER_RATE_LIMITS: `relayer.financial=${FINANCIAL}/${FINANCIAL},failures=5/5` },
  });
  const { adminKey, agent } = stack.file;
  const made = await call(`${stack.file.apiUrl}/purser/v1/keys`, 'POST', {
    headers: { authorization: `Bearer ${adminKey}` },
    body: { role: 'agent', kind: 'hmac', agent_id: agent.id, person: 'agent@example.test' },
  });
  secret = made.body.secret as string;
});
afterAll(() => stack?.stop());

const payment = (amount: string) => {
  const seller = stack.file.sellers['v1'];
  return JSON.stringify({
    paymentRequirement: {
      amount,
      currency: 'USDC',
      network: 'base-sepolia',
      recipient: seller?.payTo ?? stack.file.walletAddress,
      resource: 'https://goods.example/report',
    },
  });
};

/** As a client in any language would: by hand, from the page. */
function signed(body: string, { secondsAgo = 0, by = secret } = {}) {
  const path = `/v1/agents/${stack.file.agent.id}/x402-pay`;
  const timestamp = String(Math.floor(Date.now() / 1000) - secondsAgo);
  const bodyHash = createHash('sha256').update(body).digest('hex');
  const headers = {
    'x-agent-id': stack.file.agent.id,
    'x-request-timestamp': timestamp,
    'x-agent-auth': createHmac('sha256', by).update(`POST${path}${timestamp}${bodyHash}`).digest('hex'),
  };
  return { path, headers, body };
}

const send = (
  { path, headers, body }: ReturnType<typeof signed>,
  { api = 0, key }: { readonly api?: number; readonly key?: string } = {},
): Promise<Answer> =>
  call(`${stack.file.apiUrls[api] ?? ''}${path}`, 'POST', {
    headers: { ...headers, ...(key === undefined ? {} : { 'idempotency-key': key }) },
    body,
  });

it('a signed request sent many times over both processes, each with a key of its own, is one payment', async () => {
  const request = signed(payment('0.01'));
  const answers = await Promise.all(
    Array.from({ length: 16 }, (_, n) => send(request, { api: n % 2, key: randomUUID() })),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array(16).fill(200));
  expect(new Set(answers.map(({ body }) => body.data.paymentHeader as string)).size).toBe(1);
  const { rows } = await operations();
  expect(rows).toHaveLength(1);
});

it('wrong in any part is refused alike; too old is told to who has the secret', async () => {
  const right = signed(payment('0.02'));
  const wrong = [
    { ...right, body: payment('9.00') },
    { ...right, headers: { ...right.headers, 'x-request-timestamp': '1763700000' } },
    signed(payment('0.02'), { by: `${secret}x` }),
  ];
  for (const request of wrong) {
    const { status, body } = await send(request);
    expect([status, body.code]).toEqual([401, 'invalid_auth']);
  }
  const old = await send(signed(payment('0.02'), { secondsAgo: 90 }));
  expect([old.status, old.body.code]).toEqual([401, 'expired_timestamp']);
  expect((await operations()).rows).toHaveLength(1);
});

it('too many payments of one credential are 429 in both processes', async () => {
  const statuses: (number | null)[] = [];
  for (let n = 0; n < FINANCIAL; n += 1) {
    const { status, headers } = await send(signed(payment(`0.0001${String(n).padStart(2, '0')}`)), {
      api: n % 2,
    });
    if (status === 429) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    statuses.push(status);
  }
  expect(statuses.at(-1)).toBe(429);
  expect(statuses.at(-2)).toBe(429);
  // Sixteen came before; what one process had counted the other knew a moment later.
  expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(FINANCIAL - 16 + 2);
});

it('an address with too many wrong credentials is refused, and its agent goes on', async () => {
  const guess = () =>
    call(`${stack.file.apiUrl}/purser/v1/operations`, 'GET', {
      headers: { 'x-api-key': `prs_test_x${randomUUID()}` },
    });
  const seen = [];
  for (let n = 0; n < 7; n += 1) seen.push((await guess()).status);
  expect(seen.at(-1)).toBe(429);
  const { agent, apiUrl } = stack.file;
  const headers = { 'x-agent-id': agent.id, 'x-api-key': agent.apiKey };
  expect((await call(`${apiUrl}/v1/agent/self`, 'GET', { headers })).status).toBe(200);
});

async function operations(): Promise<{ readonly rows: readonly unknown[] }> {
  const { body } = await call(`${stack.file.apiUrl}/purser/v1/operations?kind=authorize`, 'GET', {
    headers: { authorization: `Bearer ${stack.file.adminKey}` },
  });
  return { rows: body.items as unknown[] };
}
