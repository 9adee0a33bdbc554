// A fetch that pays. The request goes to the seller as it is; where the seller answers 402, Purser buys it and its answer comes back.
//
// Purser presents the payment and not this process: what it has bought is stored there, so that a caller that dies in between gets the goods
// by asking again with the same key. That is why a key that the caller names is looked up first: what was bought is never asked for twice,
// not even without payment.
import type { Operation } from './api-types.js';
import { unless, type Fetch } from './environment.js';
import { invalidArgument, PurserError } from './errors.js';
import type { PurchaseInput, PurchaseOptions } from './purchases.js';
import type { Purser } from './purser.js';

type Method = NonNullable<PurchaseInput['method']>;

export interface X402Init
  extends
    RequestInit,
    Pick<PurchaseInput, 'maxAmount' | 'expect' | 'note'>,
    Omit<PurchaseOptions, 'signal' | 'idempotencyKey'> {
  /**
   * Names this purchase: the same key with the same request is the same payment, for ever. Keep it with your work before the call, and a
   * call after a crash goes on where the first one was. When absent one is made up, which protects against nothing but lost answers.
   */
  readonly idempotencyKey?: string | undefined;
  /** May a paid request other than GET be sent again after a crash of Purser? false when absent. */
  readonly allowReplay?: boolean | undefined;
  /** How the seller is asked before anything is paid; the global `fetch` when absent. */
  readonly fetch?: Fetch | undefined;
}

const operations = new WeakMap<Response, Operation>();

/** The operation that a response of `x402Fetch` was bought by; undefined when nothing was paid for it. */
export const operationOf = (response: Response): Operation | undefined => operations.get(response);

/**
 * As `fetch`, but a 402 is bought for at most `maxAmount`. The seller is sent what `init` says and nothing of Purser's.
 * @returns the seller's answer: its own, when it asked for no payment, or what it gave to Purser for the money
 * @throws PurserError when Purser refuses or fails, or time is up: `retryable` says whether the same call with `idempotencyKey` may go on;
 * the signal's reason when it aborts; what `fetch` throws when the seller cannot be reached
 */
export async function x402Fetch(
  client: Purser,
  input: string | URL | Request,
  init: X402Init,
): Promise<Response> {
  const { maxAmount, expect, note, idempotencyKey, allowReplay, fetch, ...rest } = init;
  const { timeoutMs, waitForApproval, onUpdate, ...ofRequest } = rest;
  if (ofRequest.body instanceof FormData)
    throw invalidArgument(
      'a form with parts has another body each time; send URLSearchParams, text or bytes',
    );
  const request = new Request(input, ofRequest);
  const signal = init.signal ?? (input instanceof Request ? input.signal : undefined);
  await unless(signal, assertNoKey(client, request));
  const body = await unless(signal, bodyOf(request.clone()));
  const known =
    idempotencyKey !== undefined &&
    (await client.operations.findByKey({ idempotencyKey, signal })) !== undefined;
  if (!known) {
    const answer = await unless(signal, (fetch ?? globalThis.fetch)(request));
    if (answer.status !== 402) return answer;
    answer.body?.cancel().catch(() => undefined);
  }
  const key = idempotencyKey ?? madeUpKey();
  const bought = await client.purchases.buy(
    {
      url: request.url,
      method: request.method as Method,
      maxAmount,
      headers: Object.fromEntries(request.headers),
      ...body,
      ...(expect === undefined ? {} : { expect }),
      ...(note === undefined ? {} : { note }),
      ...(allowReplay === undefined ? {} : { allow_replay: allowReplay }),
    },
    { idempotencyKey: key, signal, timeoutMs, waitForApproval, onUpdate },
  );
  return responseOf(bought, key);
}

/** `x402Fetch` with everything but the request decided, for whoever takes a `fetch`. A call may decide anew, such as its key. */
export function payingFetch(
  client: Purser,
  defaults: Omit<X402Init, keyof RequestInit | 'idempotencyKey'>,
): (input: string | URL | Request, init?: RequestInit & Partial<X402Init>) => Promise<Response> {
  return (input, init = {}) => x402Fetch(client, input, { ...defaults, ...init });
}

const madeUpKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  );

/** Our key among the seller's headers can only be a mistake, and would be the seller's from then on. */
async function assertNoKey(client: Purser, { headers, url }: Request): Promise<void> {
  const key = await client.transport.apiKey();
  const leaks = [url, ...headers.values()].some((text) => text.includes(key));
  if (leaks) throw invalidArgument("the request to the seller carries Purser's key");
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text where it is text, so that it can be read in Purser; base64 keeps every other byte. */
async function bodyOf(request: Request): Promise<Pick<PurchaseInput, 'body' | 'body_base64'>> {
  const bytes = new Uint8Array(await request.arrayBuffer());
  if (bytes.length === 0) return {};
  try {
    const text = strict.decode(bytes);
    if (!text.includes('\u0000')) return { body: text };
  } catch {
    // Not text.
  }
  return { body_base64: base64Of(bytes) };
}

function base64Of(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

/** Statuses whose responses have no body, also not an empty one. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

function responseOf(operation: Operation, key: string): Response {
  const { response } = operation;
  const status = response?.status ?? 0;
  // A second 402 is a seller that keeps the money. Handed back as a response it would ask the next wrapper to pay once more.
  if (!response || status < 200 || status > 599 || status === 402) throw lost(operation, key);
  if (response.body_expired) throw lost(operation, key, 'body_expired');
  const { body, body_base64 } = response;
  const content = body_base64 === undefined ? (body ?? null) : bytesOf(body_base64);
  const { headers } = response;
  const made = new Response(BODILESS.has(status) ? null : content, { status, headers });
  Object.defineProperty(made, 'url', { value: operation.url });
  operations.set(made, operation);
  return made;
}

function lost(
  operation: Operation,
  key: string,
  code: 'paid_not_delivered' | 'body_expired' = 'paid_not_delivered',
) {
  const message =
    code === 'body_expired'
      ? 'It was bought, and what the seller answered is no longer kept.'
      : 'It was paid, and the seller gave nothing that could be handed back.';
  const error = new PurserError({ code, message, retry: 'no', operation, details: { ...operation.error } });
  error.idempotencyKey = key;
  return error;
}
