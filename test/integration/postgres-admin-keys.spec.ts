// Keys: what they authenticate as, and how they end.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type pg from 'pg';
import type { WorkspaceId } from '#domain';
import type { Actor, Administration, Role } from '#engine';
import { createCredentialChecks, type CredentialChecks } from '#postgres';
import { randomUUID } from 'node:crypto';
import { memoryVault } from '../support/memory-basics.js';
import { adminBench, ALL, BY, newKey, type AdminBench } from '../support/postgres-admin.js';

let bench: AdminBench;
let owner: pg.Pool;
let system: pg.Pool;
let admin: Administration;
let credentials: CredentialChecks;

beforeAll(async () => {
  bench = await adminBench();
  ({ owner, system, admin } = bench);
  credentials = checksOn(system);
});

afterAll(async () => {
  await credentials?.close();
  await bench?.close();
});

const FACTS = { ip: '203.0.113.7' };
const checksOn = (pool: pg.Pool) =>
  createCredentialChecks(pool, { keyEnvironment: 'test', vault: memoryVault });
const tried = (checks: CredentialChecks, key: string, agentId?: string) =>
  checks.key({ kind: 'key', key, ...(agentId === undefined ? {} : { agentId }) }, FACTS);

const notUsable = (reason: string) => ({ ok: false, code: 'credential_not_usable', details: { reason } });

const aWorkspace = () => bench.aWorkspace();

const factsOf = async (workspaceId: WorkspaceId) =>
  (await admin.history(workspaceId, ALL)).items.map((it) => it.type);

describe('keys', () => {
  it('a key authenticates as what it was made for, and its secret is stored nowhere', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    const { key, secret } = await admin.keys.create(workspaceId, newKey(agentId), BY);
    expect(secret).toMatch(/^prs_test_g[0-9a-z]{12}_[A-Za-z0-9_-]{43}$/);
    expect(await tried(credentials, secret)).toEqual({
      ok: true,
      principal: {
        workspaceId,
        keyId: key.keyId,
        role: 'agent',
        agentId,
        person: 'alice',
        scopes: null,
        credential: 'key',
      },
    });
    const { rows } = await owner.query(
      'SELECT row_to_json(k)::text AS text FROM api_key k UNION SELECT row_to_json(a)::text FROM admin_event a',
    );
    expect(rows.map((row: { text: string }) => row.text).join()).not.toContain(secret.slice(-43));
  });

  it('refuses unknown, altered, mismatched and malformed keys alike', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    const { secret } = await admin.keys.create(workspaceId, newKey(agentId), BY);
    const altered = `${secret.slice(0, -1)}${secret.endsWith('A') ? 'B' : 'A'}`;
    const other = (await admin.keys.create(workspaceId, newKey(agentId), BY)).secret;
    const spliced = secret.slice(0, 23) + other.slice(23);
    for (const text of ['', 'prs_test_x', altered, spliced, secret.replace('_test_', '_live_')])
      expect(await tried(credentials, text)).toEqual({ ok: false, code: 'authentication_failed' });
    expect(await tried(credentials, secret, agentId.toUpperCase())).toMatchObject({ ok: true });
    expect(await tried(credentials, secret, randomUUID())).toEqual({
      ok: false,
      code: 'authentication_failed',
    });
  });

  it('a revoked key stops working with the answer to the revocation, under load and in another process', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    const elsewhere = bench.as('purser_system');
    const other = checksOn(elsewhere);
    try {
      const { key, secret } = await admin.keys.create(workspaceId, newKey(agentId), BY);
      const load = Promise.all(Array.from({ length: 500 }, () => tried(credentials, secret)));
      await admin.keys.revoke(workspaceId, key.keyId, BY);
      const after = await Promise.all([tried(credentials, secret), tried(other, secret)]);
      expect(after.map((it) => it.ok)).toEqual([false, false]);
      await load;
      await admin.keys.revoke(workspaceId, key.keyId, BY);
      expect((await factsOf(workspaceId)).filter((it) => it === 'KeyRevoked')).toHaveLength(1);
    } finally {
      await other.close();
      await elsewhere.end();
    }
  });

  it('rotation lets both keys work for the overlap, never the old one for longer than before', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    const first = await admin.keys.create(workspaceId, { ...newKey(agentId), expiresInSec: 60 }, BY);
    const second = await admin.keys.rotate(workspaceId, first.key.keyId, 3600, BY);
    const old = (await admin.keys.list(workspaceId, ALL)).items.find((it) => it.keyId === first.key.keyId);
    expect(old?.expiresAtMs).toBe(first.key.expiresAtMs);
    expect(second.key.expiresAtMs).toBe(first.key.expiresAtMs);
    for (const { secret } of [first, second])
      expect(await tried(credentials, secret)).toMatchObject({ ok: true });
    const third = await admin.keys.rotate(workspaceId, second.key.keyId, 0, BY);
    expect(await tried(credentials, second.secret)).toMatchObject({ ok: false });
    expect(await tried(credentials, third.secret)).toMatchObject({ ok: true });
    await expect(admin.keys.rotate(workspaceId, second.key.keyId, 0, BY)).rejects.toMatchObject({
      code: 'validation_failed',
    });
  });

  it('an expired key and the keys of a disabled agent are refused', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    const { key, secret } = await admin.keys.create(workspaceId, newKey(agentId), BY);
    await admin.agents.disable(workspaceId, agentId, BY);
    expect(await tried(credentials, secret)).toEqual({ ok: false, code: 'agent_disabled' });
    await owner.query(`UPDATE api_key SET expires_at = now() - interval '1 second' WHERE key_id = $1`, [
      key.keyId,
    ]);
    expect(await tried(credentials, secret)).toEqual(notUsable('expired'));
  });

  it('use is written down apart from the request, at most once a minute', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    const { key, secret } = await admin.keys.create(workspaceId, newKey(agentId), BY);
    const used = async () => (await admin.keys.list(workspaceId, ALL)).items[0]?.lastUsedAtMs ?? null;
    const once = checksOn(system);
    await tried(once, secret);
    await once.close();
    const first = await used();
    expect(first).not.toBeNull();
    const again = checksOn(system);
    await tried(again, secret);
    await again.close();
    expect(await used()).toBe(first);
    expect(key.lastUsedAtMs).toBeNull();
  });

  it('hundreds of concurrent checks share a few queries', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    const { secret } = await admin.keys.create(workspaceId, newKey(agentId), BY);
    let queries = 0;
    const counting = {
      query: (...args: [never]) => ((queries += 1), system.query(...args)),
    } as unknown as pg.Pool;
    const counted = checksOn(counting);
    const answers = await Promise.all(Array.from({ length: 400 }, () => tried(counted, secret)));
    expect(answers.every((it) => it.ok)).toBe(true);
    expect(queries).toBeLessThanOrEqual(2);
    await counted.close();
  });
});

const personal = (role: Role, person: string) =>
  ({ role, agentId: null, person, label: '', expiresInSec: null }) as const;
const as = (id: string): Actor => ({ type: 'admin', id });

async function alone() {
  const { workspaceId } = await admin.workspaces.create({ name: 'two', dualControl: true }, BY);
  const make = async (role: Role, person: string, by: Actor = BY) =>
    (await admin.keys.create(workspaceId, personal(role, person), by)).key.keyId;
  const alice = await make('admin', 'alice');
  return { workspaceId, make, alice, bob: await make('approver', 'bob', as(alice)) };
}

describe('where dual control is on', () => {
  const second = { code: 'second_person_needed' };

  it('nobody has a key made in the name of somebody who decides', async () => {
    const { workspaceId, make, alice, bob } = await alone();
    for (const role of ['admin', 'approver', 'backend'] as const)
      await expect(make(role, 'bob', as(alice))).rejects.toMatchObject(second);
    await expect(make('backend', 'bob', as('key of nobody'))).rejects.toMatchObject(second);
    await make('auditor', 'bob', as(alice));
    await make('admin', 'bob', as(bob));
    await make('backend', 'alice', as(alice));
    await make('approver', 'carol', as(alice));
    expect((await factsOf(workspaceId)).filter((it) => it === 'KeyCreated')).toHaveLength(6);
  });

  it('or rotated: whoever has it rotates it themselves', async () => {
    const { workspaceId, make, alice, bob } = await alone();
    const server = await make('backend', 'bob', as(bob));
    for (const key of [bob, server])
      await expect(admin.keys.rotate(workspaceId, key, 3600, as(alice))).rejects.toMatchObject(second);
    const { items } = await admin.keys.list(workspaceId, ALL);
    expect(items.every((it) => it.expiresAtMs === null && it.revokedAtMs === null)).toBe(true);
    await admin.keys.rotate(workspaceId, server, 0, as(bob));
    const approver = { type: 'approver', id: bob } as const;
    await expect(admin.keys.rotate(workspaceId, alice, 0, approver)).rejects.toMatchObject({
      details: { field: 'key_id', reason: 'not_your_own' },
    });
    const own = await admin.keys.rotate(workspaceId, bob, 0, approver);
    expect(own.key).toMatchObject({ role: 'approver', person: 'bob' });
    await expect(make('admin', 'bob', as(alice))).rejects.toMatchObject(second);
    await admin.keys.revoke(workspaceId, own.key.keyId, as(alice));
    await make('approver', 'bob', as(alice));
  });
});
