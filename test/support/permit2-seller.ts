// A seller built from unmodified `@x402/express`, `@x402/core` and `@x402/evm`, paid through Permit2: `/exact` has a price, `/upto` a ceiling of which
// it charges what its caller asks it to. `/upfront` is paid by EIP-3009 before it delivers, and then delivers nothing.
import { x402Facilitator } from '@x402/core/facilitator';
import type { FacilitatorClient } from '@x402/core/server';
import { toFacilitatorEvmSigner } from '@x402/evm';
import { ExactEvmScheme as ExactFacilitator } from '@x402/evm/exact/facilitator';
import { ExactEvmScheme as ExactServer } from '@x402/evm/exact/server';
import { UptoEvmScheme as UptoFacilitator } from '@x402/evm/upto/facilitator';
import { UptoEvmScheme as UptoServer } from '@x402/evm/upto/server';
import { paymentMiddleware, setSettlementOverrides, x402ResourceServer, type Network } from '@x402/express';
import express from 'express';
import { createServer } from 'node:http';
import { createWalletClient, http, publicActions } from 'viem';
import { generatePrivateKey, privateKeyToAccount, privateKeyToAddress } from 'viem/accounts';
import { fundGas, localChain, LOCAL_NETWORK, LOCAL_TOKEN } from '../../apps/local/src/chain.js';

export interface Permit2Seller {
  readonly payTo: string;
  /** Requests answered with goods. */
  readonly delivered: () => number;
  close(): Promise<void>;
}

export const PRICE = 40_000n;
export const CEILING = 90_000n;
export const UPFRONT_PRICE = 30_000n;

/** Its facilitator is the SDK's own unless another is given. */
export async function startPermit2Seller(
  rpcUrl: string,
  port: number,
  other?: FacilitatorClient,
): Promise<Permit2Seller> {
  const payTo = privateKeyToAddress(generatePrivateKey());
  const server = new x402ResourceServer(other ?? (await ownFacilitator(rpcUrl)))
    .register(LOCAL_NETWORK, new ExactServer())
    .register(LOCAL_NETWORK, new UptoServer());
  const offer = (
    scheme: 'exact' | 'upto',
    amount: bigint,
    extra: object = { assetTransferMethod: 'permit2' },
  ) => ({
    accepts: {
      scheme,
      network: LOCAL_NETWORK as Network,
      payTo,
      price: {
        asset: LOCAL_TOKEN,
        amount: amount.toString(),
        extra: { name: 'USDC', version: '2', ...extra },
      },
      maxTimeoutSeconds: 60,
    },
    description: `paid by ${scheme}`,
    mimeType: 'application/json',
  });
  let delivered = 0;
  const app = express().disable('x-powered-by');
  const routes = {
    'GET /exact': offer('exact', PRICE),
    'GET /upto': offer('upto', CEILING),
    'GET /upfront': offer('exact', UPFRONT_PRICE, { paymentFlow: 'upfront' }),
  };
  app.use(paymentMiddleware(routes, server));
  app.get('/upfront', (_request, response) => void response.status(500).json({ error: 'out of order' }));
  app.get('/exact', (_request, response) => {
    delivered += 1;
    response.json({ goods: 'exact' });
  });
  app.get('/upto', (request, response) => {
    delivered += 1;
    setSettlementOverrides(response, { amount: String(request.query['charge']) });
    response.json({ goods: 'upto' });
  });
  const listening = createServer(app);
  await new Promise<void>((resolve) => listening.listen(port, '127.0.0.1', resolve));
  return {
    payTo,
    delivered: () => delivered,
    close: () => new Promise((resolve) => listening.close(() => resolve())),
  };
}

async function ownFacilitator(rpcUrl: string): Promise<FacilitatorClient> {
  const account = privateKeyToAccount(generatePrivateKey());
  await fundGas(rpcUrl, account.address);
  const client = createWalletClient({
    account,
    chain: localChain(rpcUrl),
    transport: http(rpcUrl),
    pollingInterval: 100,
  }).extend(publicActions);
  const signer = toFacilitatorEvmSigner({ ...client, address: account.address } as never);
  const facilitator = new x402Facilitator()
    .register(LOCAL_NETWORK, new ExactFacilitator(signer))
    .register(LOCAL_NETWORK, new UptoFacilitator(signer));
  return {
    verify: (payload, requirements) => facilitator.verify(payload, requirements),
    settle: (payload, requirements) => facilitator.settle(payload, requirements),
    getSupported: () => Promise.resolve(facilitator.getSupported() as never),
  };
}
