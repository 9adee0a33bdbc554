import { LOCAL_NETWORK, LOCAL_TOKEN } from '../../../apps/local/src/chain.js';
import type { Json } from '#domain';

/** Nobody's address; nothing is ever settled to it. */
export const PAYEE = '0x90f79bf6eb2c4f870365e785982e1f101e93b906';

/** A seller's v2 terms as a caller would bring them. */
export function broughtChallenge(url: string, amount: bigint): Json {
  return {
    x402Version: 2,
    error: 'Payment required',
    resource: { url, description: 'A report', mimeType: 'application/json' },
    accepts: [
      {
        scheme: 'exact',
        network: LOCAL_NETWORK,
        asset: LOCAL_TOKEN,
        amount: amount.toString(),
        payTo: PAYEE,
        maxTimeoutSeconds: 300,
        extra: { name: 'USDC', version: '2' },
      },
    ],
  };
}
