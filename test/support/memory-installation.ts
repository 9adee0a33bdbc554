// One small installation in memory for unit tests: every port, a clock that stands still, a seller that does as it is told.
import type { OperationId, OperationRequest } from '#domain';
import {
  drive,
  submit,
  type AgentPrincipal,
  type DriveResult,
  type Ports,
  type PresentAnswer,
  type PriceAnswer,
} from '#engine';
import { AGENT, aRequest, NOON, PAYER, someTerms, TOKEN, WALLET, WORKSPACE } from './builders.js';
import { MemoryAdoption } from './memory-adoption.js';
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
} from './memory-basics.js';
import { MemoryChain } from './memory-chain.js';
import { MemoryChainReader } from './memory-chain-source.js';
import { MemoryDesk, type Try } from './memory-desk.js';
import { MemoryFacilitators, type FacilitatorConduct } from './memory-facilitators.js';
import { MemoryDatabase } from './memory-database.js';
import { MemoryOperations } from './memory-operations.js';
import { MemorySigner } from './memory-signer.js';

export const ALICE: AgentPrincipal = {
  workspaceId: WORKSPACE,
  agentId: AGENT,
  keyId: 'key_alice',
  person: 'alice',
};

export class MemoryInstallation {
  nowMs = NOON;
  price: PriceAnswer = { kind: 'terms', terms: someTerms() };
  /** What the seller answers to a paid request, in order; the last one for ever. */
  answers: PresentAnswer[] = [{ outcome: 'refused', answer: null, claimedTxHash: null }];
  presented = 0;
  readonly woken: OperationId[] = [];
  readonly database = new MemoryDatabase(() => this.nowMs);
  readonly policies = new MemoryPolicies(this.database);
  readonly chain = new MemoryChain(() => this.nowMs, 2);
  readonly signer = new MemorySigner(this.database);
  readonly adoption = new MemoryAdoption(this.database);
  /** `settles.refused` makes it refuse. */
  settles: Try = { afterMs: 0 };
  readonly desk = new MemoryDesk({
    chain: this.chain,
    nowMs: () => this.nowMs,
    sleep: (ms) => {
      this.nowMs += ms;
      return Promise.resolve();
    },
    after: () => undefined,
    next: () => this.settles,
  });
  /** How the facilitators behave, by name; those not named here settle. */
  readonly conducts = new Map<string, FacilitatorConduct>();
  /** What facilitators kept for later; run it when the test says so. */
  readonly kept: (() => void)[] = [];
  readonly facilitators = new MemoryFacilitators(
    {
      chain: this.chain,
      sleep: (ms) => {
        this.nowMs += ms;
        return Promise.resolve();
      },
      later: (run) => void this.kept.push(run),
    },
    (name) => this.conducts.get(name) ?? 'settles',
  );
  readonly ports: Ports;

  constructor() {
    const wallet = { workspaceId: WORKSPACE, walletId: WALLET, address: PAYER };
    this.policies.wallets.set(AGENT, wallet);
    this.database.wallets.set(PAYER, wallet);
    this.database.balances.set(`${PAYER}/${TOKEN}`, { balance: 5_000_000n, block: 0 });
    this.database.budgets.setLimits(WORKSPACE, 'USD6', {});
    this.database.budgets.setLimits(AGENT, 'USD6', {});
    this.chain.fund(PAYER, 5_000_000n);
    this.ports = {
      clock: { nowMs: () => this.nowMs },
      ids: memoryIds(),
      hashing: memoryHashing,
      derivation: memoryDerivation,
      vault: memoryVault,
      operations: new MemoryOperations(this.database),
      policies: this.policies,
      approvers: this.database.approvers,
      assets: memoryAssets,
      signer: this.signer,
      seller: {
        askPrice: () => Promise.resolve(this.price),
        readChallenge: () => this.price,
        present: () => {
          this.presented += 1;
          const next = this.answers.length > 1 ? this.answers.shift() : this.answers[0];
          return Promise.resolve(next as PresentAnswer);
        },
      },
      headers: memoryHeaders,
      chain: new MemoryChainReader(this.chain),
      settlements: this.desk,
      broadcasts: true,
      facilitators: this.facilitators,
      waker: { wake: (ids) => void this.woken.push(...ids) },
      answers: { changed: () => Promise.resolve() },
      adoption: this.adoption,
      logger: silentLogger,
      metrics: noMetrics,
    };
  }

  async submit(key: string, over: Partial<OperationRequest> = {}): Promise<OperationId> {
    const { agentId: _agentId, bodyHash: _bodyHash, ...request } = aRequest(over);
    const input = { key: key as never, request, body: null };
    return (await submit(this.ports, ALICE, input)).operationId;
  }

  drive(operationId: OperationId, over: Partial<Ports> = {}): Promise<DriveResult> {
    return drive({ ...this.ports, ...over }, operationId, {
      owner: 'worker-1',
      signal: new AbortController().signal,
    });
  }
}
