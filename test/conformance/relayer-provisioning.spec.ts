// What people sign in the Relayer dialect: new agents, their funding, and payments above the threshold.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { address, AGENT, aPolicy, SELLER, TOKEN, walletId, WORKSPACE } from '../support/builders.js';
import { MemoryApi, type Call, type Reply } from '../support/memory-api.js';
import { faultsOf, type Description } from '../support/openapi-check.js';
import { signedHeaders } from '../support/relayer-client.js';
import { aStamper, type Stamper } from '../support/stamping.js';

let api: MemoryApi;
let description: Description;
let key: Stamper;
beforeEach(async () => {
  api = await MemoryApi.start(undefined, { wire: true });
  description = (await api.call({ path: '/openapi.json' })).body as Description;
  key = await registered();
});
afterEach(() => api.close());

async function call(request: Call): Promise<Reply> {
  const reply = await api.call(request);
  expect(faultsOf(description, request, reply)).toEqual([]);
  return reply;
}
const post = (path: string, body: unknown, as = 'backend') =>
  call({ method: 'POST', path: `/v1${path}`, as, body });
async function done(path: string, body: unknown, as = 'backend'): Promise<Reply['body']> {
  const reply = await post(path, body, as);
  expect(reply.status, JSON.stringify(reply.body)).toBe(200);
  return reply.body.data;
}

const native = (path: string, body: unknown) =>
  api.call({ method: 'POST', path: `/purser/v1/approver-keys${path}`, as: 'approver', body });

/** A key of the approver's own. */
async function registered(): Promise<Stamper> {
  const stamper = aStamper();
  const prepared = await native('/prepare', { public_key: stamper.publicKey });
  const { stampHeaderName, stampHeaderValue } = stamper.stamp(prepared.body.body as string);
  const stamp = { header_name: stampHeaderName, header_value: stampHeaderValue };
  expect((await native('', { activity_id: prepared.body.activity_id, stamp })).status).toBe(201);
  return stamper;
}

const stamped = ({ body }: { readonly body: string }, by = key) => ({ body, stamp: by.stamp(body) });

async function provisioned(budget?: object) {
  const draft = await done('/agents/prepare', {
    name: 'Buyer',
    description: 'buys',
    ...(budget ? { budget } : {}),
  });
  const made = await done('/agents/confirm-user', {
    agentDraftId: draft.agentDraftId,
    stampedActivity: stamped(draft.activity),
  });
  const active = await done('/agents/confirm-policies', {
    policiesRequestId: made.policiesRequestId,
    signedActivity: stamped(made.unsignedActivity),
  });
  return active as { readonly agentId: string; readonly agentSecret: string };
}

const REQUIREMENT = { amount: '0.02', currency: 'USDC', network: 'local', recipient: SELLER };

function payAs({ agentId, agentSecret: secret }: { agentId: string; agentSecret: string }, amount = '0.02') {
  const path = `/v1/agents/${agentId}/x402-pay`;
  const body = JSON.stringify({ paymentRequirement: { ...REQUIREMENT, amount } });
  const headers = signedHeaders({ agentId, secret, timestamp: '1772366400' }, { method: 'POST', path, body });
  return call({ method: 'POST', path, as: 'nobody', headers, body });
}

describe('provisioning', () => {
  it('ends with a secret that signs, and limits that were signed', async () => {
    const agent = await provisioned({
      payments: { monthlyUSDC: 1, perTxUSDC: 0.5, approvalThresholdUSDC: 0.02 },
    });
    const budget = (await call({ path: `/v1/agents/${agent.agentId}/budget`, as: 'backend' })).body.data;
    expect(budget).toMatchObject({ perTxUSDC: '0.500000', approvalThresholdUSDC: '0.020000' });
    const paid = await payAs(agent, '0.6');
    expect([paid.status, paid.body.code, paid.body.failedLayers]).toEqual([
      402,
      'insufficient_wallet_balance',
      undefined,
    ]);
  });

  it('without limits an agent pays nothing, and until it is active it has no secret', async () => {
    const agent = await provisioned();
    const refused = await payAs(agent);
    expect([refused.status, refused.body.code]).toEqual([402, 'insufficient_wallet_balance']);
    const draft = await done('/agents/prepare', { name: 'Half' });
    const made = await done('/agents/confirm-user', { stampedActivity: stamped(draft.activity) });
    const rotated = await post(`/agents/${made.agentId}/rotate`, {});
    expect([rotated.status, rotated.body.details.reason]).toEqual([400, 'agent_pending_policies']);
  });

  it('a confirmation that is repeated makes one agent; a second activation is refused', async () => {
    const draft = await done('/agents/prepare', { name: 'Buyer' });
    const confirm = { stampedActivity: stamped(draft.activity) };
    const made = await done('/agents/confirm-user', confirm);
    expect((await done('/agents/confirm-user', confirm)).agentId).toBe(made.agentId);
    const activation = { stampedActivity: stamped(made.activity) };
    await done('/agents/confirm-policies', activation);
    const again = await post('/agents/confirm-policies', activation);
    expect([again.status, again.body.code]).toEqual([409, 'activity_used']);
    const { data } = (await call({ path: '/v1/agents', as: 'backend' })).body;
    expect(data.filter((it: { name: string }) => it.name === 'Buyer')).toHaveLength(1);
  });

  it('takes no stamp of a stranger, over another text, for another activity, or after ten minutes', async () => {
    const draft = await done('/agents/prepare', { name: 'Buyer' });
    const other = await done('/agents/prepare', { name: 'Other' });
    const tries: readonly [object, number, string][] = [
      [{ stampedActivity: stamped(draft.activity, aStamper()) }, 403, 'stamp_invalid'],
      [{ stampedActivity: { ...stamped(other.activity), body: draft.activity.body } }, 403, 'stamp_invalid'],
      [
        { agentDraftId: other.agentDraftId, stampedActivity: stamped(draft.activity) },
        400,
        'validation_failed',
      ],
      [
        { stampedActivity: stamped(draft.activity), signedActivity: stamped(draft.activity) },
        400,
        'validation_failed',
      ],
      [{}, 400, 'validation_failed'],
    ];
    for (const [body, status, code] of tries) {
      const reply = await post('/agents/confirm-user', body);
      expect([reply.status, reply.body.code]).toEqual([status, code]);
    }
    api.nowMs += 10 * 60_000;
    const late = await post('/agents/confirm-user', { stampedActivity: stamped(draft.activity) });
    expect([late.status, late.body.code]).toEqual([422, 'activity_expired']);
  });

  it('can be gone on with, and called off while it is pending', async () => {
    const draft = await done('/agents/prepare', { name: 'Half' });
    const { agentId } = await done('/agents/confirm-user', { stampedActivity: stamped(draft.activity) });
    const resumed = await done(`/agents/${agentId}/prepare-policies`, {});
    expect(resumed).toMatchObject({ agentId, status: 'pending_policies' });
    const discard = () => call({ method: 'DELETE', path: `/v1/agents/${agentId}`, as: 'backend' });
    expect((await discard()).status).toBe(200);
    expect((await discard()).status).toBe(409);
    const late = await post('/agents/confirm-policies', { stampedActivity: stamped(resumed.activity) });
    expect([late.status, late.body.code]).toEqual([409, 'activity_used']);
    const active = await provisioned();
    const kept = await call({ method: 'DELETE', path: `/v1/agents/${active.agentId}`, as: 'backend' });
    expect(kept.status).toBe(409);
  });
});

describe('a secret', () => {
  it('is replaced at once', async () => {
    const agent = await provisioned();
    const { agentSecret } = await done(`/agents/${agent.agentId}/rotate`, {});
    const old = await payAs(agent);
    expect([old.status, old.body.code]).toEqual([401, 'invalid_auth']);
    expect((await payAs({ ...agent, agentSecret })).status).toBe(402);
  });

  it('is never the first of an agent that nobody signed for', async () => {
    const body = { name: 'Mine' };
    const made = await api.call({ method: 'POST', path: '/purser/v1/agents', as: 'backend', body });
    expect(made.status).toBe(201);
    const refused = await post(`/agents/${made.body.agent_id as string}/rotate`, {});
    expect([refused.status, refused.body.details.reason]).toEqual([400, 'no_secret']);
  });
});

describe('funding', () => {
  beforeEach(() => {
    const treasury = { workspaceId: WORKSPACE, walletId: walletId(9), address: address(0xee) };
    api.policies.treasury = treasury;
    api.database.wallets.set(treasury.address, treasury);
    api.database.balances.set(`${treasury.address}/${TOKEN}`, { balance: 50_000_000n, block: 0 });
    api.database.budgets.setLimits(WORKSPACE, 'TOP_UP_USD6', {});
    api.database.budgets.setLimits(AGENT, 'TOP_UP_USD6', {});
    api.chain.fund(treasury.address, 50_000_000n);
  });
  const PATH = `/agents/${AGENT}/fund`;

  it('moves what was signed from the treasury, once however often it is confirmed', async () => {
    const { fundRequestId, activity } = await done(`${PATH}/prepare`, { amountUSDC: '12.5' });
    expect(JSON.parse(activity.body).parameters.subject).toMatchObject({
      amount: '12500000',
      agent_id: AGENT,
    });
    const confirm = {
      fundRequestId,
      signedActivity: { url: 'https://elsewhere.example', ...stamped(activity) },
    };
    const funded = await done(`${PATH}/confirm`, confirm);
    expect(funded.txHash).toMatch(/^0x[0-9a-f]{64}$/);
    expect(await done(`${PATH}/confirm`, confirm)).toEqual(funded);
    expect(api.database.ledger.size).toBe(1);
  });

  it('that was refused is not made up for by the old signature; one that went through is found by it', async () => {
    const confirmed = ({ activity }: Reply['body']) =>
      post(`${PATH}/confirm`, { stampedActivity: stamped(activity) });
    const through = await done(`${PATH}/prepare`, { amountUSDC: '1' });
    const funded = await confirmed(through);
    const refused = await done(`${PATH}/prepare`, { amountUSDC: '2' });
    await done(`/agents/${AGENT}/pause`, {});
    expect((await confirmed(refused)).status).toBe(403);
    await done(`/agents/${AGENT}/resume`, {});
    api.nowMs += 600_000;
    const late = await confirmed(refused);
    expect([late.status, late.body.code]).toEqual([422, 'activity_expired']);
    expect((await confirmed(through)).body.data).toEqual(funded.body.data);
    expect(api.database.ledger.size).toBe(1);
  });

  it('is not approved by whoever signed for it', async () => {
    api.setPolicy(aPolicy({ topUpApprovalThreshold: 1n }));
    await api.seedKey('second', WORKSPACE, 'approver');
    const { activity } = await done(`${PATH}/prepare`, { amountUSDC: '12.5' });
    const waiting = await post(`${PATH}/confirm`, { signedActivity: stamped(activity) });
    expect(waiting.status).toBe(202);
    const { items } = (await api.call({ path: '/purser/v1/approvals', as: 'approver' })).body as {
      items: readonly { approval_id: string; digest: string; requester: string }[];
    };
    const [{ approval_id: id, digest, requester } = { approval_id: '', digest: '', requester: '' }] = items;
    expect(requester).toBe('approver@example.com');
    const approve = { method: 'POST', path: `/purser/v1/approvals/${id}/approve`, body: { digest } } as const;
    const own = await api.call({ ...approve, as: 'approver' });
    expect([own.status, own.body.error.details.reason]).toEqual([403, 'requester']);
    expect((await api.call({ ...approve, as: 'second' })).status).toBe(200);
  });

  it('is refused for another agent than was signed for, without an amount, and by an agent', async () => {
    const { activity } = await done(`${PATH}/prepare`, { amount: 1 });
    const agent = await provisioned();
    const other = await post(`/agents/${agent.agentId}/fund/confirm`, { stampedActivity: stamped(activity) });
    expect([other.status, other.body.details.reason]).toEqual([400, 'another_agent_is_signed']);
    expect((await post(`${PATH}/prepare`, {})).status).toBe(400);
    expect((await post(`${PATH}/prepare`, { amount: 1 }, 'agent')).body.code).toBe('permission_denied');
  });
});

const batch = (events: readonly object[]) => {
  const path = '/v1/agents/events/batch';
  const body = JSON.stringify({ events });
  return { path, body };
};

describe('usage', () => {
  let agent: { readonly agentId: string; readonly agentSecret: string };
  const send = (events: readonly object[], timestamp = '1772366400') => {
    const { path, body } = batch(events);
    const signing = { agentId: agent.agentId, secret: agent.agentSecret, timestamp };
    return call({
      method: 'POST',
      path,
      as: 'nobody',
      headers: signedHeaders(signing, { method: 'POST', path, body }),
      body,
    });
  };
  beforeEach(async () => {
    agent = await provisioned();
  });

  it('is charged below a millionth exactly; what is only told charges nothing', async () => {
    const sent = await send([
      { type: 'llm_call', amount: 5e-7, metadata: { model: 'm' } },
      { type: 'token_usage', amount: '0.4' },
      { type: 'api_call', amount: 0.01, recipient: 'x' },
      { type: 'payment', amount: 3 },
    ]);
    expect([sent.status, sent.body.data]).toEqual([200, { accepted: 4, repeated: 0 }]);
    const path = `/purser/v1/agents/${agent.agentId}/usage`;
    const { items } = (await api.call({ path, as: 'backend' })).body;
    const charged = items.map((it: { layer: string; amount_usd: string }) => [it.layer, it.amount_usd]);
    expect(charged.toSorted()).toEqual([
      ['infra', '0.000000000000'],
      ['infra', '0.010000000000'],
      ['tokens', '0.000000500000'],
      ['tokens', '0.400000000000'],
    ]);
  });

  it('sent again is charged once, by its ids or by its signature', async () => {
    const events = [{ type: 'llm_call', amount: 0.5, id: 'call-1' }];
    await send(events);
    expect((await send(events, '1772366401')).body.data).toEqual({ accepted: 0, repeated: 1 });
    const replayed = await send(events);
    expect([replayed.status, replayed.body.code]).toEqual([409, 'request_replayed']);
  });

  it('is not taken unsigned, in more than 100, or below nothing', async () => {
    const { path, body } = batch([{ type: 'llm_call', amount: 1 }]);
    const unsigned = await call({ method: 'POST', path, as: 'agent', body });
    expect([unsigned.status, unsigned.body.details.needs]).toEqual([403, 'signature']);
    expect((await send(Array.from({ length: 101 }, () => ({ type: 'api_call' })))).status).toBe(400);
    expect((await send([{ type: 'api_call', amount: -1 }])).body.code).toBe('invalid_amount');
    expect((await send([{ type: 'refund', amount: 1 }])).status).toBe(400);
    expect((await send([])).status).toBe(400);
  });
});

describe('a payment above the threshold', () => {
  it('is approved by whoever signs it, brought by the backend; the header is for credentials that may pay', async () => {
    api.setPolicy(aPolicy({ approvalThreshold: 20_000n }));
    const pay = {
      method: 'POST',
      path: `/v1/agents/${AGENT}/x402-pay`,
      body: { paymentRequirement: REQUIREMENT },
    } as const;
    const { approvalId } = (await call(pay)).body.data;
    const { activity } = await done(`/signing/approvals/${approvalId}/prepare`, {});
    const foreign = await post(`/signing/approvals/${approvalId}/approve`, {
      stamped_request: stamped(activity, aStamper()),
    });
    expect([foreign.status, foreign.body.code]).toEqual([403, 'stamp_invalid']);
    const approved = await done(`/signing/approvals/${approvalId}/approve-with-passkey`, {
      stamped_request: stamped(activity),
    });
    expect(approved).toMatchObject({ status: 'approved', resolvedBy: 'approver@example.com' });
    expect((await call(pay)).body.data.paymentHeader).toEqual(expect.any(String));
    const body = { role: 'agent', agent_id: AGENT, person: 'alice' };
    for (const scopes of [['agent:read'], ['agent:read', 'agent:payments:write']]) {
      const made = await api.call({
        method: 'POST',
        path: '/purser/v1/keys',
        as: 'admin',
        body: { ...body, scopes },
      });
      api.secrets['narrowed'] = made.body.secret as string;
      for (const list of ['signing', 'agents']) {
        const { data } = (await call({ path: `/v1/${list}/approvals/${approvalId}`, as: 'narrowed' })).body;
        expect([data.status, 'payment' in data]).toEqual(['approved', scopes.length === 2]);
      }
    }
  });
});

describe('where changes need a second person', () => {
  beforeEach(() => {
    const at = api.admin.workspaceViews.findIndex((it) => it.workspaceId === WORKSPACE);
    const view = api.admin.workspaceViews[at];
    if (view) api.admin.workspaceViews[at] = { ...view, dualControl: true };
  });

  it.each([
    ['POST', `/agents/${AGENT}/budget`, { payments: 1000 }, 'backend'],
    ['POST', `/agents/${AGENT}/budget`, { payments: { approvalThresholdUSDC: 5 } }, 'backend'],
    ['PATCH', `/agents/${AGENT}/threshold`, { threshold_usd: 5 }, 'backend'],
    ['PATCH', '/signing/approval-config', { threshold_amount: 5 }, 'admin'],
  ] as const)('%s %s waits for one and changes nothing', async (method, path, body, as) => {
    const before = (await call({ path: `/v1/agents/${AGENT}/budget`, as: 'backend' })).body.data;
    const reply = await call({ method, path: `/v1${path}`, as, body });
    expect([reply.status, reply.body.data.status]).toEqual([202, 'pending_approval']);
    expect(reply.body.data.approvals).toHaveLength(1);
    expect((await call({ path: `/v1/agents/${AGENT}/budget`, as: 'backend' })).body.data).toEqual(before);
  });

  it('resuming waits too, by either route; pausing and killing do not', async () => {
    expect((await post(`/agents/${AGENT}/pause`, {})).status).toBe(200);
    expect((await post(`/agents/${AGENT}/resume`, {})).status).toBe(202);
    const status = { status: 'active' };
    const patched = await call({
      method: 'PATCH',
      path: `/v1/agents/${AGENT}/status`,
      as: 'backend',
      body: status,
    });
    expect(patched.status).toBe(202);
    expect((await call({ path: `/v1/agents/${AGENT}/status`, as: 'backend' })).body.data.status).toBe(
      'paused',
    );
    expect((await post(`/agents/${AGENT}/kill`, {})).status).toBe(200);
  });

  it.each(['approver-backend', 'backend'])(
    'an agent is not activated by who prepared it; sent by %s',
    async (sender) => {
      const prepare = {
        method: 'POST',
        path: '/v1/agents/prepare',
        as: 'approver-backend',
        body: { name: 'Buyer' },
      } as const;
      const body = { role: 'backend', person: 'approver@example.com' };
      const made = await api.call({ method: 'POST', path: '/purser/v1/keys', as: 'admin', body });
      api.secrets['approver-backend'] = made.body.secret as string;
      const draft = (await call(prepare)).body.data;
      const confirmed = await done(
        '/agents/confirm-user',
        { stampedActivity: stamped(draft.activity) },
        sender,
      );
      const activation = { stampedActivity: stamped(confirmed.activity) };
      const reply = await post('/agents/confirm-policies', activation, 'backend');
      expect([reply.status, reply.body.code]).toEqual([403, 'approver_not_eligible']);
    },
  );
});
