// How a node's answers are read: strictly, and a malformed one is `bad_response`, never a value.
import { parseEvmAddress, parseHex32, type EvmAddress, type Hex32 } from '#domain';
import type { Hex } from 'viem';
import { RpcError } from './json-rpc.js';

/** A block as the money rules need it. */
export interface BlockHeader {
  readonly number: number;
  readonly hash: Hex32;
  readonly parentHash: Hex32;
  readonly timestampSec: number;
  /** Wei per gas. */
  readonly baseFeePerGas: bigint;
}

export interface RawLog {
  readonly address: EvmAddress;
  readonly topics: readonly Hex32[];
  /** `0x` and lower-case hex. */
  readonly data: Hex;
  readonly txHash: Hex32;
  readonly blockNumber: number;
  readonly blockHash: Hex32;
  readonly logIndex: number;
}

export interface Receipt {
  readonly txHash: Hex32;
  readonly blockNumber: number;
  readonly blockHash: Hex32;
  readonly succeeded: boolean;
  readonly logs: readonly RawLog[];
}

/** Chain order: by block, then by position in it. */
export function inChainOrder(
  a: { readonly blockNumber: number; readonly logIndex: number },
  b: { readonly blockNumber: number; readonly logIndex: number },
): number {
  return a.blockNumber - b.blockNumber || a.logIndex - b.logIndex;
}

export function uintOf(word: Hex | undefined): bigint | undefined {
  return word !== undefined && word.length === 66 ? BigInt(word) : undefined;
}

export function boolOf(word: Hex | undefined): boolean | undefined {
  const value = uintOf(word);
  return value === 0n ? false : value === 1n ? true : undefined;
}

export function orAbsent<T>(raw: unknown, parse: (found: Record<string, unknown>) => T): T | undefined {
  if (raw === null) return undefined;
  return parse(typeof raw === 'object' ? (raw as Record<string, unknown>) : {});
}

export function bytesOf(method: string, raw: unknown): Hex {
  if (typeof raw === 'string' && /^0x(?:[0-9a-fA-F]{2})*$/.test(raw)) return raw.toLowerCase() as Hex;
  throw new RpcError('bad_response', method);
}

export function quantity(method: string, raw: unknown): number {
  if (typeof raw === 'string' && /^0x[0-9a-fA-F]{1,13}$/.test(raw)) return Number(raw);
  throw new RpcError('bad_response', method);
}

/** The domain's parsers refuse in the caller's language; here a refusal means that the node talks nonsense. */
function parsed<T>(method: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    throw new RpcError('bad_response', method);
  }
}

export function hash32(method: string, raw: unknown): Hex32 {
  return parsed(method, () => parseHex32(raw));
}

export function blockOf(method: string, raw: Record<string, unknown>): BlockHeader {
  return {
    number: quantity(method, raw['number']),
    hash: hash32(method, raw['hash']),
    parentHash: hash32(method, raw['parentHash']),
    timestampSec: quantity(method, raw['timestamp']),
    // Chains before London have none, and take any fee.
    baseFeePerGas: raw['baseFeePerGas'] === undefined ? 0n : amountOf(method, raw['baseFeePerGas']),
  };
}

export function logsOf(method: string, raw: unknown): readonly RawLog[] {
  if (!Array.isArray(raw)) throw new RpcError('bad_response', method);
  const logs = (raw as readonly unknown[]).map((log) => orAbsent(log, (found) => found));
  return logs.filter((log) => log?.['removed'] !== true).map((log) => logOf(method, log ?? {}));
}

function logOf(method: string, raw: Record<string, unknown>): RawLog {
  const topics = raw['topics'];
  if (!Array.isArray(topics)) throw new RpcError('bad_response', method);
  return {
    address: parsed(method, () => parseEvmAddress(raw['address'])),
    topics: topics.map((topic: unknown) => hash32(method, topic)),
    data: bytesOf(method, raw['data']),
    txHash: hash32(method, raw['transactionHash']),
    blockNumber: quantity(method, raw['blockNumber']),
    blockHash: hash32(method, raw['blockHash']),
    logIndex: quantity(method, raw['logIndex']),
  };
}

export function receiptOf(txHash: Hex32, raw: Record<string, unknown>): Receipt | undefined {
  const method = 'eth_getTransactionReceipt';
  // Some nodes show a pending transaction as a receipt without a block.
  if (raw['blockHash'] === null) return undefined;
  const receipt: Receipt = {
    txHash: hash32(method, raw['transactionHash']),
    blockNumber: quantity(method, raw['blockNumber']),
    blockHash: hash32(method, raw['blockHash']),
    succeeded: quantity(method, raw['status']) === 1,
    logs: logsOf(method, raw['logs']).toSorted(inChainOrder),
  };
  const foreign = receipt.logs.some((log) => log.txHash !== txHash || log.blockHash !== receipt.blockHash);
  if (receipt.txHash !== txHash || foreign) throw new RpcError('bad_response', method);
  return receipt;
}

/** What somebody sent, and where it ended up. */
export interface SentTransaction {
  /** Undefined: it made a contract. */
  readonly to: EvmAddress | undefined;
  readonly input: Hex;
  /** Undefined while it waits. */
  readonly blockHash: Hex32 | undefined;
}

export function transactionOf(txHash: Hex32, raw: Record<string, unknown>): SentTransaction {
  const method = 'eth_getTransactionByHash';
  const { to, blockHash } = raw;
  if (hash32(method, raw['hash']) !== txHash) throw new RpcError('bad_response', method);
  return {
    to: to === null ? undefined : parsed(method, () => parseEvmAddress(to)),
    input: bytesOf(method, raw['input']),
    blockHash: blockHash === null ? undefined : hash32(method, blockHash),
  };
}

/** Wei or base units. */
export function amountOf(method: string, raw: unknown): bigint {
  if (typeof raw === 'string' && /^0x[0-9a-fA-F]{1,64}$/.test(raw)) return BigInt(raw);
  throw new RpcError('bad_response', method);
}
