// People's own keys over HTTP: prepared, signed outside, registered, revoked. Every answer is compared with the description.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_POLICY } from '#domain';
import { BASE, nativeApi, purchase, type NativeApi } from '../support/native-api.js';
import { aStamper, type Stamper } from '../support/stamping.js';

let api: NativeApi['api'];
let call: NativeApi['call'];
beforeEach(async () => {
  ({ api, call } = await nativeApi());
});
afterEach(() => api.close());

const KEYS = `${BASE}/approver-keys`;
const prepare = (key: Stamper) =>
  call({ method: 'POST', path: `${KEYS}/prepare`, as: 'approver', body: { public_key: key.publicKey } });
const register = (activityId: unknown, stamp: ReturnType<Stamper['stamp']>) =>
  call({
    method: 'POST',
    path: KEYS,
    as: 'approver',
    body: {
      activity_id: activityId,
      stamp: { header_name: stamp.stampHeaderName, header_value: stamp.stampHeaderValue },
    },
  });

describe('approver keys', () => {
  it('are registered by their own signature over the text as it was prepared', async () => {
    const key = aStamper();
    const { status, body } = await prepare(key);
    expect([status, body.kind]).toEqual([201, 'register_approver_key']);
    const forged = await register(body.activity_id, aStamper().stamp(body.body as string));
    expect([forged.status, forged.body.error]).toMatchObject([
      403,
      { code: 'stamp_invalid', details: { wrong: 'public_key' } },
    ]);
    const done = await register(body.activity_id, key.stamp(body.body as string));
    expect(done.body).toMatchObject({ person: 'approver@example.com', status: 'active' });
    expect([done.status, done.body.public_key]).toEqual([201, key.publicKey]);
    const listed = await call({ path: KEYS, as: 'auditor' });
    expect(listed.body.items).toEqual([done.body]);
    const path = `${KEYS}/${done.body.approver_key_id as string}/revoke`;
    expect((await call({ method: 'POST', path, as: 'approver' })).body.status).toBe('revoked');
  });

  it('must be points on the curve, and what is prepared lives ten minutes', async () => {
    const off = await call({
      method: 'POST',
      path: `${KEYS}/prepare`,
      as: 'approver',
      body: { public_key: `02${'f'.repeat(64)}` },
    });
    expect([off.status, off.body.error.details]).toMatchObject([400, { field: 'public_key' }]);
    const key = aStamper();
    const { body } = await prepare(key);
    api.nowMs += 10 * 60_000;
    const late = await register(body.activity_id, key.stamp(body.body as string));
    expect([late.status, late.body.error.code]).toEqual([409, 'activity_expired']);
  });

  it('decide a payment by their signature, whoever brings it', async () => {
    api.setPolicy({ ...DEFAULT_POLICY, version: 1, approvalThreshold: 1n });
    const key = aStamper();
    const prepared = await prepare(key);
    await register(prepared.body.activity_id, key.stamp(prepared.body.body as string));
    await call(purchase());
    const [item] = (await call({ path: `${BASE}/approvals`, as: 'admin' })).body.items as {
      approval_id: string;
      digest: string;
    }[];
    const path = `${BASE}/approvals/${item?.approval_id}`;
    const activity = await call({ method: 'POST', path: `${path}/prepare`, as: 'admin' });
    expect([activity.status, activity.body.kind]).toEqual([201, 'approve']);
    const bring = (by: Stamper, as: string) => {
      const { stampHeaderName: header_name, stampHeaderValue: header_value } = by.stamp(
        activity.body.body as string,
      );
      const body = {
        digest: item?.digest,
        activity_id: activity.body.activity_id as string,
        stamp: { header_name, header_value },
      };
      return call({ method: 'POST', path: `${path}/approve`, as, body });
    };
    expect((await bring(aStamper(), 'admin')).body.error.code).toBe('stamp_invalid');
    const done = await bring(key, 'admin');
    expect(done.body).toMatchObject({ status: 'approved', decided_by: 'approver@example.com' });
    expect((await bring(key, 'admin')).status).toBe(200);
  });

  it('take the place that they signed for, and no other', async () => {
    api.setPolicy({ ...DEFAULT_POLICY, version: 1, approvalThreshold: 1n });
    const key = aStamper();
    const prepared = await prepare(key);
    await register(prepared.body.activity_id, key.stamp(prepared.body.body as string));
    await call(purchase());
    const [item] = (await call({ path: `${BASE}/approvals`, as: 'admin' })).body.items as {
      approval_id: string;
      digest: string;
    }[];
    const path = `${BASE}/approvals/${item?.approval_id}`;
    const bring = async (signed: object, brought: object) => {
      const asked = { method: 'POST', path: `${path}/prepare`, as: 'admin', body: signed } as const;
      const { activity_id, body: text, subject } = (await call(asked)).body;
      expect(subject).toMatchObject(signed);
      const { stampHeaderName, stampHeaderValue } = key.stamp(text as string);
      const stamp = { header_name: stampHeaderName, header_value: stampHeaderValue };
      const body = { digest: item?.digest, activity_id: activity_id as string, stamp, ...brought };
      return (await call({ method: 'POST', path: `${path}/approve`, as: 'admin', body })).body;
    };
    const carol = { on_behalf_of: 'carol' };
    for (const signed of [{}, { on_behalf_of: 'dave' }])
      expect((await bring(signed, carol)).error.details).toEqual({
        field: 'on_behalf_of',
        reason: 'not_signed',
      });
    for (const brought of [{}, carol])
      expect((await bring(carol, brought)).error.details.reason).toBe('no_delegation');
    expect(await bring({}, {})).toMatchObject({ status: 'approved', decided_by: 'approver@example.com' });
  });
});
