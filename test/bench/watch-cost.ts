// Bench `watch_cost`: what the chain watcher asks of its RPC per block while 10,000 authorizations are live, against 100. Exact counts, no times.
import { chainIdOf, parseCaip2, parseEvmAddress } from '#domain';
import { ChainWatcher } from '#engine';
import { createChainSource, createEvmRpc, networkProfile } from '#evm';
import { createPool, createWatchStore } from '#postgres';
import { createCore, loadConfig } from '#runtime';
import { LOCAL_NETWORK, LOCAL_TOKEN } from '../../apps/local/src/chain.js';
import { panelOf } from '../support/panel.js';
import { rpc as rawRpc } from '../../apps/local/src/services/index.js';
import { Client } from 'pg';
import type { Bench } from './bench.js';
import { BenchStack } from './support/stack.js';

const MANY = 10_000;
const FEW = 100;
const BLOCKS = 20;
const LEASE_OVER_MS = 20_000;

// Live for a day, of the stack's own wallet; the watcher cannot tell them from any other.
const ADD = `INSERT INTO authorization_ledger (workspace_id, operation_id, agent_id, wallet_id, network, token, from_address, to_address, value, valid_after,
    valid_before, nonce, digest, status)
  SELECT w.workspace_id, gen_random_uuid(), gen_random_uuid(), w.wallet_id, $1, $2, w.address, w.address, 1, 0, extract(epoch FROM now())::bigint + 86400,
    '0x' || encode(sha256(gen_random_uuid()::text::bytea), 'hex'), '', 'live'
  FROM (SELECT * FROM wallet LIMIT 1) w, generate_series(1, $3)`;

export const watchCostBench: Bench = {
  name: 'watch_cost',
  unit: 'calls/block',
  floor: { at_most: 1.1 },
  setUp: async () => {
    const stack = await BenchStack.start();
    const { rpcUrl, postgresUrl } = stack.urls;
    const network = parseCaip2(LOCAL_NETWORK);
    const profile = networkProfile('local');
    if (profile === undefined) throw new Error('no local profile');
    const tokens = [parseEvmAddress(LOCAL_TOKEN)];
    const rpc = createEvmRpc({ url: rpcUrl, chainId: chainIdOf(network) });
    const core = await createCore(loadConfig('worker', stack.environment('worker')));
    const pool = createPool(stack.databases.system, { name: 'bench', max: 4 });
    const owner = new Client({ connectionString: postgresUrl });
    await owner.connect();
    const watcher = new ChainWatcher({
      ports: core.ports,
      source: createChainSource({ profile, panel: panelOf([rpc]), tokens }),
      store: createWatchStore(pool),
      owner: 'bench',
      tokens,
    });
    const callsPerBlock = async (live: number): Promise<number> => {
      await owner.query('DELETE FROM authorization_ledger');
      await owner.query(ADD, [network, tokens[0], live]);
      await rawRpc(rpcUrl, 'evm_mine');
      await seen(watcher);
      const before = rpc.stats().calls;
      for (let block = 0; block < BLOCKS; block += 1) {
        await rawRpc(rpcUrl, 'evm_mine');
        await seen(watcher);
      }
      return (rpc.stats().calls - before) / BLOCKS;
    };
    return {
      pair: async () => ({ ours: await callsPerBlock(MANY), baseline: await callsPerBlock(FEW) }),
      close: async () => {
        await owner.end();
        await pool.end();
        await core.close();
        await stack.stop();
      },
    };
  },
};

/** The set-up's own watcher may hold the lease for a while. */
async function seen(watcher: ChainWatcher): Promise<void> {
  const deadline = Date.now() + LEASE_OVER_MS;
  while (!(await watcher.tick())) {
    if (Date.now() > deadline) throw new Error('the watcher did not see a block');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
