// EIP-712 digests of EIP-2612 permits: how much a spender may move out of a wallet, set without the wallet having ether. The domain is the token's.
import { permitNonceOf, type Authorization } from '#domain';
import { keccak256, keccak256OfText } from './keccak.js';
import { WORD, writeAddress, writeInteger, writeUint } from './words.js';

/** `from` is the owner, `to` the spender, `validBeforeSec` the deadline (inside); the token's own number is in the nonce. */
export type AllowanceTuple = Pick<Authorization, 'from' | 'to' | 'value' | 'validBeforeSec' | 'nonce'>;

const PERMIT = 'Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)';

/** The type's hash in the first word stays, the other words are rewritten by every call. */
const block = Buffer.alloc(6 * WORD);
block.set(keccak256OfText(PERMIT));
/** 0x19 0x01, domain separator, struct hash. */
const envelope = Buffer.concat([Buffer.from([0x19, 0x01]), Buffer.alloc(2 * WORD)]);

/** Digests for one token. Made once per token and kept. */
export interface AllowanceHasher {
  /** @throws InvalidAuthorizationError */
  transferDigest(authorization: AllowanceTuple): Uint8Array;
}

/** @param separator 32 bytes: the token's EIP-712 domain separator. */
export function createAllowanceHasher(separator: Uint8Array): AllowanceHasher {
  return {
    transferDigest({ from, to, value, validBeforeSec, nonce }) {
      writeAddress(block, WORD, from, 'from');
      writeAddress(block, 2 * WORD, to, 'to');
      writeUint(block, 3 * WORD, value, 'value');
      writeUint(block, 4 * WORD, permitNonceOf(nonce), 'nonce');
      writeInteger(block, 5 * WORD, validBeforeSec, 'validBefore');
      envelope.set(separator, 2);
      envelope.set(keccak256(block), 2 + WORD);
      return keccak256(envelope);
    },
  };
}
