// Groups, quorums and delegations over HTTP, on the real engine. Every answer is compared with the description.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_POLICY } from '#domain';
import { BASE, nativeApi, purchase, type NativeApi } from '../support/native-api.js';

let api: NativeApi['api'];
let call: NativeApi['call'];
beforeEach(async () => {
  ({ api, call } = await nativeApi());
  for (const person of ['bob', 'carol', 'dave']) {
    const body = { role: 'approver', person };
    const made = await call({ method: 'POST', path: `${BASE}/keys`, as: 'admin', body });
    api.secrets[person] = made.body.secret as string;
  }
  const group = { method: 'PUT', path: `${BASE}/approver-groups/finance`, as: 'admin' } as const;
  const put = await call({ ...group, body: { members: ['bob', 'carol'] } });
  expect([put.status, put.body.name]).toEqual([200, 'finance']);
});
afterEach(() => api.close());

async function waiting() {
  api.setPolicy({
    ...DEFAULT_POLICY,
    version: 1,
    approvalThreshold: 1n,
    approvers: { quorum: 2, groups: ['finance'] },
  });
  const { status, body } = await call(purchase());
  expect([status, body.status]).toEqual([202, 'awaiting_approval']);
  const listed = await call({ path: `${BASE}/approvals`, as: 'bob' });
  return listed.body.items[0] as { approval_id: string; digest: string };
}

describe('approvals by more than one person', () => {
  it('are granted by the last one they take, show who has voted, and end with one no', async () => {
    const { approval_id: id, digest } = await waiting();
    const path = `${BASE}/approvals/${id}`;
    const yes = (as: string, over: object = {}) =>
      call({ method: 'POST', path: `${path}/approve`, as, body: { digest, ...over } });
    const first = await yes('bob');
    expect(first.body).toMatchObject({
      status: 'pending',
      rules: [{ quorum: 2, groups: ['finance'] }],
      votes: [{ by: 'bob', on_behalf_of: null }],
    });
    expect((await yes('bob')).body.revision).toBe(first.body.revision);
    const stranger = await yes('dave');
    expect([stranger.status, stranger.body.error]).toMatchObject([
      403,
      { code: 'approver_not_eligible', details: { reason: 'not_in_group' } },
    ]);
    const until = new Date(api.nowMs + 3_600_000).toISOString();
    const delegated = await call({
      method: 'POST',
      path: `${BASE}/delegations`,
      as: 'carol',
      body: { delegate: 'dave', ends_at: until, reason: 'away' },
    });
    expect([delegated.status, delegated.body.person]).toEqual([201, 'carol']);
    expect((await yes('dave', { on_behalf_of: 'bob' })).body.error.details.reason).toBe('no_delegation');
    const second = await yes('dave', { on_behalf_of: 'carol' });
    expect(second.body).toMatchObject({
      status: 'approved',
      decided_by: 'dave',
      votes: [{ by: 'bob' }, { by: 'dave' }],
    });
    const ended = `${BASE}/delegations/${delegated.body.delegation_id as string}/end`;
    expect((await call({ method: 'POST', path: ended, as: 'bob' })).status).toBe(404);
    expect((await call({ method: 'POST', path: ended, as: 'carol' })).body.revoked_at).not.toBeNull();
    expect((await call({ path: `${BASE}/delegations`, as: 'auditor' })).body.items).toHaveLength(1);
  });

  it('end with one no, whoever had said yes before', async () => {
    const { approval_id: id, digest } = await waiting();
    const path = `${BASE}/approvals/${id}`;
    await call({ method: 'POST', path: `${path}/approve`, as: 'bob', body: { digest } });
    const no = await call({
      method: 'POST',
      path: `${path}/reject`,
      as: 'carol',
      body: { reason: 'too dear' },
    });
    expect(no.body).toMatchObject({ status: 'rejected', decided_by: 'carol', reason: 'too dear' });
    expect(api.signer.ledger.size).toBe(0);
  });

  it('need groups that a policy can name', async () => {
    expect((await call({ path: `${BASE}/approver-groups`, as: 'auditor' })).body.items).toMatchObject([
      { name: 'finance', members: [{ person: 'bob' }, { person: 'carol' }] },
    ]);
    const put = { method: 'PUT', path: `${BASE}/workspace/policy`, as: 'admin' } as const;
    const stored = await call({ ...put, body: { approval_quorum: 2, approver_groups: ['finance'] } });
    expect(stored.body).toMatchObject({ approval_quorum: 2, approver_groups: ['finance'] });
    const none = await call({ ...put, body: { approval_quorum: 0 } });
    expect(none.status).toBe(400);
  });
});
