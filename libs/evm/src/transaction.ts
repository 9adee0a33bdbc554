// EIP-1559 transactions of broadcast accounts: no value, no access list. The bytes equal viem's (property test); the signature is made by
// the native library and recovered before it is used, as those of authorizations are.
import { chainIdOf, parseHex32, type EvmAddress, type Hex32 } from '#domain';
import type { BroadcastCall, Fees } from '#engine';
import { SignatureCheckFailedError } from './eip3009.js';
import { keccak256, keccak256OfText, toHex } from './keccak.js';
import { addressOfPrivateKey, signDigestChecked } from './secp256k1.js';
import { WORD, writeAddress, writeInteger, writeUint } from './words.js';

/** A field does not fit the transaction, or the sender is not this key's. Names the field, never its value. */
export class InvalidTransactionError extends Error {
  override readonly name = 'InvalidTransactionError';
  constructor(readonly field: string) {
    super(`The field "${field}" of the transaction is not valid.`);
  }
}

export interface SignedTransaction {
  /** As a node takes it. */
  readonly raw: Uint8Array;
  readonly txHash: Hex32;
}

/** A private key opened for broadcasting: it signs transactions and nothing else. Keep it in the signer process only. */
export interface BroadcastKey {
  readonly address: EvmAddress;
  /** @throws InvalidTransactionError, SignatureCheckFailedError */
  signTransaction(call: BroadcastCall, fees: Fees): SignedTransaction;
  /** Overwrites this copy of the key; every later call throws. */
  close(): void;
}

const EIP1559 = Buffer.from([2]);
const NOTHING = Buffer.alloc(0);
const EMPTY_LIST = Buffer.from([0xc0]);
const MAX_UINT64 = (1n << 64n) - 1n;
const MAX_UINT256 = (1n << 256n) - 1n;
const IDENTITY_TYPE = keccak256OfText('purser/broadcast/v1');

/** Copies the key. @throws InvalidKeyMaterialError, NativeSigningUnavailableError */
export function openBroadcastKey(privateKey: Uint8Array): BroadcastKey {
  const key = Uint8Array.from(privateKey);
  const address = addressOfPrivateKey(key);
  const addressBytes = Buffer.from(address.slice(2), 'hex');
  return {
    address,
    signTransaction(call, fees) {
      if (call.sender !== address) throw new InvalidTransactionError('sender');
      const fields = fieldsOf(call, fees);
      const signature = signDigestChecked(digestOf(fields), key, addressBytes);
      if (signature === undefined) throw new SignatureCheckFailedError();
      const parity = (signature[64] ?? 0) === 28 ? 1n : 0n;
      const r = withoutZeros(Buffer.from(signature.subarray(0, 32)));
      const s = withoutZeros(Buffer.from(signature.subarray(32, 64)));
      const raw = Buffer.concat([EIP1559, list([...fields, quantity(parity), string(r), string(s)])]);
      return { raw, txHash: parseHex32(toHex(keccak256(raw))) };
    },
    close() {
      key.fill(0);
    },
  };
}

/** What the sender signs. @throws InvalidTransactionError */
export function unsignedHash(call: BroadcastCall, fees: Fees): Uint8Array {
  return digestOf(fieldsOf(call, fees));
}

/**
 * What stays the same in every transaction for an account nonce: all but the fees. It holds the hash of the call data and not the data, so
 * that whoever may see the hash alone can check it.
 * @throws InvalidAuthorizationError
 */
export function identityHash(call: BroadcastCall): Hex32 {
  const block = Buffer.alloc(7 * WORD);
  block.set(IDENTITY_TYPE);
  writeInteger(block, WORD, chainIdOf(call.network), 'network');
  writeAddress(block, 2 * WORD, call.sender, 'sender');
  writeInteger(block, 3 * WORD, call.accountNonce, 'accountNonce');
  writeAddress(block, 4 * WORD, call.target, 'target');
  block.set(keccak256(call.data), 5 * WORD);
  writeUint(block, 6 * WORD, call.gasLimit, 'gasLimit');
  return parseHex32(toHex(keccak256(block)));
}

function fieldsOf(call: BroadcastCall, fees: Fees): Buffer[] {
  if (!Number.isSafeInteger(call.accountNonce) || call.accountNonce < 0)
    throw new InvalidTransactionError('accountNonce');
  const target = Buffer.from(call.target.slice(2), 'hex');
  if (target.length !== 20) throw new InvalidTransactionError('target');
  within(call.gasLimit, MAX_UINT64, 'gasLimit');
  within(fees.maxFeePerGas, MAX_UINT256, 'maxFeePerGas');
  within(fees.maxPriorityFeePerGas, fees.maxFeePerGas, 'maxPriorityFeePerGas');
  return [
    quantity(BigInt(chainIdOf(call.network))),
    quantity(BigInt(call.accountNonce)),
    quantity(fees.maxPriorityFeePerGas),
    quantity(fees.maxFeePerGas),
    quantity(call.gasLimit),
    string(target),
    quantity(0n),
    string(Buffer.from(call.data.buffer, call.data.byteOffset, call.data.byteLength)),
    EMPTY_LIST,
  ];
}

function within(value: bigint, most: bigint, field: string): void {
  if (value < 0n || value > most) throw new InvalidTransactionError(field);
}

function digestOf(fields: readonly Buffer[]): Uint8Array {
  return keccak256(Buffer.concat([EIP1559, list(fields)]));
}

/** RLP of a number: big endian without leading zeros; zero is the empty string. */
function quantity(value: bigint): Buffer {
  if (value === 0n) return string(NOTHING);
  const hex = value.toString(16);
  return string(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex'));
}

function withoutZeros(bytes: Buffer): Buffer {
  let start = 0;
  while (start < bytes.length && bytes[start] === 0) start += 1;
  return bytes.subarray(start);
}

function string(bytes: Buffer): Buffer {
  const [first] = bytes;
  if (bytes.length === 1 && first !== undefined && first < 0x80) return bytes;
  return Buffer.concat([header(0x80, bytes.length), bytes]);
}

function list(items: readonly Buffer[]): Buffer {
  const body = Buffer.concat(items);
  return Buffer.concat([header(0xc0, body.length), body]);
}

/** 55 bytes and less have their length in the first byte; for more it holds how long the length is. */
function header(base: number, length: number): Buffer {
  if (length <= 55) return Buffer.from([base + length]);
  const hex = length.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([Buffer.from([base + 55 + bytes.length]), bytes]);
}
