// Bench `purchase_idle`: what Purser adds to one purchase when nothing else is going on. Ours is one HTTP request answered when
// the payment was seen on chain (ruling 1); the baseline is stock `@x402/fetch` buying from the same stock seller.
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { ExactEvmScheme, toClientEvmSigner } from '@x402/evm';
import { wrapFetchWithPaymentFromConfig } from '@x402/fetch';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { LOCAL_NETWORK, mintUsdc } from '../../apps/local/src/chain.js';
import { median, type Bench } from './bench.js';
import { BenchStack } from './support/stack.js';

const PURCHASES = 15;

export const purchaseIdleBench: Bench = {
  name: 'purchase_idle',
  unit: 'ms p50',
  floor: { at_most: 1.7 },
  runs: 9,
  setUp: async () => {
    const stack = await BenchStack.start({ sellers: true });
    try {
      await stack.startSigner();
      await stack.startApi();
      await stack.startWorker();
      const url = `${stack.sellers.v2.url}/weather`;
      const viaPurser = purserBuyer(stack, url);
      const directly = await stockBuyer(stack, url);
      return {
        pair: async () => {
          const ours: number[] = [];
          const baseline: number[] = [];
          for (let purchase = 0; purchase < PURCHASES; purchase += 1) {
            ours.push(await timed(viaPurser));
            baseline.push(await timed(directly));
          }
          return { ours: median(ours), baseline: median(baseline) };
        },
        close: () => stack.stop(),
      };
    } catch (error) {
      await stack.stop();
      throw error;
    }
  },
};

function purserBuyer({ apiUrl, credentials: { agent } }: BenchStack, url: string): () => Promise<void> {
  return async () => {
    const response = await fetch(`${apiUrl}/v1/agent/x402/purchase`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-agent-id': agent.id,
        'x-api-key': agent.apiKey,
        'idempotency-key': randomUUID(),
      },
      body: JSON.stringify({ url, method: 'GET', max_amount: '10000' }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`purchase answered ${response.status}: ${text}`);
  };
}

async function stockBuyer({ urls }: BenchStack, url: string): Promise<() => Promise<void>> {
  const account = privateKeyToAccount(generatePrivateKey());
  await mintUsdc(urls.rpcUrl, account.address, 1_000_000_000n);
  const paying = wrapFetchWithPaymentFromConfig(fetch, {
    schemes: [{ network: LOCAL_NETWORK, client: new ExactEvmScheme(toClientEvmSigner(account)) }],
  });
  return async () => {
    const response = await paying(url);
    await response.arrayBuffer();
    if (!response.ok || !response.headers.has('payment-response'))
      throw new Error(`the seller answered ${response.status}`);
  };
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}
