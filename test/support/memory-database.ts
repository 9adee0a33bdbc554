// The rows behind the in-memory stores, with a time of their own that no worker's clock can move.
import {
  hostMatches,
  type AgentId,
  type ApprovalId,
  type Authorization,
  type EvmAddress,
  type Hex32,
  type Json,
  type Likeness,
  type OperationId,
  type OperationState,
  type PolicyScope,
  type Settlement,
  type StopTarget,
  type WalletId,
  type WorkspaceId,
} from '#domain';
import type {
  Actor,
  AgentRef,
  Blob,
  ChainException,
  Loaded,
  Stop,
  TrackedAuthorization,
  WatchedBlock,
} from '#engine';
import { MemoryApprovers } from './memory-approvers.js';
import { MemoryBudgets } from './memory-budgets.js';

/** A stored event with what the database adds to it. */
export interface StoredEvent {
  readonly seq: number;
  readonly workspaceId: WorkspaceId;
  readonly operationId: OperationId;
  readonly version: number;
  readonly type: string;
  readonly schema: number;
  readonly data: Json;
  readonly actor: Actor;
  readonly occurredAtMs: number;
  readonly prevHash: string;
  readonly hash: string;
  /** Database time of the commit. */
  readonly recordedAtMs: number;
  /** Lease under which it was written; null for facts from outside a drive. */
  readonly leaseEpoch: number | null;
}

export interface OperationRow {
  loaded: Loaded;
  leaseOwner: string | null;
  leaseEpoch: number;
  leaseUntilMs: number;
  nextAttemptAtMs: number | null;
}

export interface ApprovalRow {
  readonly approvalId: ApprovalId;
  readonly digest: string;
  readonly decideByMs: number;
  status: 'pending' | 'approved' | 'rejected' | 'expired' | 'closed';
  useByMs: number | null;
}

export interface MemoryWallet {
  readonly workspaceId: WorkspaceId;
  readonly walletId: WalletId;
  readonly address: EvmAddress;
}

export interface LedgerRow {
  readonly workspaceId: WorkspaceId;
  readonly operationId: OperationId;
  readonly authorization: Authorization;
  status: TrackedAuthorization['status'];
  settlement: Settlement | null;
}

export class MemoryDatabase {
  /** `workspace/agent/digest` of signed requests, and what they were used for. */
  readonly signed = new Map<string, OperationId | null>();
  readonly budgets = new MemoryBudgets();
  readonly events: StoredEvent[] = [];
  readonly operations = new Map<OperationId, OperationRow>();
  readonly keys = new Map<string, { readonly operationId: OperationId; readonly fingerprint: string }>();
  readonly approvals = new Map<OperationId, ApprovalRow>();
  readonly ledger = new Map<OperationId, LedgerRow>();
  /** By token, payer and nonce: the unique index that makes a second authorization with the same nonce impossible. */
  readonly nonces = new Map<string, LedgerRow>();
  readonly blobs = new Map<string, Blob>();
  readonly wallets = new Map<string, MemoryWallet>();
  /** Last balance read at a block, by wallet address and token. */
  readonly balances = new Map<
    string,
    { readonly balance: bigint; readonly block: number; readonly permit2Allowance?: bigint | undefined }
  >();
  readonly keylessWindowSec = new Map<WorkspaceId, number>();
  /** In force, oldest first. */
  readonly stops: Stop[] = [];
  readonly leases = new Map<string, { owner: string; untilMs: number }>();
  cursor: { genesisHash: Hex32; scannedTo: number; finalizedTo: number } | undefined;
  blocks: WatchedBlock[] = [];
  readonly exceptions: ChainException[] = [];

  readonly approvers: MemoryApprovers;

  constructor(readonly nowMs: () => number) {
    this.approvers = new MemoryApprovers(nowMs);
  }

  stateOf(operationId: OperationId): OperationState | undefined {
    return this.operations.get(operationId)?.loaded.state;
  }

  likeOf(
    agentId: AgentId,
    { hash, withinSec, allow }: Likeness,
    { openedAtMs, except }: { readonly openedAtMs: number; readonly except?: OperationId | undefined },
  ): OperationId | undefined {
    return [...this.ledger.values()].find(({ operationId, status }) => {
      const loaded = this.operations.get(operationId)?.loaded;
      const state = loaded?.state;
      const like = state && 'verdict' in state ? state.verdict.like : undefined;
      const near = Math.abs((loaded?.openedAtMs ?? 0) - openedAtMs) <= withinSec * 1000;
      const dead = status === 'dead' || status === 'burned';
      const mine = operationId === except || loaded?.agentId !== agentId;
      return like?.hash === hash && near && !dead && !mine && allow !== 'any' && allow !== operationId;
    })?.operationId;
  }

  payeeKnownTo(who: AgentRef, payee: EvmAddress): PolicyScope[] {
    const paid = [...this.ledger.values()].filter(
      ({ workspaceId, operationId, status, authorization: { to, method } }) =>
        workspaceId === who.workspaceId &&
        to === payee &&
        method !== 'allowance' &&
        (status === 'settled' || this.approvals.get(operationId)?.status === 'approved'),
    );
    const agents = new Set(paid.map((it) => this.operations.get(it.operationId)?.loaded.agentId));
    return [
      ...(paid.length > 0 ? ['workspace' as const] : []),
      ...(agents.has(who.agentId) ? ['agent' as const] : []),
    ];
  }

  /** Without ceremony: what is open in the scope stays as it is. */
  setStopped(scope: Stop['scope'], stopped: boolean): void {
    const at = this.stops.findIndex((it) => JSON.stringify(it.scope) === JSON.stringify(scope));
    if (at >= 0) this.stops.splice(at, 1);
    const by = { actor: { type: 'admin', id: 'test' }, person: 'test' } as const;
    const stopId = `stp_${this.stops.length.toString().padStart(26, '0')}` as Stop['stopId'];
    const rest = { reason: '', cancelOnChain: false, final: false, carriedOut: true, sinceMs: this.nowMs() };
    if (stopped) this.stops.push({ stopId, scope, by, ...rest });
  }

  /** The widest stop that concerns it. */
  stoppedScope(workspaceId: string, agentId: string, target?: StopTarget): Stop['scope'] | undefined {
    const found = this.stops
      .map(({ scope }) => scope)
      .filter((scope) => concerns(scope, { workspaceId, agentId, ...target }));
    return found.toSorted((a, b) => WIDEST.indexOf(a.kind) - WIDEST.indexOf(b.kind))[0];
  }
}

const WIDEST = ['global', 'workspace', 'agent', 'payee', 'host'];

type Concerned = Partial<StopTarget> & { readonly workspaceId: string; readonly agentId: string };

export function concerns(scope: Stop['scope'], it: Concerned): boolean {
  if (scope.kind === 'global') return true;
  if (scope.workspaceId !== null && scope.workspaceId !== it.workspaceId) return false;
  switch (scope.kind) {
    case 'workspace':
      return true;
    case 'agent':
      return scope.agentId === it.agentId;
    case 'payee':
      return scope.payee === it.payee && (scope.network === null || scope.network === it.network);
    case 'host':
      return typeof it.host === 'string' && hostMatches(scope.host, it.host);
  }
}

/** What the store says of a stop. */
export const stopDetails = (scope: Stop['scope']): Record<string, string> => ({
  scope: scope.kind,
  ...(scope.kind === 'payee' ? { payee: scope.payee } : {}),
  ...(scope.kind === 'host' ? { host: scope.host } : {}),
});

export const nonceKey = (at: Pick<Authorization, 'token' | 'from' | 'nonce'>): string =>
  `${at.token}/${at.from}/${at.nonce}`;
