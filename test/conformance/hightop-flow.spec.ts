// The flow that Hightop documents, in its order, as a client of theirs would drive it with plain HTTP: price, purchase, a person's yes, the same
// request again, polling, history.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_POLICY } from '#domain';
import { MemoryApi } from '../support/memory-api.js';

let api: MemoryApi;
beforeAll(async () => {
  api = await MemoryApi.start();
  api.setPolicy({ ...DEFAULT_POLICY, version: 1, approvalThreshold: 5_000n });
});
afterAll(() => api.close());

const URL = 'https://shop.example/item';
const buy = () =>
  api.call({
    method: 'POST',
    path: '/v1/agent/x402/purchase',
    key: 'order-1',
    body: { url: URL, max_amount: '20000' },
  });

describe('the documented flow', () => {
  it('asks, buys, waits for a person, retries, polls and finds it in the history', async () => {
    const self = await api.call({ path: '/v1/agent/self' });
    expect([self.status, self.body.agent.enabled]).toEqual([200, true]);

    const quote = await api.call({ method: 'POST', path: '/v1/agent/x402/quote', body: { url: URL } });
    expect([quote.status, quote.body.supported, quote.body.x402_required]).toEqual([200, true, true]);

    const tried = await api.call({
      method: 'POST',
      path: '/v1/agent/simulate',
      body: { method: 'POST', path: '/v1/agent/x402/purchase', body: { url: URL, max_amount: '20000' } },
    });
    expect([tried.status, tried.body.ok]).toEqual([200, true]);

    const first = await buy();
    expect([first.status, first.body.status]).toEqual([202, 'accepted']);
    const operation = `/v1/agent/operations/${first.body.operation_id as string}`;
    expect((await api.call({ path: operation })).body.operation.status).toBe('accepted');

    const approval = `/purser/v1/approvals/${first.body.approval_id as string}`;
    const { body: facts } = await api.call({ path: approval, as: 'approver' });
    const approved = await api.call({
      method: 'POST',
      path: `${approval}/approve`,
      as: 'approver',
      body: { digest: facts.digest as string },
    });
    expect(approved.status).toBe(200);

    const again = await buy();
    expect([again.status, again.headers['x-idempotency-replayed']]).toEqual([200, 'true']);
    expect(again.body).toMatchObject({
      operation_id: first.body.operation_id as string,
      paid: true,
      seller_accepted: true,
      response: { status: 200 },
    });

    const polled = await api.call({ path: `${operation}?include=onchain` });
    expect(['submitted', 'executed']).toContain(polled.body.operation.status);
    expect(polled.body.operation.onchain.tx_hash).toMatch(/^0x/);

    for (const path of ['/v1/agent/operations', '/v1/agent/activity']) {
      const { body } = await api.call({ path });
      expect(body.items.map((it: { id: string }) => it.id)).toEqual([first.body.operation_id]);
    }
    expect((await api.call({ path: '/v1/agent/self/limits' })).body.spend_limits.per_tx_usd).toBe('1.000000');
  });

  it('the capabilities name every route of it, with class and key', async () => {
    const { status, body } = await api.call({ path: '/v1/agent/capabilities', as: 'nobody' });
    expect([status, body.api_version, body.base_path]).toEqual([200, '1.0', '/v1/agent']);
    const named = (path: string) =>
      body.endpoints.find((it: { path: string }) => it.path === `/v1/agent/${path}`) as object;
    expect(named('x402/purchase')).toMatchObject({
      method: 'POST',
      rate_limit_class: 'write',
      idempotency_required: true,
      request_schema: 'PurchaseDto',
      response_schema: 'HightopPurchase',
    });
    expect(named('x402/quote')).toMatchObject({ rate_limit_class: 'simulate', idempotency_required: false });
    expect(named('self/usage')).toMatchObject({
      method: 'GET',
      rate_limit_class: 'read',
      request_schema: null,
    });
    expect((await api.call({ path: '/v1/agent/capabilities.json', as: 'nobody' })).body).toEqual(body);
  });
});
