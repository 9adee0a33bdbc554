// Signed requests, scopes, addresses and environments: what a credential proves, and what is told to whom.
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AgentId } from '#domain';
import type { Administration, PresentedSignature } from '#engine';
import { createCredentialChecks, signRequest, type CredentialChecks } from '#postgres';
import { memoryVault } from '../support/memory-basics.js';
import { adminBench, ALL, BY, newKey, type AdminBench } from '../support/postgres-admin.js';

const FACTS = { ip: '203.0.113.7' };
const FAILED = { ok: false, code: 'authentication_failed' };

let bench: AdminBench;
let owner: pg.Pool;
let admin: Administration;
let checks: CredentialChecks;

beforeAll(async () => {
  bench = await adminBench();
  ({ owner, admin } = bench);
  checks = createCredentialChecks(bench.system, { keyEnvironment: 'test', vault: memoryVault });
});
afterAll(async () => {
  await checks?.close();
  await bench?.close();
});

const nowSec = () => Math.floor(Date.now() / 1000);
const notUsable = (reason: string) => ({ ok: false, code: 'credential_not_usable', details: { reason } });

const aSecret = (agentId: AgentId) => ({ ...newKey(agentId), kind: 'hmac' }) as const;

/** A request as an agent signs it; `over` is what then arrives in its place. */
function signed(
  agentId: string,
  secret: string,
  over: Partial<PresentedSignature> & { readonly signedBody?: string } = {},
): PresentedSignature {
  const { signedBody, ...arrives } = over;
  const request = { method: 'POST', path: `/v1/agents/${agentId}/x402-pay`, timestamp: String(nowSec()) };
  const body = '{"amount":"0.05"}';
  const at = { ...request, timestamp: over.timestamp ?? request.timestamp };
  return {
    kind: 'hmac',
    agentId,
    ...at,
    body: Buffer.from(body),
    parsed: JSON.parse(body) as unknown,
    signature: signRequest(secret, { ...at, body: signedBody ?? body }),
    ...arrives,
  };
}

describe('a signed request', () => {
  it('proves its agent; the secret is stored only sealed', async () => {
    const { workspaceId, agentId } = await bench.aWorkspace();
    const { key, secret } = await admin.keys.create(workspaceId, aSecret(agentId), BY);
    expect(secret).toMatch(/^prs_test_h[0-9a-z]{12}_[A-Za-z0-9_-]{43}$/);
    expect(key).toMatchObject({ kind: 'hmac', role: 'agent' });
    expect(await checks.hmac(signed(agentId, secret), FACTS)).toMatchObject({
      ok: true,
      principal: { workspaceId, agentId, keyId: key.keyId, role: 'agent', credential: 'hmac' },
    });
    const { rows } = await owner.query(
      'SELECT row_to_json(k)::text AS text FROM api_key k UNION SELECT row_to_json(a)::text FROM admin_event a',
    );
    expect(rows.map((row: { text: string }) => row.text).join()).not.toContain(secret.slice(-43));
  });

  it('is refused alike, whatever part of it is wrong', async () => {
    const { workspaceId, agentId } = await bench.aWorkspace();
    const { secret } = await admin.keys.create(workspaceId, aSecret(agentId), BY);
    const stale = String(nowSec() - 3600);
    const wrong: readonly PresentedSignature[] = [
      signed(agentId, secret, { method: 'PUT' }),
      signed(agentId, secret, { path: '/v1/agents/other/x402-pay' }),
      { ...signed(agentId, secret), timestamp: String(nowSec() + 1) },
      signed(agentId, secret, { body: Buffer.from('{"amount":"9.99"}'), parsed: { amount: '9.99' } }),
      signed(agentId, `${secret}x`),
      // Not even that it is too old is told to whoever has not proven the secret.
      signed(agentId, `${secret}x`, { timestamp: stale }),
      signed(agentId, secret, { signature: signed(agentId, secret).signature.toUpperCase() }),
      signed(agentId, secret, { signature: '' }),
      signed(agentId, secret, { timestamp: '' }),
      signed(randomUUID(), secret),
      signed('nobody', secret),
    ];
    for (const presented of wrong) expect(await checks.hmac(presented, FACTS)).toEqual(FAILED);
  });

  it('may be a minute old or early, by the time of the database', async () => {
    const { workspaceId, agentId } = await bench.aWorkspace();
    const { secret } = await admin.keys.create(workspaceId, aSecret(agentId), BY);
    const at = (offsetSec: number) =>
      checks.hmac(signed(agentId, secret, { timestamp: String(nowSec() + offsetSec) }), FACTS);
    for (const offset of [-57, 57]) expect(await at(offset)).toMatchObject({ ok: true });
    for (const offset of [-63, 63, -3600])
      expect(await at(offset)).toMatchObject({ ok: false, code: 'expired_timestamp' });
  });

  it('of old clients counts over the JSON without spaces, and an empty object as no body', async () => {
    const { workspaceId, agentId } = await bench.aWorkspace();
    const { secret } = await admin.keys.create(workspaceId, aSecret(agentId), BY);
    const arrived = (text: string, signedBody: string) =>
      checks.hmac(
        signed(agentId, secret, {
          body: Buffer.from(text),
          parsed: text === '' ? undefined : JSON.parse(text),
          signedBody,
        }),
        FACTS,
      );
    expect(await arrived('{"a": 1, "b": [1, 2]}', '{"a":1,"b":[1,2]}')).toMatchObject({ ok: true });
    expect(await arrived('{"a": 1}', '{"a": 1}')).toMatchObject({ ok: true });
    expect(await arrived('{}', '')).toMatchObject({ ok: true });
    expect(await arrived('{}', '{}')).toMatchObject({ ok: true });
    expect(await arrived('', '')).toMatchObject({ ok: true });
    expect(await arrived('{"a": 1}', '')).toEqual(FAILED);
    expect(await arrived('{"a": 1}', '{"a": 1 }')).toEqual(FAILED);
  });

  it('by a rotated secret is dead at once, or works through the overlap; a disabled agent is told so', async () => {
    const { workspaceId, agentId } = await bench.aWorkspace();
    const first = await admin.keys.create(workspaceId, aSecret(agentId), BY);
    const second = await admin.keys.rotate(workspaceId, first.key.keyId, 0, BY);
    expect(second.key).toMatchObject({ kind: 'hmac', agentId });
    expect(await checks.hmac(signed(agentId, first.secret), FACTS)).toEqual(FAILED);
    const third = await admin.keys.rotate(workspaceId, second.key.keyId, 3600, BY);
    for (const { secret } of [second, third])
      expect(await checks.hmac(signed(agentId, secret), FACTS)).toMatchObject({ ok: true });
    await admin.agents.disable(workspaceId, agentId, BY);
    expect(await checks.hmac(signed(agentId, third.secret), FACTS)).toEqual({
      ok: false,
      code: 'agent_disabled',
    });
  });

  it('a replaced secret may what the newest one did, from where that could, and is never the first', async () => {
    const { workspaceId, agentId } = await bench.aWorkspace();
    const bound = { role: 'backend', person: 'ben', label: '', expiresInSec: null, agentId: null } as const;
    const backend = await admin.keys.create(workspaceId, { ...bound, allowedIps: ['203.0.113.0/24'] }, BY);
    const by = { type: 'admin', id: backend.key.keyId } as const;
    const replace = () => admin.keys.replaceSecrets(workspaceId, agentId, { person: 'ben', label: '' }, by);
    const none = { code: 'validation_failed', details: { field: 'id', reason: 'no_secret' } };
    await expect(replace()).rejects.toMatchObject(none);
    await admin.keys.create(workspaceId, newKey(agentId), BY);
    await expect(replace()).rejects.toMatchObject(none);
    await admin.keys.create(workspaceId, aSecret(agentId), BY);
    const narrow = { ...aSecret(agentId), scopes: ['agent:read'], expiresInSec: 600 } as const;
    const old = await admin.keys.create(workspaceId, narrow, BY);
    const first = await replace();
    expect(first.key).toMatchObject({
      person: 'ben',
      scopes: ['agent:read'],
      allowedIps: ['203.0.113.0/24'],
      expiresAtMs: old.key.expiresAtMs,
    });
    expect(await checks.hmac(signed(agentId, first.secret), { ip: '198.51.100.1' })).toEqual(
      notUsable('address'),
    );
    const own = { ...aSecret(agentId), allowedIps: ['198.51.100.0/24'] };
    await admin.keys.create(workspaceId, own, BY);
    const second = await replace();
    expect(second.key).toMatchObject({ scopes: null, allowedIps: ['198.51.100.0/24'] });
    const live = (await admin.keys.list(workspaceId, ALL)).items.filter((it) => it.revokedAtMs === null);
    expect(live.filter((it) => it.kind === 'hmac').map((it) => it.keyId)).toEqual([second.key.keyId]);
    await admin.keys.revoke(workspaceId, second.key.keyId, BY);
    await expect(replace()).rejects.toMatchObject(none);
  });

  it('an agent has at most five secrets, also when many are made at once', async () => {
    const { workspaceId, agentId } = await bench.aWorkspace();
    const made = await Promise.allSettled(
      Array.from({ length: 8 }, () => admin.keys.create(workspaceId, aSecret(agentId), BY)),
    );
    expect(made.filter((it) => it.status === 'fulfilled')).toHaveLength(5);
    const one = (await admin.keys.list(workspaceId, ALL)).items[0];
    if (one) await admin.keys.rotate(workspaceId, one.keyId, 0, BY);
    expect(
      (await admin.keys.list(workspaceId, ALL)).items.filter((it) => it.revokedAtMs === null),
    ).toHaveLength(5);
  });

  it('a secret is no key, and a key signs nothing', async () => {
    const { workspaceId, agentId } = await bench.aWorkspace();
    const { secret } = await admin.keys.create(workspaceId, aSecret(agentId), BY);
    expect(await checks.key({ kind: 'key', key: secret }, FACTS)).toEqual(FAILED);
    const key = await admin.keys.create(workspaceId, newKey(agentId), BY);
    expect(await checks.hmac(signed(agentId, key.secret), FACTS)).toEqual(FAILED);
  });
});

describe('a narrowed credential', () => {
  it('carries its scopes, and its successor the same ones', async () => {
    const { workspaceId, agentId } = await bench.aWorkspace();
    const narrow = { ...newKey(agentId), scopes: ['agent:read'], allowedIps: ['203.0.113.7'] } as const;
    const { key } = await admin.keys.create(workspaceId, narrow, BY);
    const { secret, key: next } = await admin.keys.rotate(workspaceId, key.keyId, 0, BY);
    expect(next).toMatchObject({ scopes: ['agent:read'], allowedIps: ['203.0.113.7/32'] });
    expect(await checks.key({ kind: 'key', key: secret }, FACTS)).toMatchObject({
      principal: { scopes: new Set(['agent:read']) },
    });
  });

  it('is not made for what the role cannot have', async () => {
    const { workspaceId, agentId } = await bench.aWorkspace();
    const auditor = { ...newKey(agentId), role: 'auditor', agentId: null } as const;
    for (const bad of [
      { ...newKey(agentId), scopes: ['agent:read', 'workspace:write'] },
      { ...auditor, scopes: ['workspace:write'] },
      { ...auditor, scopes: [] },
      { ...auditor, kind: 'hmac' },
      { ...auditor, role: 'seller', scopes: ['workspace:read'] },
    ] as const)
      await expect(admin.keys.create(workspaceId, bad, BY)).rejects.toMatchObject({
        code: 'validation_failed',
      });
  });

  it.each([
    [['198.51.100.0/24', '203.0.113.7'], '203.0.113.7', true],
    [['198.51.100.0/24'], '203.0.113.7', false],
    [['203.0.113.99/24'], '203.0.113.7', true],
    [['203.0.113.0/24'], '::ffff:203.0.113.7', true],
    [['0.0.0.0/0'], '2001:db8::7', false],
    [['2001:db8::/32'], '2001:db8:1::7', true],
    [['2001:db8::/32'], '2001:db9::7', false],
    [['2001:db8::/32'], 'unknown', false],
  ])('kept to %s, a caller at %s: %s', async (allowedIps, ip, allowed) => {
    const { workspaceId, agentId } = await bench.aWorkspace();
    const { secret } = await admin.keys.create(workspaceId, { ...newKey(agentId), allowedIps }, BY);
    const answer = await checks.key({ kind: 'key', key: secret }, { ip });
    expect(answer).toMatchObject(allowed ? { ok: true } : notUsable('address'));
    // Whoever has not proven the key is not told that it would not do from there.
    const wrong = `${secret.slice(0, -1)}${secret.endsWith('A') ? 'B' : 'A'}`;
    expect(await checks.key({ kind: 'key', key: wrong }, { ip })).toEqual(FAILED);
  });

  it.each([['10.0.0.1/33'], ['10.0.0'], ['::ffff:10.0.0.1'], ['fe80::1%eth0'], ['10.0.0.0/8/8'], ['']])(
    'no block of addresses: %s',
    async (block) => {
      const { workspaceId, agentId } = await bench.aWorkspace();
      const allowedIps = ['10.0.0.0/8', block];
      await expect(
        admin.keys.create(workspaceId, { ...newKey(agentId), allowedIps }, BY),
      ).rejects.toMatchObject({ code: 'validation_failed', details: { field: 'allowed_ips.1' } });
    },
  );

  it('of another environment is refused, and so is a revoked one, each with its reason', async () => {
    const { workspaceId, agentId } = await bench.aWorkspace();
    const { key, secret } = await admin.keys.create(workspaceId, newKey(agentId), BY);
    const live = createCredentialChecks(bench.system, { keyEnvironment: 'live', vault: memoryVault });
    expect(await live.key({ kind: 'key', key: secret }, FACTS)).toEqual(notUsable('environment'));
    await admin.keys.revoke(workspaceId, key.keyId, BY);
    expect(await checks.key({ kind: 'key', key: secret }, FACTS)).toEqual(notUsable('revoked'));
  });
});
