import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Books, EventRow } from './model.js';
import { checkPolicies } from './policy-rules.js';
import { checkRepeats } from './repeat-rules.js';

const TERMS = {
  network: 'eip155:1',
  token: '0xt',
  payTo: '0xseller',
  amount: '100',
  resourceUrl: 'https://shop.example./item',
  method: 'GET',
};
// A Friday, 12:00 in Berlin.
const AT = Date.parse('2026-11-20T11:00:00Z');
let tx = 0n;

interface Told {
  readonly policy?: Record<string, unknown>;
  readonly terms?: Partial<typeof TERMS> & { readonly paymentFlow?: string };
  readonly verdict?: Record<string, unknown>;
  readonly stored?: Partial<{ readonly hash: string; readonly version: number }>;
  readonly kind?: string;
  readonly request?: object;
  readonly after?: readonly string[];
  readonly openedAtMs?: number;
}

function told(operations: readonly Told[]): string[] {
  const policies = new Map<string, { document: object; hash: string }>();
  const rows = operations.map(
    (
      { policy = {}, terms, verdict, stored = {}, kind = 'purchase', request, after = [], openedAtMs = AT },
      n,
    ) => {
      const version = n + 1;
      const document = { version, ...policy };
      const sorted = Object.fromEntries(Object.entries(document).toSorted(([a], [b]) => (a < b ? -1 : 1)));
      const hash = createHash('sha256').update(JSON.stringify(sorted)).digest('hex');
      policies.set(`w/workspace/${version}`, { document, hash: stored.hash ?? hash });
      const judgedBy = [{ scope: 'workspace', version: stored.version ?? version, hash }];
      const judged = { policyVersion: version, judgedBy, judgedAtMs: AT, needsApproval: false, ...verdict };
      const event = (type: string, data: object = {}) =>
        ({
          workspaceId: 'w',
          type,
          data,
          occurredAtMs: openedAtMs,
          order: [1, (tx += 1n), 0n],
        }) as unknown as EventRow;
      return [
        `op${n}`,
        [
          event('OperationOpened', { request: { kind, agentId: 'a', ...request } }),
          event('TermsAccepted', { terms: { ...TERMS, ...terms }, verdict: judged }),
          event('AuthorizationPrepared'),
          ...after.map((type) => event(type)),
        ],
      ] as const;
    },
  );
  const books = { operations: new Map(rows), policies } as unknown as Books;
  const found: string[] = [];
  checkPolicies(books, (_, where, what) => void found.push(`${where}: ${what}`));
  checkRepeats(books, (_, where, what) => void found.push(`${where}: ${what}`));
  return found;
}

const friday = (from: string, to: string) => ({
  hours: { windows: [{ days: ['fri'], from, to }], zone: 'Europe/Berlin' },
});
const like = (over: object = {}) => ({ verdict: { like: { hash: 'h', withinSec: 60, ...over } } });

describe('an intent obeys the policy that its verdict names', () => {
  it.each<[string, Told]>([
    ['without rules', {}],
    ['at the cap', { policy: { host_price_caps: [{ host: '*.example', max_amount: '100' }] } }],
    ['below the threshold', { policy: { approval_threshold: '101' } }],
    [
      'at the threshold, with a yes',
      { policy: { approval_threshold: '100' }, verdict: { needsApproval: true } },
    ],
    ['with its tags', { policy: { required_tags: ['category'] }, request: { category: 'research' } }],
    ['within the hours', { policy: friday('12:00', '12:01') }],
    ['of before there were hashes', { verdict: { judgedBy: undefined } }],
    ['a top-up, whatever is said of sellers', { kind: 'top_up', policy: { allowed_hosts: [] } }],
    ['compared with others like it', { policy: { duplicate_window_sec: 60 }, ...like() }],
  ])('%s', (_, operation) => {
    expect(told([operation])).toEqual([]);
  });

  it.each<[string, Told]>([
    ['a document that is not stored so', { stored: { version: 7 }, verdict: { policyVersion: 7 } }],
    ['another version than judged', { verdict: { policyVersion: 9 } }],
    ['a cap', { policy: { host_price_caps: [{ host: 'shop.example', max_amount: '99' }] } }],
    ['a denied host, by another spelling', { policy: { denied_hosts: ['shop.example'] } }],
    ['a list of hosts', { policy: { allowed_hosts: ['*.shop.example'] } }],
    ['a denied payee', { policy: { denied_payees: ['0xseller'] } }],
    ['a list of payees', { policy: { allowed_payees: [] } }],
    ['a list of networks', { policy: { allowed_networks: ['eip155:2'] } }],
    ['a list of assets', { policy: { allowed_assets: ['eip155:1/erc20:0xu'] } }],
    ['what may be paid upfront', { terms: { paymentFlow: 'upfront' } }],
    ['the threshold', { policy: { approval_threshold: '100' } }],
    ['the threshold of top-ups', { kind: 'top_up', policy: { top_up_approval_threshold: '100' } }],
    ['the hours, before', { policy: friday('12:01', '18:00') }],
    ['the hours, at their end', { policy: friday('08:00', '12:00') }],
    ['the window of duplicates', { policy: { duplicate_window_sec: 61 }, ...like() }],
    ['the tags it demands', { policy: { required_tags: ['cost_centre'] } }],
    ['a new payee', { policy: { new_payee: 'approve' } }],
  ])('and breaks it: %s', (_, operation) => {
    expect(told([operation])).toHaveLength(1);
  });

  it('a document that was changed behind its hash', () => {
    expect(told([{ stored: { hash: 'changed' } }]).join()).toContain('not what its hash says');
  });
});

describe('a new payee', () => {
  const policy = { new_payee: 'approve' };
  it('is known once it is final, or signed with a yes', () => {
    expect(told([{ after: ['SettlementFinalized'] }, { policy }])).toEqual([]);
    expect(told([{ after: ['ApprovalGranted'] }, { policy }])).toEqual([]);
    expect(told([{ after: ['SettlementObserved'] }, { policy }])).toHaveLength(1);
    expect(told([{ terms: { payTo: '0xother' }, after: ['SettlementFinalized'] }, { policy }])).toHaveLength(
      1,
    );
  });
});

describe('of purchases that are alike', () => {
  it.each<[string, Told, Told, number]>([
    ['two are one too many', like(), like(), 1],
    ['not by the likeness of others', like(), like({ hash: 'other' }), 0],
    ['not after the window', like(), { ...like(), openedAtMs: AT + 60_001 }, 0],
    ['also at its end', like(), { ...like(), openedAtMs: AT + 60_000 }, 1],
    ['not when the second is meant', like(), like({ allow: 'op0' }), 0],
    ['not when any is', like(), like({ allow: 'any' }), 0],
    ['also when another is meant', like(), like({ allow: 'op7' }), 1],
    ['not when the first is dead', { ...like(), after: ['AuthorizationBurned'] }, like(), 0],
  ])('%s', (_, first, second, faults) => {
    expect(told([first, second])).toHaveLength(faults);
  });
});
