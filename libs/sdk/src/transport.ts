// One call to Purser: credentials, time limit, retries where a retry cannot do anything twice.
import type { Routes } from './api-types.js';
import { sleep, within, type Environment } from './environment.js';
import { errorOf, invalidArgument, PurserError } from './errors.js';

export interface CallOptions {
  /** Ends the call at whatever it waits for, with the signal's reason. What Purser has accepted goes on there. */
  readonly signal?: AbortSignal | undefined;
}

export interface KeyedOptions extends CallOptions {
  /** The same key and request is the same operation, for ever. 1 to 200 printable ASCII characters. */
  readonly idempotencyKey: string;
}

export interface TransportOptions {
  readonly baseUrl: string;
  readonly apiKey: string | (() => string | Promise<string>);
  readonly timeoutMs: number;
  readonly retries: number;
  readonly environment: Environment;
}

interface Request<R extends keyof Routes> extends CallOptions {
  /** What stands in the place of `{id}`. */
  readonly id?: string;
  readonly query?: Routes[R]['query'];
  readonly body?: Routes[R]['body'];
  readonly idempotencyKey?: string;
  /** How long Purser itself may wait before it answers, on top of the usual time limit. */
  readonly waitMs?: number;
  /** From when on the call is not repeated any more. */
  readonly deadlineMs?: number | undefined;
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;
/** A server that asks for more than that is answered by the caller, not by a pause nobody sees. */
const LONGEST_RETRY_AFTER_MS = 30_000;

export class Transport {
  readonly environment: Environment;
  private readonly base: string;

  constructor(private readonly options: TransportOptions) {
    this.environment = options.environment;
    this.base = baseOf(options.baseUrl);
  }

  /** @throws PurserError, or the signal's reason */
  async call<R extends keyof Routes>(route: R, request: Request<R> = {}): Promise<Routes[R]['answer']> {
    const [method = '', path = ''] = route.split(' ');
    assertSendable(request);
    // A read changes nothing and a keyed write happens once; anything else might happen again.
    const repeatable = method === 'GET' || request.idempotencyKey !== undefined;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return (await this.once(method, path, request)) as Routes[R]['answer'];
      } catch (error) {
        if (!(error instanceof Transient)) throw error;
        const pauseMs = this.pause(attempt, error.retryAfterMs);
        const late = this.environment.nowMs() + pauseMs > (request.deadlineMs ?? Infinity);
        if (!repeatable || late || attempt >= this.options.retries) throw error.error;
        await sleep(this.environment, pauseMs, request.signal);
      }
    }
  }

  /** The key that this client proves itself by. */
  async apiKey(): Promise<string> {
    const { apiKey } = this.options;
    const key = typeof apiKey === 'string' ? apiKey : await apiKey();
    if (/^[\x21-\x7e]+$/.test(key)) return key;
    throw invalidArgument('apiKey is empty or holds what no header can');
  }

  private async once<R extends keyof Routes>(
    method: string,
    path: string,
    request: Request<R>,
  ): Promise<unknown> {
    const ms = this.options.timeoutMs + (request.waitMs ?? 0);
    const message = `Purser did not answer within ${ms} ms.`;
    const late = new PurserError({ code: 'timeout', message, retry: 'same_key' });
    try {
      return await within(this.environment, { ms, late, signal: request.signal }, async (signal) => {
        const key = await this.apiKey();
        const { status, headers, text } = await this.send(this.urlOf(path, request), {
          ...written(request, key),
          method,
          signal,
        });
        const body = jsonOf(text);
        if (status < 300 && body !== undefined) return body;
        const error = errorOf(status, body);
        if (!passes(status, error)) throw error;
        throw new Transient(error, retryAfterOf(headers));
      });
    } catch (error) {
      throw error === late ? new Transient(late) : error;
    }
  }

  private urlOf<R extends keyof Routes>(path: string, { id, query }: Request<R>): string {
    const url = new URL(this.base + path.replace('{id}', encodeURIComponent(id ?? '')));
    for (const [name, value] of Object.entries(query ?? {}))
      if (value !== undefined) url.searchParams.set(name, value as string);
    return url.href;
  }

  private async send(url: string, init: RequestInit) {
    let answer: Response;
    let text: string;
    try {
      answer = await this.environment.fetch(url, init);
      text = await answer.text();
    } catch (cause) {
      const message = 'Purser could not be reached, or the connection broke.';
      throw new Transient(new PurserError({ code: 'network_error', message, retry: 'same_key', cause }));
    }
    const { status, headers, type } = answer;
    if (type !== 'opaqueredirect' && (status < 300 || status > 399)) return { status, headers, text };
    const message = "Purser's address redirects; give the client the address it leads to.";
    throw new PurserError({ code: 'unexpected_redirect', message, retry: 'after_change', status });
  }

  /** Twice as long each time, between half and the whole of it, so that many clients do not come back at once. */
  private pause(attempt: number, retryAfterMs: number): number {
    const whole = Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS);
    const jittered = whole * (0.5 + this.environment.random() / 2);
    return Math.max(jittered, Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS));
  }
}

/** The credentials go into this request and into no other: it is never redirected, and carries no cookies. */
function written<R extends keyof Routes>({ body, idempotencyKey }: Request<R>, apiKey: string): RequestInit {
  const headers: Record<string, string> = { accept: 'application/json', authorization: `Bearer ${apiKey}` };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (idempotencyKey !== undefined) headers['idempotency-key'] = idempotencyKey;
  return {
    headers,
    redirect: 'manual',
    credentials: 'omit',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
}

function assertSendable({ id, idempotencyKey }: { readonly id?: string; readonly idempotencyKey?: string }) {
  if (id === '') throw invalidArgument('an id is missing');
  if (idempotencyKey !== undefined && !/^[\x21-\x7e]([\x20-\x7e]{0,198}[\x21-\x7e])?$/.test(idempotencyKey))
    throw invalidArgument('an idempotency key is 1 to 200 printable ASCII characters, without spaces around');
}

/** Might be gone in a moment. */
class Transient extends Error {
  constructor(
    readonly error: PurserError,
    readonly retryAfterMs = 0,
  ) {
    super(error.message);
  }
}

const passes = (status: number, { retry }: PurserError): boolean =>
  retry === 'same_key' && (status >= 500 || status === 429);

function retryAfterOf(headers: Headers): number {
  const seconds = headers.get('retry-after') ?? '';
  return /^[0-9]{1,6}$/.test(seconds) ? Number(seconds) * 1_000 : 0;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function baseOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const usable =
    url && /^https?:$/.test(url.protocol) && url.username === '' && url.search === '' && url.hash === '';
  if (!usable) throw invalidArgument('baseUrl must be an http(s) URL without credentials, query or fragment');
  return url.href.replace(/\/+$/, '');
}
