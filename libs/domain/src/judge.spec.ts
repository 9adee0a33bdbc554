import { describe, expect, it } from 'vitest';
import { address, aPolicy, NETWORK, NOON, SELLER, someTerms, TOKEN } from '../../../test/support/builders.js';
import type { BudgetView } from './budget.js';
import { judge, judgeAllowance, judgeTopUp, type PolicyFacts } from './judge.js';
import { parseHours } from './policy-input.js';
import { assetName, DEFAULT_POLICY, type Policy } from './policy.js';

const facts = (over: Partial<PolicyFacts> = {}): PolicyFacts => ({
  host: 'shop.example',
  nowMs: NOON,
  payeeIsContract: false,
  forbiddenPayees: [],
  payeeKnownTo: [],
  tags: [],
  budgets: [],
  ...over,
});
const cap = (host: string, maxAmount: bigint) => aPolicy({ hostPriceCaps: [{ host, maxAmount }] });
const only = (...allowedAssets: Policy['allowedAssets'] & object) => aPolicy({ allowedAssets });
const budget = (held: bigint, spent: bigint, limit: bigint | null, window = 'day' as const): BudgetView => ({
  node: 'agent',
  nodeId: 'n',
  layer: 'payments',
  unit: 'USD6',
  held,
  heldCount: 0,
  windows: [
    {
      window,
      limit,
      spent,
      remaining: null,
      count: 0n,
      countLimit: null,
      countRemaining: null,
      resetsAtMs: null,
    },
  ],
});
const price = (amount: bigint) => someTerms({ amount });
/** `passed`, or the rule or reason that did not let it pass. */
function said(terms = someTerms(), fact: Partial<PolicyFacts> = {}, ...policies: Policy[]): string {
  const judged = judge(terms, facts(fact), policies);
  if (!judged.ok) return String(judged.details['rule']);
  return judged.verdict.reasons.join() || 'passed';
}

describe('a cap on the price at a host', () => {
  it.each([
    ['exactly at it', 100n, cap('shop.example', 100n), 'passed'],
    ['one above', 101n, cap('shop.example', 100n), 'price_above_host_cap'],
    ['nothing may be paid', 1n, cap('shop.example', 0n), 'price_above_host_cap'],
    ['another host', 101n, cap('other.example', 100n), 'passed'],
    ['a pattern', 101n, cap('*.example', 100n), 'price_above_host_cap'],
    [
      'the lowest that matches, wherever it stands',
      60n,
      aPolicy({
        hostPriceCaps: [
          { host: 'shop.example', maxAmount: 100n },
          { host: '*.example', maxAmount: 50n },
          { host: 'shop.example', maxAmount: 70n },
        ],
      }),
      'price_above_host_cap',
    ],
  ])('%s', (_what, amount, policy, expected) => {
    expect(said(price(amount), {}, policy)).toBe(expected);
  });

  it.each(['shop.example', 'shop.example.'])('holds for %s', (host) => {
    expect(said(price(101n), { host }, cap('shop.example', 100n))).toBe('price_above_host_cap');
  });

  it('is the tighter of the two', () => {
    const [loose, tight] = [cap('*.example', 500n), cap('shop.example', 100n)];
    expect(said(price(101n), {}, loose, tight)).toBe('price_above_host_cap');
    expect(said(price(101n), {}, tight, loose)).toBe('price_above_host_cap');
  });
});

describe('assets', () => {
  it('those on the list are paid in, others are not', () => {
    expect(said(someTerms(), {}, only(assetName(NETWORK, TOKEN)))).toBe('passed');
    expect(said(someTerms(), {}, only(assetName(NETWORK, address(0xe))))).toBe('asset_not_allowed');
    expect(said(someTerms(), {}, only())).toBe('asset_not_allowed');
  });

  it('hold for top-ups and allowances too', () => {
    const none = [only()];
    const refused = { ok: false, details: { rule: 'asset_not_allowed' } };
    expect(judgeTopUp(someTerms(), facts(), none)).toMatchObject(refused);
    expect(judgeAllowance(someTerms(), NOON, none)).toMatchObject(refused);
  });
});

describe('paying hours', () => {
  const zone = 'Europe/Berlin';
  const office = aPolicy({
    hours: parseHours({ zone, windows: [{ days: ['fri'], from: '08:00', to: '18:00' }] }, 'hours'),
  });
  it.each([
    ['2026-11-20T06:59:59.999Z', 'outside_hours'],
    ['2026-11-20T07:00:00.000Z', 'passed'],
    ['2026-11-20T16:59:59.999Z', 'passed'],
    ['2026-11-20T17:00:00.000Z', 'outside_hours'],
  ])('at %s: %s', (when, expected) => {
    expect(said(someTerms(), { nowMs: Date.parse(when) }, office)).toBe(expected);
  });

  it('say when they begin again', () => {
    const judged = judge(someTerms(), facts({ nowMs: Date.parse('2026-11-20T17:00:00Z') }), [office]);
    expect(judged).toMatchObject({ details: { opens_at: '2026-11-27T07:00:00.000Z', zone } });
  });
});

describe('tags that a policy demands', () => {
  const both = aPolicy({ requiredTags: ['category', 'cost_centre'] });
  it.each([
    ['none', [], 'tag_missing'],
    ['one of two', ['category'], 'tag_missing'],
    ['both', ['cost_centre', 'category'], 'passed'],
  ] as const)('%s: %s', (_what, tags, expected) => {
    expect(said(someTerms(), { tags }, both)).toBe(expected);
  });

  it('the first that is missing is named', () => {
    expect(judge(someTerms(), facts({ tags: ['category'] }), [both])).toMatchObject({
      details: { rule: 'tag_missing', field: 'cost_centre' },
    });
  });
});

describe('a new payee', () => {
  const workspace = aPolicy({ newPayee: 'approve' });
  const agent = aPolicy({ newPayee: 'approve', scope: 'agent' });
  it.each([
    ['nobody has paid', [], [workspace], 'new_payee'],
    ['only another agent has paid, for the workspace', ['workspace'], [workspace], 'passed'],
    ['only another agent has paid, for the agent', ['workspace'], [DEFAULT_POLICY, agent], 'new_payee'],
    ['the agent has paid', ['workspace', 'agent'], [workspace, agent], 'passed'],
    ['nobody has paid, and nobody asks', [], [DEFAULT_POLICY], 'passed'],
  ] as const)('that %s', (_what, payeeKnownTo, policies, expected) => {
    expect(said(someTerms(), { payeeKnownTo }, ...policies)).toBe(expected);
  });
});

describe('the share of a budget', () => {
  const policy = aPolicy({ budgetApprovalPercent: 80 });
  it.each([
    ['exactly at it', 10n, budget(30n, 40n, 100n), 'passed'],
    ['one above', 11n, budget(30n, 40n, 100n), 'budget_share'],
    ['no fraction is lost', 3n, budget(0n, 0n, 3n), 'budget_share'],
    ['without a limit', 1_000n, budget(0n, 0n, null), 'passed'],
  ])('%s', (_what, amount, view, expected) => {
    expect(said(price(amount), { budgets: [view] }, policy)).toBe(expected);
  });
});

describe('what a judgement says of itself', () => {
  const workspace = aPolicy({ version: 7, hash: 'aa' });
  const agent = aPolicy({ version: 3, hash: 'bb', scope: 'agent', deniedPayees: [address(1)] });

  it('every document that judged, by its hash, and when', () => {
    expect(judge(someTerms(), facts(), [workspace, agent])).toMatchObject({
      verdict: {
        policyVersion: 7,
        judgedAtMs: NOON,
        judgedBy: [
          { scope: 'workspace', version: 7, hash: 'aa' },
          { scope: 'agent', version: 3, hash: 'bb' },
        ],
      },
    });
  });

  it('a refusal names the one document', () => {
    const terms = someTerms({ payTo: address(1) });
    expect(judge(terms, facts(), [workspace, agent])).toMatchObject({
      details: { rule: 'payee_denied', policy_scope: 'agent', policy_version: 3, policy_hash: 'bb' },
    });
  });

  it('every rule of every document is in the trace, in one order, also after one that refused', () => {
    const { trace } = judge(someTerms(), facts(), [
      aPolicy({ deniedHosts: ['shop.example'], approvalThreshold: 1n }),
      agent,
    ]);
    const rules = trace.map(({ rule }) => rule);
    const each = rules.slice(1, 1 + (rules.length - 1) / 2);
    expect(rules).toEqual(['forbidden_payees', ...each, ...each]);
    expect(trace.filter(({ outcome }) => outcome === 'refused').map(({ rule }) => rule)).toEqual([
      'denied_hosts',
    ]);
    expect(trace.filter(({ outcome }) => outcome === 'asks').map(({ rule }) => rule)).toEqual([
      'approval_threshold',
    ]);
    expect(trace.filter(({ outcome }) => outcome === 'passed')).toContainEqual(
      expect.objectContaining({ rule: 'denied_payees', policy: agent, facts: { payee: SELLER } }),
    );
  });
});
