import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import pg from 'pg';
import {
  DEFAULT_POLICY,
  parseAgentId,
  parseEvmAddress,
  parseWalletId,
  parseWorkspaceId,
  type WalletId,
  type WorkspaceId,
} from '#domain';
import type { Actor, Administration, WalletKeys } from '#engine';
import {
  createAdministration,
  createAuthenticator,
  createPolicyStore,
  type PostgresAuthenticator,
} from '#postgres';
import { randomBytes, randomUUID } from 'node:crypto';
import { createDatabase, type TestDatabase } from '../support/database.js';

const BY: Actor = { type: 'admin', id: 'key_test' };
const ALL = { cursor: null, limit: 100 };
let database: TestDatabase;
let owner: pg.Pool;
let system: pg.Pool;
let admin: Administration;
let authenticator: PostgresAuthenticator;

function as(role: string): pg.Pool {
  const url = new URL(database.url);
  url.username = role;
  return new pg.Pool({ connectionString: url.href });
}

beforeAll(async () => {
  database = await createDatabase();
  owner = new pg.Pool({ connectionString: database.url });
  system = as('purser_system');
  admin = createAdministration(system, { keyEnvironment: 'test' });
  authenticator = createAuthenticator(system);
});

afterAll(async () => {
  await authenticator.close();
  await Promise.all([owner.end(), system.end()]);
  await database.drop();
});

async function aWorkspace() {
  const { workspaceId } = await admin.workspaces.create({ name: 'acme', dualControl: false }, BY);
  const { agentId } = await admin.agents.create(workspaceId, { name: 'buyer' }, BY);
  return { workspaceId, agentId };
}

const newKey = (agentId: Parameters<Administration['agents']['get']>[1]) =>
  ({ role: 'agent', agentId, person: 'alice', label: 'ci', expiresInSec: null }) as const;

const retiredKeys: WalletId[] = [];
const keys: WalletKeys = {
  createKey: () => Promise.resolve(parseEvmAddress(`0x${randomBytes(20).toString('hex')}`)),
  importKey: () => Promise.resolve(parseEvmAddress(`0x${'ab'.repeat(20)}`)),
  retireKey: (_, walletId) => {
    retiredKeys.push(walletId);
    return Promise.resolve();
  },
};

const factsOf = async (workspaceId: WorkspaceId) =>
  (await admin.history(workspaceId, ALL)).items.map((it) => it.type);

describe('workspaces and agents', () => {
  it('a new workspace and agent have a control row and budget nodes without limits in every unit', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    const budgets = [
      ...(await admin.budgets.get({ workspaceId, agentId: null })),
      ...(await admin.budgets.get({ workspaceId, agentId })),
    ];
    expect(budgets.map((it) => [it.node, it.unit])).toEqual([
      ['workspace', 'USD6'],
      ['workspace', 'EUR6'],
      ['agent', 'USD6'],
      ['agent', 'EUR6'],
    ]);
    expect(
      budgets.flatMap((it) => it.windows).every((it) => it.limit === null && it.remaining === null),
    ).toBe(true);
    expect(await admin.workspaces.get(workspaceId)).toMatchObject({ name: 'acme', paused: false });
    expect(await factsOf(workspaceId)).toEqual(['AgentCreated', 'WorkspaceCreated']);
  });

  it('another workspace and its agents do not exist', async () => {
    const [one, two] = [await aWorkspace(), await aWorkspace()];
    await expect(admin.agents.get(one.workspaceId, two.agentId)).rejects.toMatchObject({ code: 'not_found' });
    await expect(admin.workspaces.get(parseWorkspaceId(randomUUID()))).rejects.toMatchObject({
      code: 'not_found',
    });
    const create = admin.keys.create(one.workspaceId, newKey(two.agentId), BY);
    await expect(create).rejects.toMatchObject({ code: 'not_found' });
  });

  it('pages through all agents once, newest first, and takes no foreign cursor', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    const made = [agentId];
    for (let n = 0; n < 6; n += 1)
      made.push((await admin.agents.create(workspaceId, { name: `a${n}` }, BY)).agentId);
    const seen = [];
    let cursor: string | null = null;
    do {
      const page = await admin.agents.list(workspaceId, { cursor, limit: 3 });
      seen.push(...page.items.map((it) => it.agentId));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual(made.reverse());
    for (const forged of ['x', Buffer.from("2026-01-01'; --|x").toString('base64url')])
      await expect(admin.agents.list(workspaceId, { cursor: forged, limit: 3 })).rejects.toMatchObject({
        code: 'invalid_cursor',
      });
  });
});

describe('keys', () => {
  it('a key authenticates as what it was made for, and its secret is stored nowhere', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    const { key, secret } = await admin.keys.create(workspaceId, newKey(agentId), BY);
    expect(secret).toMatch(/^prs_test_g[0-9a-z]{12}_[A-Za-z0-9_-]{43}$/);
    expect(await authenticator.authenticate(secret)).toEqual({
      ok: true,
      principal: { workspaceId, keyId: key.keyId, role: 'agent', agentId, person: 'alice' },
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
      expect(await authenticator.authenticate(text)).toEqual({ ok: false, code: 'authentication_failed' });
    expect(await authenticator.authenticate(secret, agentId.toUpperCase())).toMatchObject({ ok: true });
    expect(await authenticator.authenticate(secret, randomUUID())).toEqual({
      ok: false,
      code: 'authentication_failed',
    });
  });

  it('a revoked key stops working with the answer to the revocation, under load and in another process', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    const elsewhere = as('purser_system');
    const other = createAuthenticator(elsewhere);
    try {
      const { key, secret } = await admin.keys.create(workspaceId, newKey(agentId), BY);
      const load = Promise.all(Array.from({ length: 500 }, () => authenticator.authenticate(secret)));
      await admin.keys.revoke(workspaceId, key.keyId, BY);
      const after = await Promise.all([authenticator.authenticate(secret), other.authenticate(secret)]);
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
      expect(await authenticator.authenticate(secret)).toMatchObject({ ok: true });
    const third = await admin.keys.rotate(workspaceId, second.key.keyId, 0, BY);
    expect(await authenticator.authenticate(second.secret)).toMatchObject({ ok: false });
    expect(await authenticator.authenticate(third.secret)).toMatchObject({ ok: true });
    await expect(admin.keys.rotate(workspaceId, second.key.keyId, 0, BY)).rejects.toMatchObject({
      code: 'validation_failed',
    });
  });

  it('an expired key and the keys of a disabled agent are refused', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    const { key, secret } = await admin.keys.create(workspaceId, newKey(agentId), BY);
    await admin.agents.disable(workspaceId, agentId, BY);
    expect(await authenticator.authenticate(secret)).toEqual({ ok: false, code: 'agent_disabled' });
    await owner.query(`UPDATE api_key SET expires_at = now() - interval '1 second' WHERE key_id = $1`, [
      key.keyId,
    ]);
    expect(await authenticator.authenticate(secret)).toEqual({ ok: false, code: 'authentication_failed' });
  });

  it('use is written down apart from the request, at most once a minute', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    const { key, secret } = await admin.keys.create(workspaceId, newKey(agentId), BY);
    const used = async () => (await admin.keys.list(workspaceId, ALL)).items[0]?.lastUsedAtMs ?? null;
    const once = createAuthenticator(system);
    await once.authenticate(secret);
    await once.close();
    const first = await used();
    expect(first).not.toBeNull();
    const again = createAuthenticator(system);
    await again.authenticate(secret);
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
    const counted = createAuthenticator(counting);
    const answers = await Promise.all(Array.from({ length: 400 }, () => counted.authenticate(secret)));
    expect(answers.every((it) => it.ok)).toBe(true);
    expect(queries).toBeLessThanOrEqual(2);
    await counted.close();
  });
});

describe('wallets', () => {
  it('gives no deposit address before the backup of the key is confirmed, nor after retirement', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    const { walletId, address } = await admin.wallets.create(workspaceId, { agentId, label: '' }, keys, BY);
    const deposit = () => admin.wallets.depositAddress(workspaceId, walletId);
    await expect(deposit()).rejects.toMatchObject({ details: { reason: 'backup_not_confirmed' } });
    await admin.wallets.confirmBackup(workspaceId, walletId, BY);
    expect(await deposit()).toBe(address);
    await admin.wallets.retire(workspaceId, walletId, keys, BY);
    expect(retiredKeys).toContain(walletId);
    await expect(deposit()).rejects.toMatchObject({ details: { reason: 'wallet_retired' } });
  });

  it('an address belongs to one workspace', async () => {
    const [one, two] = [await aWorkspace(), await aWorkspace()];
    const input = { agentId: null, label: '', privateKey: 'the signer knows' };
    await admin.wallets.import(one.workspaceId, input, keys, BY);
    const again = admin.wallets.import(two.workspaceId, input, keys, BY);
    await expect(again).rejects.toMatchObject({ details: { reason: 'already_managed' } });
    expect(JSON.stringify(await admin.history(one.workspaceId, ALL))).not.toContain(input.privateKey);
    await expect(
      admin.wallets.get(two.workspaceId, parseWalletId(`wal_${'0'.repeat(26)}`)),
    ).rejects.toMatchObject({
      code: 'not_found',
    });
  });

  it('the agent pays from its own wallet, else from a shared one, the oldest active first', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    const policies = createPolicyStore(system);
    const pays = async () =>
      (await policies.walletFor(workspaceId, agentId, 'eip155:84532' as never))?.walletId;
    expect(await pays()).toBeUndefined();
    const shared = await admin.wallets.create(workspaceId, { agentId: null, label: '' }, keys, BY);
    expect(await pays()).toBe(shared.walletId);
    const own = await admin.wallets.create(workspaceId, { agentId, label: '' }, keys, BY);
    await admin.wallets.create(workspaceId, { agentId, label: 'next' }, keys, BY);
    expect(await pays()).toBe(own.walletId);
    await admin.wallets.retire(workspaceId, own.walletId, keys, BY);
    expect(await pays()).not.toBe(own.walletId);
  });
});

describe('budgets', () => {
  it('changing a limit changes no usage, and what is left follows from both', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    await owner.query(
      `UPDATE budget_node SET held = 30, held_count = 2, day = (now() AT TIME ZONE 'UTC')::date, day_spent = 50, lifetime_spent = 70,
        month = '2020-01-01', month_spent = 999 WHERE workspace_id = $1 AND node_id = $2 AND unit = 'USD6'`,
      [workspaceId, agentId],
    );
    const usage = () =>
      owner.query(
        `SELECT held, held_count, day, day_spent, month, month_spent, lifetime_spent, lifetime_count FROM budget_node WHERE node_id = $1 ORDER BY unit`,
        [agentId],
      );
    const before = (await usage()).rows;
    const scope = { workspaceId, agentId };
    const view = await admin.budgets.putLimits(
      scope,
      'USD6',
      { day: 100n, month: 500n, lifetime: 90n, per_payment: 40n },
      BY,
    );
    expect((await usage()).rows).toEqual(before);
    expect(Object.fromEntries(view.windows.map((it) => [it.window, [it.spent, it.remaining]]))).toEqual({
      per_payment: [0n, 40n],
      day: [50n, 20n],
      month: [0n, 470n],
      lifetime: [70n, 0n],
      rolling_24h: [0n, null],
    });
    const day = view.windows.find((it) => it.window === 'day');
    expect((day?.resetsAtMs ?? 0) % 86_400_000).toBe(0);
    await admin.budgets.putLimits(scope, 'USD6', {}, BY);
    const after = await admin.budgets.get(scope);
    expect(after.flatMap((it) => it.windows).every((it) => it.limit === null)).toBe(true);
  });

  it('a rolling window counts the minutes of the last day only', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    for (const [ago, spent] of [
      ['1 minute', 5],
      ['23 hours', 7],
      ['24 hours 2 minutes', 100],
    ] as const)
      await owner.query(
        `INSERT INTO budget_minute VALUES ($1, $2, 'USD6', 'payments', date_trunc('minute', now() - $3::interval), $4)`,
        [workspaceId, agentId, ago, spent],
      );
    const view = await admin.budgets.putLimits({ workspaceId, agentId }, 'USD6', { rolling_24h: 20n }, BY);
    const window = view.windows.find((it) => it.window === 'rolling_24h');
    expect(window).toMatchObject({ spent: 12n, remaining: 8n });
  });
});

describe('policies', () => {
  const { version: _builtIn, ...rules } = DEFAULT_POLICY;

  it('binds from its commit on, and any change raises the version a verdict names', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    const store = createPolicyStore(system);
    expect(await store.policiesFor(workspaceId, agentId)).toEqual([DEFAULT_POLICY]);
    await admin.policies.put({ workspaceId, agentId: null }, { ...rules, approvalThreshold: 5n }, BY);
    await admin.policies.put({ workspaceId, agentId }, { ...rules, allowedHosts: ['*.Example.com'] }, BY);
    const third = await admin.policies.put(
      { workspaceId, agentId: null },
      { ...rules, approvalThreshold: 9n },
      BY,
    );
    expect(third.policy.version).toBe(3);
    const [ofWorkspace, ofAgent] = await store.policiesFor(workspaceId, agentId);
    expect(ofWorkspace).toMatchObject({ version: 3, approvalThreshold: 9n });
    expect(ofAgent).toMatchObject({ version: 2, allowedHosts: ['*.example.com'] });
    expect(
      (await admin.policies.versions({ workspaceId, agentId: null })).map((it) => it.policy.version),
    ).toEqual([3, 1]);
  });

  it('answers many workspaces in one query, each with its own', async () => {
    const scopes = await Promise.all(Array.from({ length: 20 }, aWorkspace));
    await Promise.all(
      scopes.map(({ workspaceId }, n) =>
        admin.policies.put({ workspaceId, agentId: null }, { ...rules, approvalThreshold: BigInt(n) }, BY),
      ),
    );
    const store = createPolicyStore(system);
    const read = await Promise.all(scopes.map((it) => store.policiesFor(it.workspaceId, it.agentId)));
    expect(read.map(([policy]) => policy?.approvalThreshold)).toEqual(scopes.map((_, n) => BigInt(n)));
  });

  it('a stored policy that was tampered with judges nothing', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    await admin.policies.put({ workspaceId, agentId: null }, { ...rules, approvalThreshold: 5n }, BY);
    await owner.query(
      `UPDATE policy SET document = document || '{"approval_threshold": "500"}' WHERE workspace_id = $1`,
      [workspaceId],
    );
    await expect(createPolicyStore(system).policiesFor(workspaceId, agentId)).rejects.toThrow(
      'does not match its hash',
    );
  });

  it.each([
    [{ maxValiditySec: 601 }, 'max_validity_sec'],
    [{ decideWithinSec: 0 }, 'decide_within_sec'],
    [{ allowedHosts: ['https://x'] }, 'allowed_hosts'],
    [{ deniedPayees: ['0x1'] as never }, 'denied_payees'],
    [{ approvalThreshold: -1n }, 'approval_threshold'],
  ])('refuses %o by the name of its field', async (wrong, field) => {
    const { workspaceId } = await aWorkspace();
    const put = () => admin.policies.put({ workspaceId, agentId: null }, { ...rules, ...wrong }, BY);
    await expect(put()).rejects.toMatchObject({ details: { field } });
    expect(await admin.policies.get({ workspaceId, agentId: null })).toBeNull();
  });
});

describe('stops', () => {
  it('every stop waits for the intents under way and raises its scope’s control epoch', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    const stops = [
      () => admin.stops.pause({ kind: 'workspace', workspaceId }, 'drill', BY),
      () => admin.stops.pause({ kind: 'agent', workspaceId, agentId }, 'drill', BY),
      () => admin.agents.disable(workspaceId, agentId, BY),
    ];
    for (const stop of stops) {
      const intent = await owner.connect();
      await intent.query('BEGIN');
      await intent.query('SELECT 1 FROM control WHERE scope = $1 FOR SHARE', [workspaceId]);
      let acknowledged = false;
      const stopped = Promise.resolve(stop()).then(() => (acknowledged = true));
      await blockedOn(owner);
      expect(acknowledged).toBe(false);
      await intent.query('COMMIT');
      intent.release();
      await stopped;
    }
    const { rows } = await owner.query('SELECT epoch::int FROM control WHERE scope = $1', [workspaceId]);
    expect(rows).toEqual([{ epoch: 3 }]);
  });

  it('names the widest stop, lists what is still live, and resumes', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    await owner.query(
      `INSERT INTO authorization_ledger (workspace_id, operation_id, agent_id, wallet_id, network, token, from_address, to_address, value,
         valid_after, valid_before, nonce, digest, status)
       SELECT $1, gen_random_uuid(), $2, 'w', 'eip155:84532', '0xt', '0xf', '0xp', 7, 0, 1900000000, gen_random_uuid()::text, 'd', s
       FROM unnest(ARRAY['live', 'settled', 'dead']) s`,
      [workspaceId, agentId],
    );
    const { stops } = admin;
    const live = await stops.pause({ kind: 'agent', workspaceId, agentId }, 'drill', BY);
    expect(live.map((it) => [it.value, it.validBeforeSec])).toEqual([[7n, 1_900_000_000]]);
    expect(await stops.stopFor(workspaceId, agentId)).toBe('agent');
    expect(await stops.stopFor(workspaceId, null)).toBeNull();
    await stops.pause({ kind: 'workspace', workspaceId }, 'drill', BY);
    expect(await stops.stopFor(workspaceId, agentId)).toBe('workspace');
    await stops.pause({ kind: 'global' }, 'drill', BY);
    expect(await stops.stopFor(workspaceId, agentId)).toBe('global');
    await stops.resume({ kind: 'global' }, BY);
    await stops.resume({ kind: 'workspace', workspaceId }, BY);
    await stops.resume({ kind: 'agent', workspaceId, agentId }, BY);
    expect(await stops.stopFor(workspaceId, agentId)).toBeNull();
    await expect(
      stops.pause({ kind: 'agent', workspaceId, agentId: parseAgentId(randomUUID()) }, 'drill', BY),
    ).rejects.toMatchObject({ code: 'not_found' });
  });
});

/** Resolves when some session waits for a lock. */
async function blockedOn(pool: pg.Pool): Promise<void> {
  for (;;) {
    const { rows } = await pool.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    if (rows.length > 0) return;
  }
}
