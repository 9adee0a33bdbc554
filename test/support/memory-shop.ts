// A seller whose answers are written in its URLs: what a conformance case needs happens, nothing else.
import { parseCaip2, parseHex32, type ErrorCode, type Terms } from '#domain';
import type { OfferLimits, PaymentHeader, PresentAnswer, PriceAnswer, Seller, SellerRequest } from '#engine';
import { someTerms } from './builders.js';
import { decodePayment } from './memory-basics.js';
import type { MemoryChain } from './memory-chain.js';

/** Paths at which the price cannot be had, by the refusal they give. */
const REFUSALS: Readonly<Record<string, ErrorCode>> = {
  '/unpayable': 'unpayable_challenge',
  '/unknown-network': 'unknown_network',
  '/unknown-asset': 'unknown_asset',
  '/unknown-scheme': 'unsupported_scheme',
  '/private': 'forbidden_address',
  '/down': 'seller_unreachable',
  '/moved': 'redirected',
  '/huge': 'response_too_large',
};
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const HEADERS = { 'content-type': 'application/json', 'set-cookie': 'a=b', 'payment-required': 'e30=' };

export class MemoryShop implements Seller {
  /** Every paid request that arrived. */
  readonly charged: string[] = [];
  price = 10_000n;

  constructor(private readonly chain: MemoryChain) {}

  askPrice({ url, method }: SellerRequest, limits: OfferLimits): Promise<PriceAnswer> {
    return Promise.resolve(this.offer(url, method, limits));
  }

  readChallenge(_challenge: unknown, { url, method }: SellerRequest, limits: OfferLimits): PriceAnswer {
    return this.offer(url, method, limits);
  }

  present(request: SellerRequest, header: PaymentHeader): Promise<PresentAnswer> {
    const payment = decodePayment(header);
    this.charged.push(payment.operationId);
    const { pathname } = new URL(request.url);
    if (pathname === '/silent')
      return Promise.resolve({ outcome: 'timeout', answer: null, claimedTxHash: null });
    const txHash = this.chain.submit(payment);
    this.chain.mine();
    if (pathname === '/breaks') {
      const answer = { status: 500, headers: HEADERS, body: utf8('{"error":"out of stock"}') };
      return Promise.resolve({ outcome: 'upstream_error', answer, claimedTxHash: txHash });
    }
    const body = pathname === '/binary' ? Uint8Array.of(0, 255, 128, 1) : utf8('{"report":"42"}');
    const claimed = pathname === '/liar' ? parseHex32(`0x${'9'.repeat(64)}`) : txHash;
    return Promise.resolve({
      outcome: 'delivered',
      answer: { status: 200, headers: HEADERS, body },
      claimedTxHash: claimed,
    });
  }

  private offer(url: string, method: string, limits: OfferLimits): PriceAnswer {
    const { pathname } = new URL(url);
    if (pathname === '/free')
      return { kind: 'free', answer: { status: 200, headers: HEADERS, body: utf8('{"free":true}') } };
    const code = REFUSALS[pathname];
    if (code !== undefined) return { kind: 'refused', code, details: {} };
    const terms: Terms = { ...someTerms(), amount: this.price, resourceUrl: url, method };
    if (limits.payTo !== undefined && limits.payTo !== terms.payTo)
      return { kind: 'refused', code: 'terms_mismatch', details: { field: 'pay_to' } };
    if (limits.amount !== undefined && limits.amount !== terms.amount)
      return { kind: 'refused', code: 'terms_mismatch', details: { field: 'amount' } };
    if (limits.network !== undefined && limits.network !== parseCaip2(terms.network))
      return { kind: 'refused', code: 'terms_mismatch', details: { field: 'network' } };
    if (limits.maxAmount !== null && terms.amount > limits.maxAmount)
      return { kind: 'refused', code: 'price_above_maximum', details: { amount: terms.amount.toString() } };
    return { kind: 'terms', terms };
  }
}
