// The real HTTP application and the real engine on in-memory adapters. Time stands still unless a test moves it or a caller waits in vain.
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { AgentId, OperationId, Policy, WorkspaceId } from '#domain';
import { drive, type Ports, type Role } from '#engine';
import { createSeller } from '#http';
import { DIALECTS } from '#runtime';
import { headerCodec } from '#x402';
import type { ApiCore } from '../../apps/api/src/core.js';
import { createApp } from '../../apps/api/src/create-app.js';
import { Stopping } from '../../apps/api/src/http/stopping.js';
import { walletAddress, AGENT, NOON, TOKEN, uuid, walletId, WORKSPACE } from './builders.js';
import { MemoryAdmin } from './memory-admin.js';
import { MemoryAdoption } from './memory-adoption.js';
import {
  memoryAssets,
  memoryDerivation,
  memoryHashing,
  memoryHeaders,
  memoryIds,
  MemoryPolicies,
  memoryVault,
  noFacilitators,
  noMetrics,
} from './memory-basics.js';
import { MemoryChainReader } from './memory-chain-source.js';
import { MemoryChain } from './memory-chain.js';
import { promptDesk } from './memory-desk.js';
import { MemoryDatabase } from './memory-database.js';
import { MemoryFacilitator } from './memory-facilitator.js';
import { MemoryOperations } from './memory-operations.js';
import { MemoryUsage } from './memory-usage.js';
import { memoryRateCounters, NO_LIMITS } from './memory-rates.js';
import { MemoryReads } from './memory-reads.js';
import { MemoryShop } from './memory-shop.js';
import { MemorySigner } from './memory-signer.js';
import { memorySigning } from './memory-signing.js';
import { memoryWalletKeys } from './memory-wallets.js';

export const OTHER_WORKSPACE = uuid(2, 1) as WorkspaceId;

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: any; // oxlint-disable-line typescript/no-explicit-any -- answers are looked at, not typed
}

export interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly as?: string;
  readonly key?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export class MemoryApi {
  nowMs = NOON;
  readonly workspaceId = WORKSPACE;
  readonly otherWorkspaceId = OTHER_WORKSPACE;
  readonly stopping = new Stopping();
  readonly database = new MemoryDatabase(() => this.nowMs);
  readonly chain = new MemoryChain(() => this.nowMs, 2);
  readonly shop = new MemoryShop(this.chain);
  readonly signer = new MemorySigner(this.database);
  readonly policies = new MemoryPolicies(this.database);
  readonly admin = new MemoryAdmin(this.database, this.policies);
  readonly operations = new MemoryOperations(this.database);
  readonly usage = new MemoryUsage(() => this.nowMs);
  readonly facilitator = new MemoryFacilitator({
    now: () => this.nowMs,
    passTo: (ms) => (this.nowMs = Math.max(this.nowMs, ms)),
  });
  readonly logged: Record<string, unknown>[] = [];
  /** Role to API key; `agent2` is of another workspace. */
  readonly secrets: Record<string, string> = {};
  private readonly agentIds = new Map<string, AgentId>();
  /** No worker runs while true. */
  workersOff = false;
  private readonly pending = new Set<Promise<unknown>>();
  private app!: NestFastifyApplication;

  /** `wire`: challenges that callers bring, and headers they get, are x402's own. */
  static async start(
    override: (core: ApiCore) => ApiCore = (core) => core,
    { wire = false }: { readonly wire?: boolean } = {},
  ): Promise<MemoryApi> {
    const api = new MemoryApi();
    if (wire) {
      const real = createSeller({ http: {} as never, assets: memoryAssets });
      const seller = Object.assign(Object.create(api.shop) as MemoryShop, {
        readChallenge: real.readChallenge.bind(real),
      });
      api.ports = { ...api.ports, seller, headers: headerCodec };
    }
    await api.seed();
    api.app = await createApp(override(api.core()), api.stopping);
    return api;
  }

  close(): Promise<void> {
    return this.app.close();
  }

  /** Over a socket, for callers that are no part of this process; its address. */
  async listen(): Promise<string> {
    await this.app.listen(0, '127.0.0.1');
    return this.app.getUrl();
  }

  ports: Ports = {
    clock: { nowMs: () => this.nowMs },
    ids: memoryIds(),
    hashing: memoryHashing,
    derivation: memoryDerivation,
    vault: memoryVault,
    operations: this.operations,
    policies: this.policies,
    approvers: this.database.approvers,
    assets: memoryAssets,
    signer: this.signer,
    seller: this.shop,
    headers: memoryHeaders,
    chain: new MemoryChainReader(this.chain),
    settlements: promptDesk(this.chain, () => this.nowMs),
    broadcasts: true,
    facilitators: noFacilitators,
    waker: { wake: (ids) => ids.forEach((id) => this.work(id)) },
    answers: { changed: (_id, deadlineMs) => this.settleDown(deadlineMs) },
    adoption: new MemoryAdoption(this.database),
    logger: { info: () => {}, warn: () => {}, error: (fields) => void this.logged.push(fields) },
    metrics: noMetrics,
  };

  /** Drives whatever is due and waits until nothing runs. */
  async runWorkers(): Promise<void> {
    for (const id of await this.operations.due(1_000)) this.work(id);
    while (this.pending.size > 0) await Promise.all(this.pending);
  }

  async call({ method = 'GET', path, as = 'agent', key, body, headers = {} }: Call): Promise<Reply> {
    const secret = this.secrets[as];
    const agentId = this.agentIds.get(as) ?? AGENT;
    const credentials = secret === undefined ? {} : credentialsFor(path, { secret, agentId, as });
    const raw = typeof body === 'string' || Buffer.isBuffer(body);
    const response = await this.app.inject({
      method,
      url: path,
      headers: {
        ...credentials,
        ...(key === undefined ? {} : { 'idempotency-key': key }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: raw ? body : JSON.stringify(body) }),
    });
    const json = response.payload !== '' && String(response.headers['content-type']).includes('json');
    const parsed: unknown = json ? JSON.parse(response.payload) : response.payload;
    return { status: response.statusCode, headers: response.headers, body: parsed };
  }

  setPolicy(policy: Policy): void {
    this.policies.policies.set(WORKSPACE, policy);
  }

  private core(): ApiCore {
    return {
      ports: this.ports,
      admin: this.admin,
      approvalNews: { changed: (_id, deadlineMs) => this.settleDown(deadlineMs) },
      signing: memorySigning(
        () => this.nowMs,
        (id) => this.admin.workspaceViews.some((it) => it.workspaceId === id && it.dualControl),
      ),
      reads: new MemoryReads(this.database, this.admin, this.usage),
      usage: this.usage,
      authenticator: this.admin,
      walletKeys: memoryWalletKeys,
      logger: this.ports.logger,
      metrics: { contentType: 'text/plain', httpTook: () => {}, scrape: () => Promise.resolve('up 1\n') },
      limits: { counters: memoryRateCounters(() => this.nowMs), table: NO_LIMITS },
      trustedProxies: [],
      metricsFor: 'on',
      dialects: DIALECTS,
      oauth: null,
      agnicHosts: ['agnic.test'],
      facilitator: {
        access: 'keys',
        ports: { ...this.facilitator.ports, logger: this.ports.logger },
        settleWithinMs: 30_000,
      },
      health: () => Promise.resolve({ ready: true, parts: { database: { ok: true, required: true } } }),
    };
  }

  private work(id: OperationId): void {
    if (this.workersOff) return;
    const options = { owner: 'test', signal: new AbortController().signal };
    const run = drive(this.ports, id, options).finally(() => this.pending.delete(run));
    this.pending.add(run);
  }

  /** When all work is done and the caller still waits, its time runs out. */
  private async settleDown(deadlineMs: number): Promise<void> {
    if (this.pending.size > 0) await Promise.all(this.pending);
    else this.nowMs = deadlineMs;
  }

  private async seed(): Promise<void> {
    for (const [workspaceId, name] of [
      [WORKSPACE, 'first'],
      [OTHER_WORKSPACE, 'other'],
    ] as const)
      this.admin.workspaceViews.push({
        workspaceId,
        name,
        dualControl: false,
        keylessWindowSec: 10,
        paused: false,
        createdAtMs: NOON,
      });
    await this.seedAgent('agent', WORKSPACE, AGENT, 1);
    await this.seedAgent('agent2', OTHER_WORKSPACE, uuid(2, 2) as AgentId, 2);
    for (const role of ['admin', 'approver', 'auditor', 'backend', 'seller'] as const)
      await this.seedKey(role, WORKSPACE, role);
    await this.seedKey('admin2', OTHER_WORKSPACE, 'admin');
  }

  /** Its wallet and money are told apart by `number`. */
  async seedAgent(name: string, workspaceId: WorkspaceId, agentId: AgentId, number: number): Promise<void> {
    this.agentIds.set(name, agentId);
    const limits = { per_payment: 1_000_000n, day: 5_000_000n };
    this.database.budgets.setLimits(workspaceId, 'USD6', {});
    this.database.budgets.setLimits(agentId, 'USD6', limits);
    const wallet = { workspaceId, walletId: walletId(number), address: walletAddress(number) };
    this.policies.wallets.set(agentId, wallet);
    this.admin.wallets.views.push({
      ...wallet,
      agentId,
      role: 'payments',
      label: '',
      status: 'active',
      origin: 'created',
      backupConfirmedAtMs: NOON,
      createdAtMs: NOON,
    });
    this.database.wallets.set(wallet.address, wallet);
    this.database.balances.set(`${wallet.address}/${TOKEN}`, { balance: 50_000_000n, block: 0 });
    this.chain.fund(wallet.address, 50_000_000n);
    this.admin.agentViews.push({
      workspaceId,
      agentId,
      name: 'shopper',
      status: 'active',
      paused: false,
      createdAtMs: NOON,
    });
    await this.seedKey(name, workspaceId, 'agent', agentId);
  }

  async seedKey(name: string, workspaceId: WorkspaceId, role: Role, agentId: AgentId | null = null) {
    const input = { role, agentId, person: `${name}@example.com`, label: '', expiresInSec: null };
    const { secret } = await this.admin.keys.create(workspaceId, input, { type: 'system', id: 'test' });
    this.secrets[name] = secret;
  }
}

/** As the dialect of the path wants them. */
function credentialsFor(
  path: string,
  { secret, agentId, as }: { readonly secret: string; readonly agentId: string; readonly as: string },
): Record<string, string> {
  if (/^\/(v1\/agent|api\/actions)(\/|$)/.test(path)) return { 'x-agent-id': agentId, 'x-api-key': secret };
  if (/^\/(v1\/(pay|spend)|wallets|api-keys)(\/|\?|$)/.test(path))
    return { [as.startsWith('admin') ? 'x-internal-secret' : 'x-api-key']: secret };
  if (/^\/v1\/(agents|signing|balance|action)\b/.test(path)) return { authorization: `ApiKey ${secret}` };
  if (/^\/api\/(?!actions\/)/.test(path)) return { 'x-agnic-token': secret };
  return { authorization: `Bearer ${secret}` };
}
