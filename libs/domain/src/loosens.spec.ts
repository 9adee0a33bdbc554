import { describe, expect, it } from 'vitest';
import { parseEvmAddress } from './ids.js';
import { loosened } from './loosens.js';
import { DEFAULT_RULES, type PolicyRules } from './policy.js';

const PAYEE = parseEvmAddress(`0x${'11'.repeat(20)}`);
const TIGHT: PolicyRules = {
  ...DEFAULT_RULES,
  approvalThreshold: 100n,
  allowedHosts: ['a.example'],
  deniedHosts: ['b.example'],
  hostPriceCaps: [{ host: 'a.example', maxAmount: 10n }],
  allowedPayees: [PAYEE],
  deniedPayees: [PAYEE],
  allowedNetworks: ['eip155:1' as never],
  allowedAssets: [],
  requiredTags: ['category'],
  newPayee: 'approve',
  duplicateWindowSec: 60,
  budgetApprovalPercent: 50,
  contractPayee: 'approve',
  topUpApprovalThreshold: 5n,
  approvers: { quorum: 2, groups: ['finance'] },
};

describe('a change of policy', () => {
  it.each<[keyof PolicyRules, Partial<PolicyRules>]>([
    ['approvalThreshold', { approvalThreshold: 101n }],
    ['approvalThreshold', { approvalThreshold: null }],
    ['allowedHosts', { allowedHosts: ['a.example', 'c.example'] }],
    ['allowedHosts', { allowedHosts: null }],
    ['deniedHosts', { deniedHosts: [] }],
    ['hostPriceCaps', { hostPriceCaps: [] }],
    ['hostPriceCaps', { hostPriceCaps: [{ host: 'a.example', maxAmount: 11n }] }],
    ['allowedPayees', { allowedPayees: null }],
    ['deniedPayees', { deniedPayees: [] }],
    ['allowedNetworks', { allowedNetworks: null }],
    ['allowedAssets', { allowedAssets: null }],
    ['requiredTags', { requiredTags: [] }],
    ['newPayee', { newPayee: 'allow' }],
    ['duplicateWindowSec', { duplicateWindowSec: 59 }],
    ['budgetApprovalPercent', { budgetApprovalPercent: 51 }],
    ['maxValiditySec', { maxValiditySec: 301 }],
    ['contractPayee', { contractPayee: 'allow' }],
    ['allowUpfront', { allowUpfront: true }],
    ['allowUpto', { allowUpto: true }],
    ['topUpApprovalThreshold', { topUpApprovalThreshold: null }],
    ['prepaidHosts', { prepaidHosts: ['a.example'] }],
    ['decideWithinSec', { decideWithinSec: 3_601 }],
    ['approvers', { approvers: { quorum: 1, groups: ['finance'] } }],
    ['approvers', { approvers: { quorum: 2, groups: [] } }],
    ['approvers', { approvers: { quorum: 2, groups: ['finance', 'ops'] } }],
  ])('loosens %s by %o', (rule, change) => {
    expect(loosened(TIGHT, { ...TIGHT, ...change })).toEqual([rule]);
  });

  it('the other way round tightens, and nothing changed is nothing loosened', () => {
    expect(loosened(DEFAULT_RULES, { ...TIGHT, duplicateWindowSec: 60 })).toEqual([]);
    expect(loosened(TIGHT, TIGHT)).toEqual([]);
    expect(
      loosened(TIGHT, { ...TIGHT, approvers: { quorum: 3, groups: ['finance'] }, contractPayee: 'refuse' }),
    ).toEqual([]);
  });
});
