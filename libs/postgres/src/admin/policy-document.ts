// A policy as it is stored: plain JSON with a hash over its canonical text, so that what an operation was judged by can be proven later.
import { canonicalJson, parseCaip2, parseEvmAddress, refuse, type Json, type Policy } from '#domain';
import type { PolicyInput } from '#engine';
import { createHash } from 'node:crypto';

const HOST = /^(\*\.)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
const MOST_ENTRIES = 1_000;
const CONTRACT_PAYEE: readonly string[] = ['approve', 'refuse', 'allow'];

export type PolicyDocument = { readonly [field: string]: Json };

export function toDocument(policy: Policy): PolicyDocument {
  return {
    version: policy.version,
    approval_threshold: policy.approvalThreshold?.toString() ?? null,
    allowed_hosts: policy.allowedHosts,
    denied_hosts: policy.deniedHosts,
    allowed_payees: policy.allowedPayees,
    denied_payees: policy.deniedPayees,
    allowed_networks: policy.allowedNetworks,
    max_validity_sec: policy.maxValiditySec,
    contract_payee: policy.contractPayee,
    allow_upfront: policy.allowUpfront,
    allow_upto: policy.allowUpto,
    prepaid_hosts: policy.prepaidHosts,
    top_up_approval_threshold: policy.topUpApprovalThreshold?.toString() ?? null,
    decide_within_sec: policy.decideWithinSec,
  };
}

const amountIn = (text: Json | undefined): bigint | null => (typeof text === 'string' ? BigInt(text) : null);

export function fromDocument(document: PolicyDocument): Policy {
  return {
    version: document['version'] as number,
    approvalThreshold: amountIn(document['approval_threshold']),
    allowedHosts: document['allowed_hosts'] as Policy['allowedHosts'],
    deniedHosts: document['denied_hosts'] as Policy['deniedHosts'],
    allowedPayees: document['allowed_payees'] as Policy['allowedPayees'],
    deniedPayees: document['denied_payees'] as Policy['deniedPayees'],
    allowedNetworks: document['allowed_networks'] as Policy['allowedNetworks'],
    maxValiditySec: document['max_validity_sec'] as number,
    contractPayee: document['contract_payee'] as Policy['contractPayee'],
    // Absent in what was stored before there were such rules.
    allowUpfront: document['allow_upfront'] === true,
    allowUpto: document['allow_upto'] === true,
    prepaidHosts: (document['prepaid_hosts'] ?? []) as Policy['prepaidHosts'],
    topUpApprovalThreshold: amountIn(document['top_up_approval_threshold']),
    decideWithinSec: document['decide_within_sec'] as number,
  };
}

/** SHA-256 of the canonical text, hex. */
export function hashOf(document: PolicyDocument): string {
  return createHash('sha256').update(canonicalJson(document)).digest('hex');
}

/** The rules in the one form they are compared in. Refuses with `validation_failed` and the field. */
export function normalise(input: PolicyInput): PolicyInput {
  for (const [field, threshold] of [
    ['approval_threshold', input.approvalThreshold],
    ['top_up_approval_threshold', input.topUpApprovalThreshold],
  ] as const)
    if (threshold !== null && threshold < 0n) throw refuse('invalid_amount', { field, reason: 'negative' });
  const { contractPayee } = input;
  if (!CONTRACT_PAYEE.includes(contractPayee)) throw wrong('contract_payee', 'unknown_value');
  if (typeof input.allowUpfront !== 'boolean') throw wrong('allow_upfront', 'not_a_boolean');
  if (typeof input.allowUpto !== 'boolean') throw wrong('allow_upto', 'not_a_boolean');
  return {
    approvalThreshold: input.approvalThreshold,
    allowedHosts: input.allowedHosts && hosts(input.allowedHosts, 'allowed_hosts'),
    deniedHosts: hosts(input.deniedHosts, 'denied_hosts'),
    allowedPayees: input.allowedPayees && payees(input.allowedPayees, 'allowed_payees'),
    deniedPayees: payees(input.deniedPayees, 'denied_payees'),
    allowedNetworks:
      input.allowedNetworks && input.allowedNetworks.map((it) => parseCaip2(it, 'allowed_networks')),
    maxValiditySec: between(input.maxValiditySec, { field: 'max_validity_sec', most: 600 }),
    contractPayee,
    allowUpfront: input.allowUpfront,
    allowUpto: input.allowUpto,
    prepaidHosts: hosts(input.prepaidHosts, 'prepaid_hosts'),
    topUpApprovalThreshold: input.topUpApprovalThreshold,
    decideWithinSec: between(input.decideWithinSec, { field: 'decide_within_sec', most: 7 * 24 * 3600 }),
  };
}

function hosts(patterns: readonly string[], field: string): readonly string[] {
  limited(patterns, field);
  return patterns.map((pattern) => {
    const lower = pattern.toLowerCase();
    if (!HOST.test(lower)) throw wrong(field, 'not_a_host_pattern');
    return lower;
  });
}

function payees(addresses: readonly string[], field: string) {
  limited(addresses, field);
  return addresses.map((address) => parseEvmAddress(address, field));
}

function limited(list: readonly string[], field: string): void {
  if (list.length > MOST_ENTRIES) throw wrong(field, 'too_many_entries');
}

function between(value: number, { field, most }: { field: string; most: number }): number {
  if (!Number.isSafeInteger(value) || value < 1 || value > most)
    throw wrong(field, `not_between_1_and_${most}`);
  return value;
}

function wrong(field: string, reason: string) {
  return refuse('validation_failed', { field, reason });
}
