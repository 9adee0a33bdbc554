// An allowance moves no money and counts in no budget; what a person approved of is the whole of its limit (ADR 13).
import { parseHex32, type Hex32, type WalletId } from '../ids.js';
import type { AuthorizationMethod, Terms } from './terms.js';

/** Is money of the wallet held, committed and charged for it? */
export const movesMoney = (method: AuthorizationMethod | undefined): boolean => method !== 'allowance';

/** Terms that hold budget from their judgement on. */
export const holdsBudget = ({ transferMethod }: Pick<Terms, 'transferMethod'>): boolean =>
  movesMoney(transferMethod);

/** What the terms of an allowance are about, so that whoever approves of them decides the wallet with them. */
export const allowanceResource = (walletId: WalletId): string => `purser://wallets/${walletId}`;

/** Hex digits of the nonce that are the operation's own; the other 16 are the token's count of the owner's permits (EIP-2612). */
const OWN_DIGITS = 48;

/**
 * The nonce of an allowance: 24 bytes of the operation's derived nonce, then the token's own number, which makes the permit single.
 * @throws RangeError when the token's number is none that fits.
 */
export function allowanceNonce(derived: Hex32, permitNonce: bigint): Hex32 {
  if (permitNonce < 0n || permitNonce >> 64n !== 0n) throw new RangeError('a permit nonce beyond 64 bits');
  return parseHex32(derived.slice(0, 2 + OWN_DIGITS) + permitNonce.toString(16).padStart(16, '0'));
}

/** The token's own number in the nonce of an allowance. */
export const permitNonceOf = (nonce: Hex32): bigint => BigInt(`0x${nonce.slice(2 + OWN_DIGITS)}`);
