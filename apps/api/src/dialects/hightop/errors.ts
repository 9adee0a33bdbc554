// Hightop's code for each of ours (reference contract v1.7.0). `details.cause` always carries our own, finer code.
import type { ErrorCode, ErrorDetails } from '#domain';

export interface Rendering {
  readonly status: number;
  readonly code: string;
  /** Where one of our codes covers several of theirs. */
  readonly refine?: (details: ErrorDetails) => string | undefined;
}

const row = (status: number, code: string, refine?: Rendering['refine']): Rendering =>
  refine ? { status, code, refine } : { status, code };

const POLICY_RULES: Readonly<Partial<Record<string, string>>> = {
  network_not_allowed: 'asset_not_allowed',
  asset_not_allowed: 'asset_not_allowed',
  price_above_host_cap: 'limit_exceeded',
  outside_hours: 'permission_not_granted',
  tag_missing: 'permission_not_granted',
  payment_flow_not_allowed: 'protocol_not_allowed',
  scheme_not_allowed: 'protocol_not_allowed',
};

export const HIGHTOP_ERRORS: { readonly [C in ErrorCode]: Rendering } = {
  validation_failed: row(400, 'validation_failed'),
  invalid_amount: row(400, 'validation_failed'),
  invalid_url: row(400, 'validation_failed'),
  forbidden_address: row(400, 'validation_failed'),
  body_too_large: row(413, 'validation_failed'),
  idempotency_key_missing: row(400, 'validation_failed'),
  idempotency_key_invalid: row(400, 'validation_failed'),
  idempotency_key_reused: row(409, 'idempotency_key_reuse_mismatch'),
  invalid_cursor: row(400, 'validation_failed'),
  authentication_failed: row(401, 'authentication_failed'),
  invalid_token: row(401, 'invalid_token'),
  credential_not_usable: row(401, 'authentication_failed', ({ reason }) =>
    reason === 'expired' ? 'agent_expired' : undefined,
  ),
  expired_timestamp: row(401, 'authentication_failed'),
  request_replayed: row(409, 'owner_changed_pending_state'),
  insufficient_scope: row(403, 'insufficient_scope'),
  agent_disabled: row(401, 'agent_disabled'),
  agent_paused: row(401, 'agent_disabled'),
  workspace_paused: row(403, 'operation_feature_disabled'),
  system_paused: row(403, 'operation_feature_disabled'),
  payee_stopped: row(403, 'recipient_not_allowed'),
  host_stopped: row(403, 'recipient_not_allowed'),
  stop_under_way: row(409, 'owner_changed_pending_state'),
  permission_denied: row(403, 'permission_not_granted'),
  not_found: row(404, 'not_found'),
  rate_limited: row(429, 'rate_limited'),
  version_conflict: row(409, 'idempotency_request_in_progress'),
  too_late: row(409, 'operation_not_cancellable'),
  already_decided: row(409, 'owner_changed_pending_state'),
  approval_expired: row(409, 'quote_expired'),
  approval_digest_mismatch: row(409, 'owner_changed_pending_state'),
  approval_rejected: row(403, 'permission_not_granted'),
  second_person_needed: row(403, 'owner_only_action'),
  approver_not_eligible: row(403, 'owner_only_action'),
  stamp_invalid: row(403, 'owner_only_action'),
  activity_expired: row(409, 'quote_expired'),
  activity_used: row(409, 'owner_changed_pending_state'),
  operation_cancelled: row(409, 'owner_changed_pending_state'),
  payment_not_required: row(400, 'validation_failed'),
  unpayable_challenge: row(403, 'protocol_not_allowed'),
  unknown_network: row(403, 'asset_not_allowed'),
  unknown_asset: row(403, 'asset_not_allowed'),
  unsupported_scheme: row(403, 'protocol_not_allowed'),
  price_above_maximum: row(403, 'limit_exceeded'),
  terms_mismatch: row(403, 'recipient_not_allowed'),
  policy_refused: row(403, 'recipient_not_allowed', ({ rule }) => POLICY_RULES[String(rule)]),
  duplicate_intent: row(409, 'idempotency_request_in_progress'),
  no_budget: row(403, 'limit_exceeded'),
  budget_exhausted: row(403, 'limit_exceeded'),
  insufficient_wallet_balance: row(422, 'insufficient_funds'),
  permit2_allowance_required: row(422, 'insufficient_funds'),
  allowance_under_way: row(409, 'owner_changed_pending_state'),
  wallet_missing: row(422, 'insufficient_funds'),
  redirected: row(502, 'execution_failed'),
  seller_unreachable: row(502, 'execution_failed'),
  seller_timeout: row(502, 'execution_timeout'),
  response_too_large: row(502, 'execution_failed'),
  outcome_unknown: row(502, 'execution_timeout'),
  payment_expired: row(502, 'execution_failed'),
  payment_voided: row(502, 'execution_failed'),
  signing_refused: row(502, 'execution_failed'),
  needs_attention: row(502, 'execution_timeout'),
  execution_timeout: row(502, 'execution_timeout'),
  not_served: row(404, 'not_found'),
  body_expired: row(404, 'not_found'),
  signer_unavailable: row(503, 'agent_api_chain_unavailable'),
  chain_unavailable: row(503, 'agent_api_chain_unavailable'),
  database_unavailable: row(503, 'agent_api_cutover_in_progress'),
  quarantined: row(503, 'agent_api_cutover_in_progress'),
  issuer_unavailable: row(503, 'agent_api_cutover_in_progress'),
  internal: row(500, 'internal_error'),
};
