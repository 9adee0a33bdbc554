// Tolerant reading, strict choosing: an offer is taken only if every word a signature depends on is the registry's or was
// pinned by the caller (safety.md T2-T6), and the choice does not depend on the order in which the seller lists its offers.
import type { BudgetUnit, Caip2, ErrorCode, EvmAddress, Json, Terms, TransferMethod } from '#domain';
import type { Challenge } from './read-challenge.js';
import type { Offer } from './offer.js';
import { addressOf, facilitatorFault, flowOf, methodOf, transferOf } from './offer-method.js';

/** What must be known of an asset to pay in it. `name` and `version` are those of its EIP-712 domain. */
export interface PayableAsset {
  readonly network: Caip2;
  readonly token: EvmAddress;
  readonly symbol: string;
  readonly name: string;
  readonly version: string;
  readonly decimals: number;
  readonly unit: BudgetUnit;
}

export interface AssetLookup {
  find(network: Caip2, token: EvmAddress): PayableAsset | undefined;
  all(): readonly PayableAsset[];
}

/** What the caller insists on. Amounts are base units. */
export interface ChoiceLimits {
  readonly maxAmount: bigint | null;
  readonly payTo?: EvmAddress;
  readonly amount?: bigint;
  readonly network?: Caip2;
  readonly asset?: EvmAddress;
  /** Absent: any. */
  readonly methods?: readonly TransferMethod[];
}

/** Reasons in the order they are checked: the later one fails, the closer an offer came to being payable. */
export const OFFER_REASONS = [
  'malformed_offer',
  'invalid_amount',
  'ambiguous_amount',
  'offer_too_large',
  'unsupported_scheme',
  'unsupported_transfer_method',
  'unsupported_payment_flow',
  'unknown_network',
  'unknown_asset',
  'invalid_payee',
  'domain_missing',
  'domain_mismatch',
  'facilitator_missing',
  'resource_host_mismatch',
  'network_mismatch',
  'asset_mismatch',
  'payee_mismatch',
  'amount_mismatch',
  'amount_zero',
  'price_above_maximum',
] as const;
export type OfferReason = (typeof OFFER_REASONS)[number];

export interface RefusedOffer {
  readonly index: number;
  readonly reason: OfferReason;
}

export type Choice =
  | {
      readonly ok: true;
      readonly terms: Terms;
      readonly asset: PayableAsset;
      readonly index: number;
      /** What else is payable, in order of preference. */
      readonly others: readonly Terms[];
    }
  | { readonly ok: false; readonly code: ErrorCode; readonly refused: readonly RefusedOffer[] };

/** No authorization lives longer than this, whatever the seller asks for (x402.md pitfall 13). Seconds. */
export const MAX_TIMEOUT_SEC = 600;
const DEFAULT_TIMEOUT_SEC = 60;
/** Echoed words travel in a request header; sellers' servers take 16 KiB of headers in all. */
const MAX_ECHO_CHARS = 9_000;

type Judged = { readonly terms: Terms; readonly asset: PayableAsset; readonly index: number };

/**
 * Picks the cheapest payable offer, ties by method, network, asset, payee; one that pays before delivery only where no other is payable. A ceiling
 * counts as a price. Pure: the same challenge and limits give the same answer.
 */
export function chooseOffer(
  challenge: Challenge,
  resource: { readonly url: string; readonly method: string },
  assets: AssetLookup,
  limits: ChoiceLimits,
): Choice {
  const payable: Judged[] = [];
  const refused: RefusedOffer[] = [...challenge.dropped];
  for (const offer of challenge.offers) {
    const judged = judgeOffer({ challenge, offer, resource, assets, limits });
    if (typeof judged === 'string') refused.push({ index: offer.index, reason: judged });
    else payable.push(judged);
  }
  const [best, ...others] = payable.sort(byPreference);
  if (best) return { ok: true, ...best, others: others.map(({ terms }) => terms) };
  refused.sort((a, b) => a.index - b.index);
  return { ok: false, code: codeFor(refused), refused };
}

interface Question {
  readonly challenge: Challenge;
  readonly offer: Offer;
  readonly resource: { readonly url: string; readonly method: string };
  readonly assets: AssetLookup;
  readonly limits: ChoiceLimits;
}

function judgeOffer(question: Question): Judged | OfferReason {
  const { challenge, offer, resource, limits } = question;
  const unsupported = unsupportedBy(challenge, offer, limits);
  if (unsupported) return unsupported;
  const asset = assetOf(question);
  if (typeof asset === 'string') return asset;
  const payTo = addressOf(offer.payTo);
  if (payTo === undefined) return 'invalid_payee';
  const unsignable = domainFault(offer, asset) ?? facilitatorFault(offer);
  if (unsignable) return unsignable;
  if (!sameHost(resource.url, offer.resource) || !sameHost(resource.url, challenge.resource))
    return 'resource_host_mismatch';
  const amount = amountOf(offer, asset);
  if (amount === undefined) return 'invalid_amount';
  if (limits.network !== undefined && limits.network !== asset.network) return 'network_mismatch';
  if (limits.asset !== undefined && limits.asset !== asset.token) return 'asset_mismatch';
  if (limits.payTo !== undefined && limits.payTo !== payTo) return 'payee_mismatch';
  if (limits.amount !== undefined && limits.amount !== amount) return 'amount_mismatch';
  if (amount === 0n) return 'amount_zero';
  if (limits.maxAmount !== null && amount > limits.maxAmount) return 'price_above_maximum';
  return { terms: termsOf(question, asset, payTo, amount), asset, index: offer.index };
}

function unsupportedBy(
  challenge: Challenge,
  offer: Offer,
  { methods }: ChoiceLimits,
): OfferReason | undefined {
  if (echoOf(challenge, offer).length > MAX_ECHO_CHARS) return 'offer_too_large';
  // `upto` is of protocol v2 alone.
  if (offer.scheme !== 'exact' && !(offer.scheme === 'upto' && challenge.version === 2))
    return 'unsupported_scheme';
  const method = methodOf(offer);
  if (method === undefined || methods?.includes(method) === false)
    return offer.scheme === 'upto' ? 'unsupported_scheme' : 'unsupported_transfer_method';
  return flowOf(offer) === undefined ? 'unsupported_payment_flow' : undefined;
}

function assetOf({ offer, assets }: Question): PayableAsset | OfferReason {
  const { network, price } = offer;
  if (network === undefined) return 'unknown_network';
  const registered = assets.all().filter((asset) => asset.network === network);
  if (registered.length === 0) return 'unknown_network';
  if (price.kind === 'decimal') {
    const named = registered.filter((asset) => asset.symbol === price.currency);
    return named.length === 1 && named[0] ? named[0] : 'unknown_asset';
  }
  const token = addressOf(price.asset);
  return (token && assets.find(network, token)) ?? 'unknown_asset';
}

/** The seller's facilitator rebuilds the domain from `extra`; other words than the token's own can only make a bad signature. */
function domainFault(offer: Offer, asset: PayableAsset): OfferReason | undefined {
  // Permit2 has a domain of its own, the same for every token.
  if (offer.price.kind === 'decimal' || methodOf(offer) !== 'eip3009') return undefined;
  const name = offer.extra['name'] ?? undefined;
  const version = offer.extra['version'] ?? undefined;
  if (name === undefined || version === undefined) return 'domain_missing';
  return name === asset.name && version === asset.version ? undefined : 'domain_mismatch';
}

/** An absent resource is fine; one on another host means that this payment would buy something else (x402.md pitfall 9). */
function sameHost(requested: string, named: string | undefined): boolean {
  if (named === undefined) return true;
  try {
    return new URL(named, requested).host === new URL(requested).host;
  } catch {
    return false;
  }
}

function amountOf(offer: Offer, asset: PayableAsset): bigint | undefined {
  if (offer.price.kind === 'atomic') return offer.price.amount;
  const [whole = '', fraction = ''] = offer.price.amount.split('.');
  if (fraction.length > asset.decimals) return undefined;
  const atomic = BigInt(whole + fraction.padEnd(asset.decimals, '0'));
  return atomic < 1n << 256n ? atomic : undefined;
}

function termsOf(question: Question, asset: PayableAsset, payTo: EvmAddress, amount: bigint): Terms {
  const { challenge, offer, resource } = question;
  const timeout = Math.floor(offer.maxTimeoutSec ?? DEFAULT_TIMEOUT_SEC);
  return {
    network: asset.network,
    token: asset.token,
    payTo,
    amount,
    unit: asset.unit,
    resourceUrl: resource.url,
    method: resource.method,
    x402Version: challenge.version,
    maxTimeoutSec: Math.max(1, Math.min(timeout, MAX_TIMEOUT_SEC)),
    ...(flowOf(offer) === 'upfront' ? { paymentFlow: 'upfront' } : {}),
    ...transferOf(offer),
    wire: wireOf(challenge, offer),
  };
}

/** The seller's words as source text, so that they can be stored as integers-only JSON and echoed byte for byte. */
function wireOf(challenge: Challenge, offer: Offer): Json {
  return {
    scheme: offer.scheme,
    network: offer.networkName,
    pay_to: offer.payTo,
    offer: offer.text,
    resource: challenge.resourceText ?? null,
    extensions: challenge.extensionsText ?? null,
  };
}

function echoOf(challenge: Challenge, offer: Offer): string {
  if (challenge.version === 1) return '';
  return offer.text + (challenge.resourceText ?? '') + (challenge.extensionsText ?? '');
}

/** At the same price: what needs no allowance, and then what leaves the seller no choice, comes first. */
const METHODS: readonly (Terms['transferMethod'] & string)[] = ['eip3009', 'permit2', 'upto'];

function byPreference(a: Judged, b: Judged): number {
  const [upfrontA, upfrontB] = [a, b].map(({ terms }) => terms.paymentFlow === 'upfront');
  if (upfrontA !== upfrontB) return upfrontA ? 1 : -1;
  if (a.terms.amount !== b.terms.amount) return a.terms.amount < b.terms.amount ? -1 : 1;
  const key = ({ terms, index }: Judged): string =>
    [
      METHODS.indexOf(terms.transferMethod ?? 'eip3009'),
      terms.network,
      terms.token,
      terms.payTo,
      String(index).padStart(2, '0'),
    ].join(' ');
  return key(a) < key(b) ? -1 : 1;
}

const CODES: Readonly<Partial<Record<OfferReason, ErrorCode>>> = {
  unsupported_scheme: 'unsupported_scheme',
  unsupported_transfer_method: 'unsupported_scheme',
  unsupported_payment_flow: 'unsupported_scheme',
  unknown_network: 'unknown_network',
  unknown_asset: 'unknown_asset',
  network_mismatch: 'terms_mismatch',
  asset_mismatch: 'terms_mismatch',
  payee_mismatch: 'terms_mismatch',
  amount_mismatch: 'terms_mismatch',
  price_above_maximum: 'price_above_maximum',
};

/** The code of the offer that came closest, so that the caller learns what to change. */
function codeFor(refused: readonly RefusedOffer[]): ErrorCode {
  const closest = Math.max(-1, ...refused.map(({ reason }) => OFFER_REASONS.indexOf(reason)));
  const reason = OFFER_REASONS[closest];
  return (reason && CODES[reason]) ?? 'unpayable_challenge';
}
