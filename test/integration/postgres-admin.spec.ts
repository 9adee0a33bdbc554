// What an admin makes and stops: workspaces, agents, wallets.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type pg from 'pg';
import {
  parseAgentId,
  parseEvmAddress,
  parseWalletId,
  parseWorkspaceId,
  type WalletId,
  type WorkspaceId,
} from '#domain';
import type { Administration, Stop, StopOrder, StopScope, WalletKeys } from '#engine';
import { createPolicyStore } from '#postgres';
import { randomBytes, randomUUID } from 'node:crypto';
import { SELLER } from '../support/builders.js';
import { adminBench, ALL, BY, newKey, type AdminBench } from '../support/postgres-admin.js';

let bench: AdminBench;
let owner: pg.Pool;
let system: pg.Pool;
let admin: Administration;

beforeAll(async () => {
  bench = await adminBench();
  ({ owner, system, admin } = bench);
});

afterAll(() => bench?.close());

const aWorkspace = () => bench.aWorkspace();

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
    const units = ['USD6', 'TOP_UP_USD6', 'TOP_UP_EUR6', 'EUR6', 'USD12', 'USD12'];
    expect(budgets.map((it) => [it.node, it.unit])).toEqual(
      ['workspace', 'agent'].flatMap((node) => units.map((unit) => [node, unit])),
    );
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

  it('an agent has so many and no more, retired ones included', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    const make = () => admin.wallets.create(workspaceId, { agentId, label: '' }, keys, BY);
    const [first] = await Promise.all(Array.from({ length: 16 }, make));
    await admin.wallets.retire(workspaceId, first?.walletId as WalletId, keys, BY);
    await expect(make()).rejects.toMatchObject({
      code: 'validation_failed',
      details: { field: 'agent_id', reason: 'too_many_wallets' },
    });
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

describe('the treasury', () => {
  const treasury = { agentId: null, role: 'treasury', label: '' } as const;

  it('is one per workspace, of no agent, and nobody pays from it', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    const policies = createPolicyStore(system);
    expect(await policies.treasuryOf(workspaceId)).toBeUndefined();
    const made = await admin.wallets.create(workspaceId, treasury, keys, BY);
    expect(await policies.treasuryOf(workspaceId)).toEqual({
      walletId: made.walletId,
      address: made.address,
    });
    expect(await policies.walletFor(workspaceId, agentId, 'eip155:84532' as never)).toBeUndefined();
    const wrong = (input: object) => admin.wallets.create(workspaceId, { ...treasury, ...input }, keys, BY);
    await expect(wrong({})).rejects.toMatchObject({ details: { field: 'role', reason: 'treasury_exists' } });
    await expect(wrong({ agentId })).rejects.toMatchObject({ details: { field: 'agent_id' } });
    await admin.wallets.retire(workspaceId, made.walletId, keys, BY);
    expect(await policies.treasuryOf(workspaceId)).toBeUndefined();
    expect((await wrong({})).role).toBe('treasury');
  });

  it('is made once by five who ask at the same moment', async () => {
    const { workspaceId } = await aWorkspace();
    const made = await Promise.allSettled(
      Array.from({ length: 5 }, () => admin.wallets.create(workspaceId, treasury, keys, BY)),
    );
    expect(made.filter((it) => it.status === 'fulfilled')).toHaveLength(1);
    for (const it of made)
      if (it.status === 'rejected')
        expect(it.reason).toMatchObject({ details: { reason: 'treasury_exists' } });
  });

  it("tops up an agent's own active wallets and no others", async () => {
    const [{ workspaceId, agentId }, other] = [await aWorkspace(), await aWorkspace()];
    const policies = createPolicyStore(system);
    const own = await admin.wallets.create(workspaceId, { agentId, label: '' }, keys, BY);
    const shared = await admin.wallets.create(workspaceId, { agentId: null, label: '' }, keys, BY);
    const owns = (it: { address: typeof own.address }, at = workspaceId) =>
      policies.ownsWallet(at, agentId, it.address);
    expect([await owns(own), await owns(shared), await owns(own, other.workspaceId)]).toEqual([
      true,
      false,
      false,
    ]);
    await admin.wallets.retire(workspaceId, own.walletId, keys, BY);
    expect(await owns(own)).toBe(false);
  });
});

describe('stops', () => {
  it('every stop waits for the intents under way and raises its scope’s control epoch', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    const stops = [
      () => admin.stops.stop(order({ kind: 'workspace', workspaceId })),
      () => admin.stops.stop(order({ kind: 'agent', workspaceId, agentId })),
      () => admin.stops.stop(order({ kind: 'payee', workspaceId, payee: SELLER, network: null })),
      () => admin.stops.stop(order({ kind: 'host', workspaceId, host: '*.example' })),
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
    expect(rows).toEqual([{ epoch: 5 }]);
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
    const agents = { kind: 'agent', workspaceId, agentId } as const;
    await lift(await stops.stop(order(agents)));
    const first = await stops.stop(order(agents));
    const { items: live } = await stops.stillLive(agents, null);
    expect(live.map((it) => [it.value, it.validBeforeSec])).toEqual([[7n, 1_900_000_000]]);
    expect((await stops.stop(order(agents))).stopId).toBe(first.stopId);
    expect(await stops.stopFor(workspaceId, agentId)).toBe('agent');
    expect(await stops.stopFor(workspaceId, null)).toBeNull();
    const wider = await stops.stop(order({ kind: 'workspace', workspaceId }));
    expect(await stops.stopFor(workspaceId, agentId)).toBe('workspace');
    const widest = await stops.stop(order({ kind: 'global' }));
    expect(await stops.stopFor(workspaceId, agentId)).toBe('global');
    const { items: listed } = await stops.list(workspaceId, { cursor: null, limit: 10 });
    expect(listed.map((it) => [it.stopId, it.reason, it.by.person])).toEqual(
      [widest, wider, first].map((it) => [it.stopId, 'drill', 'ann']),
    );
    await expect(stops.resume(widest.scope, BY)).rejects.toMatchObject({ code: 'stop_under_way' });
    for (const stop of [widest, wider, first]) await lift(stop);
    expect(await stops.stopFor(workspaceId, agentId)).toBeNull();
    await expect(
      stops.stop(order({ kind: 'agent', workspaceId, agentId: parseAgentId(randomUUID()) })),
    ).rejects.toMatchObject({ code: 'not_found' });
  });
});

const order = (scope: StopScope): StopOrder => ({
  scope,
  reason: 'drill',
  by: { actor: BY, person: 'ann' },
  cancelOnChain: false,
});

async function lift(stop: Stop): Promise<void> {
  await admin.stops.carriedOut(stop);
  await admin.stops.resume(stop.scope, BY);
}

/** Resolves when some session waits for a lock. */
async function blockedOn(pool: pg.Pool): Promise<void> {
  for (;;) {
    const { rows } = await pool.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    if (rows.length > 0) return;
  }
}
