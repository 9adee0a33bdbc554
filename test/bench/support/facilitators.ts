// The two facilitators that are compared: ours over HTTP, with every process it takes, and the SDK's in this process, as its users run it.
import { Agent, request } from 'undici';
import type { StackOptions } from '../../../apps/local/src/stack/options.js';
import { fundBroadcastAccounts } from '../../../apps/local/src/stack/broadcast-accounts.js';
import { startFacilitator } from '../../../apps/local/src/sellers/index.js';
import { newCounters } from '../../../apps/local/src/sellers/seller.js';
import type { FacilitatorRequest } from './payments.js';
import { BenchStack } from './stack.js';

export interface Facilitator {
  /** Transaction hash. @throws unless the payment was settled. */
  settle(payment: FacilitatorRequest): Promise<string>;
  /** @throws unless the payment is valid. */
  verify(payment: FacilitatorRequest): Promise<void>;
}

export interface Facilitators {
  readonly stack: BenchStack;
  readonly ours: Facilitator;
  readonly baseline: Facilitator;
  close(): Promise<void>;
}

export async function startFacilitators(
  chain: Pick<StackOptions, 'mining' | 'blockGas'>,
): Promise<Facilitators> {
  const stack = await BenchStack.start(chain);
  try {
    await stack.startSigner();
    await fundBroadcastAccounts(stack.place, stack.urls.rpcUrl);
    await stack.startApi();
    await stack.startWorker({ PURSER_WORKER_ROLES: 'broadcast' });
    const connections = new Agent({ connections: 2_048, pipelining: 1 });
    return {
      stack,
      ours: overHttp(stack, connections),
      baseline: await reference(stack.urls.rpcUrl),
      async close() {
        await connections.close();
        await stack.stop();
      },
    };
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

/** All of them, at most so many under way at once. Returns the results in order. */
export async function inFlight<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(atOnce, items.length) }, async () => {
      while (next < items.length) {
        const index = next;
        next += 1;
        results[index] = await work(items[index] as T);
      }
    }),
  );
  return results;
}

function overHttp({ apiUrl, credentials }: BenchStack, dispatcher: Agent): Facilitator {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${credentials.adminKey}` };
  const post = async (path: string, payment: FacilitatorRequest): Promise<Record<string, unknown>> => {
    const { body } = await request(`${apiUrl}/facilitator/${path}`, {
      method: 'POST',
      headers,
      dispatcher,
      body: JSON.stringify(payment),
    });
    return (await body.json()) as Record<string, unknown>;
  };
  return {
    async settle(payment) {
      const answer = await post('settle', payment);
      if (answer['success'] !== true) throw new Error(`not settled: ${JSON.stringify(answer)}`);
      return String(answer['transaction']);
    },
    async verify(payment) {
      const answer = await post('verify', payment);
      if (answer['isValid'] !== true) throw new Error(`not valid: ${JSON.stringify(answer)}`);
    },
  };
}

/** One key whose transactions leave one at a time: with viem's nonce manager a send that fails leaves a gap, and everything after it hangs. */
async function reference(rpcUrl: string): Promise<Facilitator> {
  const facilitator = await startFacilitator(rpcUrl, newCounters());
  return {
    async settle({ paymentPayload, paymentRequirements }) {
      const answer = await facilitator.settle(paymentPayload as never, paymentRequirements as never);
      if (!answer.success) throw new Error(`not settled: ${answer.errorReason ?? ''}`);
      return answer.transaction;
    },
    async verify({ paymentPayload, paymentRequirements }) {
      const answer = await facilitator.verify(paymentPayload as never, paymentRequirements as never);
      if (!answer.isValid) throw new Error(`not valid: ${answer.invalidReason ?? ''}`);
    },
  };
}
