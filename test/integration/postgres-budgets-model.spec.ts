// Random commands on the budgets of Postgres, next to a model of them in a few lines.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAgentId } from '#domain';
import { aSettlement } from '../support/builders.js';
import { budgetOf } from '../support/postgres-books.js';
import {
  acceptTerms,
  addAgent,
  aPlace,
  opened,
  prepare,
  RESERVE,
  storeBench,
  type Walker,
  type Bench,
  type Place,
} from '../support/postgres-store.js';

let bench: Bench;
beforeAll(async () => {
  bench = await storeBench();
});
afterAll(() => bench?.close());

/** Small, seeded, good enough to choose steps. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

interface NodeModel {
  readonly limit: bigint;
  held: bigint;
  spent: bigint;
}

describe('2,000 random steps', () => {
  it('end as the pure model says, step by step', async () => {
    const next = random(7);
    const pick = (below: number): number => Math.floor(next() * below);
    const place = await aPlace(bench.owner, { workspace: { lifetime: 30_000n }, agent: { day: 20_000n } });
    const second = { ...place, agentId: parseAgentId(randomUUID()) };
    await addAgent(bench.owner, second, { month: 25_000n });
    const top: NodeModel = { limit: 30_000n, held: 0n, spent: 0n };
    const agents: readonly { place: Place; node: NodeModel }[] = [
      { place, node: { limit: 20_000n, held: 0n, spent: 0n } },
      { place: second, node: { limit: 25_000n, held: 0n, spent: 0n } },
    ];
    type Held = { walker: Walker; amount: bigint; node: NodeModel; intent: boolean };
    let live: Held[] = [];
    let steps = 0;
    let refusals = 0;
    while (steps < 2_000) {
      const size = 1 + pick(24);
      const fresh = await Promise.all(
        Array.from({ length: size }, () => {
          const agent = agents[pick(2)] ?? agents[0];
          if (!agent) throw new Error('no agent');
          return opened(bench.store, agent.place).then((walker) => ({ walker, node: agent.node }));
        }),
      );
      const kept: Held[] = [];
      const work: Promise<void>[] = [];
      // Submitted in this order, in one turn of the event loop: judged in this order.
      for (const { walker, node } of fresh) {
        steps += 1;
        const old = live.length > 0 && next() < 0.6 ? live.splice(pick(live.length), 1)[0] : undefined;
        if (!old) {
          const amount = BigInt(1 + pick(1_500));
          const fits = [top, node].every((it) => it.held + it.spent + amount <= it.limit);
          if (fits) {
            for (const it of [top, node]) it.held += amount;
            kept.push({ walker, amount, node, intent: false });
          } else refusals += 1;
          work.push(
            walker.do(acceptTerms(amount), RESERVE).then((outcome) => {
              expect(outcome.ok).toBe(fits);
            }),
          );
        } else if (!old.intent && next() < 0.5) {
          for (const it of [top, old.node]) it.held -= old.amount;
          work.push(old.walker.must({ type: 'Cancel', by: 'alice', reason: 'x' }));
        } else if (!old.intent) {
          kept.push({ ...old, intent: true });
          work.push(old.walker.must(prepare(old.amount)));
        } else {
          const captured = BigInt(Math.floor(Number(old.amount) * next() * 0.3));
          for (const it of [top, old.node]) {
            it.held -= old.amount;
            it.spent += captured;
          }
          const commit = old.walker.commitOf([{ type: 'FinalizeSettlement', settlement: aSettlement() }]);
          const events = commit.events.map((event) =>
            event.type === 'BudgetCaptured' ? { type: event.type, data: { amount: captured } } : event,
          );
          work.push(
            bench.store.append({ ...commit, events }).then((outcome) => {
              expect(outcome.ok).toBe(true);
            }),
          );
        }
      }
      await Promise.all(work);
      live = [...live, ...kept];
    }
    expect(refusals).toBeGreaterThan(20);
    const numbers = await Promise.all([
      budgetOf(bench.owner, place, place.workspaceId),
      budgetOf(bench.owner, place, place.agentId),
      budgetOf(bench.owner, second, second.agentId),
    ]);
    expect(numbers.map(({ held, lifetime }) => ({ held, spent: lifetime }))).toEqual(
      [top, ...agents.map((it) => it.node)].map(({ held, spent }) => ({ held, spent })),
    );
    expect(numbers[0]?.heldCount).toBe(live.length);
  });
});
