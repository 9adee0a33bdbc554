import * as fc from 'fast-check';
import { parseEvmAddress, parseHex32 } from '#domain';
import { encodeFunctionData, multicall3Abi, parseAbi, parseSignature, type Hex } from 'viem';
import { describe, expect, it } from 'vitest';
import { toHex } from './keccak.js';
import { MULTICALL3 } from './multicall3.js';
import { decodeTransfers, encodeTransfers } from './transfer-calls.js';
import type { TransferCall } from './methods/method.js';
import { InvalidAuthorizationError } from './words.js';

const ABI = parseAbi([
  'function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s)',
  'function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes signature)',
]);

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const address = bytes(20).map((it) => parseEvmAddress(toHex(it)));
const plain = fc.tuple(bytes(64), fc.constantFrom(27, 28)).map(([rs, v]) => Uint8Array.from([...rs, v]));
const ofContract = fc.uint8Array({ maxLength: 300 }).filter((it) => it.length !== 65);
const transfer: fc.Arbitrary<TransferCall> = fc.record({
  method: fc.constant('eip3009' as const),
  token: address.filter((it) => it !== MULTICALL3),
  from: address,
  to: address,
  value: fc.oneof(fc.bigInt(0n, 10_000_000n), fc.bigInt(0n, (1n << 256n) - 1n)),
  validAfterSec: fc.oneof(fc.nat(), fc.maxSafeNat()),
  validBeforeSec: fc.oneof(fc.nat(), fc.maxSafeNat()),
  nonce: bytes(32).map((it) => parseHex32(toHex(it))),
  signature: fc.oneof(plain, plain, ofContract),
});
const transfers = fc.array(transfer, { minLength: 1, maxLength: 12 });

function byViem(call: TransferCall): Hex {
  const { from, to, value, validAfterSec, validBeforeSec, nonce, signature } = call;
  const tuple = [from, to, value, BigInt(validAfterSec), BigInt(validBeforeSec), nonce] as const;
  const hex = toHex(signature);
  const functionName = 'transferWithAuthorization';
  if (signature.length !== 65) return encodeFunctionData({ abi: ABI, functionName, args: [...tuple, hex] });
  const { r, s, v } = parseSignature(hex);
  return encodeFunctionData({ abi: ABI, functionName, args: [...tuple, Number(v), r, s] });
}

function batchByViem(calls: readonly TransferCall[], allowFailure = true): Hex {
  const args = calls.map((call) => ({ target: call.token, allowFailure, callData: byViem(call) }));
  return encodeFunctionData({ abi: multicall3Abi, functionName: 'aggregate3', args: [args] });
}

const bytesOf = (hex: string): Uint8Array => Buffer.from(hex.slice(2), 'hex');
const [one, two, wide] = fc.sample(
  fc.tuple(
    transfer.map((it) => ({ ...it, signature: new Uint8Array(65).fill(27) })),
    transfer.map((it) => ({ ...it, signature: new Uint8Array(65).fill(28) })),
    transfer.map((it) => ({ ...it, signature: new Uint8Array(70).fill(9) })),
  ),
  { numRuns: 1, seed: 7 },
)[0] as [TransferCall, TransferCall, TransferCall];

describe('calls of transfers', () => {
  it("equal viem's bytes, one to its token and several to Multicall3, and come back as they went in", () => {
    fc.assert(
      fc.property(transfers, (calls) => {
        const { target, data } = encodeTransfers(calls);
        const [first] = calls;
        expect(target).toBe(calls.length === 1 ? first?.token : MULTICALL3);
        expect(toHex(data)).toBe(calls.length === 1 && first ? byViem(first) : batchByViem(calls));
        expect(decodeTransfers(target, data)).toEqual(calls);
      }),
      { numRuns: 1_000 },
    );
  });

  it('decode from no other bytes: a changed one gives other transfers or none', () => {
    fc.assert(
      fc.property(transfers, fc.nat(), fc.integer({ min: 1, max: 255 }), (calls, at, change) => {
        const { target, data } = encodeTransfers(calls);
        const changed = Uint8Array.from(data);
        changed[at % data.length] = (changed[at % data.length] ?? 0) ^ change;
        const decoded = decodeTransfers(target, changed);
        if (decoded === undefined) return;
        expect(decoded).not.toEqual(calls);
        expect(toHex(encodeTransfers(decoded).data)).toBe(toHex(changed));
      }),
      { numRuns: 2_000 },
    );
  });

  it('never make the decoder throw, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 900 }), fc.boolean(), transfers, (noise, batch, calls) => {
        const { data } = encodeTransfers(calls);
        const spliced = Buffer.concat([data.subarray(0, 4 + (noise.length % data.length)), noise]);
        for (const some of [noise, spliced]) decodeTransfers(batch ? MULTICALL3 : one.token, some);
      }),
      { numRuns: 2_000 },
    );
  });

  const [lone, both] = [encodeTransfers([one]).data, encodeTransfers([one, two]).data];
  const plainAsBytes = encodeTransfers([wide]).data.slice();
  plainAsBytes[4 + 8 * 32 - 1] = 65;
  plainAsBytes.fill(0, 4 + 8 * 32 + 65);
  it.each([
    ['nothing', one.token, new Uint8Array()],
    ['a cut end', one.token, lone.subarray(0, -1)],
    ['a byte too many', one.token, Uint8Array.from([...lone, 0])],
    ['a batch with a byte too many', MULTICALL3, Uint8Array.from([...both, 0])],
    ['a batch sent to a token', one.token, both],
    ['a lone transfer sent to Multicall3', MULTICALL3, lone],
    ['an empty batch', MULTICALL3, bytesOf(batchByViem([]))],
    ['a batch of one', MULTICALL3, bytesOf(batchByViem([one]))],
    ['a batch in which none may fail', MULTICALL3, bytesOf(batchByViem([one, two], false))],
    ['65 bytes of signature as bytes', wide.token, plainAsBytes],
    ['another function of Multicall3', MULTICALL3, Uint8Array.from([1, 2, 3, 4, ...both.subarray(4)])],
  ])('do not decode from %s', (_case, target, data) => {
    expect(decodeTransfers(target, data)).toBeUndefined();
  });

  it('are not made of nothing, nor of fields that do not fit', () => {
    expect(() => encodeTransfers([])).toThrow(InvalidAuthorizationError);
    expect(() => encodeTransfers([{ ...one, value: -1n }])).toThrow('"value"');
    expect(() => encodeTransfers([one, { ...two, validAfterSec: 0.5 }])).toThrow('"validAfter"');
  });
});
