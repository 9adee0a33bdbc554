import * as fc from 'fast-check';
import { parseCaip2, parseEvmAddress, type EvmAddress } from '#domain';
import type { BroadcastCall, Fees } from '#engine';
import { parseTransaction, recoverTransactionAddress, type TransactionSerializedEIP1559 } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { describe, expect, it } from 'vitest';
import { keccak256, toHex } from './keccak.js';
import { decodePrivateKey, InvalidKeyMaterialError, recoverAddress } from './secp256k1.js';
import { identityHash, InvalidTransactionError, openBroadcastKey, unsignedHash } from './transaction.js';

// The third well-known development key of local EVM nodes.
const DEV_KEY = '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a';
const key = openBroadcastKey(decodePrivateKey(DEV_KEY));
const account = privateKeyToAccount(DEV_KEY);

const uint = (bits: bigint) => fc.oneof(fc.bigInt(0n, 300n), fc.bigInt(0n, (1n << bits) - 1n));
const target = fc
  .uint8Array({ minLength: 20, maxLength: 20 })
  .map((it): EvmAddress => parseEvmAddress(toHex(it)));
const call: fc.Arbitrary<BroadcastCall> = fc.record({
  network: fc.constantFrom(...[1, 84532, 8453, 42161].map((id) => parseCaip2(`eip155:${id}`))),
  sender: fc.constant(key.address),
  accountNonce: fc.oneof(fc.nat(300), fc.maxSafeNat()),
  target,
  data: fc.oneof(
    fc.uint8Array({ maxLength: 2 }),
    fc.uint8Array({ maxLength: 60 }),
    fc.uint8Array({ minLength: 200, maxLength: 70_000, size: 'max' }),
  ),
  gasLimit: uint(64n),
});
const fees: fc.Arbitrary<Fees> = fc
  .tuple(uint(128n), uint(128n))
  .map(([a, b]) =>
    a > b ? { maxFeePerGas: a, maxPriorityFeePerGas: b } : { maxFeePerGas: b, maxPriorityFeePerGas: a },
  );
const [some, cheap] = fc.sample(fc.tuple(call, fees), { numRuns: 1, seed: 3 })[0] as [BroadcastCall, Fees];

describe('broadcast transactions', () => {
  it('equal the bytes of viem signTransaction, and recover to their sender', async () => {
    await fc.assert(
      fc.asyncProperty(call, fees, async (asked, at) => {
        const { raw, txHash } = key.signTransaction(asked, at);
        const expected = await account.signTransaction({
          type: 'eip1559',
          chainId: Number(asked.network.slice('eip155:'.length)),
          nonce: asked.accountNonce,
          to: asked.target,
          data: toHex(asked.data),
          gas: asked.gasLimit,
          ...at,
        });
        expect(toHex(raw) === expected).toBe(true);
        expect(txHash).toBe(toHex(keccak256(raw)));
        const { r, s, yParity } = parseTransaction(expected as TransactionSerializedEIP1559);
        const rs = [r, s].map((it) => (it ?? '0x').slice(2).padStart(64, '0')).join('');
        const signature = Buffer.from(`${rs}${(27 + (yParity ?? 0)).toString(16)}`, 'hex');
        expect(recoverAddress(unsignedHash(asked, at), signature)).toBe(key.address);
      }),
      { numRuns: 500 },
    );
  }, 60_000);

  it('are what viem reads back', async () => {
    const { raw } = key.signTransaction(some, cheap);
    const serializedTransaction = toHex(raw) as TransactionSerializedEIP1559;
    expect(parseTransaction(serializedTransaction)).toMatchObject({ nonce: some.accountNonce });
    const sender = await recoverTransactionAddress({ serializedTransaction });
    expect(sender.toLowerCase()).toBe(key.address);
  });

  it('have one identity whatever the fees, and another for every other field', () => {
    const identity = identityHash(some);
    const others: Partial<BroadcastCall>[] = [
      { network: parseCaip2('eip155:10') },
      { sender: parseEvmAddress(`0x${'11'.repeat(20)}`) },
      { accountNonce: some.accountNonce === 0 ? 1 : some.accountNonce - 1 },
      { target: parseEvmAddress(`0x${'22'.repeat(20)}`) },
      { data: Uint8Array.from([...some.data, 0]) },
      { gasLimit: some.gasLimit ^ 1n },
    ];
    const all = others.map((it) => identityHash({ ...some, ...it }));
    expect(new Set([identity, ...all]).size).toBe(others.length + 1);
    expect(identityHash({ ...some, data: some.data.slice() })).toBe(identity);
  });

  it('are refused when a field does not fit, when the sender is another, and after the key is closed', () => {
    const wrong = (over: Partial<BroadcastCall>, at: Partial<Fees> = {}) =>
      expect(() => key.signTransaction({ ...some, ...over }, { ...cheap, ...at }));
    wrong({ sender: parseEvmAddress(`0x${'11'.repeat(20)}`) }).toThrow(InvalidTransactionError);
    wrong({ accountNonce: -1 }).toThrow('"accountNonce"');
    wrong({ gasLimit: 1n << 64n }).toThrow('"gasLimit"');
    wrong({}, { maxPriorityFeePerGas: cheap.maxFeePerGas + 1n }).toThrow('"maxPriorityFeePerGas"');
    const closed = openBroadcastKey(decodePrivateKey(DEV_KEY));
    closed.close();
    expect(() => closed.signTransaction(some, cheap)).toThrow();
    expect(() => openBroadcastKey(new Uint8Array(32))).toThrow(InvalidKeyMaterialError);
  });
});
