import { describe, expect, it } from 'vitest';
import type { Books, EventRow } from './model.js';
import { checkTopUps } from './top-up-rules.js';

const WALLETS = new Map([
  ['0xt', { workspaceId: 'w', agentId: null, role: 'treasury' }],
  ['0xa', { workspaceId: 'w', agentId: 'a', role: 'payments' }],
  ['0xb', { workspaceId: 'w', agentId: 'b', role: 'payments' }],
  ['0xf', { workspaceId: 'other', agentId: 'a', role: 'payments' }],
]);
const TOP_UP = { kind: 'top_up', from: '0xt', to: '0xa', unit: 'TOP_UP_USD6' };

const event = (type: string, data: object) => ({ workspaceId: 'w', type, data }) as unknown as EventRow;

function faults(over: Partial<typeof TOP_UP> = {}): number {
  const { kind, from, to, unit } = { ...TOP_UP, ...over };
  const events = [
    event('OperationOpened', { request: { kind, agentId: 'a' } }),
    event('BudgetReserved', { unit }),
    event('AuthorizationPrepared', { authorization: { from, to } }),
  ];
  const found: string[] = [];
  const books = { operations: new Map([['op', events]]), wallets: WALLETS } as unknown as Books;
  checkTopUps(books, (rule, where) => void found.push(`${rule} ${where}`));
  return found.length;
}

describe('top-ups in the books', () => {
  it('are clean from the treasury to an own wallet, and payments are from any other', () => {
    expect(faults()).toBe(0);
    expect(faults({ kind: 'purchase', from: '0xa', to: '0xseller', unit: 'USD6' })).toBe(0);
    // One agent of the workspace may buy from another.
    expect(faults({ kind: 'purchase', from: '0xa', to: '0xb', unit: 'USD6' })).toBe(0);
  });

  it.each<[string, Partial<typeof TOP_UP>]>([
    ['paid by an agent', { from: '0xb' }],
    ['to a stranger', { to: '0xseller' }],
    ["to another agent's wallet", { to: '0xb' }],
    ["to another workspace's wallet", { to: '0xf' }],
    ['counted as a payment', { unit: 'USD6' }],
    ['that is called a purchase', { kind: 'settle', unit: 'USD6' }],
    ['that a purchase hides behind', { kind: 'purchase', from: '0xa', to: '0xseller' }],
  ])('are a violation: %s', (_, over) => {
    expect(faults(over)).toBe(1);
  });
});
