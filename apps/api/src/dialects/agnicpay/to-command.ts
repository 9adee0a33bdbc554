// Pure: a request in AgnicPay's words becomes the core's command. Nothing a caller proves itself by ever goes to a seller.
import { parseAtomic, refuse, type Json } from '#domain';
import { isForwardable, MOST_FORWARDED } from '../../http/fields.js';
import { forwardOf, METHODS } from '../../http/forward.js';
import type { Command } from '../../http/submitting.js';
import type { FetchQuery, SignPaymentDto } from './agnicpay.dto.js';

const SIGN_WITHIN_MS = 30_000;
const DEFAULT_TIMEOUT_MS = 30_000;

/** The ceiling is what the caller's own terms say: they are signed, or refused by policy and budget. */
export function toAuthorize({ paymentRequirements, requestData }: SignPaymentDto): Command {
  assertOffers(paymentRequirements);
  const method = requestData.method.toUpperCase();
  if (!(METHODS as readonly string[]).includes(method))
    throw refuse('validation_failed', {
      field: 'requestData.method',
      reason: 'not_one_of_the_allowed_values',
    });
  const { body, ...forward } = forwardOf({ url: requestData.url, method });
  return {
    request: {
      kind: 'authorize',
      ...forward,
      maxAmount: null,
      expect: {},
      challenge: paymentRequirements as Json,
      allowReplay: false,
      timeoutMs: SIGN_WITHIN_MS,
      note: null,
    },
    body,
    waitMs: SIGN_WITHIN_MS,
  };
}

function assertOffers(terms: object): void {
  const wrapped = ['paymentRequirements', 'paymentRequirement', 'payTo'].some((name) =>
    Object.hasOwn(terms, name),
  );
  const accepts: unknown = (terms as { readonly accepts?: unknown }).accepts;
  const field = 'paymentRequirements.accepts';
  if (accepts === undefined && !wrapped) throw refuse('validation_failed', { field, reason: 'missing' });
  if (accepts !== undefined && (!Array.isArray(accepts) || accepts.length === 0))
    throw refuse('validation_failed', { field, reason: 'not_a_list_of_options' });
}

export interface Incoming {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly raw: Uint8Array;
}

/** `ceiling`: where the query names none. */
export function toFetch(query: FetchQuery, incoming: Incoming, ceiling: bigint): Command {
  const method = query.method ?? 'GET';
  const body = bodyOf(incoming.raw, method);
  const headers = forwarded(incoming.headers, body !== null);
  const timeoutMs = query.timeout === undefined ? DEFAULT_TIMEOUT_MS : Number(query.timeout);
  const url = new URL(query.url);
  url.hash = '';
  return {
    request: {
      kind: 'purchase',
      url: url.href,
      method,
      headers,
      maxAmount: query.maxValue === undefined ? ceiling : parseAtomic(query.maxValue, 'maxValue'),
      expect: {},
      challenge: null,
      allowReplay: false,
      timeoutMs,
      note: null,
    },
    body,
    waitMs: timeoutMs,
  };
}

/** Byte for byte. Clients that always post send an empty object where they mean nothing. */
function bodyOf(raw: Uint8Array, method: string): Uint8Array | null {
  if (raw.byteLength === 0) return null;
  if (method !== 'GET') return raw;
  if (Buffer.from(raw).toString('utf8').trim() === '{}') return null;
  throw refuse('validation_failed', { field: 'body', reason: 'method_has_no_body' });
}

/**
 * Beside what never goes to a seller: names that say who calls, by which way, or for the how-manieth time. The last must stay here for another reason, too:
 * a retry that differs in them is still the same purchase.
 */
const KEPT_BACK =
  /^x-(agnic|amz|goog|ms-|client|original|rewrite|http-method|method-override|csrf|xsrf|access-token|request-|correlation-|trace|b3-|cloud-trace|datadog|newrelic|retry|attempt|stainless|vercel|envoy|idempotency)/;
const VENDOR_KEY = /\bagnic_(tok|at|rt)_/;

function forwarded(headers: Incoming['headers'], hasBody: boolean): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (!isForwardable(name, value) || KEPT_BACK.test(name) || VENDOR_KEY.test(value)) continue;
    if (name !== 'content-type' || hasBody) kept[name] = value;
  }
  if (Object.keys(kept).length > MOST_FORWARDED)
    throw refuse('validation_failed', { field: 'headers', reason: `more_than_${MOST_FORWARDED}` });
  return kept;
}
