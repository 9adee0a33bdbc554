// JSON-RPC over HTTP, thin and bounded. Calls made in the same turn of the event loop leave as one batch. Every batch
// also asks for the chain id, so each answer is known to come from the right chain, after a reconnect as much as before
// (safety.md T11). The URL may hold a key and a provider's text may hold anything: no error here carries either.

import { httpExchange, type HttpExchange } from './http-exchange.js';

export type RpcFault =
  | 'timeout'
  | 'unreachable'
  | 'http_status'
  | 'rate_limited'
  | 'overloaded'
  | 'too_large'
  | 'bad_response'
  | 'wrong_chain'
  | 'disagreement'
  | 'range_too_large'
  | 'reverted'
  | 'out_of_gas'
  | 'already_known'
  | 'nonce_too_low'
  | 'underpriced'
  | 'no_gas_money'
  | 'rejected';

/** Why an RPC call gave no answer. The method and numeric codes are all it tells. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  constructor(
    readonly fault: RpcFault,
    readonly method: string,
    /** HTTP status or JSON-RPC error code, where there is one. */
    readonly code?: number,
  ) {
    super(`RPC ${method} failed: ${fault}${code === undefined ? '' : ` (${code})`}`);
  }
}

export interface JsonRpcOptions {
  readonly url: string;
  readonly chainId: number;
  /** For one HTTP exchange, body included. Default 10,000. */
  readonly timeoutMs?: number;
  /** Calls per HTTP request beside the chain id. Default 50. */
  readonly maxBatch?: number;
  /** Default 16 MiB. */
  readonly maxResponseBytes?: number;
  /** HTTP requests under way at once. Default 8. */
  readonly maxInFlight?: number;
  /** Calls waiting for a place; more are refused with `overloaded`. Default 10,000. */
  readonly maxQueued?: number;
  /** How a request travels; over HTTP if not given. */
  readonly exchange?: HttpExchange;
}

export interface JsonRpc {
  /** The raw `result`. @throws RpcError */
  call(method: string, params: readonly unknown[]): Promise<unknown>;
  /** Work done so far, for metrics and for tests that count. */
  stats(): { readonly httpRequests: number; readonly calls: number };
}

interface PendingCall {
  readonly method: string;
  readonly params: readonly unknown[];
  resolve(result: unknown): void;
  reject(error: RpcError): void;
}

interface RpcReply {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code?: unknown; readonly message?: unknown };
}

/** @throws RpcError when the URL is malformed. */
export function createJsonRpc(options: JsonRpcOptions): JsonRpc {
  const { timeoutMs = 10_000, maxBatch = 50, maxInFlight = 8, maxQueued = 10_000 } = options;
  const over = options.exchange ?? httpExchange;
  const endpoint = endpointOf(options.url);
  const maxResponseBytes = options.maxResponseBytes ?? 16 * 1024 * 1024;
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
      const replies = await post(endpoint, batch, { timeoutMs, maxResponseBytes, exchange: over });
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
    stats: () => ({ httpRequests, calls }),
  };
}

/** Internal: a failure of the whole exchange, before it is told to each call in it. */
class Fault extends Error {
  constructor(
    readonly fault: RpcFault,
    readonly code?: number,
  ) {
    super(fault);
  }
}

interface Endpoint {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Clients leave out credentials in a URL, or refuse it with a message that quotes them: they become a header here. */
function endpointOf(text: string): Endpoint {
  if (!URL.canParse(text)) throw new RpcError('unreachable', 'configuration');
  const url = new URL(text);
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (url.username !== '' || url.password !== '') {
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers['authorization'] = `Basic ${Buffer.from(pair).toString('base64')}`;
    url.username = '';
    url.password = '';
  }
  return { url: url.href, headers };
}

async function post(
  endpoint: Endpoint,
  batch: readonly PendingCall[],
  limits: {
    readonly timeoutMs: number;
    readonly maxResponseBytes: number;
    readonly exchange: HttpExchange;
  },
): Promise<Map<number, RpcReply>> {
  const entries = [{ method: 'eth_chainId', params: [] }, ...batch].map((call, id) => ({
    jsonrpc: '2.0',
    id,
    method: call.method,
    params: call.params,
  }));
  const signal = AbortSignal.timeout(limits.timeoutMs);
  try {
    const body = JSON.stringify(entries);
    const answer = await limits.exchange({ ...endpoint, body, signal });
    const text = await readCapped(answer.body, limits.maxResponseBytes);
    if (answer.status < 200 || answer.status > 299)
      throw new Fault(answer.status === 429 ? 'rate_limited' : 'http_status', answer.status);
    return repliesOf(text);
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

function repliesOf(text: string): Map<number, RpcReply> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new Fault('bad_response');
  }
  if (!Array.isArray(parsed)) throw wholeBatchFault(parsed);
  const replies = new Map<number, RpcReply>();
  for (const reply of parsed as readonly unknown[]) {
    if (typeof reply !== 'object' || reply === null) throw new Fault('bad_response');
    const { id } = reply as RpcReply;
    if (typeof id !== 'number' || replies.has(id)) throw new Fault('bad_response');
    replies.set(id, reply);
  }
  return replies;
}

/** A provider that refuses the batch as a whole answers with one error object. */
function wholeBatchFault(parsed: unknown): Fault {
  const error = typeof parsed === 'object' && parsed !== null ? (parsed as RpcReply).error : undefined;
  return error === undefined || error === null
    ? new Fault('bad_response')
    : new Fault(faultOf('batch', error), codeOf(error));
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

function codeOf(error: NonNullable<RpcReply['error']>): number | undefined {
  return typeof error.code === 'number' ? error.code : undefined;
}

/** Providers agree on no codes for "too much at once", so their words have to be read; the words go no further. */
function faultOf(method: string, error: NonNullable<RpcReply['error']>): RpcFault {
  const message = typeof error.message === 'string' ? error.message : '';
  if (/rate.?limit|request count|too many requests|capacity|compute units/i.test(message))
    return 'rate_limited';
  if (method === 'eth_getLogs' && /range|more than|limit|exceed|too (many|large|wide|big)/i.test(message)) {
    return 'range_too_large';
  }
  if (method === 'eth_sendRawTransaction') return sendFaultOf(message);
  if (error.code === 3 || /revert/i.test(message)) return 'reverted';
  return /out of gas|outofgas|gas required exceeds/i.test(message) ? 'out_of_gas' : 'rejected';
}

/** The words of geth, which the others have taken over more or less. */
function sendFaultOf(message: string): RpcFault {
  if (/already known|already imported|known transaction/i.test(message)) return 'already_known';
  if (/nonce too low|nonce is too low|old nonce/i.test(message)) return 'nonce_too_low';
  if (/underpriced|fee too low|less than block base fee|max fee per gas/i.test(message)) return 'underpriced';
  if (/insufficient funds/i.test(message)) return 'no_gas_money';
  return 'rejected';
}
