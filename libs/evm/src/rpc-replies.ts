// What a node says to a batch, and what its refusals mean. A provider's text may hold anything: none of it goes further than here.

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

/** A failure of a whole exchange, before it is told to each call in it. */
export class Fault extends Error {
  constructor(
    readonly fault: RpcFault,
    readonly code?: number,
  ) {
    super(fault);
  }
}

export interface RpcEntry {
  readonly jsonrpc: '2.0';
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}

export interface RpcReply {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code?: unknown; readonly message?: unknown };
}

/** By id. @throws Fault */
export function repliesOf(answer: unknown): Map<number, RpcReply> {
  if (!Array.isArray(answer)) throw wholeBatchFault(answer);
  const replies = new Map<number, RpcReply>();
  for (const reply of answer as readonly unknown[]) {
    if (typeof reply !== 'object' || reply === null) throw new Fault('bad_response');
    const { id } = reply as RpcReply;
    if (typeof id !== 'number' || replies.has(id)) throw new Fault('bad_response');
    replies.set(id, reply);
  }
  return replies;
}

/** @throws Fault */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Fault('bad_response');
  }
}

/** A provider that refuses the batch as a whole answers with one error object. */
export function wholeBatchFault(answer: unknown): Fault {
  const error = typeof answer === 'object' && answer !== null ? (answer as RpcReply).error : undefined;
  return error === undefined || error === null
    ? new Fault('bad_response')
    : new Fault(faultOf('batch', error), codeOf(error));
}

export function codeOf(error: NonNullable<RpcReply['error']>): number | undefined {
  return typeof error.code === 'number' ? error.code : undefined;
}

/** Providers agree on no codes for "too much at once", so their words have to be read; the words go no further. */
export function faultOf(method: string, error: NonNullable<RpcReply['error']>): RpcFault {
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
