// A policy as it is stored: plain JSON with a hash over its canonical text, so that what an operation was judged by can be proven later.
import {
  canonicalJson,
  parseAssetName,
  parseCaip2,
  parseEvmAddress,
  parseHostPattern,
  parseHours,
  parseTagKind,
  refuse,
  writeHours,
  type Json,
  type Policy,
  type PolicyRules,
  type WrittenHours,
} from '#domain';
import type { PolicyInput } from '#engine';
import { createHash } from 'node:crypto';

const MOST_ENTRIES = 1_000;
const NEW_PAYEE: readonly string[] = ['approve', 'allow'];
/** A day: the likeness of older purchases is a habit, not a mistake. */
const LONGEST_DUPLICATE_WINDOW_SEC = 86_400;
const MOST_APPROVERS = 10;
const GROUP = /^[a-z0-9][a-z0-9_-]{0,39}$/;
const CONTRACT_PAYEE: readonly string[] = ['approve', 'refuse', 'allow'];

export type PolicyDocument = { readonly [field: string]: Json };

/** Written by hand, field by field: the hash is taken over it. */
export function toDocument(policy: Omit<Policy, 'scope' | 'hash'>): PolicyDocument {
  const { hours, hostPriceCaps } = policy;
  return {
    version: policy.version,
    approval_threshold: policy.approvalThreshold?.toString() ?? null,
    allowed_hosts: policy.allowedHosts,
    denied_hosts: policy.deniedHosts,
    host_price_caps: hostPriceCaps.map(({ host, maxAmount }) => ({ host, max_amount: maxAmount.toString() })),
    allowed_payees: policy.allowedPayees,
    denied_payees: policy.deniedPayees,
    allowed_networks: policy.allowedNetworks,
    allowed_assets: policy.allowedAssets,
    hours: hours === null ? null : (writeHours(hours) as unknown as Json),
    required_tags: policy.requiredTags,
    new_payee: policy.newPayee,
    duplicate_window_sec: policy.duplicateWindowSec,
    budget_approval_percent: policy.budgetApprovalPercent,
    max_validity_sec: policy.maxValiditySec,
    contract_payee: policy.contractPayee,
    allow_upfront: policy.allowUpfront,
    allow_upto: policy.allowUpto,
    prepaid_hosts: policy.prepaidHosts,
    top_up_approval_threshold: policy.topUpApprovalThreshold?.toString() ?? null,
    decide_within_sec: policy.decideWithinSec,
    approval_quorum: policy.approvers.quorum,
    approver_groups: policy.approvers.groups,
  };
}

const amountIn = (text: Json | undefined): bigint | null => (typeof text === 'string' ? BigInt(text) : null);

export function fromDocument(
  document: PolicyDocument,
  { scope, hash }: Pick<Policy, 'scope' | 'hash'>,
): Policy {
  const hours = (document['hours'] ?? null) as WrittenHours | null;
  return {
    scope,
    hash,
    version: document['version'] as number,
    approvalThreshold: amountIn(document['approval_threshold']),
    allowedHosts: (document['allowed_hosts'] ?? null) as Policy['allowedHosts'],
    deniedHosts: (document['denied_hosts'] ?? []) as Policy['deniedHosts'],
    allowedPayees: (document['allowed_payees'] ?? null) as Policy['allowedPayees'],
    deniedPayees: (document['denied_payees'] ?? []) as Policy['deniedPayees'],
    allowedNetworks: (document['allowed_networks'] ?? null) as Policy['allowedNetworks'],
    maxValiditySec: document['max_validity_sec'] as number,
    contractPayee: document['contract_payee'] as Policy['contractPayee'],
    // Absent in what was stored before there were such rules.
    allowUpfront: document['allow_upfront'] === true,
    allowUpto: document['allow_upto'] === true,
    hostPriceCaps: capsIn(document['host_price_caps']),
    allowedAssets: (document['allowed_assets'] ?? null) as Policy['allowedAssets'],
    hours: hours && parseHours(hours, 'hours'),
    requiredTags: (document['required_tags'] ?? []) as Policy['requiredTags'],
    newPayee: document['new_payee'] === 'approve' ? 'approve' : 'allow',
    duplicateWindowSec: Number(document['duplicate_window_sec'] ?? 0),
    budgetApprovalPercent: (document['budget_approval_percent'] ?? null) as number | null,
    prepaidHosts: (document['prepaid_hosts'] ?? []) as Policy['prepaidHosts'],
    topUpApprovalThreshold: amountIn(document['top_up_approval_threshold']),
    decideWithinSec: document['decide_within_sec'] as number,
    approvers: {
      quorum: (document['approval_quorum'] ?? 1) as number,
      groups: (document['approver_groups'] ?? []) as readonly string[],
    },
  };
}

function capsIn(stored: Json | undefined): Policy['hostPriceCaps'] {
  const caps = (stored ?? []) as readonly { readonly host: string; readonly max_amount: string }[];
  return caps.map((cap) => ({ host: cap.host, maxAmount: BigInt(cap.max_amount) }));
}

/** SHA-256 of the canonical text, hex. */
export function hashOf(document: PolicyDocument): string {
  return createHash('sha256').update(canonicalJson(document)).digest('hex');
}

/** The rules in the one form they are compared in. Refuses with `validation_failed` and the field. */
export function normalise(input: PolicyInput): PolicyRules {
  for (const [field, threshold] of [
    ['approval_threshold', input.approvalThreshold],
    ['top_up_approval_threshold', input.topUpApprovalThreshold],
  ] as const)
    if (threshold !== null && threshold < 0n) throw refuse('invalid_amount', { field, reason: 'negative' });
  const { contractPayee, newPayee } = input;
  if (!NEW_PAYEE.includes(newPayee)) throw wrong('new_payee', 'unknown_value');
  if (!CONTRACT_PAYEE.includes(contractPayee)) throw wrong('contract_payee', 'unknown_value');
  if (typeof input.allowUpfront !== 'boolean') throw wrong('allow_upfront', 'not_a_boolean');
  if (typeof input.allowUpto !== 'boolean') throw wrong('allow_upto', 'not_a_boolean');
  return {
    approvalThreshold: input.approvalThreshold,
    allowedHosts: input.allowedHosts && hosts(input.allowedHosts, 'allowed_hosts'),
    deniedHosts: hosts(input.deniedHosts, 'denied_hosts'),
    allowedPayees: input.allowedPayees && payees(input.allowedPayees, 'allowed_payees'),
    deniedPayees: payees(input.deniedPayees, 'denied_payees'),
    hostPriceCaps: caps(input.hostPriceCaps),
    allowedNetworks:
      input.allowedNetworks &&
      limited(input.allowedNetworks, 'allowed_networks').map((it) => parseCaip2(it, 'allowed_networks')),
    allowedAssets:
      input.allowedAssets &&
      limited(input.allowedAssets, 'allowed_assets').map((it) => parseAssetName(it, 'allowed_assets')),
    hours: input.hours && parseHours(writeHours(input.hours), 'hours'),
    requiredTags: [...new Set(input.requiredTags.map((kind) => parseTagKind(kind, 'required_tags')))],
    newPayee,
    duplicateWindowSec: between(input.duplicateWindowSec, {
      field: 'duplicate_window_sec',
      least: 0,
      most: LONGEST_DUPLICATE_WINDOW_SEC,
    }),
    budgetApprovalPercent:
      input.budgetApprovalPercent === null
        ? null
        : between(input.budgetApprovalPercent, { field: 'budget_approval_percent', most: 100 }),
    maxValiditySec: between(input.maxValiditySec, { field: 'max_validity_sec', most: 600 }),
    contractPayee,
    allowUpfront: input.allowUpfront,
    allowUpto: input.allowUpto,
    prepaidHosts: hosts(input.prepaidHosts, 'prepaid_hosts'),
    topUpApprovalThreshold: input.topUpApprovalThreshold,
    decideWithinSec: between(input.decideWithinSec, { field: 'decide_within_sec', most: 7 * 24 * 3600 }),
    approvers: {
      quorum: between(input.approvers.quorum, { field: 'approval_quorum', most: MOST_APPROVERS }),
      groups: groups(input.approvers.groups),
    },
  };
}

function hosts(patterns: readonly string[], field: string): readonly string[] {
  return limited(patterns, field).map((pattern) => parseHostPattern(pattern, field));
}

function caps(given: PolicyInput['hostPriceCaps']): PolicyRules['hostPriceCaps'] {
  const field = 'host_price_caps';
  return limited(given, field).map(({ host, maxAmount }) => {
    if (maxAmount < 0n) throw refuse('invalid_amount', { field, reason: 'negative' });
    return { host: parseHostPattern(host, field), maxAmount };
  });
}

/** That they exist is checked where the policy is stored. */
function groups(names: readonly string[]): readonly string[] {
  if (names.length > MOST_APPROVERS) throw wrong('approver_groups', 'too_many_entries');
  if (!names.every((name) => GROUP.test(name))) throw wrong('approver_groups', 'not_a_group_name');
  return [...new Set(names)].sort();
}

function payees(addresses: readonly string[], field: string) {
  return limited(addresses, field).map((address) => parseEvmAddress(address, field));
}

function limited<Entry>(list: readonly Entry[], field: string): readonly Entry[] {
  if (list.length > MOST_ENTRIES) throw wrong(field, 'too_many_entries');
  return list;
}

function between(
  value: number,
  { field, least = 1, most }: { field: string; least?: number; most: number },
): number {
  if (!Number.isSafeInteger(value) || value < least || value > most)
    throw wrong(field, `not_between_${least}_and_${most}`);
  return value;
}

function wrong(field: string, reason: string) {
  return refuse('validation_failed', { field, reason });
}
