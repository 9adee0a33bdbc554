// The rules a workspace or agent sets for payments. How they are judged: judge.ts. Sums over time are guarded in the store, not here.
import type { Caip2, EvmAddress } from './ids.js';
import type { PayingHours } from './paying-hours.js';
import type { TagKind } from './tag.js';
import type { ApprovalRule } from './operation/approval-rule.js';

/** Whose rules: the workspace's, or the agent's own. Both must let a payment pass. */
export type PolicyScope = 'workspace' | 'agent';

/** An ERC-20 token on its chain, in CAIP-19: `eip155:8453/erc20:0x...`, lower case. */
export type AssetName = `${Caip2}/erc20:${EvmAddress}`;

export const assetName = (network: Caip2, token: EvmAddress): AssetName => `${network}/erc20:${token}`;

export interface HostPriceCap {
  /** Host name or `*.` pattern. */
  readonly host: string;
  /** Most per payment, base units of whatever asset is paid; inclusive. */
  readonly maxAmount: bigint;
}

export interface PolicyRules {
  /** At or above this many base units a person must approve (inclusive, apis.md C19b); null: never by amount. */
  readonly approvalThreshold: bigint | null;
  /** Host names that may be paid; null: any. A leading "*." matches sub-domains. */
  readonly allowedHosts: readonly string[] | null;
  readonly deniedHosts: readonly string[];
  /** The lowest of all that match holds. */
  readonly hostPriceCaps: readonly HostPriceCap[];
  readonly allowedPayees: readonly EvmAddress[] | null;
  readonly deniedPayees: readonly EvmAddress[];
  readonly allowedNetworks: readonly Caip2[] | null;
  readonly allowedAssets: readonly AssetName[] | null;
  /** When payments may be made; null: at any time. */
  readonly hours: PayingHours | null;
  /** What a payment must be booked under. */
  readonly requiredTags: readonly TagKind[];
  /** What to do with a payee that the policy's scope has neither paid for good nor been allowed to pay by a person. */
  readonly newPayee: 'approve' | 'allow';
  /**
   * Seconds within which the same purchase (agent, method, URL, canonical body, price) under another key is refused while the first is not
   * known to be unpaid; 0: never. The longest of all policies holds.
   */
  readonly duplicateWindowSec: number;
  /** A person must approve what brings a budget window above so many percent of its limit; null: never. */
  readonly budgetApprovalPercent: number | null;
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
  /** Who has to approve what needs an approval by any policy. */
  readonly approvers: ApprovalRule;
}

export interface Policy extends PolicyRules {
  readonly scope: PolicyScope;
  /** Rises by one with each change of any policy of the workspace; 0 is the built-in default. */
  readonly version: number;
  /** SHA-256 of the stored document, hex; null for the built-in default. */
  readonly hash: string | null;
}

export const DEFAULT_RULES: PolicyRules = {
  approvalThreshold: null,
  allowedHosts: null,
  deniedHosts: [],
  hostPriceCaps: [],
  allowedPayees: null,
  deniedPayees: [],
  allowedNetworks: null,
  allowedAssets: null,
  hours: null,
  requiredTags: [],
  newPayee: 'allow',
  duplicateWindowSec: 0,
  budgetApprovalPercent: null,
  maxValiditySec: 300,
  contractPayee: 'approve',
  allowUpfront: false,
  allowUpto: false,
  prepaidHosts: [],
  topUpApprovalThreshold: null,
  decideWithinSec: 3600,
  approvers: { quorum: 1, groups: [] },
};

export const DEFAULT_POLICY: Policy = { scope: 'workspace', version: 0, hash: null, ...DEFAULT_RULES };

/** A trailing dot names the same host (RFC 1034 3.1), and must not slip past a rule about it. */
export function hostMatches(pattern: string, named: string): boolean {
  const host = named.endsWith('.') ? named.slice(0, -1) : named;
  return pattern.startsWith('*.')
    ? host.endsWith(pattern.slice(1)) && host.length > pattern.length - 1
    : host === pattern;
}

/** How long a person has to decide under all of them, seconds. */
export function timeToDecide(policies: readonly Policy[]): number {
  const asked = policies.length > 0 ? policies : [DEFAULT_POLICY];
  return Math.min(...asked.map((policy) => policy.decideWithinSec));
}

/** Longest validity all policies allow, seconds. */
export function validityOf(policies: readonly Policy[]): number {
  return Math.min(600, ...policies.map((policy) => policy.maxValiditySec));
}
