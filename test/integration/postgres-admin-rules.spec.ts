// The rules that an admin sets: limits and policies.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type pg from 'pg';
import { assetName, canonicalJson, DEFAULT_POLICY, DEFAULT_RULES, type Limits } from '#domain';
import type { Administration } from '#engine';
import { createPolicyStore } from '#postgres';
import { NETWORK, TOKEN } from '../support/builders.js';
import { adminBench, BY, type AdminBench } from '../support/postgres-admin.js';

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
    const put = (limits: Limits) =>
      admin.budgets.putLimits(scope, { layer: 'payments', unit: 'USD6', limits }, BY);
    const { budget: view, raised } = await put({ day: 100n, month: 500n, lifetime: 90n, per_payment: 40n });
    expect(raised).toBe(true);
    expect((await usage()).rows).toEqual(before);
    expect(Object.fromEntries(view.windows.map((it) => [it.window, [it.spent, it.remaining]]))).toEqual({
      per_payment: [0n, 40n],
      hour: [0n, null],
      day: [50n, 20n],
      month: [0n, 470n],
      lifetime: [70n, 0n],
      rolling_24h: [0n, null],
      rolling_30d: [0n, null],
    });
    const day = view.windows.find((it) => it.window === 'day');
    expect((day?.resetsAtMs ?? 0) % 86_400_000).toBe(0);
    await put({});
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
    const { budget } = await admin.budgets.putLimits(
      { workspaceId, agentId },
      { layer: 'payments', unit: 'USD6', limits: { rolling_24h: 20n } },
      BY,
    );
    const window = budget.windows.find((it) => it.window === 'rolling_24h');
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

  it('every rule is read as it was written, and one that was stored before there was such a rule is off', async () => {
    const { workspaceId, agentId } = await aWorkspace();
    const window = { days: ['fri'], fromMinute: 1_320, toMinute: 360 } as const;
    const written = {
      ...DEFAULT_RULES,
      hostPriceCaps: [{ host: '*.example', maxAmount: 10n ** 30n }],
      allowedAssets: [assetName(NETWORK, TOKEN)],
      hours: { zone: 'Europe/Berlin', windows: [window] },
      requiredTags: ['category'] as const,
      newPayee: 'approve' as const,
      duplicateWindowSec: 60,
      budgetApprovalPercent: 80,
    };
    const { hash } = await admin.policies.put({ workspaceId, agentId }, written, BY);
    const [, read] = await createPolicyStore(system).policiesFor(workspaceId, agentId);
    expect(read).toEqual({ ...written, scope: 'agent', version: 1, hash });

    const old = { version: 2, max_validity_sec: 300, contract_payee: 'approve', decide_within_sec: 3_600 };
    const sum = createHash('sha256').update(canonicalJson(old)).digest('hex');
    await owner.query(
      `INSERT INTO policy (workspace_id, scope, version, document, document_hash, created_by) VALUES ($1, 'workspace', 2, $2, $3, 'test')`,
      [workspaceId, old, sum],
    );
    const [before] = await createPolicyStore(system).policiesFor(workspaceId, agentId);
    expect(before).toEqual({ ...DEFAULT_RULES, scope: 'workspace', version: 2, hash: sum });
  });

  it.each([
    [{ hostPriceCaps: [{ host: 'a.example:443', maxAmount: 1n }] }, 'host_price_caps'],
    [{ hostPriceCaps: [{ host: 'a.example', maxAmount: -1n }] }, 'host_price_caps'],
    [{ hours: { zone: 'Mars', windows: [{ days: ['fri'], fromMinute: 0, toMinute: 60 }] } }, 'hours.zone'],
    [{ requiredTags: ['project' as never] }, 'required_tags'],
    [{ newPayee: 'refuse' as never }, 'new_payee'],
    [{ duplicateWindowSec: 86_401 }, 'duplicate_window_sec'],
    [{ budgetApprovalPercent: 101 }, 'budget_approval_percent'],
  ] as const)('refuses %o by the name of its field, too', async (wrong, field) => {
    const { workspaceId } = await aWorkspace();
    const put = () => admin.policies.put({ workspaceId, agentId: null }, { ...DEFAULT_RULES, ...wrong }, BY);
    await expect(put()).rejects.toMatchObject({ details: { field } });
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
