// Watcher and broadcaster with nothing but a WebSocket to the node.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChainWatcher, type Ports } from '#engine';
import { createBroadcastChain, createChainSource, createEvmRpc, type EvmRpc } from '#evm';
import { createWatchStore } from '#postgres';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { broadcastRole } from '../../../apps/worker/src/roles/broadcast-role.js';
import { watchRole } from '../../../apps/worker/src/roles/loop-roles.js';
import type { Role } from '../../../apps/worker/src/roles/role.js';
import type { WorkerCore, WorkerOptions } from '../../../apps/worker/src/worker-core.js';
import { LOCAL } from '../../support/evm-wallet.js';
import { panelOf } from '../../support/panel.js';
import { NETWORK, startSettling, TOKEN, type Payer, type Settling } from '../../support/settling.js';

/** Far longer than any test: what happens sooner was announced. */
const NEVER_MS = 1_000_000;

let folder: string;
let settling: Settling;
let rpc: EvmRpc;
let payer: Payer;
let roles: readonly Role[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-ws-'));
  const stateFile = join(folder, 'chain.json');
  settling = await startSettling({ mining: 'automine', slotsInAnEpoch: 8, stateFile });
  payer = await settling.aPayer();
  rpc = createEvmRpc({ url: settling.url.replace(/^http/, 'ws'), chainId: LOCAL.chainId });
  const panel = panelOf([rpc]);
  const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const ports = { logger: silent } as unknown as Ports;
  const watcher = new ChainWatcher({
    ports,
    source: createChainSource({ profile: LOCAL, panel, tokens: [TOKEN] }),
    store: createWatchStore(settling.bench.poolOf('purser_system')),
    owner: 'test',
    tokens: [TOKEN],
  });
  const chain = createBroadcastChain({ panel, finality: LOCAL.finality });
  const core = {
    ports,
    watchers: [watcher],
    broadcasters: [settling.broadcaster({ chain })],
    onWaitingTransfers: () => ({ close: () => Promise.resolve() }),
    onNewHead: (heard) => rpc.onNewHead(() => heard(NETWORK)),
  } as Partial<WorkerCore> as WorkerCore;
  roles = [watchRole(core, { watchEveryMs: NEVER_MS } as WorkerOptions), broadcastRole(core)];
  for (const role of roles) await role.start();
});
afterAll(async () => {
  await Promise.all(roles.map((role) => role.stop()));
  rpc.close();
  const violations = await settling.violations();
  await settling.close();
  await rm(folder, { recursive: true, force: true });
  expect(violations).toEqual([]);
});

const settles = async (): Promise<void> => {
  const transfer = payer.authorize();
  await settling.claim(transfer);
  await vi.waitFor(async () => expect((await settling.desk.find(transfer))?.status).toBe('settled'), {
    timeout: 30_000,
    interval: 50,
  });
};
const watchedTo = async (): Promise<number> => {
  const { rows } = await settling.bench.owner.query<{ scanned_to: string }>(
    'SELECT scanned_to FROM chain_cursor WHERE network = $1',
    [NETWORK],
  );
  return Number(rows[0]?.scanned_to ?? -1);
};
const head = async (): Promise<number> => Number(await settling.node('eth_blockNumber'));
const followed = () =>
  vi.waitFor(async () => expect(await watchedTo()).toBe(await head()), { timeout: 10_000, interval: 50 });

it('a payment is settled, and each new block looked at long before the next look is due', async () => {
  await followed();
  await settles();
  await followed();
  for (let blocks = 0; blocks < 3; blocks += 1) {
    await settling.node('evm_mine');
    await followed();
  }
});

it('and so again after the node was restarted, with what it mined meanwhile', async () => {
  await settling.stopNode();
  const transfer = payer.authorize();
  await settling.claim(transfer);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await settling.startNode();
  await settling.node('anvil_mine', '0x5');
  await settles();
  await settling.node('evm_mine');
  await followed();
  expect((await settling.desk.find(transfer))?.status).toBe('settled');
  expect(await settling.chargesOf(payer)).toBe(3);
});
