// The demo sellers as one process of the stack. Told by SELLERS (JSON) where to listen and which keys to settle with.
import { HTTPFacilitatorClient } from '@x402/core/server';
import { privateKeyToAddress } from 'viem/accounts';
import type { Hex } from 'viem';
import { startExpressSeller } from './express-v2.js';
import { startFailingSeller } from './fails-after-payment.js';
import type { Seller, SellerOptions } from './seller.js';
import { startSellerV1 } from './v1.js';

/** What the stack hands over in SELLERS, by seller name. */
export interface SellersSettings {
  readonly rpcUrl: string;
  readonly slowDelayMs: number;
  /** Purser's, for the seller that has no other. */
  readonly facilitator?: { readonly url: string; readonly key: string };
  readonly sellers: Readonly<Record<string, { readonly port: number; readonly broadcastKey: Hex }>>;
}

const start: Readonly<Record<string, (options: SellerOptions, slowDelayMs: number) => Promise<Seller>>> = {
  v2: (options) => startExpressSeller(options),
  slow: (options, delayMs) => startExpressSeller({ ...options, delayMs }),
  v1: (options) => startSellerV1(options),
  failing: (options) => startFailingSeller(options),
  facilitated: (options) => startExpressSeller({ ...options, facilitator: facilitatorOf(settings) }),
};

function facilitatorOf({ facilitator }: SellersSettings): HTTPFacilitatorClient {
  if (facilitator === undefined) throw new Error('a facilitated seller without a facilitator');
  const headers = { Authorization: `Bearer ${facilitator.key}` };
  return new HTTPFacilitatorClient({
    url: facilitator.url,
    createAuthHeaders: () => Promise.resolve({ verify: headers, settle: headers, supported: headers }),
  });
}

const settings = JSON.parse(process.env['SELLERS'] ?? '{}') as SellersSettings;
const running = await Promise.all(
  Object.entries(settings.sellers).map(([name, { port, broadcastKey }]) => {
    const begin = start[name];
    if (begin === undefined) throw new Error(`no seller is called ${name}`);
    // The seller is paid at its own settlement address: one stable account per seller, also after a restart.
    const payTo = privateKeyToAddress(broadcastKey);
    return begin({ rpcUrl: settings.rpcUrl, port, payTo, broadcastKey }, settings.slowDelayMs);
  }),
);
console.log('sellers ready');
process.once('SIGTERM', () => {
  void Promise.all(running.map((seller) => seller.stop())).then(() => process.exit(0));
});
