import { describe, expect, it } from 'vitest';
import type { Books, EventRow, Plain } from './model.js';
import { checkStops } from './stop-rules.js';

const EVERYWHERE = '00000000-0000-0000-0000-000000000000';
const TERMS = { network: 'eip155:1', payTo: '0xp', resourceUrl: 'https://a.shop.example./x' };

const event = (version: number, type: string, data: object, tx = version): EventRow =>
  ({
    workspaceId: 'w',
    version,
    type,
    data,
    order: [1, BigInt(tx), BigInt(100 + version)],
  }) as unknown as EventRow;

/** The intent is number 103. */
const OPERATION = [
  event(1, 'OperationOpened', { request: { agentId: 'a' } }),
  event(2, 'TermsAccepted', { terms: TERMS }),
  event(3, 'AuthorizationPrepared', {}),
];

function faults(
  facts: readonly (readonly [string, number, Plain, (string | undefined)?])[],
  events: readonly EventRow[] = OPERATION,
): string[] {
  const stops = facts.map(([type, at, data, workspaceId = 'w']) => ({
    workspaceId,
    type,
    data: { ...data, events_to: String(at) },
  }));
  const found: string[] = [];
  const books = { operations: new Map([['op', events]]), stops } as unknown as Books;
  checkStops(books, (rule, where) => void found.push(`${rule} ${where}`));
  return found;
}

describe('stops in the books', () => {
  it.each<[string, Plain, string?]>([
    ['everything', { scope: 'global' }, EVERYWHERE],
    ['the workspace', { scope: 'workspace' }],
    ['the agent', { scope: 'agent', agent_id: 'a' }],
    ['the payee', { scope: 'payee', payee: '0xp' }],
    ['the payee on its network', { scope: 'payee', payee: '0xp', network: 'eip155:1' }],
    ['the payee in every workspace', { scope: 'payee', payee: '0xp' }, EVERYWHERE],
    ['the host', { scope: 'host', host: 'a.shop.example' }],
    ['hosts below', { scope: 'host', host: '*.example' }],
  ])('an intent while it was stopped is a violation: %s', (_, data, workspace) => {
    expect(faults([['Paused', 102, data, workspace]])).toEqual(['S17 op']);
    expect(faults([['Paused', 103, data, workspace]])).toEqual([]);
    const period = (to: number) =>
      faults([
        ['Paused', 1, data, workspace],
        ['Paused', 103, data, workspace],
        ['Resumed', to, data, workspace],
      ]);
    expect(period(102)).toEqual([]);
    expect(period(103)).toEqual(['S17 op']);
  });

  it('so is one of an agent that had been killed, and a question to a person', () => {
    expect(faults([['AgentDisabled', 50, { agent_id: 'a' }]])).toEqual(['S17 op']);
    const asked = [...OPERATION.slice(0, 2), event(3, 'ApprovalRequested', {})];
    expect(faults([['Paused', 50, { scope: 'workspace' }]], asked)).toEqual(['S17 op']);
  });

  it.each<[string, Plain, string?]>([
    ['another workspace', { scope: 'workspace' }, 'v'],
    ['another agent', { scope: 'agent', agent_id: 'b' }],
    ['another payee', { scope: 'payee', payee: '0xq' }],
    ['another network', { scope: 'payee', payee: '0xp', network: 'eip155:2' }],
    ['another host', { scope: 'host', host: 'shop.example' }],
    ['hosts below it', { scope: 'host', host: '*.a.shop.example' }],
  ])('none of it concerns %s', (_, data, workspace) => {
    expect(faults([['Paused', 1, data, workspace]])).toEqual([]);
  });

  it('what the chain shows to have happened before a restore is no intent', () => {
    const adopted = [...OPERATION, event(4, 'SettlementObserved', {}, 3)];
    expect(faults([['Paused', 1, { scope: 'workspace' }]], adopted)).toEqual([]);
  });
});
