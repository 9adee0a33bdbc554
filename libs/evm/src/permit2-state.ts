// What Permit2 and a token know of a payer, as calls and as their answers.
import type { EvmAddress, Hex32 } from '#domain';
import { encodeFunctionData, parseAbi, type Hex } from 'viem';
import { bitOf, PERMIT2 } from './permit2.js';

const ABI = parseAbi([
  'function nonceBitmap(address owner, uint256 word) view returns (uint256)',
  'function allowance(address owner, address spender) view returns (uint256)',
]);

interface Call {
  readonly to: EvmAddress;
  readonly data: Hex;
}

export function nonceBitmapCall(owner: EvmAddress, nonce: Hex32): Call {
  const args = [owner, bitOf(nonce).word] as const;
  return { to: PERMIT2, data: encodeFunctionData({ abi: ABI, functionName: 'nonceBitmap', args }) };
}

/** Of the answer to {@link nonceBitmapCall}; undefined: no Permit2 answered. */
export function isNonceUsed(answer: Hex | undefined, nonce: Hex32): boolean | undefined {
  const bits = uintOf(answer);
  return bits === undefined ? undefined : hasBit(bits, nonce);
}

/** Whether a word of the bitmap, or a mask over it, holds the nonce's bit. */
export function hasBit(bits: bigint, nonce: Hex32): boolean {
  return ((bits >> bitOf(nonce).bit) & 1n) === 1n;
}

/** What the payer lets Permit2 take of the token. */
export function allowanceCall(token: EvmAddress, owner: EvmAddress): Call {
  const args = [owner, PERMIT2] as const;
  return { to: token, data: encodeFunctionData({ abi: ABI, functionName: 'allowance', args }) };
}

/** The number in an answer of one word; undefined: it is none. */
export function uintOf(word: Hex | undefined): bigint | undefined {
  return word?.length === 66 ? BigInt(word) : undefined;
}
