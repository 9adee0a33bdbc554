import fc from 'fast-check';
import { encodeFunctionData, parseAbi, parseSignature } from 'viem';
import { describe, expect, it } from 'vitest';
import { parseEvmAddress, parseHex32 } from '#domain';
import { toHex } from '../keccak.js';
import { decodeTransfers, encodeTransfers } from '../transfer-calls.js';
import { InvalidAuthorizationError } from '../words.js';
import type { TransferCall } from './method.js';

const ABI = parseAbi([
  'function cancelAuthorization(address authorizer, bytes32 nonce, uint8 v, bytes32 r, bytes32 s)',
]);
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const address = bytes(20).map((it) => parseEvmAddress(toHex(it)));
const cancel = fc
  .record({
    token: address,
    from: address,
    nonce: bytes(32).map((it) => parseHex32(toHex(it))),
    rs: bytes(64),
    v: fc.constantFrom(27, 28),
  })
  .map(({ rs, v, ...it }): Extract<TransferCall, { method: 'cancel' }> => {
    const times = { validAfterSec: 0, validBeforeSec: 0 };
    return {
      ...it,
      ...times,
      method: 'cancel',
      to: it.from,
      value: 0n,
      signature: Uint8Array.from([...rs, v]),
    };
  });

describe('a cancellation as a call', () => {
  it('is what viem makes of it, and is read back as it was, alone and among others', () => {
    fc.assert(
      fc.property(cancel, (it) => {
        const { r, s, yParity } = parseSignature(toHex(it.signature));
        const args = [it.from, it.nonce, 27 + yParity, r, s] as const;
        const { target, data } = encodeTransfers([it]);
        expect([target, toHex(data)]).toEqual([it.token, encodeFunctionData({ abi: ABI, args })]);
        expect(decodeTransfers(target, data)).toEqual([it]);
        const both = encodeTransfers([it, it]);
        expect(decodeTransfers(both.target, both.data)).toEqual([it, it]);
      }),
      { numRuns: 200 },
    );
  });

  it('says nothing but whose nonce it is', () => {
    const [it] = fc.sample(cancel, 1) as [Extract<TransferCall, { method: 'cancel' }>];
    for (const over of [{ value: 1n }, { validBeforeSec: 5 }, { signature: new Uint8Array(64) }])
      expect(() => encodeTransfers([{ ...it, ...over }])).toThrow(InvalidAuthorizationError);
  });
});
