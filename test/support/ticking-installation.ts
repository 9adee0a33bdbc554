// An installation in memory whose chain makes a block every second of virtual time, which passes only while something is awaited with it.
import { parseIdempotencyKey, type OperationId } from '#domain';
import { ChainWatcher, drive, submit, viewOperation, type AgentPrincipal, type Ports } from '#engine';
import { AGENT, aPolicy, aRequest, NOON, PAYER, TOKEN, WALLET, WORKSPACE } from './builders.js';
import { MemoryAdoption } from './memory-adoption.js';
import {
  memoryAssets,
  memoryDerivation,
  memoryHashing,
  memoryHeaders,
  memoryIds,
  memoryVault,
  noFacilitators,
  MemoryPolicies,
  noMetrics,
  silentLogger,
} from './memory-basics.js';
import { MemoryChain } from './memory-chain.js';
import { MemoryChainReader, MemoryChainSource } from './memory-chain-source.js';
import { MemoryDatabase } from './memory-database.js';
import { promptDesk } from './memory-desk.js';
import { MemoryOperations } from './memory-operations.js';
import { MemorySeller, type Mode } from './memory-seller.js';
import { MemorySigner } from './memory-signer.js';
import { MemoryWatchStore } from './memory-watch-store.js';
import { Scheduler } from '../simulation/scheduler.js';

export const PRINCIPAL: AgentPrincipal = {
  workspaceId: WORKSPACE,
  agentId: AGENT,
  keyId: 'key',
  person: 'alice',
};
export const BOB = { workspaceId: WORKSPACE, keyId: 'key of bob', person: 'bob' };

export const request = (mode: Mode, query = 'price=10000', over: Parameters<typeof aRequest>[0] = {}) => {
  const {
    agentId: _agentId,
    bodyHash: _bodyHash,
    ...rest
  } = aRequest({
    url: `https://${mode.replaceAll('_', '-')}.example/item?${query}`,
    ...over,
  });
  return rest;
};

export type WantedRequest = ReturnType<typeof request>;

let keys = 0;

export function tickingInstallation() {
  const scheduler = new Scheduler(NOON);
  const clock = { nowMs: () => scheduler.nowMs };
  const chain = new MemoryChain(clock.nowMs, 2);
  scheduler.every(1_000, () => void chain.mine());
  const pass = (ms: number): Promise<void> => scheduler.run(scheduler.nowMs + ms);
  const finish = async <T>(work: Promise<T>): Promise<T> => {
    let done = false;
    const end = (): void => void (done = true);
    work.then(end, end);
    await new Promise((resolve) => setImmediate(resolve));
    await scheduler.run(scheduler.nowMs + 120_000, () => done);
    return work;
  };
  const database = new MemoryDatabase(clock.nowMs);
  const policies = new MemoryPolicies(database);
  const woken: OperationId[] = [];
  const happened: string[] = [];
  const seller = new MemorySeller({
    chain,
    ...clock,
    sleep: (ms) => scheduler.sleep(ms),
    chance: () => false,
    breakChainReads: () => {},
    happened: (what) => happened.push(what),
  });
  const signer = new MemorySigner(database);
  const adoption = new MemoryAdoption(database);
  const ports: Ports = {
    clock,
    ids: memoryIds(),
    hashing: memoryHashing,
    derivation: memoryDerivation,
    vault: memoryVault,
    operations: new MemoryOperations(database),
    policies,
    assets: memoryAssets,
    signer,
    seller,
    headers: memoryHeaders,
    chain: new MemoryChainReader(chain),
    settlements: promptDesk(chain, clock.nowMs),
    broadcasts: true,
    facilitators: noFacilitators,
    adoption,
    approvers: database.approvers,
    waker: { wake: (ids) => void woken.push(...ids) },
    answers: { changed: () => scheduler.sleep(1_000) },
    logger: silentLogger,
    metrics: noMetrics,
  };
  const wallet = { workspaceId: WORKSPACE, walletId: WALLET, address: PAYER };
  policies.wallets.set(AGENT, wallet);
  policies.policies.set(WORKSPACE, aPolicy({ approvalThreshold: 15_000n }));
  database.wallets.set(PAYER, wallet);
  database.budgets.setLimits(WORKSPACE, 'USD6', { day: 50_000n });
  chain.fund(PAYER, 40_000n);
  const watcher = new ChainWatcher({
    ports,
    source: new MemoryChainSource(chain),
    store: new MemoryWatchStore(database),
    owner: 'watcher',
    tokens: [TOKEN],
  });
  return {
    ports,
    adoption,
    database,
    policies,
    signer,
    chain,
    watcher,
    pass,
    finish,
    woken,
    happened,
    async open(wanted: WantedRequest, key = `key-${(keys += 1)}`): Promise<OperationId> {
      const body = wanted.method === 'POST' ? new TextEncoder().encode('body') : null;
      return (await submit(ports, PRINCIPAL, { key: parseIdempotencyKey(key), request: wanted, body }))
        .operationId;
    },
    run: (operationId: OperationId) =>
      finish(drive(ports, operationId, { owner: 'worker', signal: new AbortController().signal })),
    look: (operationId: OperationId) => viewOperation(ports, { workspaceId: WORKSPACE, operationId }),
    /** Lets blocks come and the watcher look at each. */
    async blocks(count: number): Promise<void> {
      for (let n = 0; n < count; n += 1) {
        await pass(1_000);
        await watcher.tick();
      }
    },
  };
}

export type TickingInstallation = ReturnType<typeof tickingInstallation>;
