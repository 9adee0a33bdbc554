// A broadcaster in a process of its own, which stops for ever at the step it is told, says so, and waits to be killed there.
import { parseCaip2 } from '#domain';
import { Broadcaster } from '#engine';
import { createBroadcastChain, createEvmRpc, createRpcPanel } from '#evm';
import { createBroadcastStore, createPool } from '#postgres';
import type { Hex } from 'viem';
import { testBroadcastSigner } from './broadcast-signer.js';

const { RPC_URL = '', DATABASE_URL = '', KEYS = '', STOP_AT = '' } = process.env;

/** The same part, but for the one call before or after which the process stops. */
function mortal<T extends object>(part: T): T {
  return new Proxy(part, {
    get(target, name, receiver) {
      const value: unknown = Reflect.get(target, name, receiver);
      if (typeof value !== 'function' || !STOP_AT.endsWith(` ${String(name)}`)) return value;
      return async (...args: readonly unknown[]) => {
        if (STOP_AT === `before ${String(name)}`) await stop();
        const answer: unknown = await Reflect.apply(value, target, args);
        if (STOP_AT === `after ${String(name)}`) await stop();
        return answer;
      };
    },
  });
}

async function stop(): Promise<never> {
  process.stdout.write('stopped\n');
  return new Promise(() => undefined);
}

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const clock = { nowMs: () => Date.now() };
const network = parseCaip2('eip155:84532');
const rpcs = [createEvmRpc({ url: RPC_URL, chainId: 84532 })];
const panel = createRpcPanel({ network, rpcs, clock, logger: silent });
const pool = createPool(DATABASE_URL, { name: 'mortal-broadcaster', max: 4 });
const vault = {
  seal: (_: unknown, plain: Uint8Array) => plain,
  open: (_: unknown, sealed: Uint8Array) => sealed,
};
const store = createBroadcastStore(pool, vault);
const broadcaster = new Broadcaster({
  chain: mortal(createBroadcastChain({ panel, finality: { kind: 'tag' } })),
  store: mortal({ ...store, holdLease: () => Promise.resolve(true) }),
  signer: mortal(testBroadcastSigner(KEYS.split(',') as Hex[])),
  clock,
  logger: silent,
  owner: `mortal-${process.pid}`,
  accounts: 1,
  feeCap: 500_000_000_000n,
  costCap: 10n ** 19n,
  lowBalance: 10n ** 15n,
});

for (;;) {
  await broadcaster.turn();
  await new Promise((resolve) => setTimeout(resolve, 2));
}
