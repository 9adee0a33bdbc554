import express, { type Request, type Response } from 'express';
import { safeBase64Decode, safeBase64Encode } from '@x402/core/utils';
import type { FacilitatorClient } from '@x402/core/server';
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts';
import { LOCAL_TOKEN } from '../chain.js';
import { CATALOGUE, type Product } from './catalogue.js';
import { ownFacilitator, V1_NETWORK } from './facilitator.js';
import { newCounters, serve, type Seller, type SellerOptions } from './seller.js';

/** Protocol v1 terms as they stand in a 402 body. */
export interface TermsV1 {
  readonly scheme: 'exact';
  readonly network: string;
  readonly maxAmountRequired: string;
  readonly asset: string;
  readonly payTo: string;
  readonly resource: string;
  readonly description: string;
  readonly mimeType: string;
  readonly outputSchema: null;
  readonly maxTimeoutSeconds: number;
  readonly extra: { readonly name: string; readonly version: string };
}

/** A seller that speaks protocol v1 only: terms in the body, `X-PAYMENT` in, `X-PAYMENT-RESPONSE` out. */
export async function startSellerV1(options: SellerOptions): Promise<Seller> {
  const counters = newCounters();
  const payTo = options.payTo ?? privateKeyToAddress(generatePrivateKey());
  const facilitator = options.facilitator ?? (await ownFacilitator(options, counters));
  const app = express().disable('x-powered-by');
  const answer = async (product: Product, request: Request, response: Response): Promise<void> => {
    counters.requests += 1;
    const terms = termsOf(product, payTo, request);
    const outcome = await pay(facilitator, request.get('x-payment'), terms);
    if ('error' in outcome) {
      counters.challenged += 1;
      response.status(402).json({ x402Version: 1, error: outcome.error, accepts: [terms] });
      return;
    }
    counters.delivered += 1;
    response.set('X-PAYMENT-RESPONSE', safeBase64Encode(JSON.stringify(outcome.receipt)));
    product.deliver(response);
  };
  for (const product of CATALOGUE) {
    app.all(product.path, (request, response) => answer(product, request, response));
  }
  return serve(app, { port: options.port, payTo, counters });
}

async function pay(
  facilitator: Pick<FacilitatorClient, 'verify' | 'settle'>,
  header: string | undefined,
  terms: TermsV1,
): Promise<{ receipt: unknown } | { error: string }> {
  if (header === undefined) return { error: 'X-PAYMENT header is required' };
  let payload: unknown;
  try {
    payload = JSON.parse(safeBase64Decode(header));
  } catch {
    return { error: 'X-PAYMENT header is malformed' };
  }
  // The packages type only v2; the v1 scheme behind the same door takes these shapes.
  const verified = await facilitator.verify(payload as never, terms as never);
  if (!verified.isValid) return { error: verified.invalidReason ?? 'invalid_payload' };
  const receipt = await facilitator.settle(payload as never, terms as never);
  return receipt.success ? { receipt } : { error: receipt.errorReason ?? 'unexpected_settle_error' };
}

function termsOf(product: Product, payTo: string, request: Request): TermsV1 {
  return {
    scheme: 'exact',
    network: V1_NETWORK,
    maxAmountRequired: product.priceAtomic.toString(),
    asset: LOCAL_TOKEN,
    payTo,
    resource: `${request.protocol}://${request.get('host') ?? ''}${product.path}`,
    description: product.description,
    mimeType: product.mimeType,
    outputSchema: null,
    maxTimeoutSeconds: 300,
    extra: { name: 'USDC', version: '2' },
  };
}
