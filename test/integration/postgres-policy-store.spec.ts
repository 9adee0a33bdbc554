// Look-ups that are asked together share one query and one row per agent; every asker must get its own answer out of it.
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_POLICY, parseEvmAddress, type AgentId, type WorkspaceId } from '#domain';
import type { Actor, Administration, PolicyStore, WalletKeys } from '#engine';
import { createAdministration, createPolicyStore } from '#postgres';
import { NETWORK } from '../support/builders.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { asRole } from '../support/signer.js';

const BY: Actor = { type: 'admin', id: 'key_test' };
const { version: _builtIn, ...rules } = DEFAULT_POLICY;
const keys: WalletKeys = {
  createKey: () => Promise.resolve(parseEvmAddress(`0x${randomBytes(20).toString('hex')}`)),
  importKey: () => Promise.reject(new Error('not asked for')),
  retireKey: () => Promise.resolve(),
};

let database: TestDatabase;
let system: pg.Pool;
let admin: Administration;

beforeAll(async () => {
  database = await createDatabase();
  system = new pg.Pool({ connectionString: asRole(database.url, 'purser_system') });
  admin = createAdministration(system, { keyEnvironment: 'test' });
});

afterAll(async () => {
  await system.end();
  await database.drop();
});

interface Buyer {
  readonly workspaceId: WorkspaceId;
  readonly agentId: AgentId;
}

const aWorkspace = async (): Promise<WorkspaceId> =>
  (await admin.workspaces.create({ name: 'acme', dualControl: false }, BY)).workspaceId;

async function aBuyer(workspaceId: WorkspaceId): Promise<Buyer> {
  const { agentId } = await admin.agents.create(workspaceId, { name: 'buyer' }, BY);
  return { workspaceId, agentId };
}

async function limit(scope: { workspaceId: WorkspaceId; agentId: AgentId | null }, threshold: bigint) {
  await admin.policies.put(scope, { ...rules, approvalThreshold: threshold }, BY);
}

async function aWallet(workspaceId: WorkspaceId, agentId: AgentId | null) {
  return (await admin.wallets.create(workspaceId, { agentId, label: '' }, keys, BY)).walletId;
}

/** A policy store, and how many scopes each of its queries asked for. */
function watched(): { readonly store: PolicyStore; readonly scopesPerQuery: Record<string, number[]> } {
  const scopesPerQuery: Record<string, number[]> = {};
  const query = ({ name, ...rest }: { name: string; text: string; values: string[][] }) => {
    (scopesPerQuery[name] ??= []).push(rest.values[0]?.length ?? 0);
    return system.query({ name, ...rest });
  };
  return { store: createPolicyStore({ query } as unknown as pg.Pool), scopesPerQuery };
}

const thresholds = async (store: PolicyStore, asked: readonly Buyer[]) =>
  (await Promise.all(asked.map((it) => store.policiesFor(it.workspaceId, it.agentId)))).map((policies) =>
    policies.map((policy) => policy.approvalThreshold),
  );

const walletIds = async (store: PolicyStore, asked: readonly Buyer[]) =>
  (await Promise.all(asked.map((it) => store.walletFor(it.workspaceId, it.agentId, NETWORK)))).map(
    (wallet) => wallet?.walletId,
  );

describe('what is asked together', () => {
  it('gives two agents of one workspace their own policies and wallets, in any order and however often', async () => {
    const workspaceId = await aWorkspace();
    const [first, second, third] = [
      await aBuyer(workspaceId),
      await aBuyer(workspaceId),
      await aBuyer(workspaceId),
    ];
    await limit({ workspaceId, agentId: null }, 100n);
    await limit(first, 1n);
    await limit(second, 2n);
    const own = [await aWallet(workspaceId, first.agentId), await aWallet(workspaceId, second.agentId)];
    const shared = await aWallet(workspaceId, null);
    const { store } = watched();
    const asked = [second, first, first, third, second, first];
    expect(await thresholds(store, asked)).toEqual([
      [100n, 2n],
      [100n, 1n],
      [100n, 1n],
      [100n],
      [100n, 2n],
      [100n, 1n],
    ]);
    expect(await walletIds(store, asked)).toEqual([own[1], own[0], own[0], shared, own[1], own[0]]);
  });

  it('gives two workspaces their own, also when somebody asks for an agent in the wrong one', async () => {
    const [here, there] = [await aBuyer(await aWorkspace()), await aBuyer(await aWorkspace())];
    await limit({ ...here, agentId: null }, 10n);
    await limit({ ...there, agentId: null }, 20n);
    await limit(here, 1n);
    await limit(there, 2n);
    const shared = await aWallet(there.workspaceId, null);
    const own = [
      await aWallet(here.workspaceId, here.agentId),
      await aWallet(there.workspaceId, there.agentId),
    ];
    const stray = { workspaceId: there.workspaceId, agentId: here.agentId };
    const lost = { workspaceId: here.workspaceId, agentId: there.agentId };
    const { store } = watched();
    const asked = [stray, here, lost, there, stray];
    expect(await thresholds(store, asked)).toEqual([[20n], [10n, 1n], [10n], [20n, 2n], [20n]]);
    expect(await walletIds(store, asked)).toEqual([shared, own[0], undefined, own[1], shared]);
  });

  it('is one query of each kind, with one row per agent', async () => {
    const workspaceId = await aWorkspace();
    const buyers = [await aBuyer(workspaceId), await aBuyer(workspaceId)];
    const { store, scopesPerQuery } = watched();
    const asked = Array.from({ length: 50 }, () => buyers).flat();
    await Promise.all([thresholds(store, asked), walletIds(store, asked)]);
    // Two policies an agent: the workspace's and its own.
    expect(scopesPerQuery).toEqual({ purser_policies: [4], purser_wallets: [2] });
  });
});
