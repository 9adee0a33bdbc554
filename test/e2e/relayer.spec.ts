// Relayer's documented flow in order, with plain HTTP and a client written from its pages, every process real: provision, budget, fund, 402, pay, retry,
// approve, poll, usage, audit, kill.
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chargesOf, mintUsdc } from '../support/chain.js';
import { signedHeaders } from '../support/relayer-client.js';
import { aStamper, type Stamper } from '../support/stamping.js';
import { Admin, call, type Answer } from './support/client.js';
import { TestStack, until } from './support/stack.js';

let stack: TestStack;
let admin: Admin;
let backendKey: string;
let stamper: Stamper;
let agent: { readonly agentId: string; agentSecret: string; address: `0x${string}` };

const native = (path: string, body: unknown): Promise<Answer> =>
  call(`${stack.file.apiUrl}/purser/v1${path}`, 'POST', {
    headers: { authorization: `Bearer ${stack.file.approver.token}` },
    body,
  });

beforeAll(async () => {
  stack = await TestStack.start({ blockTime: 1 });
  admin = new Admin(() => stack.file);
  backendKey = (await admin.must('POST', '/keys', { role: 'backend', person: 'backend@example.com' })).secret;
  stamper = aStamper();
  const prepared = (await native('/approver-keys/prepare', { public_key: stamper.publicKey })).body;
  const { stampHeaderName, stampHeaderValue } = stamper.stamp(prepared.body as string);
  const stamp = { header_name: stampHeaderName, header_value: stampHeaderValue };
  expect((await native('/approver-keys', { activity_id: prepared.activity_id, stamp })).status).toBe(201);
  const treasury = await admin.must('POST', '/wallets', { role: 'treasury' });
  await admin.must('PUT', '/workspace/budgets', { unit: 'TOP_UP_USD6', limits: { day: '90000000' } });
  await mintUsdc(stack.file.rpcUrl, treasury.address as `0x${string}`, 20_000_000n);
  await until(
    async () => {
      const { balances } = await admin.must('GET', `/wallets/${treasury.wallet_id}`);
      return (balances as { available: string }[]).some((it) => it.available === '20000000');
    },
    20_000,
    'the treasury is funded',
  );
}, 120_000);
afterAll(() => stack?.stop());

function backend(method: string, path: string, body?: unknown): Promise<Answer> {
  const headers = { Authorization: `ApiKey ${backendKey}` };
  return call(`${stack.file.apiUrl}/v1${path}`, method, body === undefined ? { headers } : { headers, body });
}
async function must(method: string, path: string, body?: unknown): Promise<Answer['body']> {
  const answer = await backend(method, path, body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body.data;
}
const stamped = ({ body }: { readonly body: string }) => ({ body, stamp: stamper.stamp(body) });

let second = 0;
function asAgent(method: string, path: string, body?: unknown): Promise<Answer> {
  const text = body === undefined ? '' : JSON.stringify(body);
  // Two requests of one second with one body are one request.
  const timestamp = String(Math.floor(Date.now() / 1000) + (second++ % 20));
  const signed = { method, path: `/v1${path.split('?')[0]}`, body: text };
  const headers = signedHeaders({ agentId: agent.agentId, secret: agent.agentSecret, timestamp }, signed);
  return call(`${stack.file.apiUrl}/v1${path}`, method, text === '' ? { headers } : { headers, body: text });
}
const pay = (paymentRequirement: object): Promise<Answer> =>
  asAgent('POST', `/agents/${agent.agentId}/x402-pay`, { paymentRequirement });

function sellerNamed(name: string): { readonly url: string; readonly payTo: string } {
  const seller = stack.file.sellers[name];
  if (seller === undefined) throw new Error(`no such seller: ${Object.keys(stack.file.sellers).join()}`);
  return seller;
}
const charges = async (): Promise<number> => (await chargesOf(agent.address, stack.file.rpcUrl)).length;
/** The documented shape, from a seller's 402. */
const weather = (url: string, recipient: string, network: string) => ({
  amount: '0.01',
  currency: 'USDC',
  network,
  recipient,
  description: 'The weather in Aarhus',
  resource: `${url}/weather`,
});

describe('the documented flow', () => {
  it('provisions an agent in two signed steps', async () => {
    const draft = await must('POST', '/agents/prepare', {
      name: 'Weather buyer',
      budget: { payments: { monthlyUSDC: 1, perTxUSDC: 0.5, approvalThresholdUSDC: 0.25 } },
    });
    const made = await must('POST', '/agents/confirm-user', {
      agentDraftId: draft.agentDraftId,
      stampedActivity: stamped(draft.activity),
    });
    const { status } = await must('GET', `/agents/${made.agentId}/status`);
    expect(status).toBe('pending_policies');
    const active = await must('POST', '/agents/confirm-policies', {
      policiesRequestId: made.policiesRequestId,
      signedActivity: stamped(made.unsignedActivity),
    });
    const { address } = await must('GET', `/agents/${made.agentId}/wallet`);
    agent = { ...active, address };
    expect(active).toMatchObject({ agentId: made.agentId, status: 'active' });
  });

  it('refuses before there is money, and funds the wallet once', async () => {
    const { url, payTo } = sellerNamed('v1');
    const poor = await pay(weather(url, payTo, 'base-sepolia'));
    expect([poor.status, poor.body.code]).toEqual([402, 'insufficient_wallet_balance']);
    const path = `/agents/${agent.agentId}/fund`;
    const { activity } = await must('POST', `${path}/prepare`, { amountUSDC: '2.5' });
    const confirm = { stampedActivity: stamped(activity) };
    const funded = await must('POST', `${path}/confirm`, confirm);
    expect(funded.txHash).toMatch(/^0x[0-9a-f]{64}$/);
    expect((await must('POST', `${path}/confirm`, confirm)).txHash).toBe(funded.txHash);
    await until(
      async () => (await must('GET', `/agents/${agent.agentId}/wallet-balance`)).balanceUSDC === '2.500000',
      20_000,
      'the wallet is funded',
    );
  });

  it('402, pay, retry with X-Payment: a v1 seller hands out the goods, charged once', async () => {
    const { url, payTo } = sellerNamed('v1');
    expect((await call(`${url}/weather`, 'GET')).status).toBe(402);
    const paid = await pay(weather(url, payTo, 'base-sepolia'));
    expect(paid.status, JSON.stringify(paid.body)).toBe(200);
    expect(paid.body.data.transactionId).toBeUndefined();
    const headers = { 'X-Payment': paid.body.data.paymentHeader as string };
    expect((await call(`${url}/weather`, 'GET', { headers })).body).toMatchObject({ city: 'Aarhus' });
    expect(await charges()).toBe(1);
  });

  it('a v2 seller is paid under the header it wants, from the same few words', async () => {
    const { url, payTo } = sellerNamed('facilitated');
    const paid = await pay(weather(url, payTo, 'eip155:84532'));
    expect(paid.status, JSON.stringify(paid.body)).toBe(200);
    const { paymentHeader, paymentHeaderName } = paid.body.data;
    const goods = await call(`${url}/weather`, 'GET', { headers: { [paymentHeaderName]: paymentHeader } });
    expect([goods.status, paymentHeaderName]).toEqual([200, 'PAYMENT-SIGNATURE']);
    expect(await charges()).toBe(2);
  });

  it('at a prepaid host it is on chain first, and redeemed', async () => {
    await admin.must('PUT', '/workspace/policy', { prepaid_hosts: ['localhost'] });
    const { url: plain, payTo } = sellerNamed('facilitated');
    const url = plain.replace('127.0.0.1', 'localhost');
    const paid = await pay(weather(url, payTo, 'eip155:84532'));
    expect(paid.status, JSON.stringify(paid.body)).toBe(200);
    expect(paid.body.data.transactionId).toMatch(/^0x[0-9a-f]{64}$/);
    expect(await charges()).toBe(3);
    const { paymentHeader, paymentHeaderName } = paid.body.data;
    const goods = await call(`${url}/weather`, 'GET', { headers: { [paymentHeaderName]: paymentHeader } });
    expect(goods.status).toBe(200);
    expect(await charges()).toBe(3);
    await admin.must('PUT', '/workspace/policy', {});
  });

  it('at the threshold a person decides; the poll, and the same request, have the payment', async () => {
    const { url, payTo } = sellerNamed('v1');
    const report = { ...weather(url, payTo, 'base-sepolia'), amount: '0.25', resource: `${url}/report` };
    const asked = await pay(report);
    expect([asked.status, asked.body.data.status]).toEqual([202, 'pending_approval']);
    const poll = () => asAgent('GET', `/signing/approvals/${asked.body.data.approvalId}`);
    expect((await poll()).body.data.status).toBe('pending_approval');
    const { activity } = await must('POST', `/signing/approvals/${asked.body.data.approvalId}/prepare`, {});
    const path = `/signing/approvals/${asked.body.data.approvalId}/approve-with-passkey`;
    await must('POST', path, { stamped_request: stamped(activity) });
    await until(async () => (await poll()).body.data.payment !== undefined, 20_000, 'the payment is signed');
    const polled = (await asAgent('GET', `/agents/approvals/${asked.body.data.approvalId}`)).body.data;
    expect(polled.status).toBe('approved');
    const again = await pay(report);
    expect(again.body.data.paymentHeader).toBe(polled.payment.paymentHeader);
    const headers = { 'X-Payment': polled.payment.paymentHeader as string };
    expect((await call(`${url}/report`, 'GET', { headers })).status).toBe(200);
    expect(await charges()).toBe(4);
  });

  it('usage fills its layers, and a layer that is exhausted refuses payments', async () => {
    const { url, payTo } = sellerNamed('v1');
    await must('POST', `/agents/${agent.agentId}/budget`, { tokens: { monthlyUSD: 0.5 } });
    const events = [
      { type: 'llm_call', amount: 0.4000005 },
      { type: 'api_call', amount: '0.01' },
    ];
    expect((await asAgent('POST', '/agents/events/batch', { events })).body.data).toEqual({
      accepted: 2,
      repeated: 0,
    });
    const layer = async (name: string) =>
      (
        (await asAgent('GET', `/agents/${agent.agentId}/budget`)).body.data.categories as {
          category: string;
        }[]
      ).find((it) => it.category === name);
    expect(await layer('tokens')).toMatchObject({ spent: '0.400000500000', status: 'warning' });
    expect(await layer('infra')).toMatchObject({ spent: '0.010000000000' });
    await asAgent('POST', '/agents/events/batch', { events: [{ type: 'token_usage', amount: 0.2 }] });
    expect(await layer('tokens')).toMatchObject({ status: 'exceeded' });
    const refused = await pay({ ...weather(url, payTo, 'base-sepolia'), amount: '0.02' });
    expect([refused.status, refused.body.code, refused.body.failedLayers]).toEqual([
      402,
      'budget_exhausted',
      ['tokens'],
    ]);
    await must('POST', `/agents/${agent.agentId}/budget`, { tokens: { monthlyUSD: 5 } });
    const dear = await pay({ ...weather(url, payTo, 'base-sepolia'), amount: '0.6' });
    expect([dear.status, dear.body.failedLayers]).toEqual([402, ['payments']]);
  });

  it('the audit tells all of it, by type, outcome and page', async () => {
    const path = `/agents/${agent.agentId}/audit`;
    const events = async (query: string): Promise<string[]> =>
      ((await must('GET', `${path}?${query}`)) as { event: string }[]).map((it) => it.event);
    await until(
      async () => (await events('status=failed')).length >= 3,
      20_000,
      'the projection is up to date',
    );
    expect(await events('type=lifecycle')).toEqual(
      expect.arrayContaining(['AgentCreated', 'AgentActivated']),
    );
    expect(await events('type=credential')).toEqual(['KeyCreated']);
    expect(await events('type=approval&period=24h')).toEqual(
      expect.arrayContaining(['ApprovalRequested', 'ApprovalGranted']),
    );
    expect(await events('type=budget&status=success')).toEqual(
      expect.arrayContaining(['BudgetLimitsChanged', 'BudgetReserved']),
    );
    // Blocks still come, and with them what is told; between two of them the pages are parts of the whole.
    await until(
      async () => {
        const whole = (await backend('GET', `${path}?page=1&limit=100`)).body;
        const first = await backend('GET', `${path}?page=1&limit=5`);
        const second = await backend('GET', `${path}?page=2&limit=5`);
        const paged = [...first.body.data, ...second.body.data] as unknown[];
        return isDeepStrictEqual(paged, whole.data.slice(0, 10)) && whole.meta.total === whole.data.length;
      },
      20_000,
      'the pages are parts of the whole',
    );
    const summary = await must('GET', '/agents/analytics/summary?period=day');
    expect(summary.byAgent.map((it: { agentId: string }) => it.agentId)).toContain(agent.agentId);
  });

  it('a rotated secret, a pause and a kill hold at once', async () => {
    const { url, payTo } = sellerNamed('v1');
    const requirement = { ...weather(url, payTo, 'base-sepolia'), amount: '0.03' };
    const old = agent.agentSecret;
    agent.agentSecret = (await must('POST', `/agents/${agent.agentId}/rotate`, {})).agentSecret;
    const fresh = agent.agentSecret;
    agent.agentSecret = old;
    expect((await pay(requirement)).body.code).toBe('invalid_auth');
    agent.agentSecret = fresh;
    await must('POST', `/agents/${agent.agentId}/pause`, {});
    expect((await pay(requirement)).body.code).toBe('agent_paused');
    await must('POST', `/agents/${agent.agentId}/resume`, {});
    await admin.must('POST', '/workspace/pause', {});
    const stopped = await pay(requirement);
    expect([stopped.status, stopped.body.code]).toEqual([503, 'kill_switch_active']);
    await admin.must('POST', '/workspace/resume');
    await must('POST', `/agents/${agent.agentId}/kill`, {});
    const dead = await pay(requirement);
    expect([dead.status, dead.body.code]).toEqual([401, 'agent_killed']);
    expect(await charges()).toBe(4);
  });

  it('leaves books that add up', async () => {
    expect((await stack.check()).violations).toEqual([]);
  });
});
