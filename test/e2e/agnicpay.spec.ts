// AgnicPay's documented flow in order, with plain HTTP only and every process real: 402, sign, retry, fetch, limits, approval, history.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../apps/local/src/services/index.js';
import { chargesOf } from '../support/chain.js';
import { allowPermit2 } from '../support/permit2.js';
import { startPermit2Seller, type Permit2Seller } from '../support/permit2-seller.js';
import { Admin, call, type Answer } from './support/client.js';
import { TestStack, until } from './support/stack.js';

let stack: TestStack;
let admin: Admin;
let upto: { readonly url: string; readonly seller: Permit2Seller };

beforeAll(async () => {
  const port = await freePort();
  stack = await TestStack.start({ blockTime: 1, allow: [`127.0.0.1:${port}`] });
  upto = {
    url: `http://127.0.0.1:${port}/upto`,
    seller: await startPermit2Seller(stack.file.rpcUrl, port),
  };
  admin = new Admin(() => stack.file);
}, 120_000);
afterAll(async () => {
  await upto?.seller.close();
  await stack?.stop();
});

const seller = (name: string): string => {
  const url = stack.file.sellers[name]?.url;
  if (url === undefined) throw new Error(`no seller ${name}`);
  return url;
};
const charges = async (): Promise<number> =>
  (await chargesOf(stack.file.walletAddress, stack.file.rpcUrl)).length;

interface Asked {
  readonly body?: unknown;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function agnic(method: string, path: string, { body, token, headers }: Asked = {}): Promise<Answer> {
  const credentials = { 'X-Agnic-Token': token ?? stack.file.agent.apiKey, ...headers };
  return call(`${stack.file.apiUrl}${path}`, method, {
    headers: credentials,
    ...(body === undefined ? {} : { body }),
  });
}
const fetchOf = (url: string, query = '&maxValue=250000', asked: Asked = {}): Promise<Answer> =>
  agnic('POST', `/api/x402/fetch?url=${encodeURIComponent(url)}${query}`, asked);

/** What the vendor's own example does on a 402: hands the whole JSON over. */
async function requirementsOf(url: string): Promise<object> {
  const answer = await call(url, 'GET');
  expect(answer.status).toBe(402);
  const header = answer.headers.get('payment-required');
  return header === null
    ? answer.body
    : (JSON.parse(Buffer.from(header, 'base64').toString('utf8')) as object);
}

const sign = async (url: string, asked: Asked = {}): Promise<Answer> => {
  const body = { paymentRequirements: await requirementsOf(url), requestData: { url, method: 'GET' } };
  return agnic('POST', '/api/sign-payment', { body, ...asked });
};

/** Of the payments to the seller that charges a part. */
const newest = async (): Promise<Answer['body']> =>
  (await agnic('GET', '/api/transactions?search=upto&limit=1')).body.transactions[0];

describe('the documented flow', () => {
  it.each([
    ['version 1', 'v1', 'X-PAYMENT'],
    ['version 2', 'facilitated', 'PAYMENT-SIGNATURE'],
  ])(
    '402, sign, retry at a seller of %s: the goods, charged once, and told in the history',
    async (_, name, header) => {
      const url = `${seller(name)}/weather`;
      const before = await charges();
      const headers = { 'Idempotency-Key': `sign-${name}` };
      const signed = await sign(url, { headers });
      expect(signed.status, JSON.stringify(signed.body)).toBe(200);
      expect(signed.body).toMatchObject({ success: true, amountPaid: 0.01, scheme: 'exact' });
      expect(String(signed.body.header).toUpperCase()).toBe(header);
      const goods = await call(url, 'GET', { headers: { [header]: String(signed.body.paymentHeader) } });
      expect([goods.status, goods.body.city]).toEqual([200, 'Aarhus']);
      expect((await sign(url, { headers })).body.paymentHeader).toBe(signed.body.paymentHeader);
      expect(await charges()).toBe(before + 1);
    },
  );

  it("fetch: the seller's own bytes, with what was paid beside them; above maxValue nothing is paid", async () => {
    const before = await charges();
    const binary = await fetch(
      `${stack.file.apiUrl}/api/x402/fetch?url=${encodeURIComponent(`${seller('v1')}/binary`)}&maxValue=10000`,
      { method: 'POST', headers: { 'X-Agnic-Token': stack.file.agent.apiKey } },
    );
    expect(binary.status).toBe(200);
    expect(Buffer.from(await binary.arrayBuffer())).toEqual(
      Buffer.from(Uint8Array.from({ length: 1_024 }, (_, i) => i % 256)),
    );
    expect(binary.headers.get('x-agnic-paid')).toBe('true');
    expect(binary.headers.get('x-agnic-amount')).toBe('0.010000');
    expect(binary.headers.get('content-type')).toContain('application/octet-stream');
    const again = await fetchOf(`${seller('v1')}/binary`, '&maxValue=10000');
    expect([again.status, again.headers.get('x-agnic-operation-id')]).toEqual([
      200,
      binary.headers.get('x-agnic-operation-id'),
    ]);
    expect(await charges()).toBe(before + 1);
    const dear = await fetchOf(`${seller('v1')}/report`, '&maxValue=249999');
    expect([dear.status, dear.body.error, dear.headers.get('x-agnic-paid')]).toEqual([
      402,
      'max_value_exceeded',
      null,
    ]);
    expect(dear.headers.get('payment-required')).toBeNull();
    expect(await charges()).toBe(before + 1);
  });

  it('waits for a person, and pays once when the same request comes again after the yes', async () => {
    await admin.must('PUT', '/workspace/policy', { approval_threshold: '1', duplicate_window_sec: 0 });
    const before = await charges();
    const url = `${seller('facilitated')}/weather?approval`;
    const asked = await fetchOf(url);
    expect(asked.status, JSON.stringify(asked.body)).toBe(202);
    expect(asked.body).toMatchObject({ status: 'pending_approval' });
    expect((await fetchOf(url)).body.approvalId).toBe(asked.body.approvalId);
    const approvals = `${stack.file.apiUrl}/purser/v1/approvals/${asked.body.approvalId}`;
    const headers = { authorization: `Bearer ${stack.file.approver.token}` };
    const { digest } = (await call(approvals, 'GET', { headers })).body;
    const decided = await call(`${approvals}/approve`, 'POST', { headers, body: { digest } });
    expect(decided.status, JSON.stringify(decided.body)).toBe(200);
    const paid = await fetchOf(url);
    expect([paid.status, paid.body.city], JSON.stringify(paid.body)).toEqual([200, 'Aarhus']);
    expect(paid.headers.get('x-agnic-operation-id')).toBe(asked.body.operationId);
    expect(await charges()).toBe(before + 1);
    await admin.must('PUT', '/workspace/policy', { duplicate_window_sec: 0 });
  });

  it('a token has limits of its own, tells what is left of them, and is dead when it is revoked', async () => {
    const made = await agnic('POST', '/api/generate-n8n-token', {
      token: stack.file.adminKey,
      body: { name: 'flow', maxPerTransaction: 0.2, dailyLimit: 0.015, monthlyLimit: 5 },
    });
    expect(made.status, JSON.stringify(made.body)).toBe(200);
    const token = String(made.body.token);
    const url = `${seller('v1')}/weather`;
    // No maxValue: the token's own limit per payment is the ceiling.
    const above = await fetchOf(`${seller('v1')}/report`, '', { token });
    expect(above.body).toMatchObject({
      error: 'spending_limit_exceeded',
      limit: 'per_transaction',
      max: 0.2,
    });
    const wallet = await agnic('GET', '/api/balance', { token });
    expect(wallet.body).toMatchObject({ hasWallet: true, chainType: 'ethereum' });
    expect((await fetchOf(`${url}?first`, '', { token })).status).toBe(200);
    const second = await fetchOf(`${url}?second`, '', { token });
    expect([second.status, second.body]).toMatchObject([
      402,
      { error: 'spending_limit_exceeded', limit: 'daily', current: 0.01, requested: 0.01, max: 0.015 },
    ]);
    const { tokens } = (await agnic('GET', '/api/tokens', { token: stack.file.adminKey })).body;
    expect(tokens).toContainEqual(
      expect.objectContaining({ id: made.body.id, dailyUsed: 0.01, monthlyLimit: 5 }),
    );
    const { transactions, stats } = (await agnic('GET', '/api/transactions', { token })).body;
    expect(transactions.map((it: { status: string }) => it.status)).toEqual(['failed', 'success', 'failed']);
    expect(stats).toEqual({ totalSpent: 0.01, successRate: 33.33, transactionCount: 3 });
    const found = await agnic('GET', '/api/transactions?search=FIRST&status=success', { token });
    expect(found.body.transactions).toMatchObject([
      { endpoint: `${url}?first`, amount_usd: 0.01, settled: true },
    ]);
    const list = async (query: string): Promise<Answer['body']> =>
      (await agnic('GET', `/api/transactions?${query}`, { token })).body;
    const since = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
    const nextPage = await list(`startDate=${since}&limit=1&page=2`);
    expect(nextPage.pagination).toEqual({ currentPage: 2, totalPages: 3, totalCount: 3, limit: 1 });
    expect(nextPage.transactions).toEqual([transactions[1]]);
    expect((await list('network=base-sepolia&status=success')).stats.totalSpent).toBe(0.01);
    expect((await list('endDate=2020-01-01')).transactions).toEqual([]);
    const revoked = await agnic('POST', '/api/revoke-token', {
      token: stack.file.adminKey,
      body: { tokenId: made.body.id },
    });
    expect(revoked.body).toMatchObject({ success: true, id: made.body.id });
    expect((await agnic('GET', '/api/balance', { token })).status).toBe(401);
  });

  it('upto: a ceiling is signed, the seller charges a part, and the history says which', async () => {
    await allowPermit2(stack.file.rpcUrl, stack.file.walletAddress);
    const url = `${upto.url}?charge=12345`;
    const denied = await sign(url);
    expect([denied.status, denied.body.code]).toEqual([403, 'policy_refused']);
    await admin.must('PUT', '/workspace/policy', { allow_upto: true, duplicate_window_sec: 0 });
    const signed = await sign(url);
    expect(signed.body).toMatchObject({ success: true, amountPaid: 0.09, scheme: 'upto' });
    const headers = { 'PAYMENT-SIGNATURE': String(signed.body.paymentHeader) };
    expect((await call(url, 'GET', { headers })).body).toEqual({ goods: 'upto' });
    await until(async () => (await newest()).status === 'success', 60_000, 'the charge is seen');
    expect(await newest()).toMatchObject({
      id: signed.body.operationId,
      amount_usd: 0.012345,
      scheme: 'upto',
    });
    const fetched = await fetchOf(`${upto.url}?charge=2000`, '&maxValue=90000');
    expect([fetched.status, fetched.headers.get('x-agnic-scheme')]).toEqual([200, 'upto']);
  });

  it('leaves books that add up', async () => {
    expect((await stack.check()).violations).toEqual([]);
  });
});
