// `cancelAuthorization` as bytes. Only our own wallets ask for it, and theirs are ordinary accounts: 65 bytes of signature.
import { parseHex32, type EvmAddress } from '#domain';
import { toHex } from '../keccak.js';
import {
  InvalidAuthorizationError,
  readAddress,
  SELECTOR_BYTES,
  selectorOf,
  WORD,
  writeAddress,
  writeBytes32,
} from '../words.js';
import type { MethodCodec, TransferCall } from './method.js';

type CancelCall = Extract<TransferCall, { method: 'cancel' }>;

const CANCEL = selectorOf('cancelAuthorization(address,bytes32,uint8,bytes32,bytes32)');
const SIGNATURE_BYTES = 65;
/** authorizer, nonce, v, r, s */
const BYTES = SELECTOR_BYTES + 5 * WORD;

export const cancelCodec: MethodCodec<CancelCall> = {
  selectors: [CANCEL.toString('hex')],
  gas: 50_000n,
  targetOf: ({ token }) => token,
  sizeOf: () => BYTES,
  write(data, start, { from, to, value, validAfterSec, validBeforeSec, nonce, signature }) {
    if (to !== from || value !== 0n || validAfterSec !== 0 || validBeforeSec !== 0)
      throw new InvalidAuthorizationError('value');
    if (signature.length !== SIGNATURE_BYTES) throw new InvalidAuthorizationError('signature');
    CANCEL.copy(data, start);
    const at = start + SELECTOR_BYTES;
    writeAddress(data, at, from, 'from');
    writeBytes32(data, at + WORD, nonce, 'nonce');
    data[at + 3 * WORD - 1] = signature[64] ?? 0;
    data.set(signature.subarray(0, 64), at + 3 * WORD);
  },
  read: readCancel,
};

function readCancel(token: EvmAddress, data: Buffer): CancelCall | undefined {
  if (data.length !== BYTES) return undefined;
  const at = SELECTOR_BYTES;
  const from = readAddress(data, at);
  const signature = new Uint8Array(SIGNATURE_BYTES);
  signature.set(data.subarray(at + 3 * WORD, at + 5 * WORD));
  signature[64] = data[at + 3 * WORD - 1] ?? 0;
  const nonce = parseHex32(toHex(data.subarray(at + WORD, at + 2 * WORD)));
  return {
    method: 'cancel',
    token,
    from,
    to: from,
    value: 0n,
    validAfterSec: 0,
    validBeforeSec: 0,
    nonce,
    signature,
  };
}
