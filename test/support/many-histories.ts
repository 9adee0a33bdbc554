// Many operations, chosen at random from a seed, and what their balances must come to.
import { randomUUID } from 'node:crypto';
import { WAYS } from './builders.js';
import { historyOf, type History } from './history.js';

const WAYS_TAKEN = Object.keys(WAYS).filter((way) => way !== 'absent') as (keyof typeof WAYS)[];

/** A small generator, so that a failing run can be repeated. */
export function random(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
}

export const manyHistories = (count: number, seed: number): History[] => {
  const next = random(seed);
  const workspaces = Array.from({ length: 3 }, () => ({
    workspaceId: randomUUID(),
    agents: [randomUUID(), randomUUID()],
  }));
  const pick = <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)] as T;
  return Array.from({ length: count }, () => {
    const { workspaceId, agents } = pick(workspaces);
    const amount = BigInt(1 + Math.floor(next() * 1_000_000));
    const url = `https://shop${Math.floor(next() * 5)}.example/item`;
    return historyOf({ workspaceId, agentId: pick(agents), way: pick(WAYS_TAKEN), amount, url });
  });
};

/** What balances must say, from the histories alone. */
export function expectedBalances(histories: readonly History[]) {
  const sums = new Map<string, { held: bigint; captured: bigint; released: bigint }>();
  for (const { agentId, events } of histories) {
    for (const event of events) {
      if (
        event.type !== 'BudgetReserved' &&
        event.type !== 'BudgetCaptured' &&
        event.type !== 'BudgetReleased'
      )
        continue;
      const sum = sums.get(agentId) ?? { held: 0n, captured: 0n, released: 0n };
      sums.set(agentId, sum);
      if (event.type === 'BudgetReserved') sum.held += event.data.amount;
      else sum.held -= event.data.amount;
      if (event.type === 'BudgetCaptured') sum.captured += event.data.amount;
      if (event.type === 'BudgetReleased') sum.released += event.data.amount;
    }
  }
  return [...sums]
    .map(([agentId, sum]) => ({ agentId, ...sum }))
    .sort((a, b) => (a.agentId < b.agentId ? -1 : 1));
}
