// An agent of the Relayer dialect where changes need two people, over HTTP and on PostgreSQL: who asked for it and who signed its limits are the two.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callerAt } from '../support/http-caller.js';
import type { Reply } from '../support/household.js';
import { PostgresApi } from '../support/postgres-api.js';
import { aStamper } from '../support/stamping.js';

let api: PostgresApi;
let call: ReturnType<typeof callerAt>;
let admin: string;
let backend: string;
const bob = aStamper();
beforeAll(async () => {
  api = await PostgresApi.start();
  call = callerAt(await api.http.listen());
  const workspace = { name: 'dual', admin_person: 'alice', dual_control: true };
  admin = (await done(await api.operatorKey(), '/purser/v1/workspaces', workspace)).secret;
  const keyOf = async (role: string, person: string): Promise<string> =>
    (await done(admin, '/purser/v1/keys', { role, person })).secret;
  backend = await keyOf('backend', 'shop server');
  const own = await keyOf('approver', 'bob');
  const keys = '/purser/v1/approver-keys';
  const prepared = await done(own, `${keys}/prepare`, { public_key: bob.publicKey });
  const { stampHeaderName, stampHeaderValue } = bob.stamp(prepared.body);
  const stamp = { header_name: stampHeaderName, header_value: stampHeaderValue };
  const made = await done(own, keys, { activity_id: prepared.activity_id, stamp });
  await done(admin, `${keys}/${made.approver_key_id}/confirm`, {});
});
afterAll(() => api?.close());

const send = (key: string, path: string, body?: unknown, method = 'POST'): Promise<Reply> =>
  call({
    method: body === undefined ? 'GET' : method,
    path,
    headers: { authorization: `${path.startsWith('/purser/') ? 'Bearer' : 'ApiKey'} ${key}` },
    ...(body === undefined ? {} : { body }),
  });
async function done(key: string, path: string, body?: unknown, method?: string): Promise<Reply['body']> {
  const reply = await send(key, path, body, method);
  expect([200, 201], `${path} ${reply.text}`).toContain(reply.status);
  return reply.body;
}
const signed = ({ activity: { body } }: { readonly activity: { readonly body: string } }) => ({
  stampedActivity: { body, stamp: bob.stamp(body) },
});

describe('with dual control', () => {
  it('an agent gets the limits that a second person signed, and both are on record', async () => {
    const budget = { payments: { monthlyUSDC: 20, perTxUSDC: 2 }, infrastructure: { monthlyUSD: 3 } };
    const draft = (await done(backend, '/v1/agents/prepare', { name: 'Buyer', budget })).data;
    const pending = (await done(backend, '/v1/agents/confirm-user', signed(draft))).data;
    // What somebody tightens before the limits are signed for stays.
    const limitsPath = `/purser/v1/agents/${pending.agentId}/budgets`;
    await done(admin, limitsPath, { limits: { month: '0', day: '5000000' } }, 'PUT');
    const active = (await done(backend, '/v1/agents/confirm-policies', signed(pending))).data;
    expect(active).toMatchObject({ status: 'active', agentSecret: expect.any(String) });

    const { data } = await done(backend, `/v1/agents/${active.agentId}/budget`);
    expect(data.perTxUSDC).toBe('2.000000');
    const own = (await done(admin, limitsPath)).items.find(
      (it: { unit: string; layer: string }) => it.unit === 'USD6' && it.layer === 'payments',
    );
    expect(own.windows).toContainEqual(expect.objectContaining({ window: 'day', limit: '5000000' }));
    const limits = data.categories.map((it: { category: string; limit: string }) => [it.category, it.limit]);
    expect(limits).toEqual([
      ['infra', '3.000000000000'],
      ['tokens', null],
      ['payments', '20.000000'],
    ]);
    const { items } = await done(admin, '/purser/v1/workspace/history');
    const decided = items.find((it: { type: string }) => it.type === 'ChangeApproved');
    expect(decided.data).toMatchObject({ requester: 'shop server', decided_by: 'bob', kind: 'limits' });
  });
});
