// EIP-712 digests and signatures of EIP-3009 authorizations (x402.md 4.1), the money path of every payment. The domain
// separator and the type hashes are constants per token and computed once; a payload is written straight into one
// preallocated block. A property test holds every byte equal to viem's signTypedData.
import { parseHex32, type Authorization, type EvmAddress, type Hex32 } from '#domain';
import { keccak256, keccak256OfText, toHex } from './keccak.js';
import { addressOfPrivateKey, signDigestChecked } from './secp256k1.js';
import {
  InvalidAuthorizationError,
  WORD,
  writeAddress,
  writeBytes32,
  writeInteger,
  writeUint,
} from './words.js';

/** EIP-712 domain of a token, from the asset registry, never from a seller. */
export interface TokenDomain {
  readonly name: string;
  readonly version: string;
  readonly chainId: number;
  readonly token: EvmAddress;
}

/** The money-moving tuple. Times are chain seconds; a token accepts validAfter < block time < validBefore, strictly. */
export type TransferTuple = Pick<
  Authorization,
  'from' | 'to' | 'value' | 'validAfterSec' | 'validBeforeSec' | 'nonce'
>;

/** What it takes to kill an authorization on chain before it is used. */
export type CancelTuple = Pick<Authorization, 'from' | 'nonce'>;

export interface SignedDigest {
  readonly digest: Hex32;
  /** 65 bytes r, s, v; v is 27 or 28. */
  readonly signature: Uint8Array;
}

/** The signature did not recover to the signing key's address and was discarded. */
export class SignatureCheckFailedError extends Error {
  override readonly name = 'SignatureCheckFailedError';
  constructor() {
    super('The signature does not recover to the address of its key and was discarded.');
  }
}

const DOMAIN_TYPE = 'EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)';
const TRANSFER_TYPE =
  'TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)';
const CANCEL_TYPE = 'CancelAuthorization(address authorizer,bytes32 nonce)';

/** One block per type: the type hash in the first word stays, the other words are rewritten by every call. */
const transferBlock = blockOf(TRANSFER_TYPE, 7);
const cancelBlock = blockOf(CANCEL_TYPE, 3);
/** 0x19 0x01, domain separator, struct hash. */
const envelope = Buffer.concat([Buffer.from([0x19, 0x01]), Buffer.alloc(2 * WORD)]);

/** Digests for one token. Made once per token and kept. */
export interface Eip3009Hasher {
  readonly domainSeparator: Hex32;
  /** @throws InvalidAuthorizationError */
  transferDigest(authorization: TransferTuple): Uint8Array;
  /** @throws InvalidAuthorizationError */
  cancelDigest(cancellation: CancelTuple): Uint8Array;
}

/** @throws InvalidAuthorizationError when the chain id or the token address is not valid. */
export function createEip3009Hasher(domain: TokenDomain): Eip3009Hasher {
  const separator = domainSeparatorOf(domain);
  const digestOf = (block: Uint8Array): Uint8Array => {
    envelope.set(separator, 2);
    envelope.set(keccak256(block), 2 + WORD);
    return keccak256(envelope);
  };
  return {
    domainSeparator: parseHex32(toHex(separator)),
    transferDigest(authorization) {
      writeAddress(transferBlock, WORD, authorization.from, 'from');
      writeAddress(transferBlock, 2 * WORD, authorization.to, 'to');
      writeUint(transferBlock, 3 * WORD, authorization.value, 'value');
      writeInteger(transferBlock, 4 * WORD, authorization.validAfterSec, 'validAfter');
      writeInteger(transferBlock, 5 * WORD, authorization.validBeforeSec, 'validBefore');
      writeBytes32(transferBlock, 6 * WORD, authorization.nonce, 'nonce');
      return digestOf(transferBlock);
    },
    cancelDigest(cancellation) {
      writeAddress(cancelBlock, WORD, cancellation.from, 'from');
      writeBytes32(cancelBlock, 2 * WORD, cancellation.nonce, 'nonce');
      return digestOf(cancelBlock);
    },
  };
}

/** A private key opened for signing. Keep it in the signer process only. */
export interface AuthorizationKey {
  readonly address: EvmAddress;
  /** Digest, signature, recover and compare; whatever the method. @throws InvalidAuthorizationError, SignatureCheckFailedError */
  signTransfer<T extends TransferTuple>(
    hasher: { transferDigest(authorization: T): Uint8Array },
    authorization: T,
  ): SignedDigest;
  /** @throws InvalidAuthorizationError, SignatureCheckFailedError */
  signCancel(hasher: Eip3009Hasher, cancellation: CancelTuple): SignedDigest;
  /** Overwrites this copy of the key; every later call throws. */
  close(): void;
}

/** Copies the key. @throws InvalidKeyMaterialError, NativeSigningUnavailableError */
export function openAuthorizationKey(privateKey: Uint8Array): AuthorizationKey {
  const key = Uint8Array.from(privateKey);
  const address = addressOfPrivateKey(key);
  const addressBytes = Buffer.from(address.slice(2), 'hex');
  const sign = (digest: Uint8Array): SignedDigest => {
    const signature = signDigestChecked(digest, key, addressBytes);
    if (signature === undefined) throw new SignatureCheckFailedError();
    return { digest: parseHex32(toHex(digest)), signature };
  };
  return {
    address,
    signTransfer(hasher, authorization) {
      if (authorization.from !== address) throw new InvalidAuthorizationError('from');
      return sign(hasher.transferDigest(authorization));
    },
    signCancel(hasher, cancellation) {
      if (cancellation.from !== address) throw new InvalidAuthorizationError('from');
      return sign(hasher.cancelDigest(cancellation));
    },
    close() {
      key.fill(0);
    },
  };
}

function domainSeparatorOf(domain: TokenDomain): Uint8Array {
  const block = blockOf(DOMAIN_TYPE, 5);
  block.set(keccak256OfText(domain.name), WORD);
  block.set(keccak256OfText(domain.version), 2 * WORD);
  writeInteger(block, 3 * WORD, domain.chainId, 'chainId');
  writeAddress(block, 4 * WORD, domain.token, 'verifyingContract');
  return keccak256(block);
}

function blockOf(type: string, words: number): Buffer {
  const block = Buffer.alloc(words * WORD);
  block.set(keccak256OfText(type));
  return block;
}
