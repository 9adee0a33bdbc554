// `transferWithAuthorization` as bytes, in the overload that fits the signature (x402.md 4.1).
import { parseHex32, type EvmAddress } from '#domain';
import { toHex } from '../keccak.js';
import {
  paddedSize,
  readAddress,
  readInteger,
  SELECTOR_BYTES,
  selectorOf,
  WORD,
  writeAddress,
  writeBytes32,
  writeInteger,
  writeUint,
} from '../words.js';
import type { MethodCodec, TransferCall } from './method.js';

type Eip3009Call = Extract<TransferCall, { method: 'eip3009' }>;

const TUPLE = 'address,address,uint256,uint256,uint256,bytes32';
const PLAIN = selectorOf(`transferWithAuthorization(${TUPLE},uint8,bytes32,bytes32)`);
const WITH_BYTES = selectorOf(`transferWithAuthorization(${TUPLE},bytes)`);

const PLAIN_SIGNATURE_BYTES = 65;
/** from, to, value, validAfter, validBefore, nonce, v, r, s */
const PLAIN_BYTES = SELECTOR_BYTES + 9 * WORD;
/** from, to, value, validAfter, validBefore, nonce, where the signature is, its length */
const WITH_BYTES_HEAD = SELECTOR_BYTES + 8 * WORD;

export const eip3009Codec: MethodCodec<Eip3009Call> = {
  selectors: [PLAIN, WITH_BYTES].map((it) => it.toString('hex')),
  gas: 80_000n,
  targetOf: ({ token }) => token,
  sizeOf: ({ signature }) =>
    signature.length === PLAIN_SIGNATURE_BYTES ? PLAIN_BYTES : WITH_BYTES_HEAD + paddedSize(signature.length),
  write: writeTransfer,
  read: readTransfer,
};

function writeTransfer(data: Buffer, start: number, transfer: Eip3009Call): void {
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

function readTransfer(token: EvmAddress, data: Buffer): Eip3009Call | undefined {
  if (data.length < WITH_BYTES_HEAD) return undefined;
  const at = SELECTOR_BYTES;
  const signature = readSignature(data);
  const validAfterSec = readInteger(data, at + 3 * WORD);
  const validBeforeSec = readInteger(data, at + 4 * WORD);
  if (signature === undefined || validAfterSec === undefined || validBeforeSec === undefined)
    return undefined;
  return {
    method: 'eip3009',
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
