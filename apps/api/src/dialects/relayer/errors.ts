// Relayer's status and code for each of our errors. The first five are its published ones; where it names none, our own code stands.
import type { ErrorCode, ErrorDetails } from '#domain';

export interface Rendering {
  readonly status: number;
  readonly code: string;
}

const INVALID_AUTH = { status: 401, code: 'invalid_auth' };
const AGENT_KILLED = { status: 401, code: 'agent_killed' };
const BUDGET_EXHAUSTED = { status: 402, code: 'budget_exhausted' };
const NO_FUNDS = { status: 402, code: 'insufficient_wallet_balance' };
const KILL_SWITCH = { status: 503, code: 'kill_switch_active' };

/** A number: that status, under our own code. */
const ROWS: { readonly [C in ErrorCode]: Rendering | number } = {
  authentication_failed: INVALID_AUTH,
  invalid_token: INVALID_AUTH,
  credential_not_usable: INVALID_AUTH,
  expired_timestamp: 401,
  agent_disabled: AGENT_KILLED,
  no_budget: BUDGET_EXHAUSTED,
  budget_exhausted: BUDGET_EXHAUSTED,
  insufficient_wallet_balance: NO_FUNDS,
  wallet_missing: NO_FUNDS,
  workspace_paused: KILL_SWITCH,
  system_paused: KILL_SWITCH,

  validation_failed: 400,
  invalid_amount: 400,
  invalid_url: 400,
  forbidden_address: 400,
  body_too_large: 413,
  idempotency_key_missing: 400,
  idempotency_key_invalid: 400,
  invalid_cursor: 400,
  idempotency_key_reused: 409,
  insufficient_scope: 403,
  agent_paused: 403,
  payee_stopped: 403,
  host_stopped: 403,
  permission_denied: 403,
  second_person_needed: 403,
  approver_not_eligible: 403,
  stamp_invalid: 403,
  policy_refused: 403,
  approval_rejected: 403,
  not_found: 404,
  not_served: 501,
  body_expired: 404,
  rate_limited: 429,
  version_conflict: 409,
  duplicate_intent: 409,
  request_replayed: 409,
  stop_under_way: 409,
  too_late: 409,
  already_decided: 409,
  approval_expired: 409,
  approval_digest_mismatch: 409,
  operation_cancelled: 409,
  activity_used: 409,
  allowance_under_way: 409,
  // Nobody has signed it in time.
  activity_expired: 422,
  payment_not_required: 422,
  unpayable_challenge: 422,
  unknown_network: 422,
  unknown_asset: 422,
  unsupported_scheme: 422,
  price_above_maximum: 422,
  terms_mismatch: 422,
  permit2_allowance_required: 422,
  // Proven unpaid: to be asked again, and no upstream of ours that would answer otherwise the second time.
  payment_expired: 422,
  payment_voided: 422,
  signing_refused: 422,
  redirected: 502,
  seller_unreachable: 502,
  seller_timeout: 502,
  response_too_large: 502,
  // Never 402, which means that nothing was paid (ruling 5).
  outcome_unknown: 502,
  needs_attention: 502,
  execution_timeout: 502,
  signer_unavailable: 503,
  chain_unavailable: 503,
  database_unavailable: 503,
  quarantined: 503,
  issuer_unavailable: 503,
  internal: 500,
};

export const RELAYER_ERRORS = Object.fromEntries(
  Object.entries(ROWS).map(([code, row]) => [code, typeof row === 'number' ? { status: row, code } : row]),
) as { readonly [C in ErrorCode]: Rendering };

const LAYERS = ['infra', 'tokens', 'payments'] as const;
export type Layer = (typeof LAYERS)[number];

/** Which of the three budgets stand in the way; null where none does. */
export function failedLayersOf(code: ErrorCode, details: ErrorDetails): readonly string[] | null {
  if (code !== 'budget_exhausted' && code !== 'no_budget') return null;
  const failed = details['failed_layers'];
  return Array.isArray(failed) ? (failed as readonly string[]) : ['payments'];
}
