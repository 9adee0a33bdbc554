// A 402 answer into one shape, whatever the seller's version and habits (x402.md section 2, apis.md D2 and D4).
import type { Json } from '#domain';
import { decodeBase64Text } from './base64.js';
import { ChallengeError } from './challenge-error.js';
import { isObject, readOffer, textField, type DroppedOffer, type JsonObject, type Offer } from './offer.js';
import { parseStrictJson, type StrictJson } from './strict-json.js';
import { wwwAuthenticateTerms } from './www-authenticate.js';

export const MAX_HEADER_BYTES = 16 * 1024;
export const MAX_BODY_BYTES = 64 * 1024;
export const MAX_OFFERS = 32;

/** Where the terms stood. */
export type ChallengeSource = 'payment-required-header' | 'www-authenticate-header' | 'body' | 'caller';

export interface Challenge {
  /** The version the terms declare; the payment answers in it. */
  readonly version: 1 | 2;
  /** URL of the resource as the seller names it at the top (v2); v1 offers carry their own. */
  readonly resource: string | undefined;
  /** Source text of the top-level resource object, to be echoed. */
  readonly resourceText: string | undefined;
  readonly offers: readonly Offer[];
  readonly dropped: readonly DroppedOffer[];
  readonly extensionsText: string | undefined;
  readonly source: ChallengeSource;
}

/** Header names in lower case. Several values of one name stand in a list. */
export type HeaderMap = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Reads the terms of a 402 answer: the `PAYMENT-REQUIRED` header first, then `WWW-Authenticate: x402`, then the body.
 * @throws ChallengeError, and nothing else, when there are no terms, they are malformed, or header and body contradict each other
 */
export function readChallenge(headers: HeaderMap, body: Uint8Array): Challenge {
  if (body.byteLength > MAX_BODY_BYTES) throw new ChallengeError('body_too_large');
  const fromHeader = readHeaders(headers);
  const spoke = fromHeader !== undefined && !(fromHeader instanceof ChallengeError);
  const fromBody = readBody(body, !spoke);
  if (spoke) {
    if (fromBody && contradict(fromHeader, fromBody)) throw new ChallengeError('header_and_body_disagree');
    return fromHeader;
  }
  if (fromBody) return fromBody;
  throw fromHeader ?? new ChallengeError('no_terms');
}

/**
 * Reads a challenge that the caller brought: the base64 text of a `PAYMENT-REQUIRED` header, or the 402 JSON of either version.
 * @throws ChallengeError
 */
export function readBroughtChallenge(challenge: Json): Challenge {
  const text = typeof challenge === 'string' ? challenge.trim() : jsonText(challenge);
  if (text.length > MAX_BODY_BYTES) throw new ChallengeError('body_too_large');
  return fromText(text.startsWith('{') ? text : decodeBase64Text(text), 'caller');
}

function jsonText(value: Json): string {
  if (!isObject(value)) throw new ChallengeError('no_terms');
  try {
    return JSON.stringify(value);
  } catch {
    throw new ChallengeError('malformed_json');
  }
}

/** The challenge in the headers, nothing, or a fault that lets the body speak instead. Other faults are thrown. */
function readHeaders(headers: HeaderMap): Challenge | ChallengeError | undefined {
  const values = [...new Set(valuesOf(headers, 'payment-required'))];
  const authenticate = valuesOf(headers, 'www-authenticate');
  if (values.length > 1) throw new ChallengeError('ambiguous_header');
  if ([...values, ...authenticate].some((it) => it.length > MAX_HEADER_BYTES))
    throw new ChallengeError('header_too_large');
  const [value] = values;
  try {
    if (value !== undefined) return fromText(decodeBase64Text(value), 'payment-required-header');
    const text = wwwAuthenticateTerms(authenticate);
    return text === undefined ? undefined : fromText(text, 'www-authenticate-header');
  } catch (error) {
    // A header that is not terms at all says nothing; one that is built to be misread ends the reading.
    const silent: readonly unknown[] = ['malformed_base64', 'malformed_json', 'no_terms'];
    if (error instanceof ChallengeError && silent.includes(error.code)) return error;
    throw error;
  }
}

/** Terms in the body. Where a header has spoken, a body without readable terms is only prose. */
function readBody(body: Uint8Array, needed: boolean): Challenge | undefined {
  try {
    return fromText(new TextDecoder('utf-8', { fatal: true }).decode(body), 'body');
  } catch (error) {
    const says = error instanceof ChallengeError ? error.code : 'no_terms';
    if (needed && says !== 'no_terms' && says !== 'malformed_json') throw error;
    return undefined;
  }
}

function valuesOf(headers: HeaderMap, name: string): readonly string[] {
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

function fromText(text: string, source: ChallengeSource): Challenge {
  const json = parseStrictJson(text);
  if (!isObject(json.value)) throw new ChallengeError('no_terms');
  const wrapped = wrappedTerms(json.value);
  if (typeof wrapped !== 'string') return fromTerms(json, json.value, wrapped ?? json.value, source);
  const inner = parseStrictJson(decodeBase64Text(wrapped));
  if (!isObject(inner.value)) throw new ChallengeError('no_terms');
  return fromTerms(inner, json.value, inner.value, source);
}

function fromTerms(
  json: StrictJson,
  outer: JsonObject,
  terms: JsonObject,
  source: ChallengeSource,
): Challenge {
  const accepts = Array.isArray(terms['accepts']) ? (terms['accepts'] as readonly Json[]) : single(terms);
  if (!accepts) throw new ChallengeError('no_terms');
  if (accepts.length > MAX_OFFERS) throw new ChallengeError('too_many_offers');
  const read = accepts.map((offer, index) =>
    readOffer(offer, index, isObject(offer) ? json.textOf(offer) : ''),
  );
  const resource = terms['resource'];
  const extensions = terms['extensions'];
  return {
    version: versionOf(terms['x402Version'] ?? outer['x402Version'], accepts),
    resource: isObject(resource) ? textField(resource, 'url') : textField(terms, 'resource'),
    resourceText: isObject(resource) ? json.textOf(resource) : undefined,
    offers: read.filter((it): it is Offer => !('reason' in it)),
    dropped: read.filter((it): it is DroppedOffer => 'reason' in it),
    extensionsText: isObject(extensions) ? json.textOf(extensions) : undefined,
    source,
  };
}

const WRAPPERS = ['paymentrequirement', 'paymentrequirements', 'paymentrequired'];

/** `paymentRequirement(s)` and a `Payment-Required` body field (apis.md 3.1): an object, or a header value as text. */
function wrappedTerms(value: JsonObject): JsonObject | string | undefined {
  if (Array.isArray(value['accepts'])) return undefined;
  const found = Object.entries(value).filter(
    ([name, inner]) => inner !== null && WRAPPERS.includes(name.toLowerCase().replaceAll(/[-_]/g, '')),
  );
  // Two wrappers are two prices: which one counts is not ours to guess.
  if (found.length > 1) throw new ChallengeError('malformed_terms');
  const inner = found[0]?.[1];
  if (Array.isArray(inner)) return { ...value, accepts: inner };
  return isObject(inner) || typeof inner === 'string' ? inner : undefined;
}

/** A requirement that stands alone, without a list around it. */
function single(terms: JsonObject): readonly Json[] | undefined {
  return textField(terms, 'payTo') || textField(terms, 'recipient') ? [terms] : undefined;
}

function versionOf(declared: Json | undefined, accepts: readonly Json[]): 1 | 2 {
  if (declared === 1 || declared === 2) return declared;
  if (declared !== undefined && declared !== null) throw new ChallengeError('unsupported_version');
  const inV2Words = accepts.some(
    (it) => isObject(it) && textField(it, 'amount') !== undefined && textField(it, 'payTo') !== undefined,
  );
  return inV2Words ? 2 : 1;
}

/** For one scheme, network and asset, header and body must ask for the same payments. */
function contradict(header: Challenge, body: Challenge): boolean {
  const ours = payments(header);
  for (const [what, asked] of payments(body)) {
    const same = ours.get(what);
    if (same && (same.size !== asked.size || [...asked].some((it) => !same.has(it)))) return true;
  }
  return false;
}

function payments(challenge: Challenge): Map<string, Set<string>> {
  const byKind = new Map<string, Set<string>>();
  for (const offer of challenge.offers) {
    const asset = offer.price.kind === 'atomic' ? offer.price.asset : offer.price.currency;
    const network = offer.network ?? offer.networkName;
    const what = [offer.scheme, network, asset.toLowerCase()].join(' ');
    const asked = byKind.get(what) ?? new Set<string>();
    byKind.set(what, asked.add(`${offer.payTo.toLowerCase()} ${offer.price.amount}`));
  }
  return byKind;
}
