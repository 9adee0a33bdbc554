// What the reads tell: operations, approvals and money, of one workspace and no other.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type pg from 'pg';
import { parseApprovalId, parseOperationId } from '#domain';
import type { Administration, ReadStore } from '#engine';
import { Projector } from '#postgres';
import { approvalId, NOON } from '../support/builders.js';
import type { History } from '../support/history.js';
import { ALL, BY } from '../support/postgres-admin.js';
import { readBench, type ReadBench } from '../support/postgres-reads.js';

let bench: ReadBench;
let owner: pg.Pool;
let system: pg.Pool;
let admin: Administration;
let reads: ReadStore;

beforeAll(async () => {
  bench = await readBench();
  ({ owner, system, admin, reads } = bench);
});

afterAll(() => bench?.close());

const aWorkspace = () => bench.aWorkspace();
const anOperation: ReadBench['anOperation'] = (...wanted) => bench.anOperation(...wanted);

const newestFirst = (a: History, b: History) =>
  b.openedAtMs - a.openedAtMs || (a.operationId < b.operationId ? -1 : 1);

describe('operations', () => {
  it('are listed newest first, each once, with the state their events fold to', async () => {
    const place = await aWorkspace();
    const ways = ['settled', 'refused', 'awaiting_approval', 'needs_attention', 'opened'] as const;
    const made: History[] = [];
    // Two of the same millisecond: the id breaks the tie.
    for (const [n, way] of ways.entries())
      made.push(await anOperation(place, way, { openedAtMs: NOON + (n >> 1) }));
    const seen = [];
    let cursor: string | null = null;
    do {
      const page = await reads.operations(place.workspaceId, {}, { cursor, limit: 2 });
      seen.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen.map((it) => it.operationId)).toEqual(made.toSorted(newestFirst).map((it) => it.operationId));
    expect(new Set(seen.map((it) => it.status))).toEqual(new Set(ways));
    expect(seen.find((it) => it.status === 'settled')).toMatchObject({
      settled: true,
      finality: 'final',
      paid: true,
    });
  });

  it('are filtered by agent, status and kind', async () => {
    const place = await aWorkspace();
    const other = await admin.agents.create(place.workspaceId, { name: 'other' }, BY);
    const mine = await anOperation(place, 'settled');
    await anOperation({ ...place, agentId: other.agentId }, 'settled');
    await anOperation(place, 'opened');
    const list = async (filter: Parameters<ReadStore['operations']>[1]) =>
      (await reads.operations(place.workspaceId, filter, ALL)).items.map((it) => it.operationId);
    expect(await list({ agentId: place.agentId, status: 'settled', kind: 'purchase' })).toEqual([
      mine.operationId,
    ]);
    expect(await list({ kind: 'authorize' })).toEqual([]);
    expect(await list({ status: 'settled' })).toHaveLength(2);
  });

  it('show every event in order, and none of another workspace or agent', async () => {
    const [place, elsewhere] = [await aWorkspace(), await aWorkspace()];
    const history = await anOperation(place, 'settled');
    const id = parseOperationId(history.operationId);
    const events = await reads.events(place.workspaceId, id);
    expect(events.map((it) => it.type)).toEqual(history.events.map((it) => it.type));
    expect(events.map((it) => it.version)).toEqual(history.events.map((_, n) => n + 1));
    const missing = { code: 'not_found' };
    await expect(reads.operation(elsewhere.workspaceId, id)).rejects.toMatchObject(missing);
    await expect(reads.events(elsewhere.workspaceId, id)).rejects.toMatchObject(missing);
    await expect(reads.operation(place.workspaceId, id, elsewhere.agentId)).rejects.toMatchObject(missing);
    expect(await reads.operation(place.workspaceId, id, place.agentId)).toMatchObject({ operationId: id });
  });

  it('take no cursor that was not given out', async () => {
    const { workspaceId } = await aWorkspace();
    for (const parts of ['', '1', "1|'; DROP TABLE operations", '1|2|3']) {
      const page = { cursor: Buffer.from(parts).toString('base64url'), limit: 2 };
      await expect(reads.operations(workspaceId, {}, page)).rejects.toMatchObject({ code: 'invalid_cursor' });
    }
  });
});

describe('approvals', () => {
  it('show server facts, the budget before and after, and the agent’s words apart', async () => {
    const place = await aWorkspace();
    await admin.budgets.putLimits(
      { ...place, agentId: null },
      { layer: 'payments', unit: 'USD6', limits: { day: 100_000n, per_payment: 50_000n } },
      BY,
    );
    await admin.budgets.putLimits(
      place,
      { layer: 'payments', unit: 'USD6', limits: { lifetime: 30_000n } },
      BY,
    );
    await anOperation(place, 'reserved', { amount: 5_000n });
    const { approvalId: id, operationId } = await anOperation(place, 'awaiting_approval', {
      amount: 12_345n,
      url: 'https://shop.example:8443/a',
    });
    const approval = await reads.approval(place.workspaceId, parseApprovalId(id));
    expect(approval).toMatchObject({
      operationId,
      status: 'pending',
      digest: 'd1',
      agentName: 'buyer',
      requester: 'alice',
      host: 'shop.example:8443',
      amount: 12_345n,
      amountDecimal: '0.012345',
      reasons: ['above_threshold'],
      decideByMs: NOON + 60_000,
      untrustedNote: 'please',
    });
    expect(approval.budget).toEqual([
      {
        node: 'workspace',
        window: 'day',
        limit: 100_000n,
        remainingBefore: 95_000n,
        remainingAfter: 82_655n,
      },
      {
        node: 'agent',
        window: 'lifetime',
        limit: 30_000n,
        remainingBefore: 25_000n,
        remainingAfter: 12_655n,
      },
    ]);
    const { untrustedNote, ...facts } = approval;
    expect(untrustedNote).toBe('please');
    expect(
      JSON.stringify(facts, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)),
    ).not.toContain('please');
  });

  it('are paged by status, and unknown or foreign ones do not exist', async () => {
    const [place, elsewhere] = [await aWorkspace(), await aWorkspace()];
    const made = [];
    for (let n = 0; n < 5; n += 1) made.push((await anOperation(place, 'awaiting_approval')).approvalId);
    await owner.query(`UPDATE approval SET status = 'rejected' WHERE approval_id = $1`, [made[0]]);
    const first = await reads.approvals(place.workspaceId, { status: 'pending' }, { cursor: null, limit: 3 });
    const second = await reads.approvals(
      place.workspaceId,
      { status: 'pending' },
      { cursor: first.nextCursor, limit: 3 },
    );
    expect([...first.items, ...second.items].map((it) => it.approvalId)).toEqual(made.slice(1).reverse());
    expect(second.nextCursor).toBeNull();
    expect((await reads.approvals(elsewhere.workspaceId, {}, ALL)).items).toEqual([]);
    for (const id of [made[1] ?? '', approvalId(999_999)])
      await expect(reads.approval(elsewhere.workspaceId, parseApprovalId(id))).rejects.toMatchObject({
        code: 'not_found',
      });
  });
});

describe('money', () => {
  it('an agent sees its own wallets and shared ones, and what is left is never below zero', async () => {
    const place = await aWorkspace();
    const other = await admin.agents.create(place.workspaceId, { name: 'other' }, BY);
    await owner.query(
      `WITH w AS (INSERT INTO wallet (workspace_id, wallet_id, agent_id, address, origin)
         SELECT $1::uuid, 'w' || n, a, '0x' || lpad(md5($1::uuid::text || n), 40, '0'), 'created'
         FROM unnest(ARRAY[$2::uuid, $3::uuid, NULL]) WITH ORDINALITY AS it(a, n) RETURNING *)
       INSERT INTO wallet_asset SELECT workspace_id, wallet_id, 'eip155:84532', '0xt', 100, 7, CASE wallet_id WHEN 'w1' THEN 30 ELSE 130 END FROM w`,
      [place.workspaceId, place.agentId, other.agentId],
    );
    await anOperation(place, 'reserved', { amount: 11n });
    const { wallets, funds } = await reads.balances(place.workspaceId, { agentId: place.agentId });
    expect(wallets.map((it) => [it.walletId, it.onChain, it.committed, it.available, it.block])).toEqual([
      ['w1', 100n, 30n, 70n, 7],
      ['w3', 100n, 130n, 0n, 7],
    ]);
    expect(funds.map((it) => [it.unit, it.held, it.captured])).toEqual([
      ['USD6', 11n, 0n],
      ['EUR6', 0n, 0n],
    ]);
    expect((await reads.balances(place.workspaceId)).wallets).toHaveLength(3);
  });

  it('an agent knows its limits, its usage and the workspace’s above it', async () => {
    const place = await aWorkspace();
    await owner.query(
      `UPDATE budget_node SET lifetime_spent = 40, lifetime_count = 4 WHERE node_id = $1 AND unit = 'USD6'`,
      [place.agentId],
    );
    const usage = await reads.selfUsage(place.workspaceId, place.agentId, 'USD6');
    expect(usage).toMatchObject({ payments: 4, spent: 40n });
    expect(usage.budgets.map((it) => it.node)).toEqual(['workspace', 'agent']);
    expect(await reads.budgets(place.workspaceId)).toHaveLength(6);
  });

  it('spend by day and merchant, and the audit trail, come from the projections', async () => {
    const place = await aWorkspace();
    const settled = await anOperation(place, 'settled', { amount: 500n });
    await anOperation(place, 'settled', { amount: 70n, url: 'https://other.example/x' });
    await anOperation(place, 'failed', { amount: 9n });
    await new Projector({
      pool: system,
      owner: 'test',
      logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    }).catchUp();
    const day = '2026-03-01';
    const rows = await reads.spend(place.workspaceId, { fromDay: day, toDay: day });
    expect(rows.map((it) => [it.day, it.host, it.amount, it.count])).toEqual([
      [day, 'other.example', 70n, 1],
      [day, 'shop.example', 500n, 1],
    ]);
    const trail = [];
    let cursor: string | null = null;
    do {
      const page = await reads.audit(place.workspaceId, { cursor, limit: 4 });
      trail.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null);
    const own = trail.filter((it) => it.operationId === settled.operationId).reverse();
    expect(own.map((it) => it.type)).toEqual(settled.events.map((it) => it.type));
    expect(own.find((it) => it.type === 'SettlementFinalized')?.txHash).toMatch(/^0x0+77$/);
  });
});
