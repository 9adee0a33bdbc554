import {
  DEFAULT_POLICY,
  DEFAULT_RULES,
  parseAssetName,
  parseHostPattern,
  parseHours,
  parseTagKind,
  writeHours,
  parseAtomic,
  parseCaip2,
  parseEvmAddress,
} from '#domain';
import type { PolicyInput, PolicyVersion } from '#engine';
import { maybeIso } from './render-operation.js';
import type { PutPolicyDto } from './rules.dto.js';

const host = (field: string) => (text: string) => parseHostPattern(text, field);
const payee = (field: string) => (text: string) => parseEvmAddress(text, field);

export function policyOf(dto: PutPolicyDto): PolicyInput {
  const defaults = DEFAULT_RULES;
  const threshold = dto.approval_threshold ?? null;
  const topUps = dto.top_up_approval_threshold ?? null;
  return {
    ...defaults,
    approvalThreshold: threshold === null ? null : parseAtomic(threshold, 'approval_threshold'),
    allowedHosts: dto.allowed_hosts?.map(host('allowed_hosts')) ?? null,
    deniedHosts: dto.denied_hosts?.map(host('denied_hosts')) ?? [],
    allowedPayees: dto.allowed_payees?.map(payee('allowed_payees')) ?? null,
    deniedPayees: dto.denied_payees?.map(payee('denied_payees')) ?? [],
    hostPriceCaps: (dto.host_price_caps ?? []).map((cap, at) => ({
      host: parseHostPattern(cap.host, `host_price_caps.${at}.host`),
      maxAmount: parseAtomic(cap.max_amount, `host_price_caps.${at}.max_amount`),
    })),
    allowedNetworks: dto.allowed_networks?.map((text) => parseCaip2(text, 'allowed_networks')) ?? null,
    allowedAssets: dto.allowed_assets?.map((text) => parseAssetName(text, 'allowed_assets')) ?? null,
    hours: dto.hours ? parseHours(dto.hours, 'hours') : null,
    requiredTags: dto.required_tags?.map((text) => parseTagKind(text, 'required_tags')) ?? [],
    newPayee: dto.new_payee ?? defaults.newPayee,
    duplicateWindowSec: dto.duplicate_window_sec ?? defaults.duplicateWindowSec,
    budgetApprovalPercent: dto.budget_approval_percent ?? null,
    maxValiditySec: dto.max_validity_sec ?? defaults.maxValiditySec,
    contractPayee: dto.contract_payee ?? defaults.contractPayee,
    allowUpfront: dto.allow_upfront ?? defaults.allowUpfront,
    allowUpto: dto.allow_upto ?? defaults.allowUpto,
    prepaidHosts: dto.prepaid_hosts?.map(host('prepaid_hosts')) ?? [],
    topUpApprovalThreshold: topUps === null ? null : parseAtomic(topUps, 'top_up_approval_threshold'),
    decideWithinSec: dto.decide_within_sec ?? defaults.decideWithinSec,
    approvers: { quorum: dto.approval_quorum ?? 1, groups: dto.approver_groups ?? [] },
  };
}

/** A scope without a policy of its own answers with the built-in one, version 0. */
export function renderPolicy(stored: PolicyVersion | null): object {
  const policy = stored?.policy ?? DEFAULT_POLICY;
  return {
    version: policy.version,
    hash: stored?.hash ?? null,
    approval_threshold: policy.approvalThreshold?.toString() ?? null,
    allowed_hosts: policy.allowedHosts,
    denied_hosts: policy.deniedHosts,
    host_price_caps: policy.hostPriceCaps.map((cap) => ({
      host: cap.host,
      max_amount: cap.maxAmount.toString(),
    })),
    allowed_payees: policy.allowedPayees,
    denied_payees: policy.deniedPayees,
    allowed_networks: policy.allowedNetworks,
    allowed_assets: policy.allowedAssets,
    hours: policy.hours && writeHours(policy.hours),
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
    created_at: maybeIso(stored?.createdAtMs ?? null),
    created_by: stored?.createdBy ?? null,
  };
}
