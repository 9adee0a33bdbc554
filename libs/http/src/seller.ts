// The x402 seller behind the guarded client: asks for the price, shows the payment. Everything it reports is evidence, never
// proof of payment.
import {
  parseHex32,
  type DeliveryOutcome,
  type ErrorCode,
  type ErrorDetails,
  type Hex32,
  type Json,
} from '#domain';
import type {
  AssetRegistry,
  OfferLimits,
  PresentAnswer,
  PriceAnswer,
  Seller,
  SellerRequest,
  UpstreamAnswer,
} from '#engine';
import {
  ChallengeError,
  chooseOffer,
  MAX_BODY_BYTES,
  readBroughtChallenge,
  readChallenge,
  readReceipt,
  type Challenge,
  type Choice,
} from '#x402';
import { returnedHeaders } from './forwardable.js';
import { redirectOf, type GuardedAnswer, type GuardedFetch, type GuardedRequest } from './guarded-fetch.js';
import type { Failure, FailureCode, RawResponse } from './outcome.js';

export interface SellerDeps {
  readonly http: GuardedFetch;
  readonly assets: Pick<AssetRegistry, 'find' | 'all'>;
  /** Largest answer to take, bytes. */
  readonly maxBodyBytes?: number;
}

/** The engine's `Seller` port over guarded HTTP. */
export function createSeller({ http, assets, maxBodyBytes = 1024 * 1024 }: SellerDeps): Seller {
  return {
    async askPrice(request, limits) {
      const answer = await http.following({
        ...toGuarded(request),
        maxBodyBytes: (status) => (status === 402 ? MAX_BODY_BYTES : maxBodyBytes),
      });
      if (answer.kind === 'failure') return unpaidFailure(answer.code);
      const { response } = answer;
      if (response.status !== 402) return unpriced(response);
      // The paid request would be redirected as well, and is never followed: the caller must name the resource itself.
      if (answer.url !== withoutHash(request.url)) return refused('redirected', { final_url: answer.url });
      return priced(() => readChallenge(response.headers, response.body), request, assets, limits);
    },

    readChallenge(challenge: Json, resource, limits) {
      return priced(() => readBroughtChallenge(challenge), resource, assets, limits);
    },

    async present(request, header) {
      const answer = await http.once({
        ...toGuarded(request),
        ownHeaders: { [header.name.toLowerCase()]: header.value },
        maxBodyBytes: () => maxBodyBytes,
        // Paid goods are handed on even when the seller compresses them unasked; they are never inflated here.
        acceptEncodedBody: true,
      });
      return presented(answer);
    },
  };
}

function toGuarded(request: SellerRequest): GuardedRequest {
  const { workspaceId, url, method, headers, body, timeoutMs } = request;
  return { tenant: workspaceId, url, method, headers, body, timeoutMs, idleTimeoutMs: timeoutMs };
}

function priced(
  read: () => Challenge,
  resource: { readonly url: string; readonly method: string },
  assets: SellerDeps['assets'],
  limits: OfferLimits,
): PriceAnswer {
  let choice: Choice;
  try {
    choice = chooseOffer(read(), resource, assets, limits);
  } catch (error) {
    if (!(error instanceof ChallengeError)) throw error;
    return refused('unpayable_challenge', { reasons: [error.code] });
  }
  if (choice.ok) return { kind: 'terms', terms: choice.terms, others: choice.others };
  return refused(choice.code, { reasons: choice.refused.map(({ index, reason }) => `${index}:${reason}`) });
}

/** A seller that is out of order has not said that the resource is free. */
function unpriced(response: RawResponse): PriceAnswer {
  if (response.status === 429 || response.status >= 500)
    return refused('seller_unreachable', { cause: 'upstream_status', status: response.status });
  return { kind: 'free', answer: upstreamAnswer(response) };
}

function upstreamAnswer(response: RawResponse): UpstreamAnswer {
  return { status: response.status, headers: returnedHeaders(response.headers), body: response.body };
}

function refused(code: ErrorCode, details: ErrorDetails): PriceAnswer {
  return { kind: 'refused', code, details };
}

const UNPAID_FAILURES: Readonly<Record<FailureCode, ErrorCode>> = {
  invalid_url: 'invalid_url',
  invalid_request: 'validation_failed',
  forbidden_address: 'forbidden_address',
  dns_failed: 'seller_unreachable',
  host_busy: 'seller_unreachable',
  connect_failed: 'seller_unreachable',
  request_failed: 'seller_unreachable',
  connection_lost: 'seller_unreachable',
  timeout: 'seller_unreachable',
  headers_too_large: 'response_too_large',
  body_too_large: 'response_too_large',
  encoded_body: 'unpayable_challenge',
  malformed_response: 'seller_unreachable',
  redirected: 'redirected',
};

/** Where the URL itself is at fault, also that of a redirect it led to, the caller's field is named. */
function unpaidFailure(cause: FailureCode): PriceAnswer {
  const code = UNPAID_FAILURES[cause];
  const field = code === 'invalid_url' || code === 'forbidden_address' ? { field: 'url' } : {};
  return refused(code, { cause, ...field });
}

const PAID_FAILURES: Readonly<Record<FailureCode, DeliveryOutcome>> = {
  invalid_url: 'unreachable',
  invalid_request: 'unreachable',
  forbidden_address: 'unreachable',
  dns_failed: 'unreachable',
  host_busy: 'unreachable',
  connect_failed: 'unreachable',
  request_failed: 'unreachable',
  connection_lost: 'unreachable',
  timeout: 'timeout',
  headers_too_large: 'too_large',
  body_too_large: 'too_large',
  encoded_body: 'upstream_error',
  malformed_response: 'upstream_error',
  redirected: 'redirected',
};

function presented(answer: GuardedAnswer): PresentAnswer {
  if (answer.kind === 'failure')
    return { outcome: PAID_FAILURES[answer.code], answer: null, claimedTxHash: claimedIn(answer) };
  const { response } = answer;
  return { outcome: outcomeOf(answer), answer: upstreamAnswer(response), claimedTxHash: claimedIn(response) };
}

function outcomeOf(answer: Extract<GuardedAnswer, { kind: 'response' }>): DeliveryOutcome {
  const { status } = answer.response;
  if (status >= 200 && status < 300) return 'delivered';
  if (status === 402) return 'refused';
  return redirectOf(answer) === undefined ? 'upstream_error' : 'redirected';
}

/** The receipt's transaction hash, also from the head of an answer whose body was cut off. */
function claimedIn({ headers }: RawResponse | Failure): Hex32 | null {
  const transaction = headers ? readReceipt(headers)?.transaction : undefined;
  return transaction === undefined ? null : parseHex32(transaction);
}

function withoutHash(text: string): string {
  const url = new URL(text);
  url.hash = '';
  return url.href;
}
