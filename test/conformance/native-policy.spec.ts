// What an admin may rule, and what an agent is told when a rule is in the way.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BASE, nativeApi, purchase, SELLER, type NativeApi } from '../support/native-api.js';

let api: NativeApi['api'];
let call: NativeApi['call'];
beforeEach(async () => {
  ({ api, call } = await nativeApi());
});
afterEach(() => api.close());

const ASSET = 'eip155:84532/erc20:0x00000000000000000000000000000000000000AA';
const rule = (body: object, path = 'workspace') =>
  call({ method: 'PUT', path: `${BASE}/${path}/policy`, as: 'admin', body });
const buy = (key: string, over: object = {}) => call({ ...purchase(over), key });

describe('a policy', () => {
  const hours = { zone: 'Europe/Berlin', windows: [{ days: ['mon', 'fri'], from: '08:00', to: '18:00' }] };
  it('is answered as it is meant: hosts as URLs spell them, addresses in lower case', async () => {
    const put = await rule({
      host_price_caps: [{ host: '*.Bücher.Example.', max_amount: '10000' }],
      allowed_hosts: ['SHOP.example', '*.bücher.example'],
      allowed_assets: [ASSET],
      hours,
      required_tags: ['category'],
      new_payee: 'approve',
      duplicate_window_sec: 60,
      budget_approval_percent: 80,
    });
    expect(put.status).toBe(200);
    const { body } = await call({ path: `${BASE}/workspace/policy`, as: 'admin' });
    expect(body).toMatchObject({
      host_price_caps: [{ host: '*.xn--bcher-kva.example', max_amount: '10000' }],
      allowed_hosts: ['shop.example', '*.xn--bcher-kva.example'],
      allowed_assets: [ASSET.toLowerCase()],
      hours,
      new_payee: 'approve',
      duplicate_window_sec: 60,
      budget_approval_percent: 80,
    });
  });

  it.each([
    [
      { host_price_caps: [{ host: 'a.example', max_amount: '1' }, { host: 'b.example' }] },
      'host_price_caps.1.max_amount',
    ],
    [{ host_price_caps: [{ host: 'a.example:8443', max_amount: '1' }] }, 'host_price_caps.0.host'],
    [{ host_price_caps: [{ host: 'a.example', max_amount: '1.5' }] }, 'host_price_caps.0.max_amount'],
    [{ host_price_caps: [{ host: 'a.example', max_amount: '1', per: 'day' }] }, 'host_price_caps.0.per'],
    [{ host_price_caps: [7] }, 'host_price_caps.0'],
    [{ host_price_caps: { host: 'a.example', max_amount: '1' } }, 'host_price_caps'],
    [
      { host_price_caps: Array.from({ length: 1_001 }, () => ({ host: 'a.example', max_amount: '1' })) },
      'host_price_caps',
    ],
    [{ denied_hosts: ['shop.example:443'] }, 'denied_hosts'],
    [{ denied_hosts: ['shop.*.example'] }, 'denied_hosts'],
    [{ allowed_assets: ['USDC'] }, 'allowed_assets'],
    [{ hours: { ...hours, zone: 'Europe/Nowhere' } }, 'hours.zone'],
    [{ hours: { ...hours, zone: '+02:00' } }, 'hours.zone'],
    [{ hours: { zone: 'UTC', windows: [] } }, 'hours.windows'],
    [
      { hours: { zone: 'UTC', windows: [{ days: ['mon'], from: '08:00', to: '8:00' }] } },
      'hours.windows.0.to',
    ],
    [
      { hours: { zone: 'UTC', windows: [{ days: ['mon', 'mon'], from: '08:00', to: '09:00' }] } },
      'hours.windows.0.days',
    ],
    [
      { hours: { zone: 'UTC', windows: [{ days: ['monday'], from: '08:00', to: '09:00' }] } },
      'hours.windows.0.days',
    ],
    [{ hours: { zone: 'UTC' } }, 'hours.windows'],
    [{ required_tags: ['project'] }, 'required_tags'],
    [{ new_payee: 'refuse' }, 'new_payee'],
    [{ duplicate_window_sec: 86_401 }, 'duplicate_window_sec'],
    [{ duplicate_window_sec: -1 }, 'duplicate_window_sec'],
    [{ budget_approval_percent: 0 }, 'budget_approval_percent'],
    [{ budget_approval_percent: 101 }, 'budget_approval_percent'],
  ])('that makes no sense is refused by its field, and changes nothing: %j', async (body, field) => {
    const { status, body: answer } = await rule(body);
    expect([status, answer.error.details.field]).toEqual([400, field]);
    expect(answer.error.suggestion).toMatchObject({ action: 'fix_request', field });
    const now = await call({ path: `${BASE}/workspace/policy`, as: 'admin' });
    expect(now.body.version).toBe(0);
  });
});

describe('a payment that a rule does not let pass', () => {
  it.each([
    [
      { host_price_caps: [{ host: 'shop.example', max_amount: '9999' }] },
      'price_above_host_cap',
      'host_price_caps',
      '10000',
    ],
    [{ denied_hosts: ['*.example'] }, 'host_denied', 'denied_hosts', 'shop.example'],
    [
      { allowed_assets: [] },
      'asset_not_allowed',
      'allowed_assets',
      expect.stringMatching(/^eip155:84532\/erc20:0x/),
    ],
    [{ denied_payees: [SELLER] }, 'payee_denied', 'denied_payees', SELLER],
  ])('%j', async (policy, refusedBy, field, value) => {
    const { body: put } = await rule(policy);
    const { status, body } = await buy('k1');
    expect([status, body.error.code]).toEqual([422, 'policy_refused']);
    expect(body.error.details).toMatchObject({
      rule: refusedBy,
      policy_scope: 'workspace',
      policy_version: put.version,
      policy_hash: put.hash,
    });
    expect(body.error.suggestion).toEqual({ action: 'ask_admin_to_allow', rule: field, value });
    expect(api.shop.charged).toEqual([]);
  });

  it('outside the hours: when they begin', async () => {
    await rule({ hours: { zone: 'UTC', windows: [{ days: ['wed'], from: '08:00', to: '18:00' }] } });
    const { body } = await buy('k1');
    expect(body.error.details.rule).toBe('outside_hours');
    const { at } = body.error.suggestion as { at: string };
    api.nowMs = Date.parse(at) - 1;
    expect((await buy('k2')).status).toBe(422);
    api.nowMs = Date.parse(at);
    expect((await buy('k3')).status).toBe(201);
  });
});

const json = (body: string) => ({ method: 'POST', headers: { 'content-type': 'application/json' }, body });

it('a payment without a tag that is demanded is refused, and paid with it', async () => {
  await rule({ required_tags: ['category'] });
  const { body } = await buy('k1');
  expect(body.error.details).toMatchObject({ rule: 'tag_missing', field: 'category' });
  expect(body.error.suggestion).toMatchObject({ action: 'fix_request', field: 'category' });
  await call({ method: 'PUT', path: `${BASE}/tags/category/research`, as: 'admin', body: {} });
  expect((await buy('k2', { category: 'research' })).status).toBe(201);
});

describe('the same purchase under another key', () => {
  beforeEach(() => rule({ duplicate_window_sec: 60 }));

  it('is refused, says which is the first and how to mean it, and is paid when it is meant', async () => {
    const { body: first } = await buy('k1');
    const again = await buy('k2');
    expect([again.status, again.body.error.code]).toEqual([422, 'duplicate_intent']);
    const { operation_id: second, error } = again.body;
    expect(error.details).toMatchObject({ operation_id: second, duplicate_of: first.operation_id });
    expect(error.suggestion).toEqual({
      action: 'allow_duplicate',
      operation_id: first.operation_id,
    });
    expect((await buy('k3', { allow_duplicate: first.operation_id })).status).toBe(201);
    expect((await buy('k4', { allow_duplicate: true })).status).toBe(201);
    expect(api.shop.charged).toHaveLength(3);
  });

  it('fifty at once are one payment', async () => {
    const replies = await Promise.all(Array.from({ length: 50 }, (_, n) => buy(`k${n}`)));
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(replies.filter(({ body }) => body.error?.code === 'duplicate_intent')).toHaveLength(49);
    expect(api.shop.charged).toHaveLength(1);
  });

  it('is another one after the window, of another body, at another price, by another method', async () => {
    expect((await buy('k1', json('{"n":1}'))).status).toBe(201);
    expect((await buy('k2', json('{"n":2}'))).status).toBe(201);
    expect((await buy('k3')).status).toBe(201);
    api.shop.price = 10_001n;
    expect((await buy('k4')).status).toBe(201);
    api.shop.price = 10_000n;
    api.nowMs += 60_001;
    expect((await buy('k5')).status).toBe(201);
  });

  it.each([
    ['{"a":1,"b":[1.5,{"c":null}]}', ' { "b" : [ 1.50, {"c":null} ], "a":1 }', 'duplicate_intent'],
    ['{"a":9007199254740993}', '{"a":9007199254740992}', undefined],
    ['{"a":1', '{"a":1 ', undefined],
  ])('%s and %s: %s', async (one, other, code) => {
    await buy('k1', json(one));
    expect((await buy('k2', json(other))).body.error?.code).toBe(code);
  });

  it.each([[false], ['yes'], [{}], ['00000003-0000-4000-8000-00000000000']])(
    'means nothing by allow_duplicate %j',
    async (allowed) => {
      const { status, body } = await buy('k1', { allow_duplicate: allowed });
      expect([status, body.error.details.field]).toEqual([400, 'allow_duplicate']);
    },
  );
});

describe('a payee that is new', () => {
  it('is paid with a yes the first time, and without one from then on', async () => {
    await rule({ new_payee: 'approve' });
    const asked = await Promise.all([buy('k1'), buy('k2', { url: 'https://shop.example/other' })]);
    expect(asked.map(({ body }) => body.status)).toEqual(['awaiting_approval', 'awaiting_approval']);
    const { approval_id: id, digest } = asked[0].body.approval as Record<string, string>;
    const path = `${BASE}/approvals/${id}/approve`;
    await call({ method: 'POST', path, as: 'approver', body: { digest } });
    await api.runWorkers();
    expect((await buy('k3')).status).toBe(201);
  });
});

const simulate = (over: object = {}, as = 'agent') => {
  const { wait_ms: _waitMs, ...body } = purchase(over).body as Record<string, unknown>;
  return call({ method: 'POST', path: `${BASE}/simulate`, as, body });
};

describe('simulate', () => {
  it('shows every rule with what it looked at and the document it is from, and stores nothing', async () => {
    const { body: put } = await rule({ approval_threshold: '10000', denied_hosts: ['evil.example'] });
    const { status, body } = await simulate();
    expect([status, body.would, body.error]).toEqual([200, 'ask', null]);
    const policy = { scope: 'workspace', version: put.version as number, hash: put.hash as string };
    expect(body.policies).toEqual([policy]);
    expect(body.trace).toContainEqual({
      rule: 'denied_hosts',
      policy,
      outcome: 'passed',
      reason: null,
      facts: { host: 'shop.example' },
    });
    expect(body.trace).toContainEqual({
      rule: 'approval_threshold',
      policy,
      outcome: 'asks',
      reason: 'above_threshold',
      facts: { amount: '10000', threshold: '10000' },
    });
    expect(body.approval).toEqual({
      role: 'approver',
      rules: [{ quorum: 1, groups: [] }],
      reasons: ['above_threshold'],
      decide_within_sec: 3600,
    });
    expect(body.budgets.map((it: { node: string }) => it.node)).toEqual(['workspace', 'agent']);
    expect(api.database.operations.size).toBe(0);
    expect(api.database.keys.size).toBe(0);
    expect(api.shop.charged).toEqual([]);
  });

  it('tells all rules that refuse, the first of them as the error, and when it would pass', async () => {
    const hours = { zone: 'UTC', windows: [{ days: ['wed'], from: '08:00', to: '18:00' }] };
    await rule({ hours, denied_payees: [SELLER] });
    const { body } = await simulate();
    expect(body).toMatchObject({
      would: 'refuse',
      passes_at: null,
      error: { details: { rule: 'payee_denied' } },
    });
    const refused = (body.trace as { outcome: string; rule: string }[]).filter(
      (it) => it.outcome === 'refused',
    );
    expect(refused.map((it) => it.rule)).toEqual(['denied_payees', 'hours']);
    await rule({ hours });
    const later = await simulate();
    expect(later.body.error.suggestion).toEqual({ action: 'wait_until', at: later.body.passes_at });
    expect(new Date(later.body.passes_at as string).getUTCDay()).toBe(3);
  });

  it.each([
    [{ max_amount: '9999' }, 'price_above_maximum', 'raise_max_amount'],
    [{ url: 'https://shop.example/free' }, 'payment_not_required', 'none'],
    [{ url: 'https://shop.example/unpayable' }, 'unpayable_challenge', 'choose_another_seller'],
  ])('%j would be refused: %s', async (over, code, action) => {
    const { body } = await simulate(over);
    expect([body.would, body.error.code, body.error.suggestion.action]).toEqual(['refuse', code, action]);
  });

  it('looks at budgets, wallets, duplicates and stops as they are', async () => {
    expect((await simulate()).body.would).toBe('pay');
    await rule({ duplicate_window_sec: 60 });
    await buy('k1');
    expect((await simulate()).body.error.code).toBe('duplicate_intent');
    expect((await simulate({ allow_duplicate: true })).body.would).toBe('pay');
    api.shop.price = 1_000_001n;
    expect((await simulate({ max_amount: '2000000' })).body.error).toMatchObject({
      code: 'budget_exhausted',
      suggestion: { action: 'raise_limit', window: 'per_payment' },
    });
    api.shop.price = 10_000n;
    api.database.balances.clear();
    const { error } = (await simulate({ url: 'https://shop.example/other' })).body;
    expect([error.code, error.suggestion.action]).toEqual(['insufficient_wallet_balance', 'top_up']);
    await call({ method: 'POST', path: `${BASE}/workspace/pause`, as: 'admin', body: { reason: 'test' } });
    expect((await simulate()).body.error.code).toBe('workspace_paused');
  });

  it('is for agents, with a request that could be submitted', async () => {
    expect((await simulate({}, 'auditor')).status).toBe(403);
    const bad = await simulate({ max_amount: '1.5' });
    expect([bad.status, bad.body.error.details.field]).toEqual([400, 'max_amount']);
  });
});
