// The client's typed calls against the real HTTP application: what they send is accepted, what they promise is what comes.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_POLICY } from '#domain';
import { operationOf, Purser, x402Fetch, type Fetch } from '#sdk';
import { AGENT } from '../support/builders.js';
import { MemoryApi } from '../support/memory-api.js';

let api: MemoryApi;
beforeEach(async () => {
  api = await MemoryApi.start();
});
afterEach(() => api.close());

/** A client that proves itself by the key of the role, without a network. */
function as(role: string): Purser {
  const fetch: Fetch = async (input, init) => {
    const request = new Request(input, init);
    const { pathname, search } = new URL(request.url);
    const text = await request.text();
    const { status, headers, body } = await api.call({
      method: request.method as 'GET',
      path: pathname + search,
      as: 'nobody',
      headers: Object.fromEntries(request.headers),
      ...(text === '' ? {} : { body: text }),
    });
    const contentType = String(headers['content-type']);
    return new Response(JSON.stringify(body), { status, headers: { 'content-type': contentType } });
  };
  return new Purser({ baseUrl: 'https://purser.example', apiKey: api.secrets[role] ?? '', fetch });
}

const demand = () => Promise.resolve(new Response('{}', { status: 402 }));
const item = { url: 'https://shop.example/item', maxAmount: 20_000n };

describe('the client', () => {
  it('asks a price, buys, finds by key, reads the history and pages through it', async () => {
    const agent = as('agent');
    expect(await agent.quotes.ask({ url: item.url })).toMatchObject({ outcome: 'priced' });
    const bought = await agent.purchases.buy(item, { idempotencyKey: 'k1' });
    expect(bought).toMatchObject({ status: 'provisional', response: { status: 200 } });
    const again = await agent.purchases.buy(item, { idempotencyKey: 'k1' });
    expect([again.operation_id, api.shop.charged.length]).toEqual([bought.operation_id, 1]);
    expect(await agent.operations.findByKey({ idempotencyKey: 'k1' })).toMatchObject(bought);
    expect(await agent.operations.findByKey({ idempotencyKey: 'k2' })).toBeUndefined();
    const events = await agent.operations.events(bought.operation_id);
    expect(events.map((it) => it.type)).toContain('AuthorizationPrepared');
    await agent.purchases.buy(item, { idempotencyKey: 'k2' });
    expect((await agent.operations.page({}, { limit: 1 })).has_more).toBe(true);
    let count = 0;
    for await (const { kind } of agent.operations.list({ kind: 'purchase' }))
      count += kind === 'purchase' ? 1 : 0;
    expect(count).toBe(2);
  });

  it('a refused purchase is an error with its operation; another request under the key as well', async () => {
    const agent = as('agent');
    const dear = agent.purchases.buy({ ...item, maxAmount: '1' }, { idempotencyKey: 'k1' });
    await expect(dear).rejects.toMatchObject({
      code: 'price_above_maximum',
      retry: 'new_key',
      retryable: false,
      operation: { status: 'refused' },
    });
    const other = agent.purchases.buy(item, { idempotencyKey: 'k1' });
    await expect(other).rejects.toMatchObject({ code: 'idempotency_key_reused', idempotencyKey: 'k1' });
  });

  it('an approval: seen, decided, and rejected', async () => {
    api.setPolicy({ ...DEFAULT_POLICY, version: 2, approvalThreshold: 0n });
    const [agent, approver] = [as('agent'), as('approver')];
    const pending = (key: string) =>
      agent.purchases.buy(item, { idempotencyKey: key, waitForApproval: false });
    await expect(pending('k1')).rejects.toMatchObject({ code: 'approval_pending', retryable: true });
    for await (const { approval_id, digest } of approver.approvals.list({ status: 'pending' }))
      expect(await approver.approvals.approve(approval_id, { digest })).toMatchObject({ status: 'approved' });
    expect(await agent.purchases.buy(item, { idempotencyKey: 'k1' })).toMatchObject({ paid: true });
    await expect(pending('k2')).rejects.toMatchObject({ code: 'approval_pending' });
    const [waiting] = (await approver.approvals.page({ status: 'pending' })).items;
    const id = waiting?.approval_id ?? '';
    expect(await approver.approvals.get(id)).toEqual(waiting);
    await approver.approvals.reject(id, { reason: 'not this one' });
    await expect(pending('k2')).rejects.toMatchObject({ code: 'approval_rejected', retryable: false });
  });

  it('budgets are set and read, and a purchase is cancelled before anything is signed', async () => {
    const admin = as('admin');
    const set = await admin.budgets.setOfAgent(AGENT, { limits: { day: '123' } });
    expect('windows' in set && set.windows.find((it) => it.window === 'day')?.limit).toBe('123');
    await admin.budgets.setOfWorkspace({ limits: { month: '456' } });
    expect(await admin.budgets.ofAgent(AGENT)).not.toEqual([]);
    expect(await admin.budgets.ofWorkspace()).not.toEqual([]);
    api.workersOff = true;
    const opened = await as('agent').purchases.submit(item, { idempotencyKey: 'k1' });
    expect(await as('agent').operations.cancel(opened.operation_id, { reason: 'no' })).toMatchObject({
      status: 'cancelled',
    });
  });

  it('a header that Purser forwards to nobody is refused, and nothing is bought without it', async () => {
    const call = x402Fetch(as('agent'), item.url, {
      maxAmount: 20_000n,
      headers: { authorization: 'Basic c2VsbGVy' },
      fetch: demand,
    });
    await expect(call).rejects.toMatchObject({ code: 'validation_failed', details: { field: 'headers' } });
    const bought = await x402Fetch(as('agent'), item.url, { maxAmount: 20_000n, fetch: demand });
    expect(operationOf(bought)).toMatchObject({ paid: true, amount: '10000' });
    expect(api.shop.charged).toHaveLength(1);
  });
});
