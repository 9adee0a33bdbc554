// The only way out of Purser for URLs that strangers choose (safety.md d.9, T20-T24, T48).
import { exchange } from './exchange.js';
import { forwardableHeaders } from './forwardable.js';
import { HostSlots } from './host-slots.js';
import type { Failure, FailureCode, RawResponse } from './outcome.js';
import { Pools, type PoolOptions } from './pools.js';
import {
  createResolver,
  judgeTarget,
  type EgressAllowList,
  type ResolveHost,
  type Target,
} from './target.js';

export interface GuardedFetchOptions extends Partial<PoolOptions> {
  /** `host:port` beyond public https on 443; loopback entries may also be spoken to over http. */
  readonly allow?: EgressAllowList;
  readonly resolve?: ResolveHost;
  /** Requests to one host at a time, over all tenants, and how many more may wait. */
  readonly concurrencyPerHost?: number;
  readonly queuePerHost?: number;
}

export interface GuardedRequest {
  /** Connections are never shared between tenants. */
  readonly tenant: string;
  readonly url: string;
  readonly method: string;
  /** The caller's headers; only those on the allow list leave. */
  readonly headers: Readonly<Record<string, string>>;
  /** Headers of our own, such as the payment; sent as they are. */
  readonly ownHeaders?: Readonly<Record<string, string>>;
  readonly body: Uint8Array | null;
  /** For everything: resolving, queueing, connecting, sending, receiving. */
  readonly timeoutMs: number;
  /** Longest silence inside a response body. 10 s if not given. */
  readonly idleTimeoutMs?: number;
  /** Largest body to take, by status. 1 MiB if not given. */
  readonly maxBodyBytes?: (status: number) => number;
  /** Take a compressed body as it is (it is never inflated here) instead of refusing it. */
  readonly acceptEncodedBody?: boolean;
  readonly signal?: AbortSignal;
}

export type GuardedAnswer =
  | {
      readonly kind: 'response';
      readonly response: RawResponse;
      /** Where it came from. */ readonly url: string;
    }
  | Failure;

/** Outbound HTTP under guard. Both calls always answer; neither throws. */
export interface GuardedFetch {
  /** One request. A redirect comes back as the response it is. */
  once(request: GuardedRequest): Promise<GuardedAnswer>;
  /** Follows up to three redirects of GET and HEAD, each target judged from the start. For unpaid requests only. */
  following(request: GuardedRequest): Promise<GuardedAnswer>;
  close(): Promise<void>;
}

export const MAX_RESPONSE_HEADER_BYTES = 16 * 1024;
const DEFAULT_MAX_BODY = 1024 * 1024;
const MAX_REDIRECTS = 3;
const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

const failure = (code: FailureCode): Failure => ({ kind: 'failure', code, sent: false });

export function createGuardedFetch(options: GuardedFetchOptions = {}): GuardedFetch {
  const allow = (options.allow ?? []).map((entry) => entry.trim().toLowerCase());
  const resolve = options.resolve ?? createResolver();
  const concurrency = options.concurrencyPerHost ?? 32;
  const slots = new HostSlots(concurrency, options.queuePerHost ?? 256);
  const pools = new Pools({
    maxPools: 256,
    connectTimeoutMs: 5_000,
    maxHeaderBytes: MAX_RESPONSE_HEADER_BYTES,
    connectionsPerPool: concurrency,
    ...options,
  });

  async function once(request: GuardedRequest, signal: AbortSignal): Promise<GuardedAnswer> {
    const headers = forwardableHeaders(request.headers);
    if (!headers || !METHODS.includes(request.method)) return failure('invalid_request');
    const judged = await unlessAborted(judgeTarget(request.url, allow, resolve), signal);
    if (judged === undefined) return failure('timeout');
    if (!judged.ok) return failure(judged.code);
    const giveBack = await slots.take(judged.target.url.host, signal);
    if (!giveBack) return failure(signal.aborted ? 'timeout' : 'host_busy');
    try {
      return await send(request, headers, judged.target, signal);
    } finally {
      giveBack();
    }
  }

  async function send(
    request: GuardedRequest,
    headers: Readonly<Record<string, string>>,
    target: Target,
    signal: AbortSignal,
  ): Promise<GuardedAnswer> {
    const { url } = target;
    const outcome = await pools.use(request.tenant, target, (pool) =>
      exchange(
        pool,
        {
          url,
          method: request.method,
          headers: { ...headers, 'accept-encoding': 'identity', ...request.ownHeaders },
          body: request.body,
          idleTimeoutMs: request.idleTimeoutMs ?? 10_000,
          maxBodyBytes: request.maxBodyBytes ?? (() => DEFAULT_MAX_BODY),
          acceptEncodedBody: request.acceptEncodedBody ?? false,
        },
        signal,
      ),
    );
    return outcome.kind === 'response' ? { ...outcome, url: url.href } : outcome;
  }

  async function following(request: GuardedRequest, signal: AbortSignal): Promise<GuardedAnswer> {
    let url = request.url;
    for (let hop = 0; ; hop += 1) {
      const answer = await once({ ...request, url }, signal);
      const location = redirectOf(answer);
      if (location === undefined) return answer;
      const followable = request.method === 'GET' || request.method === 'HEAD';
      if (hop === MAX_REDIRECTS || !followable || !URL.canParse(location, url))
        return { kind: 'failure', code: 'redirected', sent: true };
      url = new URL(location, url).href;
    }
  }

  return {
    once: (request) => withDeadline(request, once),
    following: (request) => withDeadline(request, following),
    close: () => pools.close(),
  };
}

/** Target of a redirect that a client would follow; undefined for every other answer. */
export function redirectOf(answer: GuardedAnswer): string | undefined {
  if (answer.kind !== 'response' || ![301, 302, 303, 307, 308].includes(answer.response.status))
    return undefined;
  const location = answer.response.headers['location'];
  return typeof location === 'string' ? location : undefined;
}

async function withDeadline(
  request: GuardedRequest,
  run: (request: GuardedRequest, signal: AbortSignal) => Promise<GuardedAnswer>,
): Promise<GuardedAnswer> {
  const deadline = new AbortController();
  const end = (): void => deadline.abort();
  const timer = setTimeout(end, request.timeoutMs);
  request.signal?.addEventListener('abort', end, { once: true });
  if (request.signal?.aborted) end();
  try {
    return await run(request, deadline.signal);
  } finally {
    clearTimeout(timer);
    request.signal?.removeEventListener('abort', end);
  }
}

/** The result of `work`, or undefined when the signal fires first; a slow name server must not outlive the deadline. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const leave = (): void => resolve(undefined);
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
