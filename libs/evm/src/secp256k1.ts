// ECDSA on secp256k1 through the native binding only. The `secp256k1` package falls back silently to a JavaScript
// implementation that is an order of magnitude slower and whose history with key material is worse; we load the binding by its own path,
// so there is nothing to fall back to, and check one known answer before the first use (design.md ruling 8).
import { createRequire } from 'node:module';
import { parseEvmAddress, type EvmAddress } from '#domain';
import type * as Secp256k1 from 'secp256k1';
import { keccak256, toHex } from './keccak.js';

type Binding = Pick<typeof Secp256k1, 'ecdsaSign' | 'ecdsaRecover' | 'privateKeyVerify' | 'publicKeyCreate'>;

/** The native secp256k1 library cannot be used on this machine; nothing may be signed. */
export class NativeSigningUnavailableError extends Error {
  override readonly name = 'NativeSigningUnavailableError';
}

/** A key or signature is malformed. Never carries the offending value. */
export class InvalidKeyMaterialError extends Error {
  override readonly name = 'InvalidKeyMaterialError';
}

const SIGNATURE_HEX = /^0x[0-9a-fA-F]{130}$/;
const SIGNATURE_BYTES = 65;
const PRIVATE_KEY_HEX = /^(?:0x)?[0-9a-fA-F]{64}$/;
/** Half the group order: a signature with a larger s is a second form of the same one, which tokens refuse. */
const HALF_ORDER = Buffer.from('7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0', 'hex');

let loaded: Binding | undefined;

/**
 * Loads and checks the native binding.
 * @throws NativeSigningUnavailableError when it is missing or gives a wrong answer.
 */
export function loadNativeSecp256k1(load: () => unknown = requireBinding): Binding {
  let candidate: Binding;
  try {
    candidate = load() as Binding;
  } catch {
    throw new NativeSigningUnavailableError(
      'The native secp256k1 binding is not installed for this platform; the JavaScript fallback is not used. Reinstall with install scripts allowed and a C++ compiler.',
    );
  }
  if (!answersKnownVector(candidate)) {
    throw new NativeSigningUnavailableError('The native secp256k1 binding failed its known-answer check.');
  }
  return candidate;
}

/** Refuses, at start rather than at the first payment, when signing could not work. @throws NativeSigningUnavailableError */
export function assertNativeSigning(): void {
  loaded ??= loadNativeSecp256k1();
}

function binding(): Binding {
  return (loaded ??= loadNativeSecp256k1());
}

function requireBinding(): unknown {
  return createRequire(import.meta.url)('secp256k1/bindings.js');
}

/** Private key 1 over the first digest of x402.md 4.4: bytes, recovery id and recovered address are published mathematics. */
function answersKnownVector(candidate: Binding): boolean {
  try {
    const one = Buffer.alloc(32);
    one[31] = 1;
    const digest = Buffer.from('bb97f4b133abea49d591e0714f9cdb5e2bb6ea679183268ce972c63a7609f6d3', 'hex');
    const { signature, recid } = candidate.ecdsaSign(digest, one);
    const recovered = candidate.ecdsaRecover(signature, recid, digest, false).subarray(1);
    return (
      recid === 1 &&
      toHex(signature) ===
        '0x89b75efb0e8058be96c1ec92092152246aabe8b9085744a59963914afb9058f7430e4a44b1f60cad1e816dffc9f2ffe2b1fdc5409f05358df4299625fa2efb5c' &&
      toHex(keccak256(recovered).subarray(12)) === '0x7e5f4552091a69125d5dfcb7b8c2659029395bdf'
    );
  } catch {
    return false;
  }
}

/** Scratch space of the synchronous functions below; nothing here is a secret. */
const publicKey = new Uint8Array(65);
const publicKeyBody = publicKey.subarray(1);
const compact = new Uint8Array(64);

/** Deterministic (RFC 6979), low-s signature of a 32-byte digest: 65 bytes r, s, v. @throws NativeSigningUnavailableError */
export function signDigest(digest: Uint8Array, privateKey: Uint8Array): Uint8Array {
  const { recid } = binding().ecdsaSign(digest, privateKey, undefined, compact);
  return encodeSignature(recid);
}

/**
 * As {@link signDigest}, and then recovers the signer from the very bytes that are returned. Undefined when they do
 * not recover to the 20 address bytes: a fault in memory or in the library, after which the signature must not leave.
 */
export function signDigestChecked(
  digest: Uint8Array,
  privateKey: Uint8Array,
  addressBytes: Uint8Array,
): Uint8Array | undefined {
  const native = binding();
  const { recid } = native.ecdsaSign(digest, privateKey, undefined, compact);
  const signature = encodeSignature(recid);
  native.ecdsaRecover(signature.subarray(0, 64), recid, digest, false, publicKey);
  const hash = keccak256(publicKeyBody);
  for (let i = 0; i < 20; i += 1) if (hash[12 + i] !== addressBytes[i]) return undefined;
  return signature;
}

function encodeSignature(recid: number): Uint8Array {
  const signature = new Uint8Array(SIGNATURE_BYTES);
  signature.set(compact);
  signature[64] = 27 + recid;
  return signature;
}

/** The 65 bytes of a signature given as `0x` hex, or undefined: contract wallets send other lengths. */
export function parseSignature(hex: string): Uint8Array | undefined {
  return SIGNATURE_HEX.test(hex) ? Uint8Array.from(Buffer.from(hex.slice(2), 'hex')) : undefined;
}

/**
 * Address whose key made the signature over the digest, or undefined when the signature is not canonical: not 65
 * bytes, v other than 27 or 28, s in the upper half, or no point on the curve. Tokens refuse all of these too.
 */
export function recoverAddress(digest: Uint8Array, signature: Uint8Array): EvmAddress | undefined {
  const v = signature[64];
  if (signature.length !== SIGNATURE_BYTES || (v !== 27 && v !== 28)) return undefined;
  if (HALF_ORDER.compare(signature, 32, 64) < 0) return undefined;
  const native = binding();
  try {
    native.ecdsaRecover(signature.subarray(0, 64), v - 27, digest, false, publicKey);
  } catch {
    return undefined;
  }
  return addressOfPublicKeyBody(publicKeyBody);
}

/** The 32 bytes of a private key given as hex, with or without `0x`. @throws InvalidKeyMaterialError */
export function decodePrivateKey(hex: string): Uint8Array {
  const key = PRIVATE_KEY_HEX.test(hex) ? Buffer.from(hex.slice(-64), 'hex') : undefined;
  if (key === undefined || !binding().privateKeyVerify(key)) {
    throw new InvalidKeyMaterialError('The private key is not 32 bytes of hex within the curve order.');
  }
  return key;
}

/** `0x` hex of a private key, for the keystore only: the text is the money. */
export function encodePrivateKey(privateKey: Uint8Array): `0x${string}` {
  return toHex(privateKey);
}

/** Address of a private key. @throws InvalidKeyMaterialError, NativeSigningUnavailableError */
export function addressOfPrivateKey(privateKey: Uint8Array): EvmAddress {
  const native = binding();
  if (privateKey.length !== 32 || !native.privateKeyVerify(privateKey)) {
    throw new InvalidKeyMaterialError('The private key is not 32 bytes within the curve order.');
  }
  native.publicKeyCreate(privateKey, false, publicKey);
  return addressOfPublicKeyBody(publicKeyBody);
}

function addressOfPublicKeyBody(body: Uint8Array): EvmAddress {
  return parseEvmAddress(toHex(keccak256(body).subarray(12)));
}

/** EIP-55 mixed-case form of an address, for people and for peers that insist on it. */
export function checksumAddress(address: EvmAddress): `0x${string}` {
  const digits = address.slice(2);
  const hash = keccak256(Buffer.from(digits, 'latin1'));
  let text = '';
  for (let i = 0; i < 40; i += 1) {
    const digit = digits.charAt(i);
    const nibble = (hash[i >> 1] ?? 0) >> (i % 2 === 0 ? 4 : 0);
    text += (nibble & 8) === 0 ? digit : digit.toUpperCase();
  }
  return `0x${text}`;
}
