import fc from 'fast-check';
import { encodeFunctionData, hashTypedData, parseAbi, parseSignature } from 'viem';
import { describe, expect, it } from 'vitest';
import { parseEvmAddress, parseHex32, permitNonceOf } from '#domain';
import { hasherFor, REGISTERED_ASSETS } from '../assets.js';
import { toHex } from '../keccak.js';
import { decodeTransfers, encodeTransfers } from '../transfer-calls.js';
import { InvalidAuthorizationError } from '../words.js';
import type { TransferCall } from './method.js';

type AllowanceCall = Extract<TransferCall, { method: 'allowance' }>;

const ABI = parseAbi([
  'function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)',
]);
const TYPES = {
  Permit: [
    { name: 'owner', type: 'address' },
    { name: 'spender', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'nonce', type: 'uint256' },
    { name: 'deadline', type: 'uint256' },
  ],
} as const;
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const address = bytes(20).map((it) => parseEvmAddress(toHex(it)));
const allowance = fc
  .record({
    token: address,
    from: address,
    to: address,
    value: fc.bigInt({ min: 0n, max: (1n << 256n) - 1n }),
    validBeforeSec: fc.integer({ min: 0, max: 2 ** 40 }),
    nonce: bytes(32).map((it) => parseHex32(toHex(it))),
    rs: bytes(64),
    v: fc.constantFrom(27, 28),
  })
  .map(({ rs, v, ...it }): AllowanceCall => {
    const signature = Uint8Array.from([...rs, v]);
    return { ...it, method: 'allowance', validAfterSec: 0, signature };
  });

describe('an allowance as a call', () => {
  it("is what viem makes of it with the operation's nonce behind, and is read back as it was, alone and among others", () => {
    fc.assert(
      fc.property(allowance, (it) => {
        const { r, s, yParity } = parseSignature(toHex(it.signature));
        const args = [it.from, it.to, it.value, BigInt(it.validBeforeSec), 27 + yParity, r, s] as const;
        const { target, data } = encodeTransfers([it]);
        const expected = encodeFunctionData({ abi: ABI, args }) + it.nonce.slice(2);
        expect([target, toHex(data)]).toEqual([it.token, expected]);
        expect(decodeTransfers(target, data)).toEqual([it]);
        const both = encodeTransfers([it, it]);
        expect(decodeTransfers(both.target, both.data)).toEqual([it, it]);
      }),
      { numRuns: 200 },
    );
  });

  it('is of an ordinary account, and has no beginning', () => {
    const [it] = fc.sample(allowance, 1) as [AllowanceCall];
    for (const over of [{ validAfterSec: 5 }, { signature: new Uint8Array(64) }])
      expect(() => encodeTransfers([{ ...it, ...over }])).toThrow(InvalidAuthorizationError);
  });

  it('is signed as viem would, over the domain of its token', () => {
    const [asset] = REGISTERED_ASSETS;
    if (asset === undefined) return expect.fail();
    const { network, token, name, version, chainId } = asset;
    fc.assert(
      fc.property(allowance, (it) => {
        const digest = hasherFor({ network, token, method: 'allowance' })?.transferDigest({ ...it, token });
        const expected = hashTypedData({
          domain: { name, version, chainId, verifyingContract: token },
          types: TYPES,
          primaryType: 'Permit',
          message: {
            owner: it.from,
            spender: it.to,
            value: it.value,
            nonce: permitNonceOf(it.nonce),
            deadline: BigInt(it.validBeforeSec),
          },
        });
        expect(toHex(digest ?? new Uint8Array())).toBe(expected);
      }),
      { numRuns: 200 },
    );
  });
});
