// What simulate says is what the saga then does: random rules, budgets, wallets and stops, the real store, one purchase after the other.
import { randomBytes, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  assetName,
  DEFAULT_RULES,
  parseEvmAddress,
  parseHours,
  Refusal,
  WEEKDAYS,
  type AgentId,
  type Limits,
  type OperationId,
  type PolicyRules,
  type WorkspaceId,
} from '#domain';
import {
  drive,
  simulate,
  submit,
  type Actor,
  type Administration,
  type Ports,
  type Simulation,
} from '#engine';
import { createAdministration, createOperationStore, createPolicyStore, createPool } from '#postgres';
import { address, aRequest, NETWORK, SELLER, TOKEN } from '../support/builders.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { MemoryInstallation } from '../support/memory-installation.js';
import { MemoryShop } from '../support/memory-shop.js';
import { asRole } from '../support/signer.js';

const BY: Actor = { type: 'admin', id: 'key_test' };
let database: TestDatabase;
let admin: Administration;
let ports: Ports;
let shop: MemoryShop;
let owner: pg.Pool;
const pools: pg.Pool[] = [];

function poolOf(url: string): pg.Pool {
  const pool = createPool(url, { name: 'test', max: 4 });
  pools.push(pool);
  return pool;
}

beforeAll(async () => {
  database = await createDatabase();
  const system = poolOf(asRole(database.url, 'purser_system'));
  owner = poolOf(database.url);
  admin = createAdministration(system, { keyEnvironment: 'test' });
  const purser = new MemoryInstallation();
  shop = new MemoryShop(purser.chain);
  ports = {
    ...purser.ports,
    clock: { nowMs: () => Date.now() },
    seller: shop,
    operations: createOperationStore({
      writer: poolOf(asRole(database.url, 'purser_writer')),
      reads: system,
      leases: system,
    }),
    policies: createPolicyStore(system),
    // The intent is committed, and that is as far as this goes.
    signer: {
      sign: () => Promise.resolve({ kind: 'unavailable', reason: 'signer_unavailable' }),
      cancel: () => Promise.resolve({ kind: 'unavailable', reason: 'signer_unavailable' }),
    },
  };
});

afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  await database.drop();
});

interface Buyer {
  readonly workspaceId: WorkspaceId;
  readonly agentId: AgentId;
  readonly keyId: string;
  readonly person: string;
}

const wallets = {
  createKey: () => Promise.resolve(parseEvmAddress(`0x${randomBytes(20).toString('hex')}`)),
  importKey: () => Promise.reject(new Error('not asked for')),
  retireKey: () => Promise.resolve(),
};

interface Setting {
  readonly workspace: Partial<PolicyRules>;
  readonly agent: Partial<PolicyRules> | null;
  readonly limits: { readonly workspace: Limits; readonly agent: Limits };
  readonly balance: bigint;
  readonly stop: 'agent' | 'workspace' | 'payee' | 'host' | null;
}

async function aBuyer({ workspace, agent, limits, balance, stop }: Setting): Promise<Buyer> {
  const { workspaceId } = await admin.workspaces.create({ name: 'acme', dualControl: false }, BY);
  const { agentId } = await admin.agents.create(workspaceId, { name: 'buyer' }, BY);
  const { walletId } = await admin.wallets.create(workspaceId, { agentId, label: '' }, wallets, BY);
  await owner.query(
    `INSERT INTO wallet_asset (workspace_id, wallet_id, network, token, balance, balance_block) VALUES ($1, $2, $3, $4, $5, 1)
     ON CONFLICT (workspace_id, wallet_id, network, token) DO UPDATE SET balance = $5, balance_block = 1`,
    [workspaceId, walletId, NETWORK, TOKEN, balance.toString()],
  );
  const [ofAll, ofAgent] = [
    { workspaceId, agentId: null },
    { workspaceId, agentId },
  ] as const;
  await admin.policies.put(ofAll, { ...DEFAULT_RULES, ...workspace }, BY);
  if (agent) await admin.policies.put(ofAgent, { ...DEFAULT_RULES, ...agent }, BY);
  await admin.budgets.putLimits(ofAll, { unit: 'USD6', layer: 'payments', limits: limits.workspace }, BY);
  await admin.budgets.putLimits(ofAgent, { unit: 'USD6', layer: 'payments', limits: limits.agent }, BY);
  if (stop) {
    const scope = {
      agent: { kind: 'agent', workspaceId, agentId },
      workspace: { kind: 'workspace', workspaceId },
      payee: { kind: 'payee', workspaceId, payee: SELLER, network: null },
      host: { kind: 'host', workspaceId, host: 'shop.example' },
    } as const;
    await admin.stops.stop({
      scope: scope[stop],
      reason: 'test',
      cancelOnChain: false,
      by: { actor: BY, person: 'alice' },
    });
  }
  return { workspaceId, agentId, keyId: 'key_test', person: 'bob' };
}

/** How far the saga came, in the words of a simulation. */
async function bought(buyer: Buyer, request: Parameters<typeof simulate>[2]['request']) {
  let operationId: OperationId;
  try {
    ({ operationId } = await submit(ports, buyer, { key: randomUUID() as never, request, body: null }));
  } catch (error) {
    if (error instanceof Refusal) return { would: 'refuse', code: error.code, details: error.details };
    throw error;
  }
  await drive(ports, operationId, { owner: 'test', signal: new AbortController().signal });
  const state = (await ports.operations.load({ workspaceId: buyer.workspaceId, operationId }))?.state;
  if (state?.status === 'refused') return { would: 'refuse', code: state.code, details: state.details };
  if (state?.status === 'awaiting_approval') return { would: 'ask', reasons: state.verdict.reasons };
  return { would: state?.status === 'authorized' ? 'pay' : state?.status };
}

function told({ would, refused, verdict }: Simulation) {
  if (refused) return { would, ...refused };
  return would === 'ask' ? { would, reasons: verdict?.reasons } : { would };
}

const today = WEEKDAYS[new Date().getUTCDay()];
const hours = (open: boolean) =>
  parseHours(
    {
      zone: 'UTC',
      windows: [{ days: WEEKDAYS.filter((day) => open || day !== today), from: '00:00', to: '24:00' }],
    },
    'hours',
  );
const amounts = fc.constantFrom(1n, 9_999n, 10_000n, 10_001n);
const hosts = fc.constantFrom('shop.example', '*.example', 'other.example', 'elsewhere.example');
const mostly = <T>(usual: T, seldom: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 25, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: seldom });
const rules: fc.Arbitrary<Partial<PolicyRules>> = fc.record({
  approvalThreshold: mostly<bigint | null>(null, amounts),
  allowedHosts: mostly<readonly string[] | null>(null, fc.uniqueArray(hosts)),
  deniedHosts: mostly<readonly string[]>([], fc.uniqueArray(hosts)),
  hostPriceCaps: mostly<PolicyRules['hostPriceCaps']>(
    [],
    fc.array(fc.record({ host: hosts, maxAmount: amounts }), { maxLength: 2 }),
  ),
  deniedPayees: mostly<PolicyRules['deniedPayees']>([], fc.constant([SELLER])),
  allowedPayees: mostly<PolicyRules['allowedPayees']>(null, fc.constantFrom([SELLER], [address(7)])),
  allowedAssets: mostly<PolicyRules['allowedAssets']>(null, fc.constantFrom([assetName(NETWORK, TOKEN)], [])),
  hours: mostly<PolicyRules['hours']>(null, fc.boolean().map(hours)),
  requiredTags: mostly<PolicyRules['requiredTags']>([], fc.constant(['category'])),
  newPayee: mostly<PolicyRules['newPayee']>('allow', fc.constant('approve')),
  duplicateWindowSec: fc.constantFrom(0, 60),
  budgetApprovalPercent: mostly<number | null>(null, fc.constantFrom(1, 50, 100)),
  maxValiditySec: mostly(300, fc.constant(10)),
});
const limits: fc.Arbitrary<Limits> = fc.record(
  {
    per_payment: mostly(10_001n, amounts),
    day: fc.constantFrom(9_999n, 20_000n, 40_000n, 400_000n),
    rolling_30d: fc.constantFrom(10_000n, 40_000n),
    count_hour: fc.constantFrom(1n, 2n, 3n),
  },
  { requiredKeys: [] },
);
const WIDE: Limits = { lifetime: 1_000_000n };
const settings: fc.Arbitrary<Setting> = fc.record({
  workspace: rules,
  agent: fc.option(rules),
  limits: fc.record({
    workspace: fc.oneof(fc.constant({}), limits),
    agent: fc.oneof(fc.constant(WIDE), limits),
  }),
  balance: fc.constantFrom(1_000_000n, 1_000_000n, 1_000_000n, 15_000n),
  stop: mostly<Setting['stop']>(null, fc.constantFrom('agent', 'workspace', 'payee', 'host')),
});
const purchases = fc.array(
  fc.record({
    host: mostly('shop.example', fc.constant('other.example')),
    price: mostly(10_000n, amounts),
    named: fc.boolean(),
    allowDuplicate: mostly<'any' | undefined>(undefined, fc.constant('any')),
  }),
  { minLength: 1, maxLength: 5 },
);

it('simulate says what the saga then does, and stores nothing', async () => {
  const seen: Record<string, number> = {};
  await fc.assert(
    fc.asyncProperty(settings, purchases, async (setting, wishes) => {
      const buyer = await aBuyer(setting);
      for (const { host, price, named, allowDuplicate } of wishes) {
        shop.price = price;
        const {
          agentId: _agentId,
          bodyHash: _bodyHash,
          ...rest
        } = aRequest({
          url: `https://${host}/item`,
          maxAmount: 10_000n,
          expect: named ? { payTo: SELLER } : {},
          ...(allowDuplicate ? { allowDuplicate } : {}),
        });
        const simulated = await simulate(ports, buyer, { request: rest, body: null });
        const counted = await owner.query('SELECT FROM events WHERE workspace_id = $1', [buyer.workspaceId]);
        const expected = told(simulated);
        const happened = await bought(buyer, rest);
        expect(timeless(expected)).toEqual(timeless(happened));
        expect(counted.rowCount).toBe(stored.get(buyer.workspaceId) ?? 0);
        const after = await owner.query('SELECT FROM events WHERE workspace_id = $1', [buyer.workspaceId]);
        stored.set(buyer.workspaceId, after.rowCount ?? 0);
        const what = 'code' in happened ? happened.code : String(happened.would);
        seen[what] = (seen[what] ?? 0) + 1;
      }
    }),
    { numRuns: 120, endOnFailure: true, seed: Number(process.env['FC_SEED'] ?? 20261121) },
  );
  // A property over nothing but refusals would prove little.
  for (const what of [
    'pay',
    'ask',
    'policy_refused',
    'duplicate_intent',
    'budget_exhausted',
    'insufficient_wallet_balance',
  ])
    expect(seen[what] ?? 0, what).toBeGreaterThan(0);
}, 240_000);

const stored = new Map<WorkspaceId, number>();

/** When something is released moves on with the clock between the two. */
function timeless(it: object): object {
  const details = 'details' in it ? { ...(it.details as object) } : undefined;
  if (details && 'earliest_release_ms' in details) delete details.earliest_release_ms;
  return { ...it, ...(details ? { details } : {}) };
}
