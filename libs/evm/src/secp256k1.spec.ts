import { describe, expect, it } from 'vitest';
import { BASE_SEPOLIA_USDC, DEV_ADDRESS, DEV_KEY, VECTOR } from '../../../test/support/eip3009-vector.js';
import { createEip3009Hasher, openAuthorizationKey } from './eip3009.js';
import { toHex } from './keccak.js';
import {
  addressOfPrivateKey,
  decodePrivateKey,
  encodePrivateKey,
  InvalidKeyMaterialError,
  loadNativeSecp256k1,
  NativeSigningUnavailableError,
  recoverAddress,
} from './secp256k1.js';

const sepolia = createEip3009Hasher({ name: 'USDC', version: '2', chainId: 84532, token: BASE_SEPOLIA_USDC });
const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.slice(2), 'hex'));

describe('signature recovery', () => {
  const key = openAuthorizationKey(decodePrivateKey(DEV_KEY));
  const signed = key.signTransfer(sepolia, VECTOR);
  const signature = toHex(signed.signature);
  const digest = sepolia.transferDigest(VECTOR);
  const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

  it('names another address when any field changed', () => {
    const changed = sepolia.transferDigest({ ...VECTOR, value: 10_001n });
    expect(recoverAddress(changed, signed.signature)).not.toBe(DEV_ADDRESS);
  });

  it('refuses the second form of a signature, with s in the upper half', () => {
    const s = BigInt(`0x${signature.slice(66, 130)}`);
    const v = signature.endsWith('1b') ? '1c' : '1b';
    const twin = `${signature.slice(0, 66)}${(ORDER - s).toString(16).padStart(64, '0')}${v}`;
    expect(recoverAddress(digest, bytesOf(twin))).toBeUndefined();
  });

  it.each([
    ['too short', '0x1234'],
    ['an odd v', `${signature.slice(0, 130)}00`],
    ['no point on the curve', `0x${'00'.repeat(64)}1b`],
    ['r above the order', `0x${'ff'.repeat(32)}${'11'.repeat(32)}1b`],
  ])('answers undefined, and never throws, for %s', (_what, bad) => {
    expect(recoverAddress(digest, bytesOf(bad))).toBeUndefined();
  });
});

describe('private keys', () => {
  it('go from hex to bytes, address and back', () => {
    const key = decodePrivateKey(DEV_KEY.slice(2));
    expect(encodePrivateKey(key)).toBe(DEV_KEY);
    expect(addressOfPrivateKey(key)).toBe(DEV_ADDRESS);
  });

  it.each([['0x00'], [`0x${'00'.repeat(32)}`], [`0x${'ff'.repeat(32)}`], ['not hex']])(
    'are refused without naming them: %s',
    (text) => {
      expect(() => decodePrivateKey(text)).toThrow(InvalidKeyMaterialError);
      expect(() => decodePrivateKey(text)).not.toThrow(text);
    },
  );
});

function noBuildFound(): never {
  throw new Error('No native build was found');
}

describe('the native binding', () => {
  it('is required: the JavaScript fallback is never loaded in its place', () => {
    expect(() => loadNativeSecp256k1(noBuildFound)).toThrow(NativeSigningUnavailableError);
  });

  it('must give the known answer', () => {
    const real = loadNativeSecp256k1();
    const broken = { ...real, ecdsaSign: () => ({ signature: new Uint8Array(64), recid: 0 }) };
    expect(() => loadNativeSecp256k1(() => broken)).toThrow(NativeSigningUnavailableError);
    expect(() => loadNativeSecp256k1(() => ({}))).toThrow(NativeSigningUnavailableError);
  });
});
