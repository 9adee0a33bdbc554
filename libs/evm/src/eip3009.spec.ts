import * as fc from 'fast-check';
import { parseCaip2, parseEvmAddress, parseHex32, type EvmAddress } from '#domain';
import { privateKeyToAccount, serializeSignature, sign } from 'viem/accounts';
import { hashTypedData } from 'viem';
import { describe, expect, it } from 'vitest';
import { createAssetRegistry, findAsset, REGISTERED_ASSETS } from './assets.js';
import {
  createEip3009Hasher,
  openAuthorizationKey,
  type SignedDigest,
  type TransferTuple,
} from './eip3009.js';
import { toHex } from './keccak.js';
import {
  addressOfPrivateKey,
  checksumAddress,
  decodePrivateKey,
  encodePrivateKey,
  InvalidKeyMaterialError,
  loadNativeSecp256k1,
  NativeSigningUnavailableError,
  recoverAddress,
} from './secp256k1.js';
import { InvalidAuthorizationError } from './words.js';

// The third well-known development key of local EVM nodes (x402.md 4.4).
const DEV_KEY = '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a';
const DEV_ADDRESS = parseEvmAddress('0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC');
const BASE_SEPOLIA_USDC = parseEvmAddress('0x036CbD53842c5426634e7929541eC2318f3dCF7e');
const BASE_USDC = parseEvmAddress('0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913');

const sepolia = createEip3009Hasher({ name: 'USDC', version: '2', chainId: 84532, token: BASE_SEPOLIA_USDC });
const base = createEip3009Hasher({ name: 'USD Coin', version: '2', chainId: 8453, token: BASE_USDC });

const VECTOR: TransferTuple = {
  from: DEV_ADDRESS,
  to: parseEvmAddress('0x90F79bf6EB2c4f870365E785982E1f101E93b906'),
  value: 10_000n,
  validAfterSec: 0,
  validBeforeSec: 1_900_000_000,
  nonce: parseHex32(`0x${'11'.repeat(32)}`),
};

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

describe('the asset registry', () => {
  const BASE = parseCaip2('eip155:8453');
  const BASE_SEPOLIA = parseCaip2('eip155:84532');

  it.each(REGISTERED_ASSETS.map((asset) => [asset.network, asset] as const))(
    'derives the domain separator that the token on %s reports',
    (_network, asset) => {
      expect(createEip3009Hasher(asset).domainSeparator).toBe(asset.domainSeparator);
    },
  );

  it('knows a token only on its own chain', () => {
    expect(findAsset(BASE_SEPOLIA, BASE_SEPOLIA_USDC)?.name).toBe('USDC');
    expect(findAsset(BASE, BASE_USDC)?.name).toBe('USD Coin');
    expect(findAsset(BASE, BASE_SEPOLIA_USDC)).toBeUndefined();
  });

  it('offers only the networks that are configured', () => {
    const registry = createAssetRegistry([BASE_SEPOLIA]);
    expect(registry.find(BASE, BASE_USDC)).toBeUndefined();
    expect(registry.all().map((asset) => asset.network)).toEqual([BASE_SEPOLIA]);
  });

  it('gives the digest that is signed, and none for a tuple of another token or chain', () => {
    const registry = createAssetRegistry([BASE, BASE_SEPOLIA]);
    const asset = registry.find(BASE_SEPOLIA, BASE_SEPOLIA_USDC) ?? expect.fail('not registered');
    const tuple = { ...VECTOR, network: BASE_SEPOLIA, token: BASE_SEPOLIA_USDC };
    expect(registry.digest(asset, tuple)).toBe(
      '0xbb97f4b133abea49d591e0714f9cdb5e2bb6ea679183268ce972c63a7609f6d3',
    );
    expect(() => registry.digest(asset, { ...tuple, network: BASE })).toThrow(InvalidAuthorizationError);
    expect(() => registry.digest(asset, { ...tuple, token: BASE_USDC })).toThrow(InvalidAuthorizationError);
  });
});
