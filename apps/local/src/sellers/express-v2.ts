import { ExactEvmScheme } from '@x402/evm/exact/server';
import { paymentMiddleware, x402ResourceServer, type Network } from '@x402/express';
import express from 'express';
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts';
import { LOCAL_NETWORK, LOCAL_TOKEN } from '../chain.js';
import { CATALOGUE, type Product } from './catalogue.js';
import { ownFacilitator } from './facilitator.js';
import { PAYMENT_IDENTIFIER, paymentIdentifierExtension, rememberAnswers } from './payment-identifier.js';
import { newCounters, serve, type Seller, type SellerOptions } from './seller.js';

export interface ExpressSellerOptions extends SellerOptions {
  /** How long the goods take to make; a slow seller settles only after that. 0 if not given. */
  readonly delayMs?: number;
}

/** A seller as anyone would build it: stock `@x402/express` (protocol v2), settling after the handler has run. */
export async function startExpressSeller(options: ExpressSellerOptions): Promise<Seller> {
  const counters = newCounters();
  const payTo = options.payTo ?? privateKeyToAddress(generatePrivateKey());
  const facilitator = options.facilitator ?? (await ownFacilitator(options, counters));
  const resourceServer = new x402ResourceServer(facilitator).register(LOCAL_NETWORK, new ExactEvmScheme());

  const app = express().disable('x-powered-by');
  app.use((request, response, next) => {
    if (request.path === '/counters') return next();
    counters.requests += 1;
    response.once('finish', () => {
      if (response.statusCode === 402) counters.challenged += 1;
      if (response.statusCode === 200) counters.delivered += 1;
    });
    next();
  });
  app.use(rememberAnswers(counters));
  const routes = CATALOGUE.flatMap((product) =>
    // Also by POST, because buyers must be able to pay for a request with a body.
    ['GET', 'POST'].map((method) => [`${method} ${product.path}`, termsOf(product, payTo)] as const),
  );
  app.use(paymentMiddleware(Object.fromEntries(routes), resourceServer));
  for (const product of CATALOGUE) {
    app.all(product.path, (_request, response) => {
      setTimeout(() => product.deliver(response), options.delayMs ?? 0);
    });
  }
  return serve(app, { port: options.port, payTo, counters });
}

function termsOf(product: Product, payTo: string) {
  return {
    accepts: {
      scheme: 'exact',
      network: LOCAL_NETWORK as Network,
      payTo,
      price: {
        asset: LOCAL_TOKEN,
        amount: product.priceAtomic.toString(),
        extra: { name: 'USDC', version: '2' },
      },
      maxTimeoutSeconds: 300,
    },
    description: product.description,
    mimeType: product.mimeType,
    extensions: { [PAYMENT_IDENTIFIER]: paymentIdentifierExtension },
  };
}
