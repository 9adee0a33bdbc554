// A signer for tests of the broadcaster alone: one key in memory, viem's bytes, no questions asked. The real one has tests of its own.
import { parseEvmAddress, parseHex32, type EvmAddress } from '#domain';
import type { BroadcastCall, BroadcastSigner, Fees } from '#engine';
import { keccak256, toHex, type Hex } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';

export interface TestBroadcastSigner extends BroadcastSigner {
  readonly privateKeys: readonly Hex[];
  readonly accounts: readonly EvmAddress[];
  /** Every call that was signed, in order. */
  readonly signed: readonly (BroadcastCall & Fees)[];
}

/** Over new keys, so many, or over these. */
export function testBroadcastSigner(of: number | readonly Hex[] = 1): TestBroadcastSigner {
  const privateKeys = typeof of === 'number' ? Array.from({ length: of }, generatePrivateKey) : of;
  const keys = privateKeys.map((key) => privateKeyToAccount(key));
  const accounts = keys.map((key) => parseEvmAddress(key.address));
  const signed: (BroadcastCall & Fees)[] = [];
  return {
    privateKeys,
    accounts,
    signed,
    broadcastAccounts: () => Promise.resolve(accounts),
    async signBroadcast(call, fees) {
      const key = keys[accounts.indexOf(call.sender)];
      if (key === undefined) return { kind: 'refused', reason: 'unknown_sender' };
      signed.push({ ...call, ...fees });
      const raw = await key.signTransaction({
        type: 'eip1559',
        chainId: Number(call.network.slice('eip155:'.length)),
        nonce: call.accountNonce,
        to: call.target,
        data: toHex(call.data),
        gas: call.gasLimit,
        ...fees,
      });
      return { kind: 'signed', raw: bytesOf(raw), txHash: parseHex32(keccak256(raw)) };
    },
  };
}

function bytesOf(hex: Hex): Uint8Array {
  return Buffer.from(hex.slice(2), 'hex');
}
