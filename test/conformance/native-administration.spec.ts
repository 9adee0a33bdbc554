// Administration through the native API on the real engine. Every answer is compared with the description.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BASE, nativeApi, purchase, SELLER, type NativeApi } from '../support/native-api.js';

const AGENT_PATH = `${BASE}/agents/00000002-0000-4000-8000-000000000001`;

let api: NativeApi['api'];
let call: NativeApi['call'];
beforeEach(async () => {
  ({ api, call } = await nativeApi());
});
afterEach(() => api.close());

describe('administration', () => {
  it('an agent is made, gets a key, and is disabled for ever', async () => {
    const made = await call({ method: 'POST', path: `${BASE}/agents`, as: 'admin', body: { name: 'buyer' } });
    const id = made.body.agent_id as string;
    const input = { role: 'agent', agent_id: id, person: 'ann' };
    const key = await call({ method: 'POST', path: `${BASE}/keys`, as: 'admin', body: input });
    api.secrets['buyer'] = key.body.secret as string;
    expect((await call({ path: `${BASE}/operations`, as: 'buyer' })).status).toBe(200);
    const disable = { method: 'POST', path: `${BASE}/agents/${id}/disable`, as: 'admin' } as const;
    expect((await call(disable)).body.status).toBe('disabled');
    expect((await call({ path: `${BASE}/operations`, as: 'buyer' })).body.error.code).toBe('agent_disabled');
    expect((await call({ path: `${BASE}/agents`, as: 'auditor' })).body.items).toHaveLength(2);
  });

  it('a key is shown once, rotated with overlap and listed without its secret', async () => {
    const input = { role: 'auditor', person: 'bob', label: 'books' };
    const { body } = await call({ method: 'POST', path: `${BASE}/keys`, as: 'admin', body: input });
    const rotate = `${BASE}/keys/${body.key.key_id as string}/rotate`;
    const rotated = await call({ method: 'POST', path: rotate, as: 'admin', body: { overlap_sec: 60 } });
    expect(rotated.status).toBe(201);
    const list = await call({ path: `${BASE}/keys`, as: 'admin' });
    expect(JSON.stringify(list.body)).not.toContain(body.secret as string);
  });

  it('an approver rotates the key they hold, and no other', async () => {
    const { items } = (await call({ path: `${BASE}/keys`, as: 'admin' })).body as {
      items: readonly { key_id: string; role: string }[];
    };
    const rotate = (role: string) => {
      const path = `${BASE}/keys/${items.find((it) => it.role === role)?.key_id}/rotate`;
      return call({ method: 'POST', path, as: 'approver', body: {} });
    };
    expect((await rotate('auditor')).body.error.details.reason).toBe('not_your_own');
    const rotated = await rotate('approver');
    expect([rotated.status, rotated.body.key.role]).toEqual([201, 'approver']);
    expect((await call({ path: `${BASE}/approvals`, as: 'approver' })).status).toBe(401);
  });

  it('a wallet gives no deposit address before its backup is confirmed', async () => {
    const made = await call({
      method: 'POST',
      path: `${BASE}/wallets`,
      as: 'admin',
      body: { label: 'main' },
    });
    const path = `${BASE}/wallets/${made.body.wallet_id as string}`;
    const early = await call({ path: `${path}/deposit-address`, as: 'admin' });
    expect([early.status, early.body.error.details.reason]).toEqual([400, 'backup_not_confirmed']);
    await call({ method: 'POST', path: `${path}/confirm-backup`, as: 'admin' });
    expect((await call({ path: `${path}/deposit-address`, as: 'admin' })).body.address).toBe(
      made.body.address,
    );
    expect((await call({ method: 'POST', path: `${path}/retire`, as: 'admin' })).body.status).toBe('retired');
    const imported = { private_key: `0x${'11'.repeat(32)}` };
    const other = await call({ method: 'POST', path: `${BASE}/wallets/import`, as: 'admin', body: imported });
    expect(JSON.stringify(other.body)).not.toContain('1111');
    const { items } = (await call({ path: `${BASE}/wallets`, as: 'auditor' })).body;
    const listed = (items as readonly { wallet_id: string }[]).map((it) => it.wallet_id);
    expect(listed).toEqual(expect.arrayContaining([made.body.wallet_id, other.body.wallet_id]));
  });

  it('changing a limit never changes usage', async () => {
    await call(purchase());
    const put = { method: 'PUT', path: `${AGENT_PATH}/budgets`, as: 'admin' } as const;
    const before = await call({ path: `${AGENT_PATH}/budgets`, as: 'auditor' });
    const after = await call({ ...put, body: { limits: { day: '20000', lifetime: null } } });
    expect(after.body.held).toBe(before.body.items[0].held);
    const refused = await call({ ...purchase(), key: 'k2' });
    expect(refused.status).toBe(201);
    const third = await call({ ...purchase(), key: 'k3' });
    expect([third.status, third.body.error.code]).toEqual([422, 'budget_exhausted']);
  });

  it('a policy is replaced whole, and its version rises', async () => {
    expect((await call({ path: `${BASE}/workspace/policy`, as: 'auditor' })).body.version).toBe(0);
    const body = { approval_threshold: '5000', allowed_hosts: ['*.example'], denied_payees: [SELLER] };
    const put = await call({ method: 'PUT', path: `${BASE}/workspace/policy`, as: 'admin', body });
    expect(put.body).toMatchObject({ version: 1, approval_threshold: '5000', allowed_hosts: ['*.example'] });
    const refused = await call(purchase());
    expect(refused.body.error).toMatchObject({ code: 'policy_refused', details: { rule: 'payee_denied' } });
    const agents = await call({ method: 'PUT', path: `${AGENT_PATH}/policy`, as: 'admin', body: {} });
    expect(agents.body.approval_threshold).toBeNull();
  });

  it('the operator makes a workspace with its first admin key', async () => {
    const body = { name: 'second', admin_person: 'carol' };
    const made = await call({ method: 'POST', path: `${BASE}/workspaces`, as: 'admin', body });
    api.secrets['carol'] = made.body.secret as string;
    expect((await call({ path: `${BASE}/workspace`, as: 'carol' })).body.name).toBe('second');
  });
});
