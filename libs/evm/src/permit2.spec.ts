import * as fc from 'fast-check';
import { permit2WitnessTypes, uptoPermit2WitnessTypes } from '@x402/evm';
import { hashTypedData } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { describe, expect, it } from 'vitest';
import { parseCaip2, parseEvmAddress, parseHex32 } from '#domain';
import { BASE_SEPOLIA_USDC, DEV_ADDRESS, DEV_KEY, VECTOR } from '../../../test/support/eip3009-vector.js';
import { hasherFor, REGISTERED_ASSETS, type SignableTuple } from './assets.js';
import { openAuthorizationKey } from './eip3009.js';
import { toHex } from './keccak.js';
import { bitOf, createPermitHasher, PERMIT2, PROXY_OF } from './permit2.js';
import { decodePrivateKey, recoverAddress } from './secp256k1.js';
import { InvalidAuthorizationError } from './words.js';

const NONCE_7 = parseHex32(`0x${'7'.padStart(64, '0')}`);
const FACILITATOR = parseEvmAddress('0x70997970C51812dc3A010C7d01b50e0d17dc79C8');
const EXACT: SignableTuple = { ...VECTOR, method: 'permit2', token: BASE_SEPOLIA_USDC, nonce: NONCE_7 };
const UPTO: SignableTuple = { ...EXACT, method: 'upto', facilitator: FACILITATOR };
const sepolia = createPermitHasher(84532);

function viemPayload(chainId: number, it: SignableTuple) {
  const common = {
    domain: { name: 'Permit2', chainId, verifyingContract: PERMIT2 },
    primaryType: 'PermitWitnessTransferFrom',
  } as const;
  const message = {
    permitted: { token: it.token, amount: it.value },
    nonce: BigInt(it.nonce),
    deadline: BigInt(it.validBeforeSec),
  };
  const [to, validAfter] = [it.to, BigInt(it.validAfterSec)];
  return it.method === 'upto'
    ? ({
        ...common,
        types: uptoPermit2WitnessTypes,
        message: {
          ...message,
          spender: PROXY_OF.upto,
          witness: { to, validAfter, facilitator: it.facilitator ?? expect.fail('no facilitator') },
        },
      } as const)
    : ({
        ...common,
        types: permit2WitnessTypes,
        message: { ...message, spender: PROXY_OF.permit2, witness: { to, validAfter } },
      } as const);
}

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const address = bytes(20).map((b) => parseEvmAddress(toHex(b)));
const seconds = fc.oneof(fc.nat(), fc.maxSafeNat());
const tuple = fc.record({
  method: fc.constantFrom('permit2' as const, 'upto' as const),
  facilitator: address,
  token: address,
  from: fc.constant(DEV_ADDRESS),
  to: address,
  value: fc.oneof(fc.bigInt(0n, 10_000_000n), fc.bigInt(0n, (1n << 256n) - 1n)),
  validAfterSec: seconds,
  validBeforeSec: seconds,
  nonce: bytes(32).map((b) => parseHex32(toHex(b))),
});

describe('Permit2 digests and signatures', () => {
  it.each([
    [
      'exact',
      EXACT,
      '0xbaf8469cd6b9ad52372afd2da9a466f8e2fc48ad24db8918a4403825d602c858',
      '0xe9b024642ee7bafdf3593145bf99265308502c8a65e085cea99406dd48c436116163f0be0dc6d0c1b798c26c007d9af3f2431c089dbd761c583f59996c6e52ce1b',
    ],
    [
      'upto',
      UPTO,
      '0x76454d495f930c58cf77e763720b43d7393d4e6c314cc9dd99237a8d58b699ae',
      '0x3c9f4331784c3f2ebbe386cac23a19651f226cf8ff4f03a62c62dd092db838f073b493f369731c89a9f9b985e176d4e0505070685a58c253c8d7f84c2f6608091c',
    ],
  ])('match the known vector of %s byte for byte', (_scheme, authorization, digest, signature) => {
    const signed = openAuthorizationKey(decodePrivateKey(DEV_KEY)).signTransfer(sepolia, authorization);
    expect({ ...signed, signature: toHex(signed.signature) }).toEqual({ digest, signature });
  });

  it('equal the bytes of viem for 10,000 random payloads', async () => {
    const account = privateKeyToAccount(DEV_KEY);
    const key = openAuthorizationKey(decodePrivateKey(DEV_KEY));
    const hashers = REGISTERED_ASSETS.map(({ chainId }) => ({
      chainId,
      hasher: createPermitHasher(chainId),
    }));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...hashers), tuple, async ({ chainId, hasher }, authorization) => {
        const ours = key.signTransfer(hasher, authorization);
        const payload = viemPayload(chainId, authorization);
        expect(ours.digest).toBe(hashTypedData(payload as Parameters<typeof hashTypedData>[0]));
        expect(toHex(ours.signature)).toBe(
          await account.signTypedData(payload as Parameters<typeof account.signTypedData>[0]),
        );
        expect(recoverAddress(hasher.transferDigest(authorization), ours.signature)).toBe(DEV_ADDRESS);
      }),
      { numRuns: 10_000 },
    );
  }, 120_000);

  it('are those of the method that the authorization names', () => {
    const network = parseCaip2('eip155:84532');
    const digestOf = (it: SignableTuple) =>
      toHex(hasherFor({ ...it, network })?.transferDigest(it) ?? new Uint8Array());
    const digests = [EXACT, UPTO, { ...EXACT, method: 'eip3009' as const }].map(digestOf);
    expect(digests).toHaveLength(new Set(digests).size);
    expect(hasherFor({ ...EXACT, network, token: DEV_ADDRESS })).toBeUndefined();
  });

  it('leave nothing of an earlier payload behind', () => {
    const before = toHex(sepolia.transferDigest(UPTO));
    sepolia.transferDigest({ ...UPTO, value: (1n << 256n) - 1n, validAfterSec: Number.MAX_SAFE_INTEGER });
    expect(() => sepolia.transferDigest({ ...UPTO, value: -1n })).toThrow(InvalidAuthorizationError);
    expect(toHex(sepolia.transferDigest(UPTO))).toBe(before);
  });

  it.each<[string, SignableTuple]>([
    ['facilitator', { ...EXACT, method: 'upto' }],
    ['method', { ...EXACT, method: 'eip3009' }],
    ['value', { ...EXACT, value: 1n << 256n }],
    ['validBefore', { ...EXACT, validBeforeSec: 1.5 }],
  ])('refuse a %s that cannot be signed', (field, authorization) => {
    expect(() => sepolia.transferDigest(authorization)).toThrow(new InvalidAuthorizationError(field));
  });

  it('use a nonce that is one bit of 256 in a word', () => {
    expect(bitOf(NONCE_7)).toEqual({ word: 0n, bit: 7n });
    expect(bitOf(parseHex32(`0x${'f'.repeat(64)}`))).toEqual({ word: (1n << 248n) - 1n, bit: 255n });
  });
});
