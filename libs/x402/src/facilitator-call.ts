// What a facilitator is asked (`/verify` and `/settle` take the same body), and what it answers.
import { parseHex32, type Authorization, type Hex32, type Json, type Terms } from '#domain';
import { paymentText } from './encode-payment.js';
import { isObject, textField, type JsonObject } from './offer.js';

/** The EIP-712 domain of the token, as the registry has it. */
export interface TokenDomain {
  readonly name: string;
  readonly version: string;
}

/** Requirements are the seller's own words where a challenge was brought, otherwise the terms in x402's. The same inputs give the same bytes. */
export function facilitatorBody(
  terms: Terms,
  authorization: Omit<Authorization, 'digest' | 'walletId'>,
  signature: Uint8Array,
  { paymentId, domain }: { readonly paymentId: string; readonly domain: TokenDomain },
): Uint8Array {
  const worded = offerIn(terms.wire) === undefined ? inOurWords(terms, domain) : terms;
  const payment = paymentText(worded, authorization, signature, paymentId);
  const body = `{"x402Version":${worded.x402Version},"paymentPayload":${payment},"paymentRequirements":${offerIn(worded.wire) ?? ''}}`;
  return new TextEncoder().encode(body);
}

/** An offer as x402 knows it; the transfer requests of other dialects say nothing to a facilitator. */
function offerIn(wire: Json): string | undefined {
  const text = isObject(wire) ? textField(wire, 'offer') : undefined;
  const offer = text === undefined ? undefined : (JSON.parse(text) as Json);
  return isObject(offer) && textField(offer, 'payTo') !== undefined ? text : undefined;
}

function inOurWords(terms: Terms, { name, version }: TokenDomain): Terms {
  const offer = {
    scheme: 'exact',
    network: terms.network,
    asset: terms.token,
    amount: terms.amount.toString(),
    payTo: terms.payTo,
    maxTimeoutSeconds: terms.maxTimeoutSec,
    extra: { name, version },
  };
  const wire = {
    scheme: offer.scheme,
    network: terms.network,
    pay_to: terms.payTo,
    offer: JSON.stringify(offer),
    resource: JSON.stringify({ url: terms.resourceUrl }),
    extensions: null,
  };
  return { ...terms, x402Version: 2, wire };
}

/** `reason` is a word of the vocabulary below or null: a stranger's text goes into no row, log or answer. */
export interface FacilitatorWord {
  readonly yes: boolean;
  readonly pending: boolean;
  readonly reason: string | null;
  readonly claimedTxHash: Hex32 | null;
}

/** Answers to `/verify` and `/settle`, by status and body; undefined when they say nothing. */
export function readFacilitatorAnswer(
  question: 'verify' | 'settle',
  body: Uint8Array,
): FacilitatorWord | undefined {
  const answer = jsonIn(body);
  const yes = answer?.[question === 'verify' ? 'isValid' : 'success'];
  if (answer === undefined || typeof yes !== 'boolean') return undefined;
  const said = textField(answer, question === 'verify' ? 'invalidReason' : 'errorReason');
  const pending = !yes && said === PENDING;
  const reason = yes ? null : said !== undefined && REASONS.has(said) ? said : `unexpected_${question}_error`;
  const transaction = question === 'settle' ? textField(answer, 'transaction') : undefined;
  return { yes, pending, reason, claimedTxHash: transaction === undefined ? null : hashOf(transaction) };
}

function jsonIn(body: Uint8Array): JsonObject | undefined {
  try {
    const value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as Json;
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const hashOf = (text: string): Hex32 | null =>
  /^0x[0-9a-fA-F]{64}$/.test(text) ? parseHex32(text.toLowerCase()) : null;

const PENDING = 'settlement_pending';

/** Reasons of `@x402/core` and `@x402/evm`, and of other facilitators in use (x402.md section 6). */
const REASONS: ReadonlySet<string> = new Set([
  PENDING,
  'duplicate_settlement',
  'payment_expired',
  'invalid_scheme',
  'invalid_network',
  'invalid_payload',
  'invalid_payment_requirements',
  'invalid_x402_version',
  'invalid_transaction_state',
  'insufficient_funds',
  'unsupported_scheme',
  'unsupported_payload_type',
  'unsupported_asset_transfer_method',
  'unexpected_verify_error',
  'unexpected_settle_error',
  'eip6492_factory_not_allowed',
  'asset_not_deployed_contract',
  'permit2_allowance_required',
  ...[
    'scheme',
    'signature',
    'failed_to_parse_signature',
    'authorization_value',
    'eip3009_not_supported',
    'insufficient_balance',
    'missing_eip712_domain',
    'network_mismatch',
    'nonce_already_used',
    'payload_authorization_valid_after',
    'payload_authorization_valid_before',
    'payload_authorization_value',
    'payload_authorization_value_mismatch',
    'payload_recipient_mismatch',
    'payload_signature',
    'recipient_mismatch',
    'token_name_mismatch',
    'token_version_mismatch',
    'transaction_failed',
    'transaction_simulation_failed',
    'transfer_event_mismatch',
  ].map((reason) => `invalid_exact_evm_${reason}`),
]);
