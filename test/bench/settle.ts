// Benches of the settlement engine: ours over HTTP against the SDK's reference facilitator in process, on the same chain.
import { performance } from 'node:perf_hooks';
import { rpc } from '../../apps/local/src/services/index.js';
import type { StackOptions } from '../../apps/local/src/stack/options.js';
import { median, type Bench } from './bench.js';
import { inFlight, startFacilitators, type Facilitator, type Facilitators } from './support/facilitators.js';
import { paymentMaker, type PaymentMaker } from './support/payments.js';

interface Shape extends Pick<StackOptions, 'mining' | 'blockGas'> {
  readonly payers?: number;
  readonly pair: (
    facilitators: Facilitators,
    payments: PaymentMaker,
  ) => Promise<{ readonly ours: number; readonly baseline: number }>;
}

const setUp =
  ({ payers, pair, ...chain }: Shape): Bench['setUp'] =>
  async () => {
    const facilitators = await startFacilitators(chain);
    const { rpcUrl } = facilitators.stack.urls;
    const payments = await paymentMaker(rpcUrl, payers === undefined ? {} : { payers });
    return { pair: () => pair(facilitators, payments), close: () => facilitators.close() };
  };

/** Per second, so many in flight. */
async function rate(
  count: number,
  atOnce: number,
  work: (index: number) => Promise<unknown>,
): Promise<number> {
  const begun = performance.now();
  await inFlight(
    Array.from({ length: count }, (_, index) => index),
    atOnce,
    work,
  );
  return (count * 1_000) / (performance.now() - begun);
}

async function settlements(
  facilitator: Facilitator,
  maker: PaymentMaker,
  count: number,
  atOnce: number,
): Promise<number> {
  const payments = maker.make(count);
  return rate(count, atOnce, (index) => facilitator.settle(payments[index] as never));
}

export const settleAutomineBench: Bench = {
  name: 'settle_throughput_automine',
  unit: 'per s',
  floor: { at_least: 10 },
  setUp: setUp({
    mining: 'automine',
    pair: async ({ ours, baseline }, maker) => ({
      ours: await settlements(ours, maker, 1_000, 200),
      baseline: await settlements(baseline, maker, 200, 200),
    }),
  }),
};

/** As on an L2 of today. Anvil's own 30 million would hold 560 settlements and no more, whoever brings them. */
const L2_BLOCK_GAS = 150_000_000;

export const settleBlocksBench: Bench = {
  name: 'settle_throughput_blocks',
  unit: 'per s',
  floor: { at_least: 6 },
  warmUp: false,
  setUp: setUp({
    mining: 1,
    blockGas: L2_BLOCK_GAS,
    pair: async ({ ours, baseline }, maker) => ({
      ours: await settlements(ours, maker, 2_000, 2_000),
      baseline: await settlements(baseline, maker, 2_000, 2_000),
    }),
  }),
};

export const settleIdleBench: Bench = {
  name: 'settle_idle',
  unit: 'ms p50',
  floor: { at_most: 1.2 },
  runs: 9,
  setUp: setUp({
    mining: 'automine',
    pair: async ({ ours, baseline }, maker) => {
      const times: Record<'ours' | 'baseline', number[]> = { ours: [], baseline: [] };
      for (const payment of maker.make(15)) times.ours.push(await timed(() => ours.settle(payment)));
      for (const payment of maker.make(15)) times.baseline.push(await timed(() => baseline.settle(payment)));
      return { ours: median(times.ours), baseline: median(times.baseline) };
    },
  }),
};

export const settleGasBench: Bench = {
  name: 'settle_gas',
  unit: 'gas each',
  floor: { at_most: 0.6 },
  setUp: setUp({
    mining: 1,
    payers: 100,
    pair: async ({ ours, baseline, stack }, maker) => {
      const gasOf = async (facilitator: Facilitator): Promise<number> => {
        const hashes = await inFlight(maker.make(100), 100, (payment) => facilitator.settle(payment));
        const used = await inFlight([...new Set(hashes)], 20, (hash) => gasUsed(stack.urls.rpcUrl, hash));
        return used.reduce((sum, gas) => sum + gas, 0) / hashes.length;
      };
      return { ours: await gasOf(ours), baseline: await gasOf(baseline) };
    },
  }),
};

export const verifyBench: Bench = {
  name: 'verify',
  unit: 'per s',
  floor: { at_least: 5 },
  setUp: setUp({
    mining: 'automine',
    pair: async ({ ours, baseline }, maker) => {
      const payments = maker.make(50);
      const verifications = (facilitator: Facilitator, count: number): Promise<number> =>
        rate(count, 50, (index) => facilitator.verify(payments[index % 50] as never));
      return { ours: await verifications(ours, 2_000), baseline: await verifications(baseline, 300) };
    },
  }),
};

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

async function gasUsed(rpcUrl: string, hash: string): Promise<number> {
  const receipt = (await rpc(rpcUrl, 'eth_getTransactionReceipt', [hash])) as { readonly gasUsed: string };
  return Number(BigInt(receipt.gasUsed));
}
