// The native API on the real engine: each way an operation can go. Every answer is compared with the description.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_POLICY, evolve, type OperationEvent } from '#domain';
import { append } from '#engine';
import { BASE, nativeApi, purchase, SELLER, type NativeApi } from '../support/native-api.js';

let api: NativeApi['api'];
let call: NativeApi['call'];
beforeEach(async () => {
  ({ api, call } = await nativeApi());
});
afterEach(() => api.close());

describe('operations', () => {
  it('a fresh purchase is 201, the same again 200 with the same operation and one charge', async () => {
    const first = await call(purchase());
    expect(first.status).toBe(201);
    expect(first.body).toMatchObject({ paid: true, settled: true, finality: 'provisional', amount: '10000' });
    expect(first.body.response).toMatchObject({ status: 200, body: '{"report":"42"}' });
    const again = await call(purchase());
    expect([again.status, again.headers['x-idempotency-replayed']]).toEqual([200, 'true']);
    expect(again.body.operation_id).toBe(first.body.operation_id);
    expect(api.shop.charged).toHaveLength(1);
  });

  it('fifty at once with one key are one operation and one charge', async () => {
    const replies = await Promise.all(Array.from({ length: 50 }, () => call(purchase())));
    expect(new Set(replies.map((reply) => reply.body.operation_id as string)).size).toBe(1);
    expect(replies.filter((reply) => reply.status === 201)).toHaveLength(1);
    expect(api.shop.charged).toHaveLength(1);
  });

  it('without waiting it is 202 with the operation to poll', async () => {
    api.workersOff = true;
    const accepted = await call(purchase({ wait_ms: 0 }));
    expect([accepted.status, accepted.body.status]).toEqual([202, 'opened']);
    api.workersOff = false;
    await api.runWorkers();
    const polled = await call({ path: `${BASE}/operations/${accepted.body.operation_id as string}` });
    expect(polled.body).toMatchObject({ status: 'provisional', seller_accepted: true });
  });

  it('is found by the key it was submitted under: by its agent, with the answer of the seller, and by nobody else', async () => {
    const bought = await call(purchase());
    const byKey = (key: string, as = 'agent') => call({ path: `${BASE}/operations/by-key`, key, as });
    const { status, body } = await byKey('k1');
    expect([status, body.operation_id]).toEqual([200, bought.body.operation_id]);
    expect(body.response).toMatchObject({ status: 200, body: '{"report":"42"}' });
    expect((await byKey('k2')).status).toBe(404);
    expect((await byKey('k1', 'agent2')).status).toBe(404);
    expect((await byKey('k1', 'admin')).status).toBe(403);
    const without = await call({ path: `${BASE}/operations/by-key` });
    expect([without.status, without.body.error.code]).toEqual([400, 'idempotency_key_missing']);
  });

  it('a stop does not wait for those who wait: they are told what is known and poll', async () => {
    api.workersOff = true;
    let entered: () => void;
    const waits = new Promise<void>((resolve) => {
      entered = resolve;
    });
    Object.assign(api.ports.answers, { changed: () => new Promise(() => entered()) });
    const waiting = call(purchase());
    await waits;
    api.stopping.begin();
    expect((await waiting).status).toBe(202);
  });

  it('a refusal carries its code, the operation and what to retry with', async () => {
    const { status, body } = await call(purchase({ max_amount: '1' }));
    expect(status).toBe(422);
    expect(body.error).toMatchObject({ code: 'price_above_maximum', details: { retry_with: 'new_key' } });
    expect(body.operation).toMatchObject({ status: 'refused', retry_with: 'new_key' });
  });

  it('an unknown outcome is 502 with the operation', async () => {
    const request = purchase({ url: 'https://shop.example/silent', method: 'POST', body: 'x' });
    const { status, body } = await call(request);
    expect([status, body.error.code, body.operation.status]).toEqual([502, 'seller_timeout', 'authorized']);
  });

  it('authorize hands out the header, to its agent only', async () => {
    const expectation = { pay_to: SELLER, amount: '10000' };
    const { status, body } = await call(purchase({ kind: 'authorize', expect: expectation }));
    expect(status).toBe(201);
    expect(body.payment.header_name).toBe('payment-signature');
    const path = `${BASE}/operations/${body.operation_id as string}`;
    const own = await call({ path });
    expect(own.body.payment).toEqual(body.payment);
    expect((await call({ path, as: 'admin' })).body).not.toHaveProperty('payment');
    api.nowMs += 3_600_000;
    expect((await call({ path })).body.payment).toBeNull();
  });

  it('sign hands out nothing once the payment is past its time, and does not call it unpaid without proof', async () => {
    const request = {
      method: 'POST',
      path: '/v1/agent/x402/sign',
      key: 's1',
      body: { target_url: 'https://shop.example/item', pay_to: SELLER, amount: '10000' },
    } as const;
    const first = await call(request);
    expect(Object.values(first.body.payment_headers as object)).toEqual([first.body.payment_header]);
    api.nowMs += 3_600_000;
    const late = await call(request);
    expect([late.status, late.body.error.code]).toEqual([502, 'execution_timeout']);
    expect(JSON.stringify(late.body)).not.toContain('signature');
  });

  it('cancel works until the intent and is too late afterwards', async () => {
    api.workersOff = true;
    const waiting = await call(purchase({ wait_ms: 0 }));
    const cancel = {
      method: 'POST',
      path: `${BASE}/operations/${waiting.body.operation_id as string}/cancel`,
      body: { reason: 'changed my mind' },
    } as const;
    expect((await call(cancel)).body.status).toBe('cancelled');
    api.workersOff = false;
    const paid = await call({ ...purchase(), key: 'k2' });
    const late = await call({
      ...cancel,
      path: `${BASE}/operations/${paid.body.operation_id as string}/cancel`,
    });
    expect([late.status, late.body.error.code]).toEqual([409, 'too_late']);
  });

  it('the audit trail shows every fact in order, linked by hashes', async () => {
    const { body } = await call(purchase());
    const trail = await call({
      path: `${BASE}/operations/${body.operation_id as string}/events`,
      as: 'auditor',
    });
    const types = (trail.body.items as { type: string }[]).map((event) => event.type);
    expect(types.slice(0, 4)).toEqual([
      'OperationOpened',
      'TermsAccepted',
      'BudgetReserved',
      'AuthorizationPrepared',
    ]);
    expect(JSON.stringify(trail.body)).not.toContain('"k1"');
  });

  it('lists go page by page', async () => {
    for (const key of ['a', 'b', 'c']) await call({ ...purchase(), key });
    const first = await call({ path: `${BASE}/operations?limit=2`, as: 'auditor' });
    expect(first.body).toMatchObject({ has_more: true });
    const cursor = first.body.next_cursor as string;
    const second = await call({ path: `${BASE}/operations?limit=2&cursor=${cursor}`, as: 'auditor' });
    expect([first.body.items.length, second.body.items.length, second.body.has_more]).toEqual([2, 1, false]);
  });

  it('Hightop says executed only when the payment is final', async () => {
    const { body } = await call(purchase());
    const path = `/v1/agent/operations/${body.operation_id as string}?include=onchain`;
    const before = await call({ path });
    expect(before.body.operation).toMatchObject({
      status: 'submitted',
      finality: 'provisional',
      executed_at: null,
    });
    const loaded = await api.operations.load({
      workspaceId: api.workspaceId,
      operationId: body.operation_id,
    });
    if (loaded?.state.status !== 'provisional') throw new Error('not provisional');
    const { settlement, authorization } = loaded.state;
    const events: OperationEvent[] = [
      { type: 'SettlementFinalized', data: { settlement } },
      { type: 'BudgetCaptured', data: { amount: authorization.value } },
    ];
    expect(events.reduce(evolve, loaded.state).status).toBe('settled');
    const submittedAt = new Date(api.nowMs).toISOString();
    api.nowMs += 4_000;
    await append(api.ports, loaded, { type: 'system', id: 'test' }, events);
    const executedAt = new Date(api.nowMs).toISOString();
    api.nowMs += 4_000;
    const after = await call({ path });
    expect(after.body.operation).toMatchObject({ status: 'executed', finality: 'final' });
    expect(after.body.operation.onchain).toMatchObject({ chain_id: 84532, tx_hash: settlement.txHash });
    const times = { submitted_at: submittedAt, executed_at: executedAt, failed_at: null };
    expect(after.body.operation).toMatchObject(times);
    const { body: list } = await call({ path: '/v1/agent/operations' });
    expect(list.items[0]).toMatchObject(times);
  });
});

describe('approvals', () => {
  const NOTE = 'pay\u202e me \u200bnow';

  async function waiting() {
    api.setPolicy({ ...DEFAULT_POLICY, version: 1, approvalThreshold: 10_000n });
    const asked = await call(purchase({ note: NOTE }));
    expect(asked.status).toBe(202);
    return `${BASE}/approvals/${asked.body.approval.approval_id as string}`;
  }

  it('the approver sees server facts, and the words of the agent marked and made harmless', async () => {
    const path = await waiting();
    const { body } = await call({ path, as: 'approver' });
    expect(body).toMatchObject({
      status: 'pending',
      payee: SELLER,
      host: 'shop.example',
      amount: '10000',
      amount_decimal: '0.010000',
      asset_symbol: 'USDC',
      network: 'eip155:84532',
      requester: 'agent@example.com',
      reasons: ['above_threshold'],
    });
    expect(body.note).toEqual({ untrusted: true, text: 'pay\\u{202e} me \\u{200b}now', truncated: false });
    const list = await call({ path: `${BASE}/approvals?status=pending`, as: 'approver' });
    expect(list.body.items).toHaveLength(1);
  });

  it('approving needs the digest of exactly these terms; then the payment happens once', async () => {
    const path = await waiting();
    const { digest } = (await call({ path, as: 'approver' })).body as { digest: string };
    const wrong = {
      method: 'POST',
      path: `${path}/approve`,
      as: 'approver',
      body: { digest: '0'.repeat(64) },
    } as const;
    expect((await call(wrong)).body.error.code).toBe('approval_digest_mismatch');
    const right = { ...wrong, body: { digest } };
    expect((await call(right)).body).toMatchObject({
      status: 'approved',
      decided_by: 'approver@example.com',
    });
    await api.runWorkers();
    expect((await call(purchase({ note: NOTE }))).body).toMatchObject({ settled: true });
    expect(api.shop.charged).toHaveLength(1);
  });

  it('a rejection keeps its reason and cannot be turned into an approval', async () => {
    const path = await waiting();
    const { digest } = (await call({ path, as: 'approver' })).body as { digest: string };
    const reject = {
      method: 'POST',
      path: `${path}/reject`,
      as: 'approver',
      body: { reason: 'no' },
    } as const;
    expect((await call(reject)).body).toMatchObject({ status: 'rejected', reason: 'no' });
    const late = await call({ ...reject, path: `${path}/approve`, body: { digest } });
    expect([late.status, late.body.error.code]).toEqual([409, 'already_decided']);
    const asked = await call(purchase({ note: NOTE }));
    expect([asked.status, asked.body.error.code]).toEqual([422, 'approval_rejected']);
  });
});

describe('without credentials', () => {
  it('health, metrics, description and page answer, and the page loads nothing from elsewhere', async () => {
    for (const path of ['/health/live', '/health/ready', '/metrics', '/docs', '/docs/swagger-ui.css'])
      expect((await api.call({ path, as: 'nobody' })).status, path).toBe(200);
    const page = String((await api.call({ path: '/docs', as: 'nobody' })).body);
    expect(page).not.toMatch(/https?:\/\//);
    expect((await api.call({ path: '/docs/package.json', as: 'nobody' })).status).toBe(404);
  });
});
