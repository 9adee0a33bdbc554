// `permit` of the token as bytes (EIP-2612). Behind its arguments stand the 32 bytes of the operation's nonce, which the token does not read: they tell
// two permits apart that say the same. Only our own wallets ask for it, and theirs are ordinary accounts: 65 bytes of signature.
import { parseHex32, type EvmAddress } from '#domain';
import { toHex } from '../keccak.js';
import {
  InvalidAuthorizationError,
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

type AllowanceCall = Extract<TransferCall, { method: 'allowance' }>;

const PERMIT = selectorOf('permit(address,address,uint256,uint256,uint8,bytes32,bytes32)');
const SIGNATURE_BYTES = 65;
/** owner, spender, value, deadline, v, r, s; nonce */
const BYTES = SELECTOR_BYTES + 8 * WORD;

export const allowanceCodec: MethodCodec<AllowanceCall> = {
  selectors: [PERMIT.toString('hex')],
  gas: 100_000n,
  targetOf: ({ token }) => token,
  sizeOf: () => BYTES,
  write(data, start, { from, to, value, validAfterSec, validBeforeSec, nonce, signature }) {
    if (validAfterSec !== 0) throw new InvalidAuthorizationError('validAfter');
    if (signature.length !== SIGNATURE_BYTES) throw new InvalidAuthorizationError('signature');
    PERMIT.copy(data, start);
    const at = start + SELECTOR_BYTES;
    writeAddress(data, at, from, 'from');
    writeAddress(data, at + WORD, to, 'to');
    writeUint(data, at + 2 * WORD, value, 'value');
    writeInteger(data, at + 3 * WORD, validBeforeSec, 'validBefore');
    data[at + 5 * WORD - 1] = signature[64] ?? 0;
    data.set(signature.subarray(0, 64), at + 5 * WORD);
    writeBytes32(data, at + 7 * WORD, nonce, 'nonce');
  },
  read: readAllowance,
};

function readAllowance(token: EvmAddress, data: Buffer): AllowanceCall | undefined {
  if (data.length !== BYTES) return undefined;
  const at = SELECTOR_BYTES;
  const validBeforeSec = readInteger(data, at + 3 * WORD);
  if (validBeforeSec === undefined) return undefined;
  const signature = new Uint8Array(SIGNATURE_BYTES);
  signature.set(data.subarray(at + 5 * WORD, at + 7 * WORD));
  signature[64] = data[at + 5 * WORD - 1] ?? 0;
  return {
    method: 'allowance',
    token,
    from: readAddress(data, at),
    to: readAddress(data, at + WORD),
    value: BigInt(toHex(data.subarray(at + 2 * WORD, at + 3 * WORD))),
    validAfterSec: 0,
    validBeforeSec,
    nonce: parseHex32(toHex(data.subarray(at + 7 * WORD))),
    signature,
  };
}
