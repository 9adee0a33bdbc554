import { describe, expect, it } from 'vitest';
import { checkUsage } from './budget-rules.js';
import type { UsageNodeRow, UsageRow } from './model.js';

const event = (amount: bigint, over: Partial<UsageRow> = {}): UsageRow => ({
  workspaceId: 'w',
  agentId: 'a',
  teams: [],
  layer: 'tokens',
  amount,
  ...over,
});
const node = (nodeId: string, spent: bigint, count: bigint, layer = 'tokens'): UsageNodeRow => ({
  workspaceId: 'w',
  nodeId,
  layer,
  spent,
  count,
});

function wrong(usage: readonly UsageRow[], usageNodes: readonly UsageNodeRow[]): string[] {
  const found: string[] = [];
  checkUsage({ usage, usageNodes }, (_rule, where) => found.push(where));
  return found;
}

describe('usage', () => {
  it('adds up at the agent, its teams and its workspace', () => {
    const events = [event(5n, { teams: ['t'] }), event(7n)];
    expect(wrong(events, [node('w', 12n, 2n), node('a', 12n, 2n), node('t', 5n, 1n)])).toEqual([]);
  });

  it('is missed where a node shows less, more, or not as many', () => {
    const nodes = [node('w', 5n, 1n), node('a', 5n, 1n)];
    expect(wrong([event(5n)], nodes)).toEqual([]);
    expect(wrong([event(6n)], nodes)).toEqual(['w', 'a']);
    expect(wrong([event(5n), event(0n)], nodes)).toEqual(['w', 'a']);
    expect(wrong([], nodes)).toEqual(['w', 'a']);
    expect(wrong([event(5n)], [node('w', 5n, 1n)])).toEqual(['w/a/tokens']);
  });
});
