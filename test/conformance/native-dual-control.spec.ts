// Dual control and waiting for approvals over HTTP. Every answer is compared with the description.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_POLICY } from '#domain';
import { BASE, nativeApi, purchase, type NativeApi } from '../support/native-api.js';

let api: NativeApi['api'];
let call: NativeApi['call'];
beforeEach(async () => {
  ({ api, call } = await nativeApi());
  const body = { role: 'admin', person: 'ben' };
  const made = await call({ method: 'POST', path: `${BASE}/keys`, as: 'admin', body });
  api.secrets['ben'] = made.body.secret as string;
});
afterEach(() => api.close());

const dualControl = (): void =>
  void api.admin.workspaceViews.splice(
    0,
    api.admin.workspaceViews.length,
    ...api.admin.workspaceViews.map((it) => ({ ...it, dualControl: true })),
  );
const raise = () =>
  call({
    method: 'PUT',
    path: `${BASE}/workspace/budgets`,
    as: 'admin',
    body: { limits: { day: '9000000' } },
  });

const path = async () => `${BASE}/approvals/${(await raise()).body.approval_id as string}`;

describe('where dual control is on', () => {
  it('raising is 202 with an approval that somebody else decides', async () => {
    dualControl();
    const asked = await raise();
    expect([asked.status, asked.body.kind, asked.body.change, asked.body.status]).toEqual([
      202,
      'change',
      'limits',
      'pending',
    ]);
    const path = `${BASE}/approvals/${asked.body.approval_id as string}`;
    const decide = (as: string) =>
      call({ method: 'POST', path: `${path}/approve`, as, body: { digest: asked.body.digest as string } });
    expect((await decide('admin')).body.error.code).toBe('approver_not_eligible');
    const mine = await call({ path: `${BASE}/approvals?mine=true`, as: 'ben' });
    expect(mine.body.items).toHaveLength(1);
    expect((await call({ path: `${BASE}/approvals?kind=operation`, as: 'ben' })).body.items).toEqual([]);
    expect((await decide('ben')).body).toMatchObject({ status: 'approved', decided_by: 'ben' });
    const budgets = await call({ path: `${BASE}/workspace/budgets`, as: 'admin' });
    expect(JSON.stringify(budgets.body)).toContain('9000000');
  });

  it('it can be rejected, and taken back by who asked', async () => {
    dualControl();
    const no = await call({
      method: 'POST',
      path: `${await path()}/reject`,
      as: 'approver',
      body: { reason: 'no' },
    });
    expect(no.body).toMatchObject({ status: 'rejected', reason: 'no' });
    const back = await call({ method: 'POST', path: `${await path()}/withdraw`, as: 'admin' });
    expect(back.body.status).toBe('cancelled');
    const resumed = await call({ method: 'POST', path: `${BASE}/workspace/resume`, as: 'admin' });
    expect([resumed.status, resumed.body.paused]).toEqual([200, false]);
  });

  it('an admin decides changes only, never a payment', async () => {
    api.setPolicy({ ...DEFAULT_POLICY, version: 1, approvalThreshold: 1n });
    await call(purchase());
    const [item] = (await call({ path: `${BASE}/approvals`, as: 'ben' })).body.items as {
      approval_id: string;
      digest: string;
    }[];
    const path = `${BASE}/approvals/${item?.approval_id}/approve`;
    const tried = await call({ method: 'POST', path, as: 'ben', body: { digest: item?.digest } });
    expect([tried.status, tried.body.error.details.reason]).toEqual([403, 'role']);
  });
});

describe('waiting for approvals', () => {
  it('a list is answered when there is something, or when it looks different from what was seen', async () => {
    api.setPolicy({ ...DEFAULT_POLICY, version: 1, approvalThreshold: 1n });
    const empty = await call({ path: `${BASE}/approvals?wait_ms=1000`, as: 'approver' });
    expect(empty.body.items).toEqual([]);
    await call(purchase());
    const one = await call({
      path: `${BASE}/approvals?wait_ms=60000&since=${empty.body.revision as string}`,
      as: 'approver',
    });
    expect(one.body.items).toHaveLength(1);
    const nowMs = api.nowMs;
    await call({
      path: `${BASE}/approvals?wait_ms=500&since=${one.body.revision as string}`,
      as: 'approver',
    });
    expect(api.nowMs - nowMs).toBe(500);
  });

  it('one is answered once it is decided', async () => {
    api.setPolicy({ ...DEFAULT_POLICY, version: 1, approvalThreshold: 1n });
    await call(purchase());
    const [item] = (await call({ path: `${BASE}/approvals`, as: 'approver' })).body.items as {
      approval_id: string;
      digest: string;
    }[];
    const path = `${BASE}/approvals/${item?.approval_id}`;
    const still = await call({ path: `${path}?wait_ms=100`, as: 'approver' });
    expect(still.body.status).toBe('pending');
    await call({ method: 'POST', path: `${path}/approve`, as: 'approver', body: { digest: item?.digest } });
    const nowMs = api.nowMs;
    expect((await call({ path: `${path}?wait_ms=60000`, as: 'approver' })).body.status).toBe('approved');
    expect(api.nowMs).toBe(nowMs);
    const tooLong = await call({ path: `${path}?wait_ms=60001`, as: 'approver' });
    expect(tooLong.status).toBe(400);
  });
});
