// The store on a database of one's own, under the roles it runs with, and operations that move through it command by command.
import { createHash, randomUUID } from 'node:crypto';
import pg from 'pg';
import {
  decide,
  evolve,
  ABSENT,
  LIMIT_NAMES,
  parseAgentId,
  parseOperationId,
  parseWorkspaceId,
  type AgentId,
  type Authorization,
  type Layer,
  type Limits,
  type NodeKind,
  type OperationCommand,
  type OperationId,
  type Terms,
  type WorkspaceId,
} from '#domain';
import type { Commit, CommitOutcome, Loaded, OpenOutcome } from '#engine';
import { createOperationStore, createPool, GENESIS_PREV_HASH, type PostgresOperationStore } from '#postgres';
import {
  aRequest,
  aVerdict,
  anAuthorization,
  approvalId,
  APPROVERS,
  NETWORK,
  someTerms,
  TOKEN,
  WALLET,
} from './builders.js';
import { createDatabase, type TestDatabase } from './database.js';

export const ACTOR = { type: 'system', id: 'test' } as const;

export interface Place {
  readonly workspaceId: WorkspaceId;
  readonly agentId: AgentId;
}

export interface Bench {
  readonly database: TestDatabase;
  /** Superuser connections, for looking and for meddling. */
  readonly owner: pg.Pool;
  readonly store: PostgresOperationStore;
  /** Another process: its own pools and its own group commit. */
  readonly otherStore: () => PostgresOperationStore;
  readonly poolOf: (role: string) => pg.Pool;
  readonly close: () => Promise<void>;
}

export async function storeBench(): Promise<Bench> {
  const database = await createDatabase();
  const pools: pg.Pool[] = [];
  const poolOf = (role: string, max = 6): pg.Pool => {
    const url = new URL(database.url);
    if (role !== '') url.username = role;
    const pool = createPool(url.href, { name: `test-${role}`, max });
    pools.push(pool);
    return pool;
  };
  const otherStore = (): PostgresOperationStore => {
    const system = poolOf('purser_system', 4);
    return createOperationStore({ writer: poolOf('purser_writer'), reads: system, leases: system });
  };
  return {
    database,
    owner: poolOf(''),
    store: otherStore(),
    otherStore,
    poolOf,
    async close() {
      await Promise.all(pools.map((pool) => pool.end()));
      await database.drop();
    },
  };
}

/** A workspace with one agent, a funded wallet and limits in USD6. */
export async function aPlace(
  owner: pg.Pool,
  limits: { readonly workspace?: Limits; readonly agent?: Limits } = { workspace: { lifetime: 10n ** 12n } },
): Promise<Place> {
  const place = { workspaceId: parseWorkspaceId(randomUUID()), agentId: parseAgentId(randomUUID()) };
  await owner.query('INSERT INTO workspace (workspace_id, name) VALUES ($1, $2)', [
    place.workspaceId,
    'test',
  ]);
  await owner.query('INSERT INTO control (scope) VALUES ($1)', [place.workspaceId]);
  await addAgent(owner, place, limits.agent ?? {});
  await addNode(
    owner,
    place.workspaceId,
    { nodeId: place.workspaceId, kind: 'workspace' },
    limits.workspace ?? {},
  );
  await owner.query(
    `INSERT INTO wallet_asset (workspace_id, wallet_id, network, token, balance, balance_block) VALUES ($1, $2, $3, $4, 1e15, 1)`,
    [place.workspaceId, WALLET, NETWORK, TOKEN],
  );
  return place;
}

export async function addAgent(
  owner: pg.Pool,
  { workspaceId, agentId }: Place,
  limits: Limits,
): Promise<void> {
  await owner.query('INSERT INTO agent (workspace_id, agent_id, name) VALUES ($1, $2, $3)', [
    workspaceId,
    agentId,
    'test',
  ]);
  await addNode(owner, workspaceId, { nodeId: agentId, kind: 'agent' }, limits);
}

export async function addNode(
  owner: pg.Pool,
  workspaceId: WorkspaceId,
  {
    nodeId,
    kind,
    layer = 'payments',
  }: { readonly nodeId: string; readonly kind: NodeKind; readonly layer?: Layer },
  limits: Limits,
): Promise<void> {
  const columns = LIMIT_NAMES.map((name) => `limit_${name}`).join(', ');
  const places = LIMIT_NAMES.map((_, at) => `$${at + 7}`).join(', ');
  for (const unit of layer === 'payments' ? ['USD6', 'EUR6'] : ['USD12']) {
    const values = LIMIT_NAMES.map((name) => (unit === 'EUR6' ? null : (limits[name]?.toString() ?? null)));
    await owner.query(
      `INSERT INTO budget_node (workspace_id, node_id, unit, depth, kind, layer, ${columns}) VALUES ($1, $2, $3, $4, $5, $6, ${places})`,
      [workspaceId, nodeId, unit, kind === 'workspace' ? 0 : 1, kind, layer, ...values],
    );
  }
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

/** One operation under test: the last known row, and the store it is written through. */
export class Walker {
  loaded: Loaded;
  leaseEpoch: number | null = null;

  constructor(
    readonly store: PostgresOperationStore,
    readonly place: Place,
    readonly operationId: OperationId = parseOperationId(randomUUID()),
  ) {
    this.loaded = {
      ...place,
      operationId,
      state: ABSENT,
      version: 0,
      lastHash: GENESIS_PREV_HASH,
      openedAtMs: Date.now(),
      idempotencyKeyHash: hash(operationId),
      fingerprint: 'f',
      attempts: 0,
      updatedAtMs: 0,
    };
  }

  /** The commit that these commands lead to from what is known, whether or not it is still true. */
  commitOf(commands: readonly OperationCommand[], over: Partial<Commit> = {}): Commit {
    const events: Commit['events'][number][] = [];
    let { state } = this.loaded;
    for (const command of commands) {
      const decision = decide(state, command);
      if (!decision.ok) throw new Error(`${command.type}: ${decision.code}`);
      state = decision.events.reduce(evolve, state);
      events.push(...decision.events);
    }
    const { workspaceId, agentId, operationId, openedAtMs, version, lastHash } = this.loaded;
    return {
      workspaceId,
      agentId,
      operationId,
      openedAtMs,
      lastHash,
      events,
      state,
      expectedVersion: version,
      leaseEpoch: this.leaseEpoch,
      actor: ACTOR,
      nowMs: Date.now(),
      nextAttemptAtMs: Date.now(),
      releaseLease: false,
      ...over,
    };
  }

  async open(
    over: {
      readonly key?: string;
      readonly fingerprint?: string;
      readonly signedDigest?: string;
      readonly request?: Parameters<typeof aRequest>[0];
    } = {},
  ): Promise<OpenOutcome> {
    const keyHash = over.key ?? hash(this.operationId);
    const command: OperationCommand = {
      type: 'Open',
      request: aRequest({ ...over.request, agentId: this.place.agentId }),
      fingerprint: over.fingerprint ?? 'f',
      keyHash,
      requester: 'alice',
    };
    const commit = this.commitOf([command]);
    const outcome = await this.store.open({
      ...commit,
      idempotencyKeyHash: keyHash,
      fingerprint: over.fingerprint ?? 'f',
      ...(over.signedDigest === undefined ? {} : { signedDigest: over.signedDigest }),
    });
    if (outcome.ok && outcome.outcome === 'opened') await this.reload();
    return outcome;
  }

  async do(...commands: readonly OperationCommand[]): Promise<CommitOutcome> {
    const commit = this.commitOf(commands);
    const outcome = await this.store.append(commit);
    if (outcome.ok)
      this.loaded = {
        ...this.loaded,
        state: commit.state,
        version: outcome.version,
        lastHash: outcome.lastHash,
      };
    return outcome;
  }

  /** As `do`, and throws unless it was accepted. */
  async must(...commands: readonly OperationCommand[]): Promise<void> {
    const outcome = await this.do(...commands);
    if (!outcome.ok) throw new Error(`refused: ${JSON.stringify(outcome)}`);
  }

  async reload(): Promise<void> {
    const loaded = await this.store.load(this.loaded);
    if (!loaded) throw new Error('not there');
    this.loaded = loaded;
  }
}

export async function opened(store: PostgresOperationStore, place: Place): Promise<Walker> {
  const walker = new Walker(store, place);
  const outcome = await walker.open();
  if (!outcome.ok) throw new Error(`not opened: ${JSON.stringify(outcome)}`);
  return walker;
}

export const acceptTerms = (amount: bigint, over: Partial<Terms> = {}, needsApproval = false) =>
  ({
    type: 'AcceptTerms',
    terms: someTerms({ amount, ...over }),
    verdict: aVerdict({ needsApproval, reasons: needsApproval ? ['above_threshold'] : [] }),
    termsDigest: 't1',
  }) satisfies OperationCommand;

export const RESERVE = { type: 'ReserveBudget' } satisfies OperationCommand;

export const requestApproval = (decideByMs: number) =>
  ({
    type: 'RequestApproval',
    approvalId: approvalId(nextNumber()),
    digest: 'd1',
    decideByMs,
  }) satisfies OperationCommand;

export const approve = (useByMs = Date.now() + 600_000) =>
  ({
    type: 'Approve',
    by: 'bob',
    onBehalfOf: null,
    roster: APPROVERS,
    digest: 'd1',
    nowMs: 0,
    useByMs,
  }) satisfies OperationCommand;

export const reject = (by = 'bob') =>
  ({
    type: 'Reject',
    by,
    onBehalfOf: null,
    roster: APPROVERS,
    reason: 'no',
    nowMs: 0,
  }) satisfies OperationCommand;

/** An intent with a nonce of its own. */
export const prepare = (value: bigint, nonce = hash(randomUUID()), over: Partial<Authorization> = {}) =>
  ({
    type: 'PrepareAuthorization',
    authorization: anAuthorization({
      value,
      nonce: `0x${nonce}` as ReturnType<typeof anAuthorization>['nonce'],
      ...over,
    }),
    nowMs: Date.now(),
  }) satisfies OperationCommand;

let last = Math.floor(Math.random() * 1e12);
function nextNumber(): number {
  last += 1;
  return last;
}
