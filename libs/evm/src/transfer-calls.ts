// Call data that brings signed transfers on chain, both ways: encoded for the transaction, and decoded by the signer, which must know
// exactly what it signs. There is one encoding per list of transfers, and only that one decodes. Hand-written, because every settlement
// passes here twice; a property test holds the bytes equal to viem's.
import type { EvmAddress } from '#domain';
import { codecFor, codecOf } from './methods/index.js';
import type { TransferCall } from './methods/method.js';
import { MULTICALL3 } from './multicall3.js';
import {
  InvalidAuthorizationError,
  paddedSize,
  readAddress,
  readInteger,
  SELECTOR_BYTES,
  selectorOf,
  WORD,
  writeAddress,
  writeInteger,
} from './words.js';

export interface EncodedCall {
  readonly target: EvmAddress;
  readonly data: Uint8Array;
}

/** Gas of a transaction before its calls. */
const GAS_BASE = 60_000n;

const AGGREGATE = selectorOf('aggregate3((address,bool,bytes)[])');

/** target, allowFailure, where the call data is, its length */
const CALL_HEAD = 4 * WORD;
/** where the array is, its length */
const AGGREGATE_HEAD = SELECTOR_BYTES + 2 * WORD;

/**
 * A lone transfer goes to its contract; several go to Multicall3 as one `aggregate3`, in which each may fail without the others.
 * @throws InvalidAuthorizationError, also when there is none.
 */
export function encodeTransfers(transfers: readonly TransferCall[]): EncodedCall {
  const [first] = transfers;
  if (first === undefined) throw new InvalidAuthorizationError('transfers');
  if (transfers.length > 1) return { target: MULTICALL3, data: encodeAggregate(transfers) };
  const codec = codecOf(first);
  const data = Buffer.alloc(codec.sizeOf(first));
  codec.write(data, 0, first);
  return { target: codec.targetOf(first), data };
}

/** Gas that a transaction which carries them may use. */
export function gasFor(transfers: readonly TransferCall[]): bigint {
  return transfers.reduce((gas, it) => gas + codecOf(it).gas, GAS_BASE);
}

/** The transfers that {@link encodeTransfers} turns into exactly this target and these bytes, or undefined. */
export function decodeTransfers(target: EvmAddress, data: Uint8Array): readonly TransferCall[] | undefined {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const transfers = target === MULTICALL3 ? readAggregate(bytes) : readLone(target, bytes);
  if (transfers === undefined || transfers.length === 0) return undefined;
  // Whatever reading was lenient about (padding, order, overlap, the other overload) shows here.
  const again = encodeTransfers(transfers);
  return again.target === target && bytes.equals(again.data) ? transfers : undefined;
}

function encodeAggregate(transfers: readonly TransferCall[]): Buffer {
  const sizes = transfers.map((it) => codecOf(it).sizeOf(it));
  const offsets = transfers.length * WORD;
  const all = sizes.reduce((sum, size) => sum + CALL_HEAD + paddedSize(size), 0);
  const data = Buffer.alloc(AGGREGATE_HEAD + offsets + all);
  AGGREGATE.copy(data);
  writeInteger(data, SELECTOR_BYTES, WORD, 'calls');
  writeInteger(data, SELECTOR_BYTES + WORD, transfers.length, 'calls');
  let at = offsets;
  transfers.forEach((transfer, index) => {
    const codec = codecOf(transfer);
    const size = sizes[index] ?? 0;
    const call = AGGREGATE_HEAD + at;
    writeInteger(data, AGGREGATE_HEAD + index * WORD, at, 'calls');
    writeAddress(data, call, codec.targetOf(transfer), 'token');
    data[call + 2 * WORD - 1] = 1;
    writeInteger(data, call + 2 * WORD, 3 * WORD, 'calls');
    writeInteger(data, call + 3 * WORD, size, 'calls');
    codec.write(data, call + CALL_HEAD, transfer);
    at += CALL_HEAD + paddedSize(size);
  });
  return data;
}

function readLone(target: EvmAddress, data: Buffer): readonly TransferCall[] | undefined {
  const transfer = codecFor(data)?.read(target, data);
  return transfer && [transfer];
}

function readAggregate(data: Buffer): readonly TransferCall[] | undefined {
  if (data.length < AGGREGATE_HEAD || !data.subarray(0, SELECTOR_BYTES).equals(AGGREGATE)) return undefined;
  const count = readInteger(data, SELECTOR_BYTES + WORD);
  if (count === undefined || count < 2 || count * CALL_HEAD > data.length) return undefined;
  const transfers: TransferCall[] = [];
  // Only where we put them: calls that overlap could make us read the same bytes over and over.
  let call = AGGREGATE_HEAD + count * WORD;
  for (let index = 0; index < count; index += 1) {
    const length = readInteger(data, call + 3 * WORD);
    if (length === undefined || length > data.length) return undefined;
    const bytes = data.subarray(call + CALL_HEAD, call + CALL_HEAD + length);
    const transfer = codecFor(bytes)?.read(readAddress(data, call), bytes);
    if (transfer === undefined) return undefined;
    transfers.push(transfer);
    call += CALL_HEAD + paddedSize(length);
  }
  return transfers;
}
