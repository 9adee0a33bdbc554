// Bad input at the edge: a stable code, the name of the field, and nothing changed (no operation, no charge).
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_POLICY } from '#domain';
import { MemoryApi, type Call } from '../support/memory-api.js';

let api: MemoryApi;
beforeAll(async () => {
  api = await MemoryApi.start();
});
afterAll(() => api.close());
beforeEach(() => {
  api.database.operations.clear();
  api.database.keys.clear();
  api.database.stopped.clear();
  api.shop.charged.length = 0;
});

const GOOD = { url: 'https://shop.example/item', max_amount: '20000' };
const purchase = (body: unknown, over: Partial<Call> = {}): Call => ({
  method: 'POST',
  path: '/v1/agent/x402/purchase',
  key: 'k1',
  body,
  ...over,
});
const submit = (body: unknown, over: Partial<Call> = {}): Call => ({
  method: 'POST',
  path: '/purser/v1/operations',
  key: 'k1',
  body,
  ...over,
});

interface Row {
  readonly bad: string;
  readonly call: Call;
  readonly status: number;
  /** Our code: `error.code` natively, `error.details.cause` in the Hightop dialect. */
  readonly code: string;
  readonly field?: string;
}

const AMOUNTS = [
  '',
  '0x10',
  '1e3',
  '1.0',
  '-1',
  '+1',
  '01',
  ' 1',
  '1 ',
  '1_000',
  '１０',
  `1${'0'.repeat(78)}`,
];
const URLS = [
  'shop.example/item',
  'ftp://shop.example/item',
  'http://shop.example/item',
  'https://user:secret@shop.example/item',
  'https:shop.example',
  'https://shop.example/a b',
  'https://shop.example\\@evil.example/',
  `https://shop.example/${'a'.repeat(5000)}`,
];

function tower(levels: number): unknown[] {
  let value: unknown[] = [];
  for (let level = 0; level < levels; level += 1) value = [value];
  return value;
}

const ROWS: readonly Row[] = [
  {
    bad: 'missing key',
    call: purchase(GOOD, { key: undefined as never }),
    status: 400,
    code: 'idempotency_key_missing',
    field: 'idempotency_key',
  },
  {
    bad: 'blank key',
    call: purchase(GOOD, { key: '   ' }),
    status: 400,
    code: 'idempotency_key_missing',
    field: 'idempotency_key',
  },
  {
    bad: 'too long key',
    call: purchase(GOOD, { key: 'k'.repeat(201) }),
    status: 400,
    code: 'idempotency_key_invalid',
    field: 'idempotency_key',
  },
  {
    bad: 'key not ASCII',
    call: submit({ kind: 'purchase', ...GOOD }, { key: 'clé' }),
    status: 400,
    code: 'idempotency_key_invalid',
    field: 'idempotency_key',
  },
  ...AMOUNTS.map((amount) => ({
    bad: `amount ${JSON.stringify(amount).slice(0, 20)}`,
    call: purchase({ ...GOOD, max_amount: amount }),
    status: 400,
    code: 'invalid_amount',
    field: 'max_amount',
  })),
  ...[1, 1.5, true, {}, null].map((amount) => ({
    bad: `amount as JSON ${JSON.stringify(amount)}`,
    call: purchase({ ...GOOD, max_amount: amount }),
    status: 400,
    code: 'invalid_amount',
    field: 'max_amount',
  })),
  {
    bad: 'amount above uint256',
    call: purchase({ ...GOOD, max_amount: '9'.repeat(78) }),
    status: 400,
    code: 'invalid_amount',
    field: 'max_amount',
  },
  {
    bad: 'no amount',
    call: purchase({ url: GOOD.url }),
    status: 400,
    code: 'validation_failed',
    field: 'max_amount',
  },
  {
    bad: 'native: no ceiling',
    call: submit({ kind: 'purchase', url: GOOD.url }),
    status: 400,
    code: 'validation_failed',
    field: 'max_amount',
  },
  ...URLS.map((url) => ({
    bad: `URL ${url.slice(0, 40)}`,
    call: purchase({ ...GOOD, url }),
    status: 400,
    code: 'invalid_url',
    field: 'url',
  })),
  ...['note\u0000', 'half \ud800 a pair'].map((note) => ({
    bad: `text that no database holds: ${JSON.stringify(note)}`,
    call: submit({ kind: 'purchase', ...GOOD, note }),
    status: 400,
    code: 'validation_failed',
    field: 'note',
  })),
  {
    bad: 'a body too deep to walk',
    call: submit({ kind: 'purchase', ...GOOD, method: 'POST', body: tower(100) }),
    status: 400,
    code: 'validation_failed',
    field: 'body',
  },
  {
    bad: 'a challenge too deep to walk',
    call: submit({ kind: 'authorize', ...GOOD, challenge: { a: tower(100) } }),
    status: 400,
    code: 'validation_failed',
    field: 'challenge',
  },
  {
    bad: 'unknown field',
    call: purchase({ ...GOOD, amount: '1' }),
    status: 400,
    code: 'validation_failed',
    field: 'amount',
  },
  {
    bad: 'unknown field inside',
    call: submit({ kind: 'purchase', ...GOOD, expect: { payTo: '0x0' } }),
    status: 400,
    code: 'validation_failed',
    field: 'expect.payTo',
  },
  {
    bad: 'bad field inside',
    call: submit({ kind: 'purchase', ...GOOD, expect: { pay_to: '0x0' } }),
    status: 400,
    code: 'validation_failed',
    field: 'expect.pay_to',
  },
  {
    bad: 'workspace from the body',
    call: submit({ kind: 'purchase', ...GOOD, workspace_id: 'x' }),
    status: 400,
    code: 'validation_failed',
    field: 'workspace_id',
  },
  {
    bad: 'unknown method',
    call: purchase({ ...GOOD, method: 'TRACE' }),
    status: 400,
    code: 'validation_failed',
    field: 'method',
  },
  {
    bad: 'body of a GET',
    call: purchase({ ...GOOD, body: 'x' }),
    status: 400,
    code: 'validation_failed',
    field: 'body',
  },
  {
    bad: 'two bodies',
    call: purchase({ ...GOOD, method: 'POST', body: 'x', body_base64: 'eA==' }),
    status: 400,
    code: 'validation_failed',
    field: 'body_base64',
  },
  {
    bad: 'not base64',
    call: purchase({ ...GOOD, method: 'POST', body_base64: '***' }),
    status: 400,
    code: 'validation_failed',
    field: 'body_base64',
  },
  {
    bad: 'a header that is not forwarded',
    call: purchase({ ...GOOD, headers: { cookie: 'a=b' } }),
    status: 400,
    code: 'validation_failed',
    field: 'headers',
  },
  {
    bad: 'a header with a line break',
    call: purchase({ ...GOOD, headers: { 'x-a': 'b\r\nc: d' } }),
    status: 400,
    code: 'validation_failed',
    field: 'headers',
  },
  {
    bad: 'our own key in a header',
    call: purchase({ ...GOOD, headers: { 'x-a': 'prs_live_secret' } }),
    status: 400,
    code: 'validation_failed',
    field: 'headers',
  },
  {
    bad: 'too long timeout',
    call: purchase({ ...GOOD, timeout_ms: 60_001 }),
    status: 400,
    code: 'validation_failed',
    field: 'timeout_ms',
  },
  {
    bad: 'too long wait',
    call: submit({ kind: 'purchase', ...GOOD, wait_ms: 60_001 }),
    status: 400,
    code: 'validation_failed',
    field: 'wait_ms',
  },
  { bad: 'a list as body', call: purchase([GOOD]), status: 400, code: 'validation_failed', field: 'body' },
  { bad: 'no body', call: purchase(undefined), status: 400, code: 'validation_failed', field: 'url' },
  { bad: 'not JSON', call: purchase('{"url":'), status: 400, code: 'validation_failed', field: 'body' },
  {
    bad: 'prototype pollution',
    call: purchase('{"__proto__":{"a":1}}'),
    status: 400,
    code: 'validation_failed',
    field: 'body',
  },
  {
    bad: 'not declared as JSON',
    call: purchase('a=b', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
    status: 400,
    code: 'validation_failed',
    field: 'content-type',
  },
  {
    bad: 'the same field twice',
    call: purchase('{"url":"https://shop.example/item","max_amount":"1","max_amount":"20000"}'),
    status: 400,
    code: 'validation_failed',
    field: 'max_amount',
  },
  {
    bad: 'native: the same field twice, written in two ways and deeper down',
    call: submit(
      String.raw`{"kind":"purchase","url":"https://shop.example/item","expect":{"amount":"1","amount":"2"}}`,
    ),
    status: 400,
    code: 'validation_failed',
    field: 'amount',
  },
  {
    bad: 'no body where JSON is declared',
    call: purchase(''),
    status: 400,
    code: 'validation_failed',
    field: 'url',
  },
  {
    bad: 'over-size body',
    call: purchase({ ...GOOD, method: 'POST', body: 'x'.repeat(65_536) }),
    status: 413,
    code: 'body_too_large',
  },
  {
    bad: 'native: over-size body',
    call: submit({ kind: 'purchase', ...GOOD, method: 'POST', body: 'x'.repeat(65_536) }),
    status: 413,
    code: 'body_too_large',
  },
  {
    bad: 'bad address',
    call: { ...purchase({ target_url: GOOD.url, pay_to: '0x12', amount: '1' }), path: '/v1/agent/x402/sign' },
    status: 400,
    code: 'validation_failed',
    field: 'pay_to',
  },
  {
    bad: 'malformed operation id',
    call: { path: '/v1/agent/operations/1' },
    status: 400,
    code: 'validation_failed',
    field: 'operation_id',
  },
  {
    bad: 'unknown operation',
    call: { path: '/v1/agent/operations/00000003-0000-4000-8000-000000000009' },
    status: 404,
    code: 'not_found',
  },
  {
    bad: 'native: unknown operation',
    call: { path: '/purser/v1/operations/00000003-0000-4000-8000-000000000009' },
    status: 404,
    code: 'not_found',
  },
  {
    bad: 'foreign cursor',
    call: { path: '/v1/agent/operations?cursor=zzz' },
    status: 400,
    code: 'invalid_cursor',
    field: 'cursor',
  },
  {
    bad: 'limit of 101',
    call: { path: '/v1/agent/operations?limit=101' },
    status: 400,
    code: 'validation_failed',
    field: 'limit',
  },
  {
    bad: 'unknown query field',
    call: { path: '/v1/agent/operations?wait=1' },
    status: 400,
    code: 'validation_failed',
    field: 'wait',
  },
  {
    bad: 'too long a path',
    call: { path: `/purser/v1/operations/${'a'.repeat(300)}` },
    status: 400,
    code: 'validation_failed',
    field: 'body',
  },
  {
    bad: 'a path that is no URL',
    call: { path: '/v1/agent/%zz' },
    status: 400,
    code: 'validation_failed',
    field: 'body',
  },
  { bad: 'unknown route', call: { path: '/v1/agent/nothing' }, status: 404, code: 'not_found' },
  {
    bad: 'reject without a reason',
    call: {
      method: 'POST',
      path: '/purser/v1/approvals/apr_00000000000000000000000001/reject',
      as: 'approver',
      body: {},
    },
    status: 400,
    code: 'validation_failed',
    field: 'reason',
  },
  {
    bad: 'empty limits',
    call: {
      method: 'PUT',
      path: '/purser/v1/workspace/budgets',
      as: 'admin',
      body: { limits: { weekly: '1' } },
    },
    status: 400,
    code: 'validation_failed',
    field: 'limits.weekly',
  },
];

describe('bad input', () => {
  it.each(ROWS)('$bad: $code', async ({ call, status, code, field }) => {
    const { status: got, body } = await api.call(call);
    const error = (body as { error: { code: string; details: Record<string, unknown> } }).error;
    const cause = call.path.startsWith('/v1/agent') ? error.details['cause'] : error.code;
    expect({ status: got, code: cause, field: error.details['field'] }).toEqual({ status, code, field });
    expect(api.database.operations.size).toBe(0);
    expect(api.shop.charged).toEqual([]);
  });
});

describe('what bad or late requests leave behind', () => {
  beforeEach(async () => {
    await api.close();
    api = await MemoryApi.start();
  });

  it('a key that belongs to another request: 422 natively, 409 in the Hightop dialect, and the first payment stands', async () => {
    await api.call(purchase(GOOD));
    const native = await api.call(submit({ kind: 'purchase', ...GOOD, max_amount: '20001' }));
    expect([native.status, native.body.error.code]).toEqual([422, 'idempotency_key_reused']);
    const hightop = await api.call(purchase({ ...GOOD, max_amount: '20001' }));
    expect([hightop.status, hightop.body.error.code]).toEqual([409, 'idempotency_key_reuse_mismatch']);
    expect(api.shop.charged).toHaveLength(1);
  });

  it('one key space over dialects: the same request natively and in the Hightop dialect is one payment', async () => {
    const first = await api.call(purchase(GOOD));
    const again = await api.call(submit({ kind: 'purchase', ...GOOD, wait_ms: 1000 }));
    expect(again.status).toBe(200);
    expect(again.headers['x-idempotency-replayed']).toBe('true');
    expect(again.body.operation_id).toBe(first.body.operation_id);
    expect(api.shop.charged).toHaveLength(1);
  });

  it.each([
    ['agent', 403, 'agent_paused', 401, 'agent_disabled'],
    ['workspace', 503, 'workspace_paused', 403, 'operation_feature_disabled'],
    ['global', 503, 'system_paused', 403, 'operation_feature_disabled'],
  ])(
    'a stopped %s opens nothing and binds no key',
    async (scope, status, code, hightopStatus, hightopCode) => {
      const path = {
        agent: 'agents/00000002-0000-4000-8000-000000000001',
        workspace: 'workspace',
        global: 'system',
      }[scope];
      const paused = await api.call({
        method: 'POST',
        path: `/purser/v1/${path}/pause`,
        as: 'admin',
        body: { reason: 'test' },
      });
      expect(paused.status).toBe(200);
      const native = await api.call(submit({ kind: 'purchase', ...GOOD }));
      expect([native.status, native.body.error.code]).toEqual([status, code]);
      const hightop = await api.call(purchase(GOOD));
      expect([hightop.status, hightop.body.error.code]).toEqual([hightopStatus, hightopCode]);
      expect(api.database.keys.size).toBe(0);
      const resumed = await api.call({ method: 'POST', path: `/purser/v1/${path}/resume`, as: 'admin' });
      expect(resumed.status).toBe(200);
      expect((await api.call(purchase(GOOD))).status).toBe(200);
    },
  );

  it('an expired approval cannot be decided, and the operation has ended unpaid', async () => {
    api.setPolicy({ ...DEFAULT_POLICY, version: 1, approvalThreshold: 1n });
    const waiting = await api.call(purchase(GOOD));
    const path = `/purser/v1/approvals/${waiting.body.approval_id as string}`;
    const { digest } = (await api.call({ path, as: 'approver' })).body as { digest: string };
    api.nowMs += 3_600_000;
    const late = await api.call({
      method: 'POST',
      path: `${path}/approve`,
      as: 'approver',
      body: { digest },
    });
    expect([late.status, late.body.error.code]).toEqual([409, 'approval_expired']);
    await api.runWorkers();
    const again = await api.call(purchase(GOOD));
    expect([again.status, again.body.error.details.cause]).toEqual([409, 'approval_expired']);
    expect(api.shop.charged).toEqual([]);
  });

  it("another workspace's objects do not exist", async () => {
    const { operation_id: id } = (await api.call(purchase(GOOD))).body as { operation_id: string };
    for (const call of [
      { path: `/v1/agent/operations/${id}`, as: 'agent2' },
      { path: `/purser/v1/operations/${id}`, as: 'agent2' },
      { path: `/purser/v1/operations/${id}`, as: 'admin2' },
      { path: `/purser/v1/operations/${id}/events`, as: 'admin2' },
      { path: `/purser/v1/operations/${id}/cancel`, as: 'admin2', method: 'POST', body: {} },
      { path: '/purser/v1/agents/00000002-0000-4000-8000-000000000001', as: 'admin2' },
      {
        path: '/purser/v1/agents/00000002-0000-4000-8000-000000000001/pause',
        as: 'admin2',
        method: 'POST',
        body: {},
      },
      { path: '/purser/v1/agents/00000002-0000-4000-8000-000000000001/budgets', as: 'admin2' },
    ] as const) {
      const { status, body } = await api.call(call);
      expect([call.path, status, (body.error.details?.cause ?? body.error.code) as string]).toEqual([
        call.path,
        404,
        'not_found',
      ]);
    }
  });
});
