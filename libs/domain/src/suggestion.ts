// What would make a refused request pass, for a program to read: one closed set of actions, and for every error code the one that fits.
// Made from the code and the details that are shown beside it, so it can tell no more than they do.
import { type ErrorCode } from './errors.js';
import type { RefusedBy } from './judge.js';
import type { ErrorDetails } from './refusal.js';

/** The shape is the wire's, in every dialect. Amounts are base units as decimal text, times ISO 8601. Null: the details do not say. */
export type Suggestion =
  /** Send a corrected request. */
  | { readonly action: 'fix_request'; readonly field: string | null; readonly reason: string | null }
  /** Send the same request under another idempotency key. */
  | { readonly action: 'use_new_key' }
  /** Send the same request under the same key, later. */
  | { readonly action: 'retry_later'; readonly after_ms: number | null }
  | { readonly action: 'poll_operation'; readonly operation_id: string | null }
  | { readonly action: 'wait_until'; readonly at: string }
  /** Present credentials that are valid, or that may do this. */
  | { readonly action: 'use_other_credentials' }
  | { readonly action: 'read_again'; readonly object: string | null }
  | { readonly action: 'raise_max_amount'; readonly to: string | null }
  | {
      readonly action: 'raise_limit';
      readonly scope: string | null;
      readonly layer: string | null;
      readonly unit: string | null;
      readonly window: string | null;
      /** `amount`, or `count` where it is the number of payments. */
      readonly measure: string | null;
      /** How much is missing. */
      readonly by: string | null;
      /** The window starts anew then, or the first of what is in it leaves. */
      readonly or_wait_until: string | null;
    }
  | { readonly action: 'create_budget'; readonly unit: string | null }
  | {
      readonly action: 'top_up';
      readonly wallet: string | null;
      readonly network: string | null;
      readonly asset: string | null;
      /** How much is missing, base units. */
      readonly amount: string | null;
    }
  | { readonly action: 'add_wallet'; readonly network: string | null }
  /** Open an operation of kind `allowance`. */
  | {
      readonly action: 'give_allowance';
      readonly wallet: string | null;
      readonly network: string | null;
      readonly asset: string | null;
      readonly amount: string | null;
    }
  /** Look at that operation; send `allow_duplicate` with its id if both are meant. */
  | { readonly action: 'allow_duplicate'; readonly operation_id: string | null }
  /** A policy's field, and the value it does not let pass. */
  | { readonly action: 'ask_admin_to_allow'; readonly rule: string; readonly value: string | null }
  | { readonly action: 'ask_admin_to_resume'; readonly scope: string }
  | { readonly action: 'ask_another_approver' }
  /** Ask again, if the payment is still wanted: somebody or something ended this one. */
  | { readonly action: 'ask_again' }
  | { readonly action: 'choose_another_seller'; readonly reason: string | null }
  | { readonly action: 'contact_operator'; readonly reason: string | null }
  /** It is as it should be; nothing would change it. */
  | { readonly action: 'none' };

type Row = (details: ErrorDetails) => Suggestion;

const textOf = (details: ErrorDetails, name: string): string | null => {
  const value = details[name];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
};
const always =
  (suggestion: Suggestion): Row =>
  () =>
    suggestion;

const fixRequest: Row = (details) => ({
  action: 'fix_request',
  field: textOf(details, 'field'),
  reason: textOf(details, 'reason'),
});
const poll: Row = (details) => ({ action: 'poll_operation', operation_id: textOf(details, 'operation_id') });
const later: Row = (details) => {
  const after = details['retry_after_ms'];
  return { action: 'retry_later', after_ms: typeof after === 'number' ? after : null };
};
const resume = (scope: string): Row => always({ action: 'ask_admin_to_resume', scope });
const otherSeller: Row = (details) => {
  const reasons = details['reasons'];
  const reason = Array.isArray(reasons) ? reasons.join(', ') : textOf(details, 'reason');
  return { action: 'choose_another_seller', reason };
};
const contact: Row = (details) => ({ action: 'contact_operator', reason: textOf(details, 'reason') });
const credentials = always({ action: 'use_other_credentials' });
const again = always({ action: 'ask_again' });
const nothing = always({ action: 'none' });

const ROWS: { readonly [C in ErrorCode]: Row } = {
  validation_failed: fixRequest,
  invalid_amount: fixRequest,
  invalid_url: fixRequest,
  forbidden_address: fixRequest,
  body_too_large: fixRequest,
  idempotency_key_missing: fixRequest,
  idempotency_key_invalid: fixRequest,
  idempotency_key_reused: always({ action: 'use_new_key' }),
  invalid_cursor: fixRequest,
  authentication_failed: credentials,
  invalid_token: credentials,
  agent_disabled: credentials,
  agent_paused: resume('agent'),
  workspace_paused: resume('workspace'),
  system_paused: resume('global'),
  payee_stopped: resume('payee'),
  host_stopped: resume('host'),
  stop_under_way: later,
  permission_denied: credentials,
  not_found: nothing,
  rate_limited: later,
  version_conflict: (details) => ({ action: 'read_again', object: textOf(details, 'object') }),
  too_late: poll,
  already_decided: nothing,
  approval_expired: again,
  approval_digest_mismatch: always({ action: 'read_again', object: 'approval' }),
  activity_expired: again,
  activity_used: nothing,
  stamp_invalid: credentials,
  credential_not_usable: credentials,
  expired_timestamp: fixRequest,
  request_replayed: fixRequest,
  insufficient_scope: credentials,
  approval_rejected: nothing,
  second_person_needed: always({ action: 'ask_another_approver' }),
  approver_not_eligible: always({ action: 'ask_another_approver' }),
  operation_cancelled: again,
  payment_not_required: nothing,
  unpayable_challenge: otherSeller,
  unknown_network: otherSeller,
  unknown_asset: otherSeller,
  unsupported_scheme: otherSeller,
  price_above_maximum: (details) => ({ action: 'raise_max_amount', to: textOf(details, 'amount') }),
  terms_mismatch: fixRequest,
  policy_refused: (details) => {
    const rule = details['rule'];
    return typeof rule === 'string' && Object.hasOwn(RULES, rule)
      ? RULES[rule as RefusedBy](details)
      : contact(details);
  },
  duplicate_intent: (details) => ({
    action: 'allow_duplicate',
    operation_id: textOf(details, 'duplicate_of'),
  }),
  no_budget: (details) => ({ action: 'create_budget', unit: textOf(details, 'unit') }),
  budget_exhausted: raiseLimit,
  insufficient_wallet_balance: topUp,
  permit2_allowance_required: (details) => ({
    action: 'give_allowance',
    wallet: textOf(details, 'wallet'),
    network: textOf(details, 'network'),
    asset: textOf(details, 'asset'),
    amount: textOf(details, 'needed'),
  }),
  allowance_under_way: poll,
  wallet_missing: (details) => ({ action: 'add_wallet', network: textOf(details, 'network') }),
  redirected: otherSeller,
  seller_unreachable: again,
  seller_timeout: poll,
  response_too_large: otherSeller,
  outcome_unknown: poll,
  payment_expired: again,
  payment_voided: again,
  signing_refused: contact,
  needs_attention: contact,
  execution_timeout: poll,
  not_served: nothing,
  body_expired: nothing,
  signer_unavailable: later,
  chain_unavailable: later,
  database_unavailable: later,
  quarantined: later,
  issuer_unavailable: later,
  internal: later,
};

const allow =
  (rule: string, value: string): Row =>
  (details) => ({ action: 'ask_admin_to_allow', rule, value: textOf(details, value) });

const RULES: { readonly [R in RefusedBy]: Row } = {
  forbidden_payee: otherSeller,
  network_not_allowed: allow('allowed_networks', 'network'),
  asset_not_allowed: allow('allowed_assets', 'asset'),
  payment_flow_not_allowed: allow('allow_upfront', 'payment_flow'),
  scheme_not_allowed: allow('allow_upto', 'scheme'),
  host_denied: allow('denied_hosts', 'host'),
  host_not_allowed: allow('allowed_hosts', 'host'),
  price_above_host_cap: allow('host_price_caps', 'amount'),
  payee_denied: allow('denied_payees', 'payee'),
  payee_not_allowed: allow('allowed_payees', 'payee'),
  outside_hours: (details) => {
    const at = textOf(details, 'opens_at');
    return at === null
      ? { action: 'ask_admin_to_allow', rule: 'hours', value: null }
      : { action: 'wait_until', at };
  },
  tag_missing: fixRequest,
  contract_payee: allow('contract_payee', 'payee'),
  payee_not_own_wallet: fixRequest,
  spender_not_permit2: nothing,
};

function raiseLimit(details: ErrorDetails): Suggestion {
  const resets = details['resets_at_ms'] ?? details['earliest_release_ms'];
  const base = {
    action: 'raise_limit',
    scope: textOf(details, 'node'),
    layer: textOf(details, 'layer'),
    unit: textOf(details, 'unit'),
    window: textOf(details, 'window'),
    measure: textOf(details, 'measure'),
    or_wait_until: typeof resets === 'number' ? new Date(resets).toISOString() : null,
  } as const;
  const [limit, needed, held, spent] = ['limit', 'needed', 'held', 'spent'].map((name) =>
    amountOf(details, name),
  );
  if (limit == null || needed == null) return { ...base, by: null };
  const used = details['window'] === 'per_payment' ? 0n : (held ?? 0n) + (spent ?? 0n);
  return { ...base, by: (used + needed - limit).toString() };
}

function topUp(details: ErrorDetails): Suggestion {
  const [balance, live, needed] = ['balance', 'live', 'needed'].map((name) => amountOf(details, name));
  const missing = balance == null || needed == null ? null : needed + (live ?? 0n) - balance;
  return {
    action: 'top_up',
    wallet: textOf(details, 'wallet_id'),
    network: textOf(details, 'network'),
    asset: textOf(details, 'asset'),
    amount: missing === null ? null : missing.toString(),
  };
}

function amountOf(details: ErrorDetails, name: string): bigint | null {
  const text = details[name];
  return typeof text === 'string' && /^[0-9]+$/.test(text) ? BigInt(text) : null;
}

/** Of a refusal as it is shown: its code with the details beside it. */
export function suggestionFor(code: ErrorCode, details: ErrorDetails): Suggestion {
  return ROWS[code](details);
}

/** For the page of errors: the action that a code suggests, whatever its details; those of `policy_refused` depend on the rule. */
export function usualSuggestion(code: ErrorCode): readonly Suggestion['action'][] {
  if (code !== 'policy_refused') return [ROWS[code]({}).action];
  return [...new Set(Object.values(RULES).map((row) => row({}).action))];
}
