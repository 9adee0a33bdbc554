// JSON-RPC over HTTP or a WebSocket, thin and bounded. Calls made in the same turn of the event loop leave as one batch. Every batch
// also asks for the chain id, so each answer is known to come from the right chain, after a reconnect as much as before
// (safety.md T11). The URL may hold a key and a provider's text may hold anything: no error here carries either.

import { httpExchange, type HttpExchange } from './http-exchange.js';
import {
  codeOf,
  Fault,
  faultOf,
  parsed,
  repliesOf,
  RpcError,
  type RpcEntry,
  type RpcReply,
} from './rpc-replies.js';
import { createWsExchange } from './ws-exchange.js';

export { RpcError, type RpcFault } from './rpc-replies.js';

export interface JsonRpcOptions {
  /** http, https, ws or wss. */
  readonly url: string;
  readonly chainId: number;
  /** For one exchange, body included. Default 10,000. */
  readonly timeoutMs?: number;
  /** Calls per request beside the chain id. Default 50. */
  readonly maxBatch?: number;
  /** Default 16 MiB. */
  readonly maxResponseBytes?: number;
  /** Requests under way at once. Default 8. */
  readonly maxInFlight?: number;
  /** Calls waiting for a place; more are refused with `overloaded`. Default 10,000. */
  readonly maxQueued?: number;
  /** How a request to an http(s) URL travels. */
  readonly exchange?: HttpExchange;
}

export interface JsonRpc {
  /** The raw `result`. @throws RpcError */
  call(method: string, params: readonly unknown[]): Promise<unknown>;
  /**
   * Calls back when the node announces a block: a hint, that may be late, false, repeated or missing. Only over a WebSocket, and while there is one:
   * the next call opens it. Returns what ends it.
   */
  onNewHead(heard: () => void): () => void;
  /** Work done so far, for metrics and for tests that count. */
  stats(): { readonly httpRequests: number; readonly calls: number };
  /** Calls under way end as `unreachable`. */
  close(): void;
}

interface PendingCall {
  readonly method: string;
  readonly params: readonly unknown[];
  resolve(result: unknown): void;
  reject(error: RpcError): void;
}

/** @throws RpcError when the URL is malformed. */
export function createJsonRpc(options: JsonRpcOptions): JsonRpc {
  const { timeoutMs = 10_000, maxBatch = 50, maxInFlight = 8, maxQueued = 10_000 } = options;
  const endpoint = endpointOf(options.url);
  const maxResponseBytes = options.maxResponseBytes ?? 16 * 1024 * 1024;
  const socket = /^wss?:/.test(endpoint.url) ? createWsExchange(endpoint, maxResponseBytes) : undefined;
  const http = options.exchange ?? httpExchange;
  const carry = (entries: readonly RpcEntry[], signal: AbortSignal): Promise<Map<number, RpcReply>> =>
    socket?.exchange(entries, signal) ?? post(http, endpoint, entries, { signal, maxResponseBytes });
  const queue: PendingCall[] = [];
  let scheduled = false;
  let inFlight = 0;
  let httpRequests = 0;
  let calls = 0;

  const flush = (): void => {
    scheduled = false;
    while (queue.length > 0 && inFlight < maxInFlight) {
      const batch = queue.splice(0, maxBatch);
      inFlight += 1;
      httpRequests += 1;
      void exchange(batch).finally(() => {
        inFlight -= 1;
        flush();
      });
    }
  };

  const exchange = async (batch: readonly PendingCall[]): Promise<void> => {
    try {
      const replies = await carry(entriesOf(batch), AbortSignal.timeout(timeoutMs));
      const onChain = replies.get(0);
      if (onChain === undefined || onChain.error !== undefined) throw new Fault('bad_response');
      if (Number(onChain.result) !== options.chainId) throw new Fault('wrong_chain');
      batch.forEach((call, index) => settle(call, replies.get(index + 1)));
    } catch (error) {
      const fault = error instanceof Fault ? error : new Fault('bad_response');
      for (const call of batch) call.reject(new RpcError(fault.fault, call.method, fault.code));
    }
  };

  return {
    call(method, params) {
      calls += 1;
      if (queue.length >= maxQueued) return Promise.reject(new RpcError('overloaded', method));
      return new Promise((resolve, reject) => {
        queue.push({ method, params, resolve, reject });
        if (scheduled) return;
        scheduled = true;
        setImmediate(flush);
      });
    },
    onNewHead: (heard) => socket?.onNewHead(heard) ?? (() => undefined),
    stats: () => ({ httpRequests, calls }),
    close: () => socket?.close(),
  };
}

interface Endpoint {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Clients leave out credentials in a URL, or refuse it with a message that quotes them: they become a header here. */
function endpointOf(text: string): Endpoint {
  if (!URL.canParse(text)) throw new RpcError('unreachable', 'configuration');
  const url = new URL(text);
  const headers: Record<string, string> = {};
  // A WebSocket is refused for one.
  url.hash = '';
  if (url.username !== '' || url.password !== '') {
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers['authorization'] = `Basic ${Buffer.from(pair).toString('base64')}`;
    url.username = '';
    url.password = '';
  }
  return { url: url.href, headers };
}

function entriesOf(batch: readonly PendingCall[]): RpcEntry[] {
  return [{ method: 'eth_chainId', params: [] }, ...batch].map(({ method, params }, id) => ({
    jsonrpc: '2.0',
    id,
    method,
    params,
  }));
}

async function post(
  exchange: HttpExchange,
  endpoint: Endpoint,
  entries: readonly RpcEntry[],
  { signal, maxResponseBytes }: { readonly signal: AbortSignal; readonly maxResponseBytes: number },
): Promise<Map<number, RpcReply>> {
  const headers = { 'content-type': 'application/json', ...endpoint.headers };
  try {
    const answer = await exchange({ url: endpoint.url, headers, body: JSON.stringify(entries), signal });
    const text = await readCapped(answer.body, maxResponseBytes);
    if (answer.status < 200 || answer.status > 299)
      throw new Fault(answer.status === 429 ? 'rate_limited' : 'http_status', answer.status);
    return repliesOf(parsed(text));
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault(signal.aborted ? 'timeout' : 'unreachable');
  }
}

async function readCapped(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new Fault('too_large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function settle(call: PendingCall, reply: RpcReply | undefined): void {
  if (reply?.error !== undefined && reply.error !== null) {
    call.reject(new RpcError(faultOf(call.method, reply.error), call.method, codeOf(reply.error)));
  } else if (reply === undefined || reply.result === undefined) {
    call.reject(new RpcError('bad_response', call.method));
  } else {
    call.resolve(reply.result);
  }
}
