import {
  decodePaymentSignatureHeader,
  encodePaymentRequiredHeader,
  encodePaymentResponseHeader,
} from '@x402/core/http';
import type { PaymentRequirements, SettleResponse } from '@x402/core/types';
import express, { type Request, type Response } from 'express';
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts';
import { LOCAL_NETWORK, LOCAL_TOKEN } from '../chain.js';
import { CATALOGUE, type Product } from './catalogue.js';
import { startFacilitator } from './facilitator.js';
import { newCounters, serve, type Seller, type SellerOptions } from './seller.js';

export interface FailingSellerOptions extends SellerOptions {
  /** How many paid requests per payment end in a 500 before the goods come; all of them if not given. */
  readonly failures?: number;
  /** Whether the failure carries the receipt. Yes if not given. */
  readonly withReceipt?: boolean;
}

/** Protocol v2: takes the money and then answers 500. A later repeat of the same payment may get the goods. */
export async function startFailingSeller(options: FailingSellerOptions): Promise<Seller> {
  const counters = newCounters();
  const payTo = options.payTo ?? privateKeyToAddress(generatePrivateKey());
  const facilitator = await startFacilitator(options.rpcUrl, counters, options.broadcastKey);
  const receipts = new Map<string, Promise<SettleResponse>>();
  const attempts = new Map<string, number>();
  const app = express().disable('x-powered-by');
  const answer = async (product: Product, request: Request, response: Response): Promise<void> => {
    counters.requests += 1;
    const offer = offerOf(product, payTo);
    const header = request.get('payment-signature');
    if (header === undefined) {
      counters.challenged += 1;
      response
        .status(402)
        .set('PAYMENT-REQUIRED', challenge(product, offer, request))
        .json({});
      return;
    }
    const settling = receipts.get(header) ?? facilitator.settle(decodePaymentSignatureHeader(header), offer);
    receipts.set(header, settling);
    const receipt = await settling;
    if (!receipt.success) {
      counters.challenged += 1;
      response.status(402).set('PAYMENT-RESPONSE', encodePaymentResponseHeader(receipt)).json({});
      return;
    }
    if (options.withReceipt !== false) {
      response.set('PAYMENT-RESPONSE', encodePaymentResponseHeader(receipt));
    }
    const attempt = (attempts.get(header) ?? 0) + 1;
    attempts.set(header, attempt);
    if (attempt <= (options.failures ?? Infinity)) {
      response.status(500).json({ error: 'the goods broke after you paid' });
      return;
    }
    counters.delivered += 1;
    product.deliver(response);
  };
  for (const product of CATALOGUE) {
    app.all(product.path, (request, response) => answer(product, request, response));
  }
  return serve(app, { port: options.port, payTo, counters });
}

function offerOf(product: Product, payTo: string): PaymentRequirements {
  return {
    scheme: 'exact',
    network: LOCAL_NETWORK,
    amount: product.priceAtomic.toString(),
    asset: LOCAL_TOKEN,
    payTo,
    maxTimeoutSeconds: 300,
    extra: { name: 'USDC', version: '2' },
  };
}

function challenge(product: Product, offer: PaymentRequirements, request: Request): string {
  return encodePaymentRequiredHeader({
    x402Version: 2,
    error: 'Payment required',
    resource: {
      url: `${request.protocol}://${request.get('host') ?? ''}${product.path}`,
      description: product.description,
      mimeType: product.mimeType,
    },
    accepts: [offer],
  });
}
