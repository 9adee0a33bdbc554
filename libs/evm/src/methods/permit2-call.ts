// `settle` of x402's Permit2 proxies as bytes (x402.md 4.2 and 5). All but the signature stands at a fixed place.
import { parseHex32 } from '#domain';
import { toHex } from '../keccak.js';
import { EXACT_PROXY, UPTO_PROXY } from '../permit2.js';
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

type Permit2Call = Extract<TransferCall, { method: 'permit2' }>;
type UptoCall = Extract<TransferCall, { method: 'upto' }>;

const PERMIT = '((address,uint256),uint256,uint256)';
const EXACT = selectorOf(`settle(${PERMIT},address,(address,uint256),bytes)`);
const UPTO = selectorOf(`settle(${PERMIT},uint256,address,(address,address,uint256),bytes)`);

/** token, amount, nonce, deadline, owner, to, validAfter, where the signature is */
const EXACT_WORDS = 8;
/** token, ceiling, nonce, deadline, charge, owner, to, facilitator, validAfter, where the signature is */
const UPTO_WORDS = 10;

/** 90,000 with a nonce's word used for the first time and a payee without tokens; the token may be behind a proxy of its own. */
const GAS = 120_000n;

export const permit2Codec: MethodCodec<Permit2Call> = {
  selectors: [EXACT.toString('hex')],
  gas: GAS,
  targetOf: () => EXACT_PROXY,
  sizeOf: ({ signature }) => sizeWith(EXACT_WORDS, signature),
  write(data, start, call) {
    EXACT.copy(data, start);
    const at = start + SELECTOR_BYTES;
    writePermit(data, at, call, call.value);
    writeAddress(data, at + 4 * WORD, call.from, 'from');
    writeAddress(data, at + 5 * WORD, call.to, 'to');
    writeInteger(data, at + 6 * WORD, call.validAfterSec, 'validAfter');
    writeSignature(data, at, EXACT_WORDS, call.signature);
  },
  read(target, data) {
    const at = SELECTOR_BYTES;
    const signature = readSignature(data, EXACT_WORDS);
    const permit = readPermit(data);
    const validAfterSec = readInteger(data, at + 6 * WORD);
    if (
      target !== EXACT_PROXY ||
      signature === undefined ||
      permit === undefined ||
      validAfterSec === undefined
    )
      return undefined;
    const { amount: value, ...permitted } = permit;
    const [from, to] = [readAddress(data, at + 4 * WORD), readAddress(data, at + 5 * WORD)];
    return { method: 'permit2', ...permitted, value, from, to, validAfterSec, signature };
  },
};

export const uptoCodec: MethodCodec<UptoCall> = {
  selectors: [UPTO.toString('hex')],
  gas: GAS,
  targetOf: () => UPTO_PROXY,
  sizeOf: ({ signature }) => sizeWith(UPTO_WORDS, signature),
  write(data, start, call) {
    UPTO.copy(data, start);
    const at = start + SELECTOR_BYTES;
    writePermit(data, at, call, call.ceiling);
    writeUint(data, at + 4 * WORD, call.value, 'value');
    writeAddress(data, at + 5 * WORD, call.from, 'from');
    writeAddress(data, at + 6 * WORD, call.to, 'to');
    writeAddress(data, at + 7 * WORD, call.facilitator, 'facilitator');
    writeInteger(data, at + 8 * WORD, call.validAfterSec, 'validAfter');
    writeSignature(data, at, UPTO_WORDS, call.signature);
  },
  read(target, data) {
    const at = SELECTOR_BYTES;
    const signature = readSignature(data, UPTO_WORDS);
    const permit = readPermit(data);
    const validAfterSec = readInteger(data, at + 8 * WORD);
    if (
      target !== UPTO_PROXY ||
      signature === undefined ||
      permit === undefined ||
      validAfterSec === undefined
    )
      return undefined;
    const { amount: ceiling, ...permitted } = permit;
    const [from, to] = [readAddress(data, at + 5 * WORD), readAddress(data, at + 6 * WORD)];
    const facilitator = readAddress(data, at + 7 * WORD);
    const value = readUint(data, at + 4 * WORD);
    return { method: 'upto', ...permitted, ceiling, facilitator, value, from, to, validAfterSec, signature };
  },
};

function sizeWith(words: number, signature: Uint8Array): number {
  return SELECTOR_BYTES + (words + 1) * WORD + paddedSize(signature.length);
}

function writePermit(data: Buffer, at: number, call: Permit2Call | UptoCall, amount: bigint): void {
  writeAddress(data, at, call.token, 'token');
  writeUint(data, at + WORD, amount, 'value');
  writeBytes32(data, at + 2 * WORD, call.nonce, 'nonce');
  writeInteger(data, at + 3 * WORD, call.validBeforeSec, 'validBefore');
}

function readPermit(data: Buffer) {
  const at = SELECTOR_BYTES;
  const validBeforeSec = readInteger(data, at + 3 * WORD);
  if (validBeforeSec === undefined) return undefined;
  const nonce = parseHex32(toHex(data.subarray(at + 2 * WORD, at + 3 * WORD)));
  return { token: readAddress(data, at), amount: readUint(data, at + WORD), nonce, validBeforeSec };
}

/** Right behind the fixed words, the last of which says so. */
function writeSignature(data: Buffer, at: number, words: number, signature: Uint8Array): void {
  writeInteger(data, at + (words - 1) * WORD, words * WORD, 'signature');
  writeInteger(data, at + words * WORD, signature.length, 'signature');
  data.set(signature, at + (words + 1) * WORD);
}

/** Undefined also where the fixed words do not fit. */
function readSignature(data: Buffer, words: number): Uint8Array | undefined {
  const head = SELECTOR_BYTES + (words + 1) * WORD;
  const length = readInteger(data, SELECTOR_BYTES + words * WORD);
  if (length === undefined || length > data.length - head) return undefined;
  return Uint8Array.from(data.subarray(head, head + length));
}

function readUint(data: Buffer, at: number): bigint {
  return BigInt(toHex(data.subarray(at, at + WORD)));
}
