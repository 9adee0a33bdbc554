// One simulated installation: a database, a chain, sellers, a signer and the processes between them, all on virtual time.
import {
  DEFAULT_POLICY,
  parseAgentId,
  parseWorkspaceId,
  type AgentId,
  type OperationId,
  type WorkspaceId,
} from '#domain';
import type { ChainSource, Ports, StopScope, WatchStore } from '#engine';
import { address, TOKEN, uuid, walletId } from '../support/builders.js';
import { MemoryAdoption } from '../support/memory-adoption.js';
import {
  memoryAssets,
  memoryDerivation,
  memoryHashing,
  memoryHeaders,
  memoryIds,
  memoryVault,
  MemoryPolicies,
  noMetrics,
  silentLogger,
} from '../support/memory-basics.js';
import { MemoryChain } from '../support/memory-chain.js';
import { MemoryChainReader, MemoryChainSource } from '../support/memory-chain-source.js';
import { MemoryDesk } from '../support/memory-desk.js';
import { FACILITATOR_CONDUCTS, MemoryFacilitators } from '../support/memory-facilitators.js';
import { MemoryDatabase } from '../support/memory-database.js';
import { MemoryOperations, NO_FLAWS, type StoreFlaws } from '../support/memory-operations.js';
import { MemorySeller } from '../support/memory-seller.js';
import { MemorySigner } from '../support/memory-signer.js';
import { MemoryWatchStore } from '../support/memory-watch-store.js';
import { MemoryWaker } from '../support/memory-waker.js';
import type { History } from './evidence.js';
import { Counters, FaultPlan, Process, throughProcess } from './faults.js';
import { Random } from './random.js';
import { Scheduler } from './scheduler.js';

/** Shortly before a day and a month end, so that windows roll over during the run. */
const START = Date.UTC(2026, 2, 31, 23, 58, 40);
/** One who delivers, one who is late, one who does not honour what it has not settled itself. */
const PREPAID = ['clean.example', 'slow.example', 'error-after-settle.example', 'unpaid-402.example'];
export const BLOCK_MS = 3_000;
export const FINALITY_DEPTH = 3;

/** A deliberately broken build: what it replaces in the parts the engine is given. */
export interface Mutation {
  readonly flaws?: Partial<StoreFlaws>;
  readonly ports?: (ports: Ports, world: World, process: Process) => Ports;
  readonly source?: (source: ChainSource, world: World) => ChainSource;
}

export interface Agent {
  readonly workspaceId: WorkspaceId;
  readonly agentId: AgentId;
  /** The person who operates its key. */
  readonly person: string;
}

export class World {
  readonly random: Random;
  readonly scheduler = new Scheduler(START);
  readonly counters = new Counters();
  readonly plan: FaultPlan;
  readonly database: MemoryDatabase;
  readonly chain: MemoryChain;
  readonly seller: MemorySeller;
  readonly signer: MemorySigner;
  readonly policies: MemoryPolicies;
  readonly agents: Agent[] = [];
  readonly waker: MemoryWaker;
  readonly history: History = { calls: [], caps: [], stops: [], wallets: new Set(), token: TOKEN };
  /** Set by the worker pool: runs a job on some worker. */
  deliver: (operationId: OperationId) => void = () => {};
  redisDown = false;
  private chainDownUntilMs = 0;
  private readonly ids = memoryIds();
  private readonly source: ChainSource;
  private readonly watchStore: WatchStore;
  readonly adoption: MemoryAdoption;
  readonly desk: MemoryDesk;
  readonly facilitators: MemoryFacilitators;
  private readonly reader: MemoryChainReader;
  private readonly operations: MemoryOperations;

  constructor(
    seed: number,
    private readonly mutation: Mutation = {},
  ) {
    this.random = new Random(seed);
    this.plan = new FaultPlan(seed, this.random, this.counters);
    const nowMs = (): number => this.scheduler.nowMs;
    this.database = new MemoryDatabase(nowMs);
    this.policies = new MemoryPolicies(this.database);
    this.chain = new MemoryChain(nowMs, FINALITY_DEPTH);
    this.reader = new MemoryChainReader(this.chain);
    const source = new MemoryChainSource(this.chain);
    this.source = mutation.source?.(source, this) ?? source;
    this.watchStore = new MemoryWatchStore(this.database);
    this.adoption = new MemoryAdoption(this.database);
    this.operations = new MemoryOperations(this.database, { ...NO_FLAWS, ...mutation.flaws });
    this.seller = new MemorySeller({
      chain: this.chain,
      nowMs,
      sleep: (ms) => this.scheduler.sleep(ms),
      chance: (probability) => this.random.chance(probability),
      breakChainReads: (ms) => {
        if (!this.plan.on) return;
        this.chainDownUntilMs = nowMs() + ms;
        this.counters.add('fault:chain_reads_fail');
      },
      happened: (what) => this.counters.add(what),
    });
    this.desk = new MemoryDesk({
      chain: this.chain,
      nowMs,
      sleep: (ms) => this.scheduler.sleep(ms),
      after: (ms, run) => this.scheduler.after(ms, run),
      next: () => {
        if (this.happens(0.1, 'fault:desk_refuses'))
          return { refused: 'invalid_exact_evm_insufficient_balance' };
        return { afterMs: this.happens(0.2, 'fault:desk_late') ? this.random.int(120_000) : 0 };
      },
    });
    this.facilitators = new MemoryFacilitators(
      {
        chain: this.chain,
        sleep: (ms) => this.scheduler.sleep(ms),
        later: (run) => this.scheduler.after(this.random.between(1_000, 90_000), run),
      },
      () => {
        const conduct = this.plan.on ? this.random.pick(FACILITATOR_CONDUCTS) : 'settles';
        this.counters.add(`facilitator:${conduct}`);
        return conduct;
      },
    );
    this.signer = new MemorySigner(this.database);
    this.signer.refuses = () => this.happens(0.01, 'fault:signer_burns');
    this.signer.away = () => this.happens(0.02, 'fault:signer_away');
    const after = (ms: number, run: () => void): void => this.scheduler.after(ms, run);
    this.waker = new MemoryWaker({ delaysMs: () => this.jobDelays() }, after, (id) => this.deliver(id));
    this.furnish();
  }

  /** True so often, and counted, while faults are on. */
  happens(probability: number, counter: string): boolean {
    const it = this.plan.on && this.random.chance(probability);
    if (it) this.counters.add(counter);
    return it;
  }

  /** The engine's ports as one process sees them. */
  portsFor(process: Process, clock: { readonly skewMs: number }): Ports {
    const ports: Ports = {
      clock: { nowMs: () => Math.floor(this.scheduler.nowMs + clock.skewMs) },
      ids: this.ids,
      hashing: memoryHashing,
      derivation: memoryDerivation,
      vault: memoryVault,
      operations: throughProcess(process, 'operations', this.operations),
      policies: throughProcess(process, 'policies', this.policies),
      assets: memoryAssets,
      signer: throughProcess(process, 'signer', this.signer),
      seller: throughProcess(process, 'seller', this.seller),
      headers: memoryHeaders,
      chain: throughProcess(process, 'chain', this.failing(this.reader)),
      settlements: throughProcess(process, 'settlements', this.desk),
      broadcasts: true,
      facilitators: throughProcess(process, 'facilitators', this.facilitators),
      waker: this.waker,
      answers: { changed: () => this.scheduler.sleep(500) },
      adoption: throughProcess(process, 'adoption', this.adoption),
      approvers: throughProcess(process, 'approvers', this.database.approvers),
      logger: silentLogger,
      metrics: noMetrics,
    };
    return this.mutation.ports?.(ports, this, process) ?? ports;
  }

  watcherParts(process: Process) {
    return {
      source: throughProcess(process, 'source', this.source),
      store: throughProcess(process, 'watch', this.watchStore),
    };
  }

  setCap(nodeId: string, limits: Parameters<MemoryDatabase['budgets']['setLimits']>[2]): void {
    this.database.budgets.setLimits(nodeId, 'USD6', limits);
    this.history.caps.push({ fromSeq: this.database.events.length, nodeId, limits });
  }

  setStopped(scope: StopScope, stopped: boolean): void {
    this.database.setStopped(scope, stopped);
    this.history.stops.push({ fromSeq: this.database.events.length, scope, stopped });
  }

  private failing<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (it, key) => {
        const value = (it as Record<PropertyKey, unknown>)[key];
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          if (this.scheduler.nowMs < this.chainDownUntilMs) throw new Error('chain unavailable');
          return (value as (...args: unknown[]) => unknown).apply(it, args);
        };
      },
    });
  }

  /** How a wake-up arrives: not at all, late, twice, or at once. */
  private jobDelays(): number[] {
    if (this.redisDown) {
      this.counters.add('fault:redis_down');
      return [];
    }
    if (this.happens(0.05, 'fault:job_lost')) return [];
    const once = this.happens(0.05, 'fault:job_late')
      ? this.random.between(2_000, 40_000)
      : this.random.between(1, 20);
    return this.happens(0.08, 'fault:job_twice') ? [once, once + this.random.between(0, 9_000)] : [once];
  }

  private furnish(): void {
    for (let w = 1; w <= 2; w += 1) {
      const workspaceId = parseWorkspaceId(uuid(w, 1));
      this.policies.policies.set(workspaceId, {
        ...DEFAULT_POLICY,
        version: 1,
        approvalThreshold: 15_000n,
        prepaidHosts: w === 2 ? PREPAID : [],
        maxValiditySec: 90,
        decideWithinSec: 60,
        allowUpto: true,
      });
      this.setCap(workspaceId, { day: 500_000n, lifetime: 900_000n });
      for (let a = 1; a <= 3; a += 1) {
        const agent: Agent = {
          workspaceId,
          agentId: parseAgentId(uuid(w * 10 + a, 2)),
          person: `person-${w}-${a}`,
        };
        const wallet = {
          workspaceId,
          walletId: walletId(w * 10 + (a % 2)),
          address: address(0xa00 + w * 16 + (a % 2)),
        };
        this.policies.wallets.set(agent.agentId, wallet);
        if (!this.database.wallets.has(wallet.address)) {
          this.database.wallets.set(wallet.address, wallet);
          this.history.wallets.add(wallet.address);
          this.chain.fund(wallet.address, w === 1 && a === 2 ? 90_000n : 5_000_000n);
        }
        this.setCap(
          agent.agentId,
          [
            { day: 120_000n, per_payment: 18_000n, count_rolling_24h: 20n },
            { rolling_24h: 150_000n, month: 200_000n, hour: 90_000n },
            { lifetime: 400_000n, rolling_30d: 350_000n, count_hour: 16n },
          ][a - 1] as Parameters<MemoryDatabase['budgets']['setLimits']>[2],
        );
        this.agents.push(agent);
      }
    }
  }
}
