import * as fc from 'fast-check';
import { parseEvmAddress, parseHex32, type EvmAddress } from '#domain';
import { privateKeyToAccount, serializeSignature, sign } from 'viem/accounts';
import { hashTypedData } from 'viem';
import { describe, expect, it } from 'vitest';
import {
  BASE_SEPOLIA_USDC,
  BASE_USDC,
  DEV_ADDRESS,
  DEV_KEY,
  VECTOR,
} from '../../../test/support/eip3009-vector.js';
import { REGISTERED_ASSETS } from './assets.js';
import {
  createEip3009Hasher,
  openAuthorizationKey,
  type SignedDigest,
  type TransferTuple,
} from './eip3009.js';
import { toHex } from './keccak.js';
import { checksumAddress, decodePrivateKey, recoverAddress } from './secp256k1.js';
import { InvalidAuthorizationError } from './words.js';

const sepolia = createEip3009Hasher({ name: 'USDC', version: '2', chainId: 84532, token: BASE_SEPOLIA_USDC });
const base = createEip3009Hasher({ name: 'USD Coin', version: '2', chainId: 8453, token: BASE_USDC });

const TYPES = {
  TransferWithAuthorization: [
    { name: 'from', type: 'address' },
    { name: 'to', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'validAfter', type: 'uint256' },
    { name: 'validBefore', type: 'uint256' },
    { name: 'nonce', type: 'bytes32' },
  ],
} as const;

function viemPayload(
  domain: { name: string; version: string; chainId: number; token: EvmAddress },
  a: TransferTuple,
) {
  return {
    domain: {
      name: domain.name,
      version: domain.version,
      chainId: domain.chainId,
      verifyingContract: domain.token,
    },
    types: TYPES,
    primaryType: 'TransferWithAuthorization',
    message: {
      from: a.from,
      to: a.to,
      value: a.value,
      validAfter: BigInt(a.validAfterSec),
      validBefore: BigInt(a.validBeforeSec),
      nonce: a.nonce,
    },
  } as const;
}

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const address = bytes(20).map((b) => parseEvmAddress(toHex(b)));
const bytes32 = bytes(32).map((b) => parseHex32(toHex(b)));
const seconds = fc.oneof(fc.nat(), fc.maxSafeNat());
const uint256 = fc.oneof(
  fc.bigInt(0n, 10_000_000n),
  fc.bigInt(0n, (1n << 64n) - 1n),
  fc.bigInt(0n, (1n << 256n) - 1n),
);

const inHex = ({ digest, signature }: SignedDigest) => ({ digest, signature: toHex(signature) });
const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.slice(2), 'hex'));

describe('EIP-3009 digests and signatures', () => {
  it('match the published vectors byte for byte', () => {
    const key = openAuthorizationKey(decodePrivateKey(DEV_KEY));
    expect(inHex(key.signTransfer(sepolia, VECTOR))).toEqual({
      digest: '0xbb97f4b133abea49d591e0714f9cdb5e2bb6ea679183268ce972c63a7609f6d3',
      signature:
        '0x28fe70a9f3cf6c5cf42531a7c268188a29e4a3554dd224c20cddf2b9c21e8df10de93ee1ab7d477913640caa0dbc670668fbbfabaa96ea4feb9cdebe77157ef21c',
    });
    expect(inHex(key.signTransfer(base, VECTOR))).toEqual({
      digest: '0xd07c6aa97d85e1e422587f8bd009ecf6fe2b6537750a569323a36833a3a044b5',
      signature:
        '0x688e80cd7de1ac3ad824f7018216ba164069e10f1f81b142b0048589cdd981c11baff8f2596efab40f590d3a31e5a5c781d2e5a09ced2a730b07c0fb8e7f4f171b',
    });
  });

  it('match the sample of the x402 specification, whose signature recovers to its payer', () => {
    const payer = parseEvmAddress('0x857b06519E91e3A54538791bDbb0E22373e36b66');
    const digest = sepolia.transferDigest({
      from: payer,
      to: parseEvmAddress('0x209693Bc6afc0C5328bA36FaF03C514EF312287C'),
      value: 10_000n,
      validAfterSec: 1_740_672_089,
      validBeforeSec: 1_740_672_154,
      nonce: parseHex32('0xf3746613c2d920b5fdabc0856f2aeb2d4f88ee6037b8cc5d04a71a4462f13480'),
    });
    expect(toHex(digest)).toBe('0xf256992871671abcb27ff92885a7afa46218724e5fc0bac35d050115aa1d22e6');
    const signature =
      '0x2d6a7588d6acca505cbf0d9a4a227e0c52c6c34008c8e8986a1283259764173608a2ce6496642e377d6da8dbbf5836e9bd15092f9ecab05ded3d6293af148b571c';
    expect(recoverAddress(digest, bytesOf(signature))).toBe(payer);
  });

  it('equal the bytes of viem signTypedData for 10,000 random payloads', async () => {
    const privateKey = decodePrivateKey(DEV_KEY);
    const account = privateKeyToAccount(DEV_KEY);
    const key = openAuthorizationKey(privateKey);
    const domains = REGISTERED_ASSETS;
    const hashers = domains.map(createEip3009Hasher);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(domains.length - 1),
        fc.record({
          to: address,
          value: uint256,
          validAfterSec: seconds,
          validBeforeSec: seconds,
          nonce: bytes32,
        }),
        async (index, fields) => {
          const authorization = { from: DEV_ADDRESS, ...fields };
          const hasher = hashers[index] ?? sepolia;
          const domain = domains[index] ?? expect.fail('no domain');
          const ours = key.signTransfer(hasher, authorization);
          expect(toHex(ours.signature)).toBe(await account.signTypedData(viemPayload(domain, authorization)));
          expect(recoverAddress(hasher.transferDigest(authorization), ours.signature)).toBe(DEV_ADDRESS);
        },
      ),
      { numRuns: 10_000 },
    );
  }, 60_000);

  // viem leaves an empty version out of the domain type; a registered token always has one.
  it('equal viem for any key and any token domain', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.bigInt(1n, (1n << 255n) - 1n).map((k): `0x${string}` => `0x${k.toString(16).padStart(64, '0')}`),
        fc.record({
          name: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
          version: fc.string({ minLength: 1, maxLength: 4 }),
          chainId: fc.maxSafeNat(),
          token: address,
        }),
        address,
        bytes32,
        async (privateKey, domain, to, nonce) => {
          const key = openAuthorizationKey(decodePrivateKey(privateKey));
          expect(checksumAddress(key.address)).toBe(privateKeyToAccount(privateKey).address);
          const hasher = createEip3009Hasher(domain);
          const transfer = { ...VECTOR, from: key.address, to, nonce };
          const digest = hashTypedData(viemPayload(domain, transfer));
          expect(inHex(key.signTransfer(hasher, transfer))).toEqual({
            digest,
            signature: serializeSignature(await sign({ hash: digest, privateKey })),
          });
          const cancelHash = hashTypedData({
            domain: {
              name: domain.name,
              version: domain.version,
              chainId: domain.chainId,
              verifyingContract: domain.token,
            },
            types: {
              CancelAuthorization: [
                { name: 'authorizer', type: 'address' },
                { name: 'nonce', type: 'bytes32' },
              ],
            },
            primaryType: 'CancelAuthorization',
            message: { authorizer: key.address, nonce },
          });
          expect(key.signCancel(hasher, { from: key.address, nonce }).digest).toBe(cancelHash);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('leave nothing of an earlier payload behind', () => {
    const large = { ...VECTOR, value: (1n << 256n) - 1n, validBeforeSec: Number.MAX_SAFE_INTEGER };
    const before = toHex(sepolia.transferDigest(VECTOR));
    sepolia.transferDigest(large);
    base.transferDigest(large);
    expect(() => sepolia.transferDigest({ ...VECTOR, value: -1n })).toThrow(InvalidAuthorizationError);
    expect(toHex(sepolia.transferDigest(VECTOR))).toBe(before);
  });

  it.each([
    ['value', { value: -1n }],
    ['value', { value: 1n << 256n }],
    ['value', { value: 10 as unknown as bigint }],
    ['value', { value: '0x10' as unknown as bigint }],
    ['validAfter', { validAfterSec: -1 }],
    ['validBefore', { validBeforeSec: 1.5 }],
    ['validBefore', { validBeforeSec: Number.NaN }],
    ['to', { to: '0x1234' as EvmAddress }],
    ['to', { to: `0x${'zz'.repeat(20)}` as EvmAddress }],
    ['nonce', { nonce: `0x${'1'.repeat(63)}g` as TransferTuple['nonce'] }],
  ])('refuse a %s that does not fit its ABI type: %o', (field, change) => {
    expect(() => sepolia.transferDigest({ ...VECTOR, ...change })).toThrow(
      new InvalidAuthorizationError(field),
    );
  });

  it('are refused for a payer that is not the key', () => {
    const key = openAuthorizationKey(decodePrivateKey(DEV_KEY));
    const other = { ...VECTOR, from: VECTOR.to };
    expect(() => key.signTransfer(sepolia, other)).toThrow(new InvalidAuthorizationError('from'));
    expect(() => key.signCancel(sepolia, { from: VECTOR.to, nonce: VECTOR.nonce })).toThrow(
      new InvalidAuthorizationError('from'),
    );
  });

  it('are impossible after the key is closed', () => {
    const key = openAuthorizationKey(decodePrivateKey(DEV_KEY));
    key.close();
    expect(() => key.signTransfer(sepolia, VECTOR)).toThrow();
  });
});
