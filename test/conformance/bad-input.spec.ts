// Bad input at the edge: a stable code, the name of the field, and nothing changed (no operation, no charge).
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_POLICY } from '#domain';
import { MemoryApi } from '../support/memory-api.js';
import { BODIES } from './bad-input/bodies.js';
import { ESSENTIALS } from './bad-input/essentials.js';
import { FIELDS } from './bad-input/fields.js';
import { OTHER_CALLS } from './bad-input/other-calls.js';
import { GOOD, purchase, submit } from './bad-input/row.js';

let api: MemoryApi;
beforeAll(async () => {
  api = await MemoryApi.start();
});
afterAll(() => api.close());
beforeEach(() => {
  api.database.operations.clear();
  api.database.keys.clear();
  api.database.stops.length = 0;
  api.shop.charged.length = 0;
});

const ROWS = [...ESSENTIALS, ...FIELDS, ...BODIES, ...OTHER_CALLS];

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
