// Call data that brings signed transfers on chain, both ways: encoded for the transaction, and decoded by the signer, which must know
// exactly what it signs. There is one encoding per list of transfers, and only that one decodes. Hand-written, because every settlement
// passes here twice; a property test holds the bytes equal to viem's.
import { parseEvmAddress, parseHex32, type EvmAddress } from '#domain';
import type { TransferTuple } from './eip3009.js';
import { keccak256OfText, toHex } from './keccak.js';
import {
  InvalidAuthorizationError,
  WORD,
  writeAddress,
  writeBytes32,
  writeInteger,
  writeUint,
} from './words.js';

/** One `transferWithAuthorization`. */
export interface TransferCall extends TransferTuple {
  readonly token: EvmAddress;
  /** 65 bytes r, s, v, or whatever a contract account accepts. */
  readonly signature: Uint8Array;
}

export interface EncodedCall {
  readonly target: EvmAddress;
  readonly data: Uint8Array;
}

/** Deployed at this address on every chain (multicall3.com). */
export const MULTICALL3 = parseEvmAddress('0xcA11bde05977b3631167028862bE2a173976CA11');

const TUPLE = 'address,address,uint256,uint256,uint256,bytes32';
const SELECTOR_BYTES = 4;
const PLAIN = selectorOf(`transferWithAuthorization(${TUPLE},uint8,bytes32,bytes32)`);
const WITH_BYTES = selectorOf(`transferWithAuthorization(${TUPLE},bytes)`);
const AGGREGATE = selectorOf('aggregate3((address,bool,bytes)[])');

const PLAIN_SIGNATURE_BYTES = 65;
/** from, to, value, validAfter, validBefore, nonce, v, r, s */
const PLAIN_BYTES = SELECTOR_BYTES + 9 * WORD;
/** from, to, value, validAfter, validBefore, nonce, where the signature is, its length */
const WITH_BYTES_HEAD = SELECTOR_BYTES + 8 * WORD;
/** target, allowFailure, where the call data is, its length */
const CALL_HEAD = 4 * WORD;
/** where the array is, its length */
const AGGREGATE_HEAD = SELECTOR_BYTES + 2 * WORD;

/**
 * A lone transfer goes to its token; several go to Multicall3 as one `aggregate3`, in which each may fail without the others.
 * @throws InvalidAuthorizationError, also when there is none.
 */
export function encodeTransfers(transfers: readonly TransferCall[]): EncodedCall {
  const [first] = transfers;
  if (first === undefined) throw new InvalidAuthorizationError('transfers');
  if (transfers.length === 1) {
    const data = Buffer.alloc(sizeOf(first.signature.length));
    writeTransfer(data, 0, first);
    return { target: first.token, data };
  }
  return { target: MULTICALL3, data: encodeAggregate(transfers) };
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
  const sizes = transfers.map((it) => CALL_HEAD + padded(sizeOf(it.signature.length)));
  const offsets = transfers.length * WORD;
  const data = Buffer.alloc(AGGREGATE_HEAD + offsets + sizes.reduce((sum, size) => sum + size, 0));
  AGGREGATE.copy(data);
  writeInteger(data, SELECTOR_BYTES, WORD, 'calls');
  writeInteger(data, SELECTOR_BYTES + WORD, transfers.length, 'calls');
  let at = offsets;
  transfers.forEach((transfer, index) => {
    const call = AGGREGATE_HEAD + at;
    writeInteger(data, AGGREGATE_HEAD + index * WORD, at, 'calls');
    writeAddress(data, call, transfer.token, 'token');
    data[call + 2 * WORD - 1] = 1;
    writeInteger(data, call + 2 * WORD, 3 * WORD, 'calls');
    writeInteger(data, call + 3 * WORD, sizeOf(transfer.signature.length), 'calls');
    writeTransfer(data, call + CALL_HEAD, transfer);
    at += sizes[index] ?? 0;
  });
  return data;
}

const padded = (length: number): number => Math.ceil(length / WORD) * WORD;

function sizeOf(signatureLength: number): number {
  return signatureLength === PLAIN_SIGNATURE_BYTES ? PLAIN_BYTES : WITH_BYTES_HEAD + padded(signatureLength);
}

function writeTransfer(data: Buffer, start: number, transfer: TransferCall): void {
  const { signature } = transfer;
  const plain = signature.length === PLAIN_SIGNATURE_BYTES;
  (plain ? PLAIN : WITH_BYTES).copy(data, start);
  const at = start + SELECTOR_BYTES;
  writeAddress(data, at, transfer.from, 'from');
  writeAddress(data, at + WORD, transfer.to, 'to');
  writeUint(data, at + 2 * WORD, transfer.value, 'value');
  writeInteger(data, at + 3 * WORD, transfer.validAfterSec, 'validAfter');
  writeInteger(data, at + 4 * WORD, transfer.validBeforeSec, 'validBefore');
  writeBytes32(data, at + 5 * WORD, transfer.nonce, 'nonce');
  if (plain) {
    data[at + 7 * WORD - 1] = signature[64] ?? 0;
    data.set(signature.subarray(0, 64), at + 7 * WORD);
  } else {
    writeInteger(data, at + 6 * WORD, 7 * WORD, 'signature');
    writeInteger(data, at + 7 * WORD, signature.length, 'signature');
    data.set(signature, at + 8 * WORD);
  }
}

function readLone(token: EvmAddress, data: Buffer): readonly TransferCall[] | undefined {
  const transfer = readTransfer(token, data);
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
    const token = readAddress(data, call);
    const transfer = readTransfer(token, data.subarray(call + CALL_HEAD, call + CALL_HEAD + length));
    if (transfer === undefined) return undefined;
    transfers.push(transfer);
    call += CALL_HEAD + padded(length);
  }
  return transfers;
}

function readTransfer(token: EvmAddress, data: Buffer): TransferCall | undefined {
  if (data.length < WITH_BYTES_HEAD) return undefined;
  const at = SELECTOR_BYTES;
  const signature = readSignature(data);
  const validAfterSec = readInteger(data, at + 3 * WORD);
  const validBeforeSec = readInteger(data, at + 4 * WORD);
  if (signature === undefined || validAfterSec === undefined || validBeforeSec === undefined)
    return undefined;
  return {
    token,
    from: readAddress(data, at),
    to: readAddress(data, at + WORD),
    value: BigInt(toHex(data.subarray(at + 2 * WORD, at + 3 * WORD))),
    validAfterSec,
    validBeforeSec,
    nonce: parseHex32(toHex(data.subarray(at + 5 * WORD, at + 6 * WORD))),
    signature,
  };
}

function readSignature(data: Buffer): Uint8Array | undefined {
  const at = SELECTOR_BYTES;
  const selector = data.subarray(0, SELECTOR_BYTES);
  if (selector.equals(PLAIN) && data.length === PLAIN_BYTES) {
    const signature = new Uint8Array(PLAIN_SIGNATURE_BYTES);
    signature.set(data.subarray(at + 7 * WORD, at + 9 * WORD));
    signature[64] = data[at + 7 * WORD - 1] ?? 0;
    return signature;
  }
  if (!selector.equals(WITH_BYTES)) return undefined;
  const length = readInteger(data, at + 7 * WORD);
  if (length === undefined || length > data.length - WITH_BYTES_HEAD) return undefined;
  return Uint8Array.from(data.subarray(WITH_BYTES_HEAD, WITH_BYTES_HEAD + length));
}

/** The last 20 bytes of the word; whatever precedes them must be zero, which encoding anew finds out. */
function readAddress(data: Buffer, at: number): EvmAddress {
  return parseEvmAddress(toHex(data.subarray(at + 12, at + WORD)));
}

/** Undefined beyond the end of the data, and for what no safe integer holds. */
function readInteger(data: Buffer, at: number): number | undefined {
  if (at + WORD > data.length) return undefined;
  for (let index = at; index < at + 24; index += 1) if (data[index] !== 0) return undefined;
  const value = data.readUInt32BE(at + 24) * 0x1_0000_0000 + data.readUInt32BE(at + 28);
  return Number.isSafeInteger(value) ? value : undefined;
}

function selectorOf(signature: string): Buffer {
  return Buffer.from(keccak256OfText(signature).subarray(0, SELECTOR_BYTES));
}
