import { describe, expect, it } from 'vitest';
import { checkApprovals } from './approval-rules.js';
import type { EventRow, VoteRow } from './model.js';

const APPROVAL = 'apr_1';
const RULES = [{ quorum: 2, groups: ['finance'] }];

function logOf(
  over: { readonly without?: string; readonly by?: string; readonly tx?: bigint } = {},
): EventRow[] {
  const events: readonly (readonly [string, object])[] = [
    ['OperationOpened', { requester: 'alice' }],
    ['TermsAccepted', { verdict: { needsApproval: true, approval: RULES } }],
    ['ApprovalRequested', { approvalId: APPROVAL }],
    ['ApprovalVoted', { approvalId: APPROVAL, by: 'bob', onBehalfOf: null }],
    ['ApprovalVoted', { approvalId: APPROVAL, by: over.by ?? 'carol', onBehalfOf: null }],
    [
      'ApprovalGranted',
      { approvalId: APPROVAL, by: over.by ?? 'carol', useByMs: 600_000, voters: ['bob', 'carol'] },
    ],
    ['AuthorizationPrepared', { authorization: { validBeforeSec: 300 } }],
    ['SettlementObserved', {}],
  ];
  return events
    .filter(([type]) => type !== over.without)
    .map(([type, data], at) => {
      const order = [1, type === 'SettlementObserved' ? (over.tx ?? 9n) : 7n, BigInt(at)];
      return { type, data, version: at + 1, order } as unknown as EventRow;
    });
}

const vote = (voter: string, over: Partial<VoteRow> = {}): VoteRow => ({
  approvalId: APPROVAL,
  voter,
  onBehalfOf: null,
  groups: ['finance'],
  delegated: false,
  decidedAtMs: 50,
  decideByMs: 100,
  ...over,
});

function faults(events: readonly EventRow[], votes: readonly VoteRow[]): readonly string[] {
  const found: string[] = [];
  checkApprovals(events, new Map([[APPROVAL, votes]]), (rule, what) => void found.push(`${rule} ${what}`));
  return found;
}

describe('approvals in the books', () => {
  it('are clean with two members, or with a delegate for one', () => {
    expect(faults(logOf(), [vote('bob'), vote('carol')])).toEqual([]);
    expect(faults(logOf(), [vote('bob'), vote('carol', { onBehalfOf: 'dave', delegated: true })])).toEqual(
      [],
    );
  });

  it.each<[string, readonly EventRow[], readonly VoteRow[]]>([
    ['one is missing', logOf(), [vote('bob')]],
    ['one was in no group by then', logOf(), [vote('bob'), vote('carol', { groups: [] })]],
    ['a delegation was none', logOf(), [vote('bob'), vote('carol', { onBehalfOf: 'dave' })]],
    [
      'a delegate and whom they stand for',
      logOf(),
      [vote('bob'), vote('carol', { onBehalfOf: 'bob', delegated: true })],
    ],
    ['it was too late', logOf(), [vote('bob', { decidedAtMs: 100 }), vote('carol')]],
    ['whoever asked has voted', logOf({ by: 'alice' }), [vote('bob'), vote('carol')]],
    ['nobody granted it', logOf({ without: 'ApprovalGranted' }), [vote('bob'), vote('carol')]],
    ['nobody was asked', logOf({ without: 'ApprovalRequested' }), [vote('bob'), vote('carol')]],
  ])('are a violation when %s', (_case, events, votes) => {
    expect(faults(events, votes).length).toBeGreaterThan(0);
  });

  it('are asked for nothing that the chain shows was paid before a restore', () => {
    expect(faults(logOf({ without: 'ApprovalGranted', tx: 7n }), [])).toEqual([]);
  });
});
