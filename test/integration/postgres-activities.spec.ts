// What people sign with their own keys: used once, in time, by keys that count, on real rows.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WorkspaceId } from '#domain';
import {
  activities,
  confirmActivity,
  registerApproverKey,
  type Activity,
  type ActivityPorts,
  type Signatory,
} from '#engine';
import { createSigningStores } from '#postgres';
import { stampVerifier } from '#runtime';
import { adminBench, ALL, BY, type AdminBench } from '../support/postgres-admin.js';
import { aStamper, type Stamper } from '../support/stamping.js';

let bench: AdminBench;
let ports: ActivityPorts;
beforeAll(async () => {
  bench = await adminBench();
  ports = { ...createSigningStores(bench.system), stamps: stampVerifier };
});
afterAll(() => bench?.close());

const who = (workspaceId: WorkspaceId, person: string): Signatory => ({
  workspaceId,
  keyId: `key of ${person}`,
  person,
});

/** A person's credential: it is by these that people come and go. */
const aCredential = (workspaceId: WorkspaceId, person: string, role: 'approver' | 'auditor' = 'approver') =>
  bench.admin.keys.create(workspaceId, { role, agentId: null, person, label: '', expiresInSec: null }, BY);

async function registered(by: Signatory, key: Stamper = aStamper()) {
  await aCredential(by.workspaceId, by.person);
  const subject = { public_key: key.publicKey, label: 'laptop' };
  const activity = await activities.prepare(ports, by, { kind: 'register_approver_key', subject });
  const signed = { activityId: activity.activityId, stamp: key.stamp(activity.body) };
  return { key, view: await registerApproverKey(ports, by, signed), signed };
}

const funding = (by: Signatory): Promise<Activity> =>
  activities.prepare(ports, by, { kind: 'fund_agent', subject: { amount: '1000000' } });
const signedBy = (key: Stamper, { activityId, body }: Activity) =>
  ({ activityId, kind: 'fund_agent', stamp: key.stamp(body) }) as const;
const refusal = (code: string, details: object = {}) => ({ code, details });

describe('an activity', () => {
  it('confirmed by a registered key counts once, however often and by whomever it is sent', async () => {
    const { workspaceId } = await bench.aWorkspace();
    const alice = await registered(who(workspaceId, 'alice'));
    const bob = await registered(who(workspaceId, 'bob'));
    const activity = await funding(who(workspaceId, 'backend'));
    const all = await Promise.all(
      Array.from({ length: 20 }, () =>
        confirmActivity(ports, { workspaceId }, signedBy(alice.key, activity)),
      ),
    );
    expect(all.filter((it) => !it.repeated)).toHaveLength(1);
    expect(new Set(all.map((it) => it.by.person))).toEqual(new Set(['alice']));
    await expect(confirmActivity(ports, { workspaceId }, signedBy(bob.key, activity))).rejects.toMatchObject(
      refusal('activity_used'),
    );
    const history = await bench.admin.history(workspaceId, ALL);
    expect(history.items.filter((it) => it.type === 'ActivityConfirmed')).toHaveLength(1);
    await bench.owner.query('UPDATE activity SET expires_at = clock_timestamp() WHERE activity_id = $1', [
      activity.activityId,
    ]);
    const late = signedBy(alice.key, activity);
    await expect(confirmActivity(ports, { workspaceId }, late)).rejects.toMatchObject(
      refusal('activity_expired'),
    );
    expect(await confirmActivity(ports, { workspaceId }, { ...late, evenLate: true })).toMatchObject({
      repeated: true,
      late: true,
    });
  });

  it('is not used up by who may not sign it', async () => {
    const { workspaceId } = await bench.aWorkspace();
    const [alice, bob] = [
      await registered(who(workspaceId, 'alice')),
      await registered(who(workspaceId, 'bob')),
    ];
    const activity = await funding(who(workspaceId, 'alice'));
    const sign = ({ key }: typeof alice) =>
      confirmActivity(ports, { workspaceId }, { ...signedBy(key, activity), barred: ['ops', 'alice'] });
    await expect(sign(alice)).rejects.toMatchObject(refusal('approver_not_eligible'));
    expect(await sign(bob)).toMatchObject({ repeated: false, by: { person: 'bob' } });
  });

  it('is one text: another text, kind, workspace or time is refused', async () => {
    const { workspaceId } = await bench.aWorkspace();
    const other = await bench.aWorkspace();
    const { key } = await registered(who(workspaceId, 'alice'));
    const activity = await funding(who(workspaceId, 'alice'));
    const good = signedBy(key, activity);
    const tries = [
      [{ ...good, body: `${activity.body} ` }, 'stamp_invalid'],
      [{ ...good, stamp: key.stamp(`${activity.body} `) }, 'stamp_invalid'],
      [{ ...good, stamp: aStamper().stamp(activity.body) }, 'stamp_invalid'],
      [{ ...good, kind: 'approve' }, 'validation_failed'],
    ] as const;
    for (const [signed, code] of tries)
      await expect(confirmActivity(ports, { workspaceId }, signed)).rejects.toMatchObject({ code });
    await expect(confirmActivity(ports, other, good)).rejects.toMatchObject(
      refusal('not_found', { object: 'activity' }),
    );
    await bench.owner.query('UPDATE activity SET expires_at = clock_timestamp() WHERE activity_id = $1', [
      activity.activityId,
    ]);
    await expect(confirmActivity(ports, { workspaceId }, good)).rejects.toMatchObject(
      refusal('activity_expired'),
    );
    const fresh = await funding(who(workspaceId, 'alice'));
    const done = await confirmActivity(ports, { workspaceId }, { ...signedBy(key, fresh), body: fresh.body });
    expect(done).toMatchObject({ repeated: false, by: { person: 'alice' } });
  });
});

describe('a signature', () => {
  it('decides nothing while the person has no live credential of an approver or admin', async () => {
    const { workspaceId } = await bench.aWorkspace();
    const { key } = await registered(who(workspaceId, 'alice'));
    const refused = refusal('approver_not_eligible', { reason: 'without_credential' });
    const activity = await funding(who(workspaceId, 'backend'));
    const confirm = () => confirmActivity(ports, { workspaceId }, signedBy(key, activity));
    const [credential] = (await bench.admin.keys.list(workspaceId, ALL)).items;
    if (!credential) throw new Error('alice has no credential');
    await bench.admin.keys.revoke(workspaceId, credential.keyId, BY);
    await aCredential(workspaceId, 'alice', 'auditor');
    await aCredential((await bench.aWorkspace()).workspaceId, 'alice');
    await expect(confirm()).rejects.toMatchObject(refused);
    const fresh = await aCredential(workspaceId, 'alice');
    const expire = `UPDATE api_key SET expires_at = clock_timestamp() WHERE key_id = $1`;
    await bench.owner.query(expire, [fresh.key.keyId]);
    await expect(confirm()).rejects.toMatchObject(refused);
    expect((await ports.activities.find(workspaceId, activity.activityId))?.used).toBeNull();
    const last = await aCredential(workspaceId, 'alice');
    expect(await confirm()).toMatchObject({ repeated: false, by: { person: 'alice' } });
    expect(await confirm()).toMatchObject({ repeated: true });
    await bench.admin.keys.revoke(workspaceId, last.key.keyId, BY);
    await expect(confirm()).rejects.toMatchObject(refused);
  });
});

describe('an approver key', () => {
  it('is registered by its own signature, for the person who asked, once', async () => {
    const { workspaceId } = await bench.aWorkspace();
    const alice = who(workspaceId, 'alice');
    const { key, view, signed } = await registered(alice);
    expect(view).toMatchObject({ person: 'alice', publicKey: key.publicKey, status: 'active' });
    expect(await registerApproverKey(ports, alice, signed)).toEqual(view);
    await expect(registered(who(workspaceId, 'bob'), key)).rejects.toMatchObject({
      code: 'validation_failed',
    });
    const stolen = await activities.prepare(ports, alice, {
      kind: 'register_approver_key',
      subject: { public_key: aStamper().publicKey, label: '' },
    });
    const foreign = { activityId: stolen.activityId, stamp: key.stamp(stolen.body) };
    await expect(registerApproverKey(ports, alice, foreign)).rejects.toMatchObject(
      refusal('stamp_invalid', { wrong: 'public_key' }),
    );
    expect(await ports.approverKeys.list(workspaceId)).toHaveLength(1);
  });

  it('counts no more once it is revoked, and may then be registered anew', async () => {
    const { workspaceId } = await bench.aWorkspace();
    const alice = who(workspaceId, 'alice');
    const { key, view } = await registered(alice);
    const activity = await funding(alice);
    await expect(ports.approverKeys.revoke(alice, view.approverKeyId, 'bob')).rejects.toMatchObject({
      code: 'not_found',
    });
    await ports.approverKeys.revoke(alice, view.approverKeyId, 'alice');
    expect(await ports.approverKeys.revoke(alice, view.approverKeyId, null)).toMatchObject({
      status: 'revoked',
    });
    await expect(confirmActivity(ports, { workspaceId }, signedBy(key, activity))).rejects.toMatchObject(
      refusal('stamp_invalid', { wrong: 'key_unknown' }),
    );
    expect((await registered(alice, key)).view).toMatchObject({ status: 'active' });
  });

  it('waits for a second person where dual control is on', async () => {
    const { workspaceId } = await bench.aWorkspace();
    await bench.owner.query('UPDATE workspace SET dual_control = true WHERE workspace_id = $1', [
      workspaceId,
    ]);
    const alice = who(workspaceId, 'alice');
    const { key, view } = await registered(alice);
    const signed = signedBy(key, await funding(alice));
    expect(view.status).toBe('pending');
    await expect(confirmActivity(ports, { workspaceId }, signed)).rejects.toMatchObject(
      refusal('stamp_invalid', { wrong: 'key_not_confirmed' }),
    );
    await expect(ports.approverKeys.confirm(alice, view.approverKeyId)).rejects.toMatchObject({
      code: 'approver_not_eligible',
    });
    await ports.approverKeys.confirm(who(workspaceId, 'bob'), view.approverKeyId);
    expect(await confirmActivity(ports, { workspaceId }, signed)).toMatchObject({ repeated: false });
  });
});
