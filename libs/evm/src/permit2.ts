// EIP-712 digests of Permit2 transfers through x402's proxies (x402.md 4.2 and 5). The domain is Permit2's own, so it depends on the chain alone;
// what binds the payee is the witness, which the proxy demands. Written like eip3009.ts, and held equal to viem by the same kind of test.
import { PERMIT2, PROXY_OF, type Authorization, type PermitMethod } from '#domain';
import { keccak256, keccak256OfText } from './keccak.js';
import {
  InvalidAuthorizationError,
  WORD,
  writeAddress,
  writeBytes32,
  writeInteger,
  writeUint,
} from './words.js';

export { EXACT_PROXY, PERMIT2, PROXY_OF, UPTO_PROXY, type PermitMethod } from '#domain';

/** `from` is whoever signs, `validBeforeSec` Permit2's deadline, and the nonce a bit of its bitmap: {@link bitOf}. */
export type PermitTuple = Pick<
  Authorization,
  'token' | 'from' | 'to' | 'value' | 'validAfterSec' | 'validBeforeSec' | 'nonce' | 'method' | 'facilitator'
>;

const PERMITTED = 'TokenPermissions(address token,uint256 amount)';
const WITNESS: Readonly<Record<PermitMethod, string>> = {
  permit2: 'Witness(address to,uint256 validAfter)',
  upto: 'Witness(address to,address facilitator,uint256 validAfter)',
};
const PERMIT =
  'PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,Witness witness)';
const DOMAIN = 'EIP712Domain(string name,uint256 chainId,address verifyingContract)';

const permittedBlock = blockOf(PERMITTED, 3);
const blocks: Readonly<Record<PermitMethod, { readonly permit: Buffer; readonly witness: Buffer }>> = {
  permit2: { permit: blockOf(PERMIT + PERMITTED + WITNESS.permit2, 6), witness: blockOf(WITNESS.permit2, 3) },
  upto: { permit: blockOf(PERMIT + PERMITTED + WITNESS.upto, 6), witness: blockOf(WITNESS.upto, 4) },
};
/** 0x19 0x01, domain separator, struct hash. */
const envelope = Buffer.concat([Buffer.from([0x19, 0x01]), Buffer.alloc(2 * WORD)]);

/** Digests for one chain. Made once per chain and kept. */
export interface PermitHasher {
  /** @throws InvalidAuthorizationError, also for a method that is none of Permit2's. */
  transferDigest(authorization: PermitTuple): Uint8Array;
}

/** @throws InvalidAuthorizationError when the chain id is not valid. */
export function createPermitHasher(chainId: number): PermitHasher {
  const separator = domainSeparatorOf(chainId);
  return {
    transferDigest(authorization) {
      const { method } = authorization;
      if (method === 'eip3009' || method === 'allowance') throw new InvalidAuthorizationError('method');
      const { permit, witness } = blocks[method];
      writeAddress(permittedBlock, WORD, authorization.token, 'token');
      writeUint(permittedBlock, 2 * WORD, authorization.value, 'value');
      writeWitness(witness, authorization);
      permit.set(keccak256(permittedBlock), WORD);
      writeAddress(permit, 2 * WORD, PROXY_OF[method], 'spender');
      writeBytes32(permit, 3 * WORD, authorization.nonce, 'nonce');
      writeInteger(permit, 4 * WORD, authorization.validBeforeSec, 'validBefore');
      permit.set(keccak256(witness), 5 * WORD);
      envelope.set(separator, 2);
      envelope.set(keccak256(permit), 2 + WORD);
      return keccak256(envelope);
    },
  };
}

function writeWitness(block: Buffer, { method, to, facilitator, validAfterSec }: PermitTuple): void {
  writeAddress(block, WORD, to, 'to');
  if (method === 'permit2') return writeInteger(block, 2 * WORD, validAfterSec, 'validAfter');
  if (facilitator === undefined) throw new InvalidAuthorizationError('facilitator');
  writeAddress(block, 2 * WORD, facilitator, 'facilitator');
  writeInteger(block, 3 * WORD, validAfterSec, 'validAfter');
}

/** Permit2 keeps unordered nonces: 256 of them are the bits of one word. */
export function bitOf(nonce: Authorization['nonce']): { readonly word: bigint; readonly bit: bigint } {
  const number = BigInt(nonce);
  return { word: number >> 8n, bit: number & 0xffn };
}

function domainSeparatorOf(chainId: number): Uint8Array {
  const block = blockOf(DOMAIN, 4);
  block.set(keccak256OfText('Permit2'), WORD);
  writeInteger(block, 2 * WORD, chainId, 'chainId');
  writeAddress(block, 3 * WORD, PERMIT2, 'verifyingContract');
  return keccak256(block);
}

/** The type's hash in the first word stays, the other words are rewritten by every call. */
function blockOf(type: string, words: number): Buffer {
  const block = Buffer.alloc(words * WORD);
  block.set(keccak256OfText(type));
  return block;
}
