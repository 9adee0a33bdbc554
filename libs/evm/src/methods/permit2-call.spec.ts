import * as fc from 'fast-check';
import { x402ExactPermit2ProxyABI, x402UptoPermit2ProxyABI } from '@x402/evm';
import { parseEvmAddress, parseHex32 } from '#domain';
import { encodeFunctionData, multicall3Abi, type Hex } from 'viem';
import { describe, expect, it } from 'vitest';
import { toHex } from '../keccak.js';
import { EXACT_PROXY, UPTO_PROXY } from '../permit2.js';
import { MULTICALL3 } from '../multicall3.js';
import { decodeTransfers, encodeTransfers } from '../transfer-calls.js';
import type { TransferCall } from './method.js';

type Permit2Call = Exclude<TransferCall, { method: 'eip3009' }>;

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const address = bytes(20).map((it) => parseEvmAddress(toHex(it)));
const amount = fc.oneof(fc.bigInt(0n, 10_000_000n), fc.bigInt(0n, (1n << 256n) - 1n));
const seconds = fc.oneof(fc.nat(), fc.maxSafeNat());
const common = {
  token: address,
  from: address,
  to: address,
  value: amount,
  validAfterSec: seconds,
  validBeforeSec: seconds,
  nonce: bytes(32).map((it) => parseHex32(toHex(it))),
  signature: fc.oneof(bytes(65), fc.uint8Array({ maxLength: 300 })),
};
const exact = fc.record({ method: fc.constant('permit2' as const), ...common });
const upto = fc.record({
  method: fc.constant('upto' as const),
  ...common,
  ceiling: amount,
  facilitator: address,
});
const payment: fc.Arbitrary<Permit2Call> = fc.oneof(exact, upto);

function byViem(call: Permit2Call): Hex {
  const { token, nonce, from, to, signature } = call;
  const amountOf = call.method === 'upto' ? call.ceiling : call.value;
  const [deadline, validAfter] = [BigInt(call.validBeforeSec), BigInt(call.validAfterSec)];
  const permit = { permitted: { token, amount: amountOf }, nonce: BigInt(nonce), deadline };
  const functionName = 'settle';
  return call.method === 'upto'
    ? encodeFunctionData({
        abi: x402UptoPermit2ProxyABI,
        functionName,
        args: [permit, call.value, from, { to, facilitator: call.facilitator, validAfter }, toHex(signature)],
      })
    : encodeFunctionData({
        abi: x402ExactPermit2ProxyABI,
        functionName,
        args: [permit, from, { to, validAfter }, toHex(signature)],
      });
}

const targetOf = ({ method }: Permit2Call) => (method === 'upto' ? UPTO_PROXY : EXACT_PROXY);
const bytesOf = (hex: string): Uint8Array => Buffer.from(hex.slice(2), 'hex');
const [one] = fc.sample(exact, 1);
const [metered] = fc.sample(upto, 1);
if (one === undefined || metered === undefined) throw new Error('no samples');

describe('calls of the Permit2 proxies', () => {
  it('are the bytes that viem makes with the ABI of the x402 SDK, and read back', () => {
    fc.assert(
      fc.property(payment, (call) => {
        const encoded = encodeTransfers([call]);
        expect(encoded.target).toBe(targetOf(call));
        expect(toHex(encoded.data)).toBe(byViem(call));
        expect(decodeTransfers(encoded.target, encoded.data)).toEqual([call]);
      }),
      { numRuns: 500 },
    );
  });

  it('travel with each other in one aggregate3', () => {
    fc.assert(
      fc.property(fc.array(payment, { minLength: 2, maxLength: 8 }), (calls) => {
        const { target, data } = encodeTransfers(calls);
        const args = calls.map((it) => ({ target: targetOf(it), allowFailure: true, callData: byViem(it) }));
        expect(target).toBe(MULTICALL3);
        expect(toHex(data)).toBe(
          encodeFunctionData({ abi: multicall3Abi, functionName: 'aggregate3', args: [args] }),
        );
        expect(decodeTransfers(target, data)).toEqual(calls);
      }),
    );
  });

  it.each([one, metered])('of $method are read at their own proxy alone', (call) => {
    const { data } = encodeTransfers([call]);
    for (const other of [EXACT_PROXY, UPTO_PROXY, call.token, MULTICALL3])
      if (other !== targetOf(call)) expect(decodeTransfers(other, data)).toBeUndefined();
  });

  it.each([one, metered])('of $method are not read when a single byte is off', (call) => {
    const { target, data } = encodeTransfers([call]);
    const read = decodeTransfers(target, data);
    for (let at = 0; at < data.length; at += 1) {
      const spoilt = Uint8Array.from(data);
      spoilt[at] = (spoilt[at] ?? 0) ^ 1;
      // Another amount is another payment; where the call's form is touched it is none.
      const other = decodeTransfers(target, spoilt);
      if (other !== undefined) expect(toHex(encodeTransfers(other).data)).toBe(toHex(spoilt));
      expect(other).not.toEqual(read);
    }
    for (const cut of [data.subarray(0, -1), data.subarray(0, 40), bytesOf(`${toHex(data)}00`)])
      expect(decodeTransfers(target, cut)).toBeUndefined();
  });
});
