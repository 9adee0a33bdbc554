// ABI words. They are written straight into a block that was zeroed before its first use: what is narrower than a word leaves the rest as it is.
// They are read leniently: whoever reads writes the result again and compares.
import { parseEvmAddress, type EvmAddress, type Hex32 } from '#domain';
import { keccak256OfText, toHex } from './keccak.js';

export const WORD = 32;
export const SELECTOR_BYTES = 4;
const MAX_UINT256 = (1n << 256n) - 1n;
const LOW_64 = (1n << 64n) - 1n;

/** A field does not fit its ABI type, or the authorization is not this key's. Names the field, never its value. */
export class InvalidAuthorizationError extends Error {
  override readonly name = 'InvalidAuthorizationError';
  constructor(readonly field: string) {
    super(`The field "${field}" of the authorization is not valid.`);
  }
}

/** `at` is the byte where the word begins, here and below. @throws InvalidAuthorizationError, as all of them. */
export function writeAddress(block: Buffer, at: number, address: EvmAddress, field: string): void {
  const written = address.length === 42 ? block.write(address.slice(2), at + 12, 20, 'hex') : 0;
  if (written !== 20) throw new InvalidAuthorizationError(field);
}

export function writeBytes32(block: Buffer, at: number, hex: Hex32, field: string): void {
  const written = hex.length === 66 ? block.write(hex.slice(2), at, WORD, 'hex') : 0;
  if (written !== WORD) throw new InvalidAuthorizationError(field);
}

export function writeUint(block: Buffer, at: number, value: bigint, field: string): void {
  if (typeof value !== 'bigint' || value < 0n || value > MAX_UINT256)
    throw new InvalidAuthorizationError(field);
  if (value <= LOW_64) {
    block.fill(0, at, at + 24);
  } else {
    block.writeBigUInt64BE(value >> 192n, at);
    block.writeBigUInt64BE((value >> 128n) & LOW_64, at + 8);
    block.writeBigUInt64BE((value >> 64n) & LOW_64, at + 16);
  }
  block.writeBigUInt64BE(value & LOW_64, at + 24);
}

/** Seconds, offsets, lengths. The upper words stay zero: only safe integers are ever written here. */
export function writeInteger(block: Buffer, at: number, value: number, field: string): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidAuthorizationError(field);
  block.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at + 24);
  block.writeUInt32BE(value % 0x1_0000_0000, at + 28);
}

/** The last 20 bytes of the word. */
export function readAddress(data: Buffer, at: number): EvmAddress {
  return parseEvmAddress(toHex(data.subarray(at + 12, at + WORD)));
}

/** Undefined beyond the end of the data, and for what no safe integer holds. */
export function readInteger(data: Buffer, at: number): number | undefined {
  if (at + WORD > data.length) return undefined;
  for (let index = at; index < at + 24; index += 1) if (data[index] !== 0) return undefined;
  const value = data.readUInt32BE(at + 24) * 0x1_0000_0000 + data.readUInt32BE(at + 28);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Bytes that so many take up in whole words. */
export function paddedSize(bytes: number): number {
  return Math.ceil(bytes / WORD) * WORD;
}

/** Of a function such as `balanceOf(address)`. */
export function selectorOf(signature: string): Buffer {
  return Buffer.from(keccak256OfText(signature).subarray(0, SELECTOR_BYTES));
}
