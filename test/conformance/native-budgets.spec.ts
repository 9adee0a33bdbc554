// Limits, counts and reported usage through the native API. Every answer is compared with the description.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BASE, nativeApi, purchase, type NativeApi } from '../support/native-api.js';

const AGENT_PATH = `${BASE}/agents/00000002-0000-4000-8000-000000000001`;

let api: NativeApi['api'];
let call: NativeApi['call'];
beforeEach(async () => {
  ({ api, call } = await nativeApi());
});
afterEach(() => api.close());

const putLimits = (body: object) => call({ method: 'PUT', path: `${AGENT_PATH}/budgets`, as: 'admin', body });
const report = (...events: object[]) => call({ method: 'POST', path: `${BASE}/usage`, body: { events } });

const put = (path: string, body?: object) =>
  call({ method: 'PUT', path, as: 'admin', ...(body ? { body } : {}) });

const names = (of: { body: { items: { name: string }[] } }): string[] => of.body.items.map((it) => it.name);

describe('limits', () => {
  it('may be how many payments, and are shown with what is left of them', async () => {
    const put = await putLimits({ limits: { lifetime: '1000000' }, counts: { hour: 2 } });
    expect(put.body).toMatchObject({ layer: 'payments', unit: 'USD6', status: 'ok' });
    expect((await call({ ...purchase(), key: 'k1' })).status).toBe(201);
    const read = await call({ path: `${AGENT_PATH}/budgets`, as: 'auditor' });
    const hour = read.body.items[0].windows.find((it: { window: string }) => it.window === 'hour');
    expect(hour).toMatchObject({ limit: null, count_limit: 2, count_remaining: 1 });
    expect((await call({ ...purchase(), key: 'k2' })).status).toBe(201);
    const third = await call({ ...purchase(), key: 'k3' });
    expect([third.status, third.body.error.code]).toEqual([422, 'budget_exhausted']);
    expect(third.body.error.details).toMatchObject({ window: 'hour', measure: 'count', limit: '2' });
    const status = (await call({ path: `${AGENT_PATH}/budgets`, as: 'auditor' })).body.items[0].status;
    expect(status).toBe('exceeded');
  });

  it('hold in each window they name', async () => {
    for (const window of ['hour', 'rolling_30d']) {
      await putLimits({ limits: { [window]: '9999' } });
      const refused = await call({ ...purchase(), key: `k-${window}` });
      expect(refused.body.error.details).toMatchObject({ window, measure: 'amount' });
    }
  });

  it.each([
    [{ limits: { day: '-1' } }, 'limits.day'],
    [{ limits: { week: '1' } }, 'limits.week'],
    [{ limits: {}, counts: { hour: -1 } }, 'counts.hour'],
    [{ limits: {}, counts: { hour: 1.5 } }, 'counts.hour'],
    [{ limits: {}, counts: { per_payment: 1 } }, 'counts.per_payment'],
    [{ limits: {}, layer: 'cloud' }, 'layer'],
    [{ limits: {}, unit: 'USD' }, 'unit'],
  ])('are refused by the name of the field: %j', async (body, field) => {
    const refused = await putLimits(body);
    expect([refused.status, refused.body.error.details.field]).toEqual([400, field]);
  });
});

describe('tags', () => {
  const TAG = `${BASE}/tags/category/research`;

  it('are registered, limited, charged and retired', async () => {
    expect((await put(TAG)).body).toMatchObject({ kind: 'category', name: 'research', retired_at: null });
    await put(`${TAG}/budgets`, { limits: { day: '15000' }, counts: { day: 5 } });
    const first = await call(purchase({ category: 'research' }));
    expect([first.status, first.body.category, first.body.cost_centre]).toEqual([201, 'research', null]);
    const { body } = await call({ path: `${TAG}/budgets`, as: 'auditor' });
    expect(body.items[0]).toMatchObject({ node: 'category', held: '10000', held_count: 1 });
    const second = await call({ ...purchase({ category: 'research' }), key: 'k2' });
    expect([second.status, second.body.error.code]).toEqual([422, 'budget_exhausted']);
    expect((await call({ ...purchase(), key: 'k3' })).status).toBe(201);
    const gone = await call({ method: 'DELETE', path: TAG, as: 'admin' });
    expect(gone.body.retired_at).not.toBeNull();
    expect((await call({ path: `${BASE}/tags`, as: 'auditor' })).body.items).toHaveLength(1);
  });

  it('that are not known bind no key; a repeat of what was accepted is answered for ever', async () => {
    const tagged = purchase({ category: 'research' });
    const refused = await call(tagged);
    expect([refused.status, refused.body.error.details.field]).toEqual([400, 'category']);
    await put(TAG);
    const accepted = await call(tagged);
    expect(accepted.status).toBe(201);
    await call({ method: 'DELETE', path: TAG, as: 'admin' });
    expect((await call(tagged)).body.operation_id).toBe(accepted.body.operation_id);
    expect((await call({ ...tagged, key: 'k2' })).body.error.details).toMatchObject({ field: 'category' });
    expect((await call(purchase({ category: 'other' }))).body.error.code).toBe('idempotency_key_reused');
  });

  it.each([
    ['category/Research', 'name'],
    ['category/a%20b', 'name'],
    ['colour/red', 'kind'],
  ])('of a wrong name are refused: %s', async (path, field) => {
    const refused = await put(`${BASE}/tags/${path}`);
    expect([refused.status, refused.body.error.details.field]).toEqual([400, field]);
  });
});

describe('teams', () => {
  it('are made, limited and joined', async () => {
    const create = (body: object) => call({ method: 'POST', path: `${BASE}/teams`, as: 'admin', body });
    const outer = (await create({ name: 'Research' })).body.team_id as string;
    const inner = await create({ name: 'Models', parent_id: outer });
    expect(inner.body).toMatchObject({ name: 'Models', parent_id: outer });
    const budgets = `${BASE}/teams/${outer}/budgets`;
    expect((await put(budgets, { limits: { month: '5' } })).body).toMatchObject({
      node: 'team',
      node_id: outer,
    });
    expect((await call({ path: budgets, as: 'auditor' })).status).toBe(200);
    const joined = await put(`${AGENT_PATH}/team`, { team_id: inner.body.team_id as string });
    expect(names(joined)).toEqual(['Research', 'Models']);
    expect(names(await call({ path: `${AGENT_PATH}/team`, as: 'auditor' }))).toEqual(['Research', 'Models']);
    expect(names(await put(`${AGENT_PATH}/team`, { team_id: null }))).toEqual([]);
    expect(names(await call({ path: `${BASE}/teams`, as: 'auditor' }))).toHaveLength(2);
  });

  it.each([
    [{ team_id: 'x' }, 400],
    [{}, 400],
    [{ team_id: '00000007-0000-4000-8000-000000000009' }, 404],
  ])('cannot be joined by %j', async (body, status) => {
    expect((await put(`${AGENT_PATH}/team`, body)).status).toBe(status);
  });
});

describe('usage', () => {
  it('is recorded once per id and read back exactly', async () => {
    const events = [
      { id: 'a', layer: 'tokens', amount_usd: '0.000000000001', kind: 'llm_call', metadata: { model: 'm' } },
      { id: 'b', layer: 'infra', amount_usd: '12.5' },
    ];
    const first = await report(...events);
    expect(first.body.items).toEqual([
      { id: 'a', outcome: 'recorded' },
      { id: 'b', outcome: 'recorded' },
    ]);
    expect(first.body.layers.map((it: { layer: string }) => it.layer)).toEqual([
      'infra',
      'tokens',
      'payments',
    ]);
    const again = await report(...events, { id: 'c', layer: 'tokens', amount_usd: '0' });
    expect(again.body.items.map((it: { outcome: string }) => it.outcome)).toEqual([
      'repeated',
      'repeated',
      'recorded',
    ]);
    for (const [path, as] of [
      [`${AGENT_PATH}/usage`, 'auditor'],
      [`${BASE}/usage`, 'agent'],
    ] as const) {
      const { body } = await call({ path, as });
      const amounts = body.items.map((it: { id: string; amount_usd: string }) => [it.id, it.amount_usd]);
      expect(amounts).toContainEqual(['a', '0.000000000001']);
      expect(amounts).toContainEqual(['b', '12.500000000000']);
    }
    expect((await call({ path: `${AGENT_PATH}/layers`, as: 'admin' })).status).toBe(200);
    expect((await call({ path: `${BASE}/layers` })).status).toBe(200);
  });

  it('under a known id is refused when it is other usage', async () => {
    await report({ id: 'a', layer: 'tokens', amount_usd: '1' });
    const other = await report(
      { id: 'n', layer: 'tokens', amount_usd: '1' },
      { id: 'a', layer: 'tokens', amount_usd: '2' },
    );
    expect([other.status, other.body.error.code, other.body.error.details.field]).toEqual([
      422,
      'idempotency_key_reused',
      'events.1.id',
    ]);
    expect(api.usage.events).toHaveLength(1);
  });

  it.each([
    [{ id: 'a', layer: 'payments', amount_usd: '1' }, 'events.0.layer'],
    [{ id: 'a', layer: 'tokens', amount_usd: '-1' }, 'events.0.amount_usd'],
    [{ id: 'a', layer: 'tokens', amount_usd: '1e-7' }, 'events.0.amount_usd'],
    [{ id: 'a', layer: 'tokens', amount_usd: '0.0000000000001' }, 'events.0.amount_usd'],
    [{ id: 'a', layer: 'tokens', amount_usd: 1 }, 'events.0.amount_usd'],
    [{ id: 'a b', layer: 'tokens', amount_usd: '1' }, 'events.0.id'],
    [
      { id: 'a', layer: 'tokens', amount_usd: '1', metadata: { note: 'x'.repeat(4_096) } },
      'events.0.metadata',
    ],
    [{ id: 'a', layer: 'tokens', amount_usd: '1', metadata: { note: '\u0000' } }, 'events.0.metadata'],
  ])('is refused by the name of the field: %j', async (event, field) => {
    const refused = await report(event);
    expect([refused.status, refused.body.error.details.field]).toEqual([400, field]);
    expect(api.usage.events).toEqual([]);
  });

  it('of another agent is none of an agent’s business', async () => {
    await report({ id: 'a', layer: 'tokens', amount_usd: '1' });
    expect((await call({ path: `${BASE}/usage`, as: 'agent2' })).body.items).toEqual([]);
    expect((await call({ path: `${AGENT_PATH}/usage`, as: 'agent2' })).status).toBe(403);
    expect(
      (await call({ method: 'POST', path: `${BASE}/usage`, as: 'admin', body: { events: [] } })).status,
    ).toBe(403);
  });
});
