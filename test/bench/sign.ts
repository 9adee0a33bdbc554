// Bench `sign`: EIP-3009 digest, signature, recovery and comparison on one core, ours against viem, over the same
// payloads. Payloads are built before the clock starts, a fresh nonce each, so nothing can be cached.
import { performance } from 'node:perf_hooks';
import {
  createEip3009Hasher,
  decodePrivateKey,
  findAsset,
  openAuthorizationKey,
  type EvmAsset,
  type TransferTuple,
} from '#evm';
import { parseCaip2, parseEvmAddress, parseHex32 } from '#domain';
import { isAddressEqual, recoverTypedDataAddress } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import type { Bench } from './bench.js';

/** A well-known development key; it owns nothing. */
const DEV_KEY = '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a';
const OURS_PAYLOADS = 4_000;
const BASELINE_PAYLOADS = 200;

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

const asset = ((): EvmAsset => {
  const found = findAsset(
    parseCaip2('eip155:84532'),
    parseEvmAddress('0x036CbD53842c5426634e7929541eC2318f3dCF7e'),
  );
  if (found === undefined) throw new Error('the bench asset is not registered');
  return found;
})();
const key = openAuthorizationKey(decodePrivateKey(DEV_KEY));
const hasher = createEip3009Hasher(asset);
const account = privateKeyToAccount(DEV_KEY);

let serial = 0;

function payloads(count: number): TransferTuple[] {
  return Array.from({ length: count }, () => {
    serial += 1;
    return {
      from: key.address,
      to: parseEvmAddress('0x90F79bf6EB2c4f870365E785982E1f101E93b906'),
      value: BigInt(serial),
      validAfterSec: 0,
      validBeforeSec: 1_900_000_000 + serial,
      nonce: parseHex32(`0x${serial.toString(16).padStart(64, '0')}`),
    };
  });
}

function perSecond(count: number, startedMs: number): number {
  return (count * 1000) / (performance.now() - startedMs);
}

/** Signed, recovered and compared authorizations per second through libs/evm. */
function ours(): number {
  const batch = payloads(OURS_PAYLOADS);
  const startedMs = performance.now();
  for (const authorization of batch) key.signTransfer(hasher, authorization);
  return perSecond(batch.length, startedMs);
}

/** The same work through viem's own functions. */
async function baseline(): Promise<number> {
  const batch = payloads(BASELINE_PAYLOADS);
  const startedMs = performance.now();
  for (const authorization of batch) {
    const typedData = {
      domain: {
        name: asset.name,
        version: asset.version,
        chainId: asset.chainId,
        verifyingContract: asset.token,
      },
      types: TYPES,
      primaryType: 'TransferWithAuthorization',
      message: {
        from: authorization.from,
        to: authorization.to,
        value: authorization.value,
        validAfter: BigInt(authorization.validAfterSec),
        validBefore: BigInt(authorization.validBeforeSec),
        nonce: authorization.nonce,
      },
    } as const;
    const signature = await account.signTypedData(typedData);
    const recovered = await recoverTypedDataAddress({ ...typedData, signature });
    if (!isAddressEqual(recovered, account.address)) throw new Error('viem recovered another address');
  }
  return perSecond(batch.length, startedMs);
}

export const signBench: Bench = {
  name: 'sign',
  unit: 'per s',
  floor: { at_least: 15 },
  runs: 7,
  setUp: () =>
    Promise.resolve({
      pair: async () => ({ ours: ours(), baseline: await baseline() }),
      close: () => Promise.resolve(),
    }),
};
