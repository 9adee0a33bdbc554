import { describe, expect, it } from 'vitest';
import { raises, statusOf, type BudgetView, type WindowView } from './budget.js';

const aWindow = (over: Partial<WindowView>): WindowView => ({
  window: 'day',
  limit: null,
  spent: 0n,
  remaining: null,
  count: 0n,
  countLimit: null,
  countRemaining: null,
  resetsAtMs: null,
  ...over,
});

const aView = (over: Partial<BudgetView>, ...windows: Partial<WindowView>[]): BudgetView => ({
  node: 'agent',
  nodeId: 'a',
  layer: 'payments',
  unit: 'USD6',
  held: 0n,
  heldCount: 0,
  windows: windows.map(aWindow),
  ...over,
});

describe('the status of a budget', () => {
  it.each([
    [0n, 'ok'],
    [799n, 'ok'],
    [800n, 'warning'],
    [999n, 'warning'],
    [1_000n, 'exceeded'],
    [1_001n, 'exceeded'],
  ])('of 1000 with %i used is %s, whether spent or held', (used, status) => {
    expect(statusOf(aView({}, { limit: 1_000n, spent: used }))).toBe(status);
    expect(statusOf(aView({ held: used }, { limit: 1_000n }))).toBe(status);
    expect(statusOf(aView({}, { countLimit: 1_000n, count: used }))).toBe(status);
    expect(statusOf(aView({ heldCount: Number(used) }, { countLimit: 1_000n }))).toBe(status);
  });

  it('is that of its tightest window', () => {
    expect(statusOf(aView({}, { limit: 10n, spent: 8n }, { limit: 10n, spent: 10n }, { limit: 10n }))).toBe(
      'exceeded',
    );
    expect(statusOf(aView({}, { limit: 10n, spent: 8n }, { limit: 100n, spent: 10n }))).toBe('warning');
  });

  it('without limits is ok, and a limit per payment is used by none', () => {
    expect(statusOf(aView({ held: 5n }, { spent: 10n ** 30n }))).toBe('ok');
    expect(statusOf(aView({ held: 5n }, { window: 'per_payment', limit: 1n, count: null }))).toBe('ok');
  });

  it('of nothing allowed is exceeded', () => {
    expect(statusOf(aView({}, { limit: 0n }))).toBe('exceeded');
  });
});

describe('a change of limits', () => {
  it.each([
    [{ day: 5n }, { day: 6n }, true],
    [{ day: 5n }, { day: 5n }, false],
    [{ day: 5n }, { day: 4n, count_day: 1n }, false],
    [{ day: 5n }, {}, true],
    [{ day: 5n }, { day: null }, true],
    [{ day: 5n, count_hour: 2n }, { day: 1n, count_hour: 3n }, true],
    [{}, { day: 5n }, false],
  ])('from %o to %o raises something: %s', (before, after, expected) => {
    expect(raises(before, after)).toBe(expected);
  });
});
