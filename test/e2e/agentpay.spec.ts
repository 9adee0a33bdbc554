// AgentPay's documented flow in order, with plain HTTP only and every process real: 402, pay, retry, approval, history.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chargesOf } from '../support/chain.js';
import { Admin, call, type Answer } from './support/client.js';
import { TestStack } from './support/stack.js';

let stack: TestStack;
let admin: Admin;

beforeAll(async () => {
  stack = await TestStack.start({ blockTime: 1 });
  admin = new Admin(() => stack.file);
}, 120_000);
afterAll(() => stack?.stop());

const seller = (): string => {
  const url = stack.file.sellers['facilitated']?.url;
  if (url === undefined) throw new Error('no such seller');
  return url;
};
const charges = async (): Promise<number> =>
  (await chargesOf(stack.file.walletAddress, stack.file.rpcUrl)).length;

function agentpay(method: string, path: string, body?: unknown): Promise<Answer> {
  const headers = { 'X-Api-Key': stack.file.agent.apiKey };
  return call(`${stack.file.apiUrl}${path}`, method, body === undefined ? { headers } : { headers, body });
}

/** What an agent does on a 402: hands the raw header over. */
async function challenged(url: string): Promise<{ paymentRequiredHeader: string; requestUrl: string }> {
  const answer = await call(url, 'GET');
  expect(answer.status).toBe(402);
  return { paymentRequiredHeader: answer.headers.get('payment-required') ?? '', requestUrl: url };
}

const retry = (url: string, paid: Answer): Promise<Answer> =>
  call(url, 'GET', { headers: { 'PAYMENT-SIGNATURE': String(paid.body.paymentSignature) } });

describe('the documented flow', () => {
  it('402, pay, retry: the goods, charged once, and told in the history', async () => {
    const url = `${seller()}/weather`;
    const before = await charges();
    const body = { ...(await challenged(url)), idempotencyKey: 'flow-1' };
    const paid = await agentpay('POST', '/v1/pay', body);
    expect(paid.status, JSON.stringify(paid.body)).toBe(200);
    expect(paid.body).toMatchObject({ settled: false, transaction: '' });
    expect((await retry(url, paid)).status).toBe(200);
    const again = await agentpay('POST', '/v1/pay', body);
    expect(again.body.paymentSignature).toBe(paid.body.paymentSignature);
    expect(await charges()).toBe(before + 1);
    const { events } = (await agentpay('GET', '/v1/spend?limit=1')).body;
    expect(events).toMatchObject([{ id: paid.body.operationId, request_url: url, currency: 'USDC' }]);
  });

  it('is on chain before the seller is asked where the host is prepaid, and whatever the caller then does it is paid once', async () => {
    await admin.must('PUT', '/workspace/policy', { prepaid_hosts: ['localhost'] });
    const url = `${seller().replace('127.0.0.1', 'localhost')}/weather`;
    const before = await charges();
    const body = { ...(await challenged(url)), idempotencyKey: 'flow-2' };
    const paid = await agentpay('POST', '/v1/pay', body);
    expect(paid.body).toMatchObject({ settled: true });
    expect(paid.body.transaction).toMatch(/^0x[0-9a-f]{64}$/);
    expect(await charges()).toBe(before + 1);
    expect((await retry(url, paid)).status).toBe(200);
    await retry(url, paid);
    expect(await charges()).toBe(before + 1);
    await admin.must('PUT', '/workspace/policy', {});
  });

  it('waits for a person, and pays once when the same request comes again after the yes', async () => {
    await admin.must('PUT', '/workspace/policy', { approval_threshold: '1' });
    const url = `${seller()}/weather`;
    const body = { ...(await challenged(url)), idempotencyKey: 'flow-3' };
    const asked = await agentpay('POST', '/v1/pay', body);
    expect(asked.status).toBe(202);
    expect(asked.body).toMatchObject({ status: 'pending_approval' });
    const approvals = `${stack.file.apiUrl}/purser/v1/approvals/${asked.body.approvalId}`;
    const headers = { authorization: `Bearer ${stack.file.approver.token}` };
    const { digest } = (await call(approvals, 'GET', { headers })).body;
    const decided = await call(`${approvals}/approve`, 'POST', { headers, body: { digest } });
    expect(decided.status, JSON.stringify(decided.body)).toBe(200);
    const paid = await agentpay('POST', '/v1/pay', body);
    expect(paid.status, JSON.stringify(paid.body)).toBe(200);
    expect(paid.body.operationId).toBe(asked.body.operationId);
    expect((await retry(url, paid)).status).toBe(200);
    await admin.must('PUT', '/workspace/policy', {});
  });

  it('is refused by the budget in words that are no challenge, and pays with the same key once there is more', async () => {
    const { agent } = stack.file;
    const limits = `/agents/${agent.id}/budgets`;
    await admin.must('PUT', limits, { limits: { per_payment: '1' } });
    const url = `${seller()}/weather`;
    const body = { ...(await challenged(url)), idempotencyKey: 'flow-4' };
    const refused = await agentpay('POST', '/v1/pay', body);
    expect([refused.status, refused.body.code]).toEqual([402, 'budget_exhausted']);
    expect(refused.headers.get('payment-required')).toBeNull();
    await admin.must('PUT', limits, { limits: { per_payment: '1000000' } });
    const paid = await agentpay('POST', '/v1/pay', body);
    expect(paid.status, JSON.stringify(paid.body)).toBe(200);
  });

  it('a new key pays from the wallet that is shared, which is not its own to give up', async () => {
    const made = await call(`${stack.file.apiUrl}/api-keys`, 'POST', {
      headers: { 'X-Internal-Secret': stack.file.adminKey },
      body: { label: 'bot' },
    });
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    const headers = { 'X-Api-Key': String(made.body.key) };
    const post = () =>
      call(`${stack.file.apiUrl}/wallets`, 'POST', { headers, body: { network: 'base-sepolia' } });
    const wallet = await post();
    expect(wallet.status, JSON.stringify(wallet.body)).toBe(201);
    expect(wallet.body).toMatchObject({
      network: 'base-sepolia',
      address: stack.file.walletAddress.toLowerCase(),
    });
    expect((await post()).body.id).toBe(wallet.body.id);
    const mine = await call(`${stack.file.apiUrl}/wallets/me`, 'GET', { headers });
    expect(mine.body.wallets).toMatchObject([{ id: wallet.body.id }]);
    const gone = await call(`${stack.file.apiUrl}/wallets/${wallet.body.id}`, 'DELETE', { headers });
    expect(gone.status).toBe(404);
  });

  it('leaves books that add up', async () => {
    expect((await stack.check()).violations).toEqual([]);
  });
});
