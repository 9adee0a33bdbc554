// Judges terms by policies: every rule in one fixed order, each saying what it looked at. A verdict and the trace that `simulate` shows are
// the same evaluation, so they cannot differ.
import type { BudgetView } from './budget.js';
import type { ErrorCode } from './errors.js';
import type { EvmAddress } from './ids.js';
import { isOpen, opensAt } from './paying-hours.js';
import { assetName, hostMatches, type Policy, type PolicyScope } from './policy.js';
import type { ErrorDetails } from './refusal.js';
import type { TagKind } from './tag.js';
import type { Terms, Verdict } from './operation/terms.js';

/** Why a policy refuses; `details.rule` of `policy_refused`. */
export type RefusedBy =
  | 'forbidden_payee'
  | 'network_not_allowed'
  | 'asset_not_allowed'
  | 'payment_flow_not_allowed'
  | 'scheme_not_allowed'
  | 'host_denied'
  | 'host_not_allowed'
  | 'price_above_host_cap'
  | 'payee_denied'
  | 'payee_not_allowed'
  | 'outside_hours'
  | 'tag_missing'
  | 'contract_payee'
  | 'payee_not_own_wallet'
  | 'spender_not_permit2';

/** Why a person is asked. */
export type AskedFor = 'contract_payee' | 'new_payee' | 'above_threshold' | 'budget_share' | 'allowance';

/** One rule's word. `off`: this policy does not set the rule. */
export type Finding =
  | { readonly outcome: 'off' }
  | { readonly outcome: 'passed'; readonly facts: ErrorDetails }
  | { readonly outcome: 'asks'; readonly reason: AskedFor; readonly facts: ErrorDetails }
  | { readonly outcome: 'refused'; readonly reason: RefusedBy; readonly facts: ErrorDetails };

/** `rule` is the policy's field; `policy` null: a rule of Purser's own, that no policy can lift. */
export type RuleTrace = Finding & { readonly rule: string; readonly policy: Policy | null };

export type Judgement = { readonly trace: readonly RuleTrace[] } & (
  | { readonly ok: true; readonly verdict: Verdict }
  | { readonly ok: false; readonly code: ErrorCode; readonly details: ErrorDetails }
);

export interface PolicyFacts {
  /** Host name of the resource, lower case. */
  readonly host: string;
  /** Unix ms of the judgement. */
  readonly nowMs: number;
  readonly payeeIsContract: boolean;
  /** Addresses a payee may never be: zero, the token, the payer itself. */
  readonly forbiddenPayees: readonly EvmAddress[];
  /** Who has paid this payee for good, or with a person's yes. Looked up only where a policy asks for it. */
  readonly payeeKnownTo: readonly PolicyScope[];
  /** The kinds of tags that the request names. */
  readonly tags: readonly TagKind[];
  /** The budgets this payment would charge, as they stand. Looked up only where a policy asks for it. */
  readonly budgets: readonly BudgetView[];
}

interface Asked {
  readonly terms: Terms;
  readonly policy: Policy;
}
interface Case extends Asked {
  readonly facts: PolicyFacts;
}
type Rule<Looked> = readonly [rule: string, (looked: Looked) => Finding];

const OFF: Finding = { outcome: 'off' };
const passed = (facts: ErrorDetails): Finding => ({ outcome: 'passed', facts });
const refused = (reason: RefusedBy, facts: ErrorDetails): Finding => ({ outcome: 'refused', reason, facts });
const asks = (reason: AskedFor, facts: ErrorDetails): Finding => ({ outcome: 'asks', reason, facts });
const either = (fine: boolean, reason: RefusedBy, facts: ErrorDetails): Finding =>
  fine ? passed(facts) : refused(reason, facts);

const networks = ({ terms: { network }, policy }: Asked): Finding =>
  policy.allowedNetworks === null
    ? OFF
    : either(policy.allowedNetworks.includes(network), 'network_not_allowed', { network });

function assets({ terms: { network, token }, policy }: Asked): Finding {
  if (policy.allowedAssets === null) return OFF;
  const asset = assetName(network, token);
  return either(policy.allowedAssets.includes(asset), 'asset_not_allowed', { asset });
}

/** Of everything that is signed, whoever gets it. */
const WHAT_IS_MOVED: readonly Rule<Asked>[] = [
  ['allowed_networks', networks],
  ['allowed_assets', assets],
];

/** In the order in which they are evaluated; the first that refuses gives the refusal. */
const RULES: readonly Rule<Case>[] = [
  ...WHAT_IS_MOVED,
  [
    'allow_upfront',
    ({ terms: { paymentFlow }, policy }) =>
      paymentFlow === 'upfront'
        ? either(policy.allowUpfront, 'payment_flow_not_allowed', { payment_flow: paymentFlow })
        : OFF,
  ],
  [
    'allow_upto',
    ({ terms: { transferMethod }, policy }) =>
      transferMethod === 'upto' ? either(policy.allowUpto, 'scheme_not_allowed', { scheme: 'upto' }) : OFF,
  ],
  [
    'denied_hosts',
    ({ facts: { host }, policy: { deniedHosts } }) =>
      deniedHosts.length === 0
        ? OFF
        : either(!deniedHosts.some((pattern) => hostMatches(pattern, host)), 'host_denied', { host }),
  ],
  [
    'allowed_hosts',
    ({ facts: { host }, policy: { allowedHosts } }) =>
      allowedHosts === null
        ? OFF
        : either(
            allowedHosts.some((pattern) => hostMatches(pattern, host)),
            'host_not_allowed',
            { host },
          ),
  ],
  ['host_price_caps', hostPriceCap],
  [
    'denied_payees',
    ({ terms: { payTo }, policy: { deniedPayees } }) =>
      deniedPayees.length === 0
        ? OFF
        : either(!deniedPayees.includes(payTo), 'payee_denied', { payee: payTo }),
  ],
  [
    'allowed_payees',
    ({ terms: { payTo }, policy: { allowedPayees } }) =>
      allowedPayees === null
        ? OFF
        : either(allowedPayees.includes(payTo), 'payee_not_allowed', { payee: payTo }),
  ],
  ['hours', hours],
  ['required_tags', requiredTags],
  ['contract_payee', contractPayee],
  ['new_payee', newPayee],
  ['approval_threshold', ({ terms, policy }) => atOrAbove(policy.approvalThreshold, terms)],
  ['budget_approval_percent', budgetShare],
];

function hostPriceCap({ terms: { amount }, facts: { host }, policy: { hostPriceCaps } }: Case): Finding {
  const matching = hostPriceCaps.filter((cap) => hostMatches(cap.host, host));
  const [first, ...others] = matching;
  if (first === undefined) return OFF;
  const lowest = others.reduce((least, cap) => (cap.maxAmount < least.maxAmount ? cap : least), first);
  const facts = {
    host,
    pattern: lowest.host,
    max_amount: lowest.maxAmount.toString(),
    amount: amount.toString(),
  };
  return either(amount <= lowest.maxAmount, 'price_above_host_cap', facts);
}

function hours({ facts: { nowMs }, policy }: Case): Finding {
  if (policy.hours === null) return OFF;
  const { zone } = policy.hours;
  if (isOpen(policy.hours, nowMs)) return passed({ zone });
  const opens = opensAt(policy.hours, nowMs);
  return refused('outside_hours', { zone, opens_at: opens === null ? null : new Date(opens).toISOString() });
}

function requiredTags({ facts: { tags }, policy }: Case): Finding {
  if (policy.requiredTags.length === 0) return OFF;
  const missing = policy.requiredTags.find((kind) => !tags.includes(kind));
  if (missing === undefined) return passed({ tags });
  return refused('tag_missing', { field: missing, tags });
}

function contractPayee({ terms, facts: { payeeIsContract }, policy }: Case): Finding {
  if (!payeeIsContract || policy.contractPayee === 'allow')
    return passed({ payee_is_contract: payeeIsContract });
  const facts = { payee: terms.payTo };
  return policy.contractPayee === 'refuse' ? refused('contract_payee', facts) : asks('contract_payee', facts);
}

function newPayee({ terms, facts: { payeeKnownTo }, policy }: Case): Finding {
  if (policy.newPayee === 'allow') return OFF;
  const facts = { payee: terms.payTo };
  return payeeKnownTo.includes(policy.scope) ? passed(facts) : asks('new_payee', facts);
}

function atOrAbove(threshold: bigint | null, { amount }: Terms): Finding {
  if (threshold === null) return OFF;
  const facts = { amount: amount.toString(), threshold: threshold.toString() };
  return amount >= threshold ? asks('above_threshold', facts) : passed(facts);
}

const TOP_UP_RULES: readonly Rule<Asked>[] = [
  ...WHAT_IS_MOVED,
  ['top_up_approval_threshold', ({ terms, policy }) => atOrAbove(policy.topUpApprovalThreshold, terms)],
];

/** Windows over time only: how much of the limit for one payment it uses, its threshold says better. */
function budgetShare({
  terms: { amount },
  facts,
  policy: { budgetApprovalPercent: percent },
}: Case): Finding {
  if (percent === null) return OFF;
  for (const { node, held, windows } of facts.budgets)
    for (const { window, limit, spent } of windows) {
      if (limit === null || window === 'per_payment') continue;
      if ((held + spent + amount) * 100n <= limit * BigInt(percent)) continue;
      const used = (held + spent).toString();
      return asks('budget_share', { node, window, percent, limit: limit.toString(), used });
    }
  return passed({ percent });
}

/** Judges terms against the workspace's and the agent's policy; the tighter of the two wins on every rule. */
export function judge(terms: Terms, facts: PolicyFacts, policies: readonly Policy[]): Judgement {
  const own = payeeRule(terms, facts);
  const trace = ofEach(RULES, policies, (policy) => ({ terms, facts, policy }));
  const judged = conclude([own, ...trace], policies, facts.nowMs);
  const prepaid = policies.some((it) => it.prepaidHosts.some((pattern) => hostMatches(pattern, facts.host)));
  return judged.ok && prepaid ? { ...judged, verdict: { ...judged.verdict, prepaid } } : judged;
}

/**
 * A top-up goes to one of our own wallets: rules about sellers do not speak of it. Whether the payee is one is not the policy's to say.
 * The tightest rule wins.
 */
export function judgeTopUp(
  terms: Terms,
  facts: Pick<PolicyFacts, 'forbiddenPayees' | 'nowMs'>,
  policies: readonly Policy[],
): Judgement {
  const trace = ofEach(TOP_UP_RULES, policies, (policy) => ({ terms, policy }));
  return conclude([payeeRule(terms, facts), ...trace], policies, facts.nowMs);
}

/**
 * An allowance is money at risk for as long as it stands, so a person decides each one; also the one of nothing, after which payments are refused.
 * Rules about sellers do not speak of it.
 */
export function judgeAllowance(terms: Terms, nowMs: number, policies: readonly Policy[]): Judgement {
  const trace = ofEach(WHAT_IS_MOVED, policies, (policy) => ({ terms, policy }));
  const own = ofPurser('allowance', asks('allowance', { amount: terms.amount.toString() }));
  return conclude([...trace, own], policies, nowMs);
}

const ofPurser = (rule: string, finding: Finding): RuleTrace => ({ rule, policy: null, ...finding });

function payeeRule({ payTo }: Terms, { forbiddenPayees }: Pick<PolicyFacts, 'forbiddenPayees'>): RuleTrace {
  const finding = either(!forbiddenPayees.includes(payTo), 'forbidden_payee', { payee: payTo });
  return ofPurser('forbidden_payees', finding);
}

function ofEach<Looked>(
  rules: readonly Rule<Looked>[],
  policies: readonly Policy[],
  looked: (policy: Policy) => Looked,
): RuleTrace[] {
  return policies.flatMap((policy) =>
    rules.map(([rule, look]): RuleTrace => ({ rule, policy, ...look(looked(policy)) })),
  );
}

function conclude(trace: readonly RuleTrace[], policies: readonly Policy[], nowMs: number): Judgement {
  const refusal = trace.find((it) => it.outcome === 'refused');
  if (refusal?.outcome === 'refused') {
    const { reason, facts, policy } = refusal;
    const by = policy && {
      policy_scope: policy.scope,
      policy_version: policy.version,
      policy_hash: policy.hash,
    };
    return { ok: false, trace, code: 'policy_refused', details: { rule: reason, ...facts, ...by } };
  }
  const reasons = new Set(trace.flatMap((it) => (it.outcome === 'asks' ? [it.reason] : [])));
  const verdict: Verdict = {
    policyVersion: Math.max(0, ...policies.map((policy) => policy.version)),
    judgedBy: policies.map(({ scope, version, hash }) => ({ scope, version, hash })),
    judgedAtMs: nowMs,
    needsApproval: reasons.size > 0,
    reasons: [...reasons],
  };
  return { ok: true, trace, verdict };
}
