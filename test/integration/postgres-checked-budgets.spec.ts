// The independent checker reads what the guards wrote: it agrees where the rows are true, and misses nothing where one of them is not.
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createAdministration, createUsageLedger } from '#postgres';
import { checkBudgets, checkUsage } from '../checker/budget-rules.js';
import { readBooks } from '../checker/read.js';
import { aSettlement } from '../support/builders.js';
import { memoryVault } from '../support/memory-basics.js';
import {
  acceptTerms,
  addNode,
  aPlace,
  prepare,
  RESERVE,
  storeBench,
  Walker,
  type Bench,
} from '../support/postgres-store.js';

let bench: Bench;
beforeAll(async () => {
  bench = await storeBench();
});
afterAll(() => bench?.close());
afterEach(() => vi.unstubAllGlobals());

const BY = { type: 'admin', id: 'key_1' } as const;

/** A node that knows no block and no log: nothing of what is checked here is on chain. */
const anEmptyChain = (_url: string, { body }: { readonly body: string }) =>
  Promise.resolve(new Response(JSON.stringify({ result: body.includes('eth_getLogs') ? [] : null })));

async function violations(): Promise<readonly string[]> {
  vi.stubGlobal('fetch', anEmptyChain);
  const url = new URL(bench.database.url);
  url.username = 'purser_checker';
  const books = await readBooks({ databaseUrl: url.href, rpcUrl: 'http://127.0.0.1:1', token: '0x0' });
  const found: string[] = [];
  checkBudgets(books, (rule, _where, what) => found.push(`${rule} ${what}`));
  checkUsage(books, (rule, _where, what) => found.push(`${rule} ${what}`));
  return found;
}

describe('the checker', () => {
  it('adds up tags, teams, counts and usage by itself', async () => {
    const admin = createAdministration(bench.poolOf('purser_system'), {
      keyEnvironment: 'test',
      vault: memoryVault,
    });
    const { workspaceId } = await aPlace(bench.owner);
    for (const layer of ['infra', 'tokens'] as const)
      await addNode(bench.owner, workspaceId, { nodeId: workspaceId, kind: 'workspace', layer }, {});
    const { agentId } = await admin.agents.create(workspaceId, { name: 'a' }, BY);
    await admin.tags.register(workspaceId, { kind: 'category', name: 'x' }, BY);
    const { teamId } = await admin.teams.create(workspaceId, { name: 't', parentId: null }, BY);
    await admin.teams.assign(workspaceId, { agentId, teamId }, BY);
    for (let at = 0; at < 6; at += 1) {
      const walker = new Walker(bench.store, { workspaceId, agentId });
      await walker.open({ request: at % 2 ? { category: 'x' } : {} });
      await walker.must(acceptTerms(7n), RESERVE);
      if (at === 1) await walker.must({ type: 'Cancel', by: 'x', reason: 'x' });
      if (at === 1 || at > 3) continue;
      await walker.must(prepare(7n));
      await walker.must({ type: 'FinalizeSettlement', settlement: aSettlement() });
    }
    const usage = createUsageLedger(bench.poolOf('purser_writer'));
    const event = { id: 'e', layer: 'infra', kind: 'api_call', amount: 5n, metadata: null } as const;
    await usage.record({ workspaceId, agentId }, [event], BY);
    expect(await violations()).toEqual([]);

    const wrong: readonly (readonly [string, string, string])[] = [
      ['category', 'payments', 'held_count'],
      ['category', 'payments', 'lifetime_spent'],
      ['team', 'payments', 'held'],
      ['agent', 'payments', 'lifetime_count'],
      ['team', 'infra', 'lifetime_spent'],
    ];
    for (const [kind, layer, column] of wrong) {
      const add = (by: number) =>
        bench.owner.query(
          `UPDATE budget_node SET ${column} = ${column} + $3 WHERE kind = $1 AND layer = $2 AND unit IN ('USD6', 'USD12')`,
          [kind, layer, by],
        );
      await add(1);
      expect((await violations()).length, `${kind} ${column}`).toBeGreaterThan(0);
      await add(-1);
    }
    expect(await violations()).toEqual([]);
  });
});
