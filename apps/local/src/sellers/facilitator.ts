import { x402Facilitator } from '@x402/core/facilitator';
import type { FacilitatorClient } from '@x402/core/server';
import { toFacilitatorEvmSigner } from '@x402/evm';
import { ExactEvmScheme } from '@x402/evm/exact/facilitator';
import { ExactEvmSchemeV1 } from '@x402/evm/exact/v1/facilitator';
import { createWalletClient, http, publicActions, type Address, type Hex } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { fundGas, localChain, LOCAL_NETWORK, POLLING_INTERVAL_MS } from '../chain.js';
import type { SellerCounters, SellerOptions } from './seller.js';

export const V1_NETWORK = 'base-sepolia';

/** A seller's own in-process facilitator, built from the stock x402 packages; v1 and v2, `exact` on the local chain. */
export async function startFacilitator(
  rpcUrl: string,
  counters: SellerCounters,
  key: Hex = generatePrivateKey(),
): Promise<x402Facilitator> {
  const account = privateKeyToAccount(key);
  await fundGas(rpcUrl, account.address);
  const client = createWalletClient({
    account,
    chain: localChain(rpcUrl),
    transport: http(rpcUrl),
    pollingInterval: POLLING_INTERVAL_MS,
  }).extend(publicActions);
  const stock = toFacilitatorEvmSigner({ ...client, address: account.address } as never);
  const oneAtATime = queue();
  const signer = {
    ...stock,
    getAddresses: (): readonly Address[] => [account.address],
    // One key, many buyers: two broadcasts that read the same account nonce would replace each other.
    writeContract: (call: Parameters<typeof stock.writeContract>[0]) =>
      oneAtATime(() => stock.writeContract({ gas: 200_000n, ...call })),
    sendTransaction: (transaction: Parameters<typeof stock.sendTransaction>[0]) =>
      oneAtATime(() => stock.sendTransaction(transaction)),
  };
  return new x402Facilitator()
    .register(LOCAL_NETWORK, new ExactEvmScheme(signer))
    .registerV1(V1_NETWORK as never, new ExactEvmSchemeV1(signer))
    .onAfterSettle(({ result }) => {
      if (result.success) counters.settled += 1;
      else counters.refused += 1;
      return Promise.resolve();
    })
    .onSettleFailure(() => {
      counters.refused += 1;
      return Promise.resolve();
    });
}

/** The same as a client of it, for sellers that name no other. */
export async function ownFacilitator(
  { rpcUrl, broadcastKey }: Pick<SellerOptions, 'rpcUrl' | 'broadcastKey'>,
  counters: SellerCounters,
): Promise<FacilitatorClient> {
  const facilitator = await startFacilitator(rpcUrl, counters, broadcastKey);
  return {
    verify: (payload, requirements) => facilitator.verify(payload, requirements),
    settle: (payload, requirements) => facilitator.settle(payload, requirements),
    // The facilitator answers with plain strings where the client wants CAIP-2 ones; the values are the same.
    getSupported: () => Promise.resolve(facilitator.getSupported() as never),
  };
}

/** Runs tasks strictly one after another; one that fails does not stop the next. */
function queue(): <T>(task: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const next = last.then(task, task);
    last = next.catch(() => undefined);
    return next;
  };
}
