import { describe, expect, it } from 'vitest';
import {
  address,
  aPolicy,
  NETWORK,
  NOON,
  PAYER,
  SELLER,
  someTerms,
  TOKEN,
} from '../../../test/support/builders.js';
import { parseCaip2 } from './ids.js';
import { judge, type PolicyFacts } from './judge.js';
import { DEFAULT_POLICY, hostMatches, validityOf, type Policy } from './policy.js';

const facts = (over: Partial<PolicyFacts> = {}): PolicyFacts => ({
  host: 'shop.example',
  nowMs: NOON,
  payeeIsContract: false,
  forbiddenPayees: [address(0), TOKEN, PAYER],
  payeeKnownTo: [],
  tags: [],
  budgets: [],
  ...over,
});
const OTHER = address(0x0dd);

describe('a policy refuses', () => {
  it.each<[string, Partial<Policy>, Partial<PolicyFacts>]>([
    ['network_not_allowed', { allowedNetworks: [parseCaip2('eip155:1')] }, {}],
    ['host_denied', { deniedHosts: ['shop.example'] }, {}],
    ['host_denied', { deniedHosts: ['*.example'] }, {}],
    ['host_not_allowed', { allowedHosts: ['other.example'] }, {}],
    ['host_not_allowed', { allowedHosts: [] }, {}],
    ['host_denied', { allowedHosts: ['shop.example'], deniedHosts: ['shop.example'] }, {}],
    ['payee_denied', { deniedPayees: [SELLER] }, {}],
    ['payee_not_allowed', { allowedPayees: [OTHER] }, {}],
    ['contract_payee', { contractPayee: 'refuse' }, { payeeIsContract: true }],
    ['forbidden_payee', {}, { forbiddenPayees: [SELLER] }],
  ])('%s: %j', (rule, policy, fact) => {
    const refused = {
      ok: false,
      code: 'policy_refused',
      details: expect.objectContaining({ rule }) as unknown,
    };
    expect(judge(someTerms(), facts(fact), [aPolicy(policy)])).toMatchObject(refused);
    expect(judge(someTerms(), facts(fact), [DEFAULT_POLICY, aPolicy(policy)])).toMatchObject(refused);
    expect(judge(someTerms(), facts(fact), [aPolicy(policy), DEFAULT_POLICY])).toMatchObject(refused);
  });
});

describe('money before the goods', () => {
  const terms = someTerms({ paymentFlow: 'upfront' });
  const open = aPolicy({ allowUpfront: true });

  it.each<[string, readonly Policy[]]>([
    ['by default', [DEFAULT_POLICY]],
    ['by the workspace alone', [DEFAULT_POLICY, open]],
    ['by the agent alone', [open, DEFAULT_POLICY]],
  ])('is refused %s', (_who, policies) => {
    const details = { rule: 'payment_flow_not_allowed', payment_flow: 'upfront' };
    expect(judge(terms, facts(), policies)).toMatchObject({ ok: false, code: 'policy_refused', details });
  });

  it('is paid where every policy says so', () => {
    expect(judge(terms, facts(), [open, open])).toMatchObject({ ok: true });
  });
});

describe('a policy allows', () => {
  it.each<[string, Partial<Policy>, Partial<PolicyFacts>, readonly string[]]>([
    ['anything by default', {}, {}, []],
    ['listed hosts', { allowedHosts: ['*.example'] }, {}, []],
    ['listed payees and networks', { allowedPayees: [SELLER], allowedNetworks: [NETWORK] }, {}, []],
    ['amounts below the threshold', { approvalThreshold: 10_001n }, {}, []],
    ['the threshold itself with an approval', { approvalThreshold: 10_000n }, {}, ['above_threshold']],
    ['anything with an approval', { approvalThreshold: 0n }, {}, ['above_threshold']],
    ['a contract payee with an approval', {}, { payeeIsContract: true }, ['contract_payee']],
    ['a contract payee where told so', { contractPayee: 'allow' }, { payeeIsContract: true }, []],
    [
      'both with one approval for two reasons',
      { approvalThreshold: 1n },
      { payeeIsContract: true },
      ['contract_payee', 'above_threshold'],
    ],
  ])('%s', (_name, policy, fact, reasons) => {
    expect(judge(someTerms(), facts(fact), [aPolicy(policy)])).toMatchObject({
      ok: true,
      verdict: { policyVersion: 0, needsApproval: reasons.length > 0, reasons },
    });
  });

  it('under the newest version of what was asked, and only when all of them do', () => {
    const policies = [aPolicy({ version: 3 }), aPolicy({ version: 7, approvalThreshold: 1n })];
    expect(judge(someTerms(), facts(), policies)).toMatchObject({
      verdict: { policyVersion: 7, needsApproval: true },
    });
  });
});

describe('host patterns', () => {
  it.each([
    ['shop.example', 'shop.example', true],
    ['shop.example', 'a.shop.example', false],
    ['*.shop.example', 'a.shop.example', true],
    ['*.shop.example', 'a.b.shop.example', true],
    ['*.shop.example', 'shop.example', false],
    ['*.shop.example', '.shop.example', false],
    ['*.shop.example', 'evilshop.example', false],
    ['shop.example', 'shop.example.evil', false],
  ])('%s and %s: %s', (pattern, host, matches) => {
    expect(hostMatches(pattern, host)).toBe(matches);
  });
});

it('the shortest validity wins, and never more than 600 s', () => {
  expect(validityOf([aPolicy({ maxValiditySec: 300 }), aPolicy({ maxValiditySec: 60 })])).toBe(60);
  expect(validityOf([aPolicy({ maxValiditySec: 6_000 })])).toBe(600);
  expect(validityOf([])).toBe(600);
});
