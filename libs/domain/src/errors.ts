// The one catalogue of errors. Codes are never renamed or reused; every dialect must have a row for each (its table does not compile otherwise).

import { ACCESS_ERRORS } from './access-errors.js';
import type { ErrorEntry } from './error-kinds.js';

export type { ErrorKind, RetryAdvice } from './error-kinds.js';

export const ERRORS = {
  validation_failed: {
    kind: 'invalid',
    retry: 'after_change',
    says: 'A field is missing, malformed or unknown; `field` names it.',
  },
  invalid_amount: {
    kind: 'invalid',
    retry: 'after_change',
    says: 'An amount is not canonical: decimal digits only, no sign, no leading zero, in range.',
  },
  invalid_url: {
    kind: 'invalid',
    retry: 'after_change',
    says: 'The URL is malformed, not https, or carries credentials.',
  },
  forbidden_address: {
    kind: 'invalid',
    retry: 'after_change',
    says: 'The URL leads to an address that Purser does not connect to.',
  },
  body_too_large: { kind: 'invalid', retry: 'after_change', says: 'The request body is larger than 64 KiB.' },
  idempotency_key_missing: {
    kind: 'invalid',
    retry: 'after_change',
    says: 'This route needs an Idempotency-Key.',
  },
  idempotency_key_invalid: {
    kind: 'invalid',
    retry: 'after_change',
    says: 'The Idempotency-Key is longer than 200 characters or not printable ASCII.',
  },
  idempotency_key_reused: {
    kind: 'conflict',
    retry: 'new_key',
    says: 'This Idempotency-Key belongs to another request.',
  },
  invalid_cursor: { kind: 'invalid', retry: 'after_change', says: 'The cursor was not issued by this list.' },
  ...ACCESS_ERRORS,
  agent_paused: {
    kind: 'forbidden',
    retry: 'same_key',
    says: 'The agent is paused; nothing is signed until it is resumed.',
  },
  workspace_paused: {
    kind: 'unavailable',
    retry: 'same_key',
    says: 'The workspace is paused; nothing is signed until it is resumed.',
  },
  system_paused: { kind: 'unavailable', retry: 'same_key', says: 'The whole installation is stopped.' },
  payee_stopped: {
    kind: 'forbidden',
    retry: 'same_key',
    says: 'Nothing is paid to this payee until it is resumed; `payee` tells which.',
  },
  host_stopped: {
    kind: 'forbidden',
    retry: 'same_key',
    says: 'Nothing is paid at this host until it is resumed; `host` tells the pattern.',
  },
  stop_under_way: {
    kind: 'conflict',
    retry: 'same_key',
    says: 'The stop is still releasing approvals in its scope; it can be lifted when that is done.',
  },
  permission_denied: { kind: 'forbidden', retry: 'no', says: 'This role may not do that.' },
  not_found: { kind: 'missing', retry: 'no', says: 'There is no such object in this workspace.' },
  rate_limited: { kind: 'unavailable', retry: 'same_key', says: 'Too many requests.' },
  version_conflict: {
    kind: 'conflict',
    retry: 'same_key',
    says: 'Somebody changed the object first; read it again.',
  },
  too_late: {
    kind: 'conflict',
    retry: 'poll',
    says: 'The payment can no longer be cancelled; poll the operation.',
  },
  already_decided: {
    kind: 'conflict',
    retry: 'no',
    says: 'The approval has been decided; `decision` tells how.',
  },
  approval_expired: {
    kind: 'conflict',
    retry: 'new_key',
    says: 'The approval expired before it was decided or used.',
  },
  approval_digest_mismatch: {
    kind: 'conflict',
    retry: 'after_change',
    says: 'The terms are not the ones you looked at; read the approval again.',
  },
  approval_rejected: { kind: 'refused', retry: 'no', says: 'A person rejected the payment.' },
  second_person_needed: {
    kind: 'forbidden',
    retry: 'no',
    says: 'A second person has to approve this change.',
  },
  approver_not_eligible: {
    kind: 'forbidden',
    retry: 'no',
    says: 'Whoever requested the payment, or operates the agent, may not approve it.',
  },
  stamp_invalid: {
    kind: 'forbidden',
    retry: 'after_change',
    says: 'The signature is not one of a registered approver key over the prepared activity; `wrong` names the part.',
  },
  activity_expired: { kind: 'conflict', retry: 'after_change', says: 'Not signed in time; prepare another.' },
  activity_used: { kind: 'conflict', retry: 'no', says: 'Another key has signed this activity already.' },
  operation_cancelled: {
    kind: 'refused',
    retry: 'new_key',
    says: 'The operation was cancelled before anything was signed.',
  },
  payment_not_required: {
    kind: 'refused',
    retry: 'no',
    says: 'The URL answered without asking for payment.',
  },
  unpayable_challenge: {
    kind: 'refused',
    retry: 'new_key',
    says: 'The seller asks for payment in a way Purser cannot or may not use; `reasons` lists why, offer by offer.',
  },
  unknown_network: {
    kind: 'refused',
    retry: 'new_key',
    says: 'The seller asks for a network that is not registered.',
  },
  unknown_asset: {
    kind: 'refused',
    retry: 'new_key',
    says: 'The seller asks for an asset that is not registered.',
  },
  unsupported_scheme: {
    kind: 'refused',
    retry: 'new_key',
    says: 'The seller asks for a payment scheme that is not supported.',
  },
  price_above_maximum: {
    kind: 'refused',
    retry: 'new_key',
    says: 'The price is above the maximum in the request.',
  },
  terms_mismatch: {
    kind: 'refused',
    retry: 'new_key',
    says: 'The seller asks for another payee, amount or asset than the request names.',
  },
  policy_refused: {
    kind: 'refused',
    retry: 'new_key',
    says: 'The policy forbids this payment; `rule` names the rule.',
  },
  duplicate_intent: {
    kind: 'refused',
    retry: 'new_key',
    says: 'The same purchase was made a moment ago under another key; `duplicate_of` tells which. Where both are meant, send `allow_duplicate` with that id under a new key.',
  },
  no_budget: { kind: 'refused', retry: 'new_key', says: 'No budget exists in the unit of this payment.' },
  budget_exhausted: {
    kind: 'refused',
    retry: 'new_key',
    says: 'A budget window has too little left; `window`, `limit`, `held`, `spent` tell which.',
  },
  insufficient_wallet_balance: {
    kind: 'refused',
    retry: 'new_key',
    says: 'The wallet holds too little for this payment and those still live; `balance`, `live`, `needed` tell.',
  },
  permit2_allowance_required: {
    kind: 'refused',
    retry: 'new_key',
    says: 'The offer is paid through Permit2, which may move too little of the wallet; `wallet`, `asset`, `allowance`, `needed` tell. An operation of kind `allowance` gives it more.',
  },
  allowance_under_way: {
    kind: 'refused',
    retry: 'new_key',
    says: 'Another allowance of this wallet and asset is signed and not on chain yet; `operation_id` tells which.',
  },
  wallet_missing: {
    kind: 'refused',
    retry: 'new_key',
    says: 'The agent has no usable wallet on this network.',
  },
  redirected: {
    kind: 'refused',
    retry: 'new_key',
    says: 'The seller redirected too often, or redirected a paid request.',
  },
  seller_unreachable: {
    kind: 'refused',
    retry: 'new_key',
    says: 'The seller could not be reached or did not answer before any payment was made.',
  },
  seller_timeout: {
    kind: 'unknown',
    retry: 'poll',
    says: 'The seller did not answer the paid request in time; the chain decides whether it was paid.',
  },
  response_too_large: {
    kind: 'refused',
    retry: 'new_key',
    says: 'The seller answered with more than the size limit.',
  },
  outcome_unknown: {
    kind: 'unknown',
    retry: 'poll',
    says: 'The payment was sent; whether it happens is decided on chain. Poll the operation.',
  },
  payment_expired: {
    kind: 'failed',
    retry: 'new_key',
    says: 'The authorization expired unused; proven on chain. Nothing was paid.',
  },
  payment_voided: {
    kind: 'failed',
    retry: 'new_key',
    says: 'The authorization was cancelled on chain. Nothing was paid.',
  },
  signing_refused: {
    kind: 'failed',
    retry: 'new_key',
    says: 'The signer refused and burned the authorization. Nothing was paid.',
  },
  needs_attention: { kind: 'unknown', retry: 'poll', says: 'An operator has to look at this operation.' },
  execution_timeout: {
    kind: 'unknown',
    retry: 'poll',
    says: 'Not finished within the time you gave; poll the operation.',
  },
  not_served: {
    kind: 'missing',
    retry: 'no',
    says: 'The vendor has this; Purser does not. `instead` names what comes closest.',
  },
  body_expired: {
    kind: 'missing',
    retry: 'no',
    says: 'The stored upstream answer is past its time to live.',
  },
  signer_unavailable: {
    kind: 'unavailable',
    retry: 'same_key',
    says: 'The signer is not running; nothing was signed.',
  },
  chain_unavailable: { kind: 'unavailable', retry: 'same_key', says: 'The chain cannot be read right now.' },
  database_unavailable: {
    kind: 'unavailable',
    retry: 'same_key',
    says: 'The database is not available; retry with the same key.',
  },
  quarantined: {
    kind: 'unavailable',
    retry: 'same_key',
    says: 'The database is older than the signer remembers; nothing is signed until the chain has been compared.',
  },
  issuer_unavailable: {
    kind: 'unavailable',
    retry: 'same_key',
    says: "The keys of the token's issuer cannot be had right now; nothing can be said about the token.",
  },
  internal: {
    kind: 'internal',
    retry: 'same_key',
    says: 'An internal error; the correlation id finds it in the log.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;

export type ErrorCode = keyof typeof ERRORS;

export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === 'string' && Object.hasOwn(ERRORS, text);
}
