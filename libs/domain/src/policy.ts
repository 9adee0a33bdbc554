// The rules a workspace or agent sets for payments, and their pure evaluation. Budgets (sums over time) are guarded in the store, not here.
import type { ErrorCode } from './errors.js';
import type { Caip2, EvmAddress } from './ids.js';
import type { ErrorDetails } from './refusal.js';
import type { Terms, Verdict } from './operation/terms.js';

export interface Policy {
  /** Rises by one with each change; 0 is the built-in default. */
  readonly version: number;
  /** At or above this many base units a person must approve (inclusive, apis.md C19b); null: never by amount. */
  readonly approvalThreshold: bigint | null;
  /** Host names that may be paid; null: any. A leading "*." matches sub-domains. */
  readonly allowedHosts: readonly string[] | null;
  readonly deniedHosts: readonly string[];
  readonly allowedPayees: readonly EvmAddress[] | null;
  readonly deniedPayees: readonly EvmAddress[];
  readonly allowedNetworks: readonly Caip2[] | null;
  /** Longest life of an authorization, seconds; at most 600 (ruling 13). */
  readonly maxValiditySec: number;
  /** What to do when the payee is a contract (T10; ruling 13: approval by default). */
  readonly contractPayee: 'approve' | 'refuse' | 'allow';
  /** May a seller be paid before it has made the goods? It keeps the money when it then fails. */
  readonly allowUpfront: boolean;
  /** May a seller charge what was used, up to a ceiling? It alone says how much that was, once it has the authorization. */
  readonly allowUpto: boolean;
  /** The same as `approvalThreshold` for top-ups from the treasury; null: never. */
  readonly topUpApprovalThreshold: bigint | null;
  /** Hosts that are paid on chain before they are asked for the goods, and do not settle themselves (ruling 10); patterns as above. */
  readonly prepaidHosts: readonly string[];
  /** How long a person has to decide, seconds. */
  readonly decideWithinSec: number;
}

export const DEFAULT_POLICY: Policy = {
  version: 0,
  approvalThreshold: null,
  allowedHosts: null,
  deniedHosts: [],
  allowedPayees: null,
  deniedPayees: [],
  allowedNetworks: null,
  maxValiditySec: 300,
  contractPayee: 'approve',
  allowUpfront: false,
  allowUpto: false,
  prepaidHosts: [],
  topUpApprovalThreshold: null,
  decideWithinSec: 3600,
};

export type Judgement =
  | { readonly ok: true; readonly verdict: Verdict }
  | { readonly ok: false; readonly code: ErrorCode; readonly details: ErrorDetails };

export interface PolicyFacts {
  /** Host name of the resource, lower case. */
  readonly host: string;
  readonly payeeIsContract: boolean;
  /** Addresses a payee may never be: zero, the token, the payer itself. */
  readonly forbiddenPayees: readonly EvmAddress[];
}

const denied = (rule: string, details: ErrorDetails = {}): Judgement => ({
  ok: false,
  code: 'policy_refused',
  details: { rule, ...details },
});

/** Judges terms against the workspace's and the agent's policy; the tighter of the two wins on every rule. */
export function judge(terms: Terms, facts: PolicyFacts, policies: readonly Policy[]): Judgement {
  if (facts.forbiddenPayees.includes(terms.payTo)) return denied('forbidden_payee', { payee: terms.payTo });
  const reasons = new Set<string>();
  for (const policy of policies) {
    if (policy.allowedNetworks && !policy.allowedNetworks.includes(terms.network))
      return denied('network_not_allowed', { network: terms.network });
    if (terms.paymentFlow === 'upfront' && !policy.allowUpfront)
      return denied('payment_flow_not_allowed', { payment_flow: terms.paymentFlow });
    if (terms.transferMethod === 'upto' && !policy.allowUpto)
      return denied('scheme_not_allowed', { scheme: 'upto' });
    if (policy.deniedHosts.some((pattern) => hostMatches(pattern, facts.host)))
      return denied('host_denied', { host: facts.host });
    if (policy.allowedHosts && !policy.allowedHosts.some((pattern) => hostMatches(pattern, facts.host))) {
      return denied('host_not_allowed', { host: facts.host });
    }
    if (policy.deniedPayees.includes(terms.payTo)) return denied('payee_denied', { payee: terms.payTo });
    if (policy.allowedPayees && !policy.allowedPayees.includes(terms.payTo))
      return denied('payee_not_allowed', { payee: terms.payTo });
    if (facts.payeeIsContract && policy.contractPayee === 'refuse')
      return denied('contract_payee', { payee: terms.payTo });
    if (facts.payeeIsContract && policy.contractPayee === 'approve') reasons.add('contract_payee');
    if (policy.approvalThreshold !== null && terms.amount >= policy.approvalThreshold)
      reasons.add('above_threshold');
  }
  const policyVersion = Math.max(0, ...policies.map((policy) => policy.version));
  const prepaid = policies.some((it) => it.prepaidHosts.some((pattern) => hostMatches(pattern, facts.host)));
  const verdict = { policyVersion, needsApproval: reasons.size > 0, reasons: [...reasons] };
  return { ok: true, verdict: prepaid ? { ...verdict, prepaid } : verdict };
}

/**
 * A top-up goes to one of our own wallets: rules about sellers do not speak of it. Whether the payee is one is not the policy's to say.
 * The tightest rule wins.
 */
export function judgeTopUp(
  terms: Terms,
  { forbiddenPayees }: Pick<PolicyFacts, 'forbiddenPayees'>,
  policies: readonly Policy[],
): Judgement {
  if (forbiddenPayees.includes(terms.payTo)) return denied('forbidden_payee', { payee: terms.payTo });
  const closed = policies.some((it) => it.allowedNetworks && !it.allowedNetworks.includes(terms.network));
  if (closed) return denied('network_not_allowed', { network: terms.network });
  const needsApproval = policies.some(
    (it) => it.topUpApprovalThreshold !== null && terms.amount >= it.topUpApprovalThreshold,
  );
  const policyVersion = Math.max(0, ...policies.map((policy) => policy.version));
  return {
    ok: true,
    verdict: { policyVersion, needsApproval, reasons: needsApproval ? ['above_threshold'] : [] },
  };
}

/**
 * An allowance is money at risk for as long as it stands, so a person decides each one; also the one of nothing, after which payments are refused.
 * Rules about sellers do not speak of it.
 */
export function judgeAllowance(terms: Terms, policies: readonly Policy[]): Judgement {
  const closed = policies.some((it) => it.allowedNetworks && !it.allowedNetworks.includes(terms.network));
  if (closed) return denied('network_not_allowed', { network: terms.network });
  const policyVersion = Math.max(0, ...policies.map((policy) => policy.version));
  return { ok: true, verdict: { policyVersion, needsApproval: true, reasons: ['allowance'] } };
}

/** A trailing dot names the same host (RFC 1034 3.1), and must not slip past a rule about it. */
export function hostMatches(pattern: string, named: string): boolean {
  const host = named.endsWith('.') ? named.slice(0, -1) : named;
  return pattern.startsWith('*.')
    ? host.endsWith(pattern.slice(1)) && host.length > pattern.length - 1
    : host === pattern;
}

/** Longest validity all policies allow, seconds. */
export function validityOf(policies: readonly Policy[]): number {
  return Math.min(600, ...policies.map((policy) => policy.maxValiditySec));
}
