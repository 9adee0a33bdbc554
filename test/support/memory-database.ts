// The rows behind the in-memory stores, with a time of their own that no worker's clock can move.
import type {
  ApprovalId,
  Authorization,
  EvmAddress,
  Hex32,
  Json,
  OperationId,
  OperationState,
  PolicyScope,
  Settlement,
  WorkspaceId,
} from '#domain';
import type {
  Actor,
  AgentRef,
  Blob,
  ChainException,
  Loaded,
  TrackedAuthorization,
  WatchedBlock,
} from '#engine';
import type { MemoryWallet } from './memory-basics.js';
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

export interface LedgerRow {
  readonly workspaceId: WorkspaceId;
  readonly operationId: OperationId;
  readonly authorization: Authorization;
  status: TrackedAuthorization['status'];
  settlement: Settlement | null;
}

export class MemoryDatabase {
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
  /** Stopped scopes: `global`, `workspace:<id>`, `agent:<id>`. */
  readonly stopped = new Set<string>();
  readonly keylessWindowSec = new Map<WorkspaceId, number>();
  readonly leases = new Map<string, { owner: string; untilMs: number }>();
  cursor: { genesisHash: Hex32; scannedTo: number; finalizedTo: number } | undefined;
  blocks: WatchedBlock[] = [];
  readonly exceptions: ChainException[] = [];

  constructor(readonly nowMs: () => number) {}

  stateOf(operationId: OperationId): OperationState | undefined {
    return this.operations.get(operationId)?.loaded.state;
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

  stoppedScope(workspaceId: string, agentId: string): string | undefined {
    if (this.stopped.has('global')) return 'global';
    if (this.stopped.has(`workspace:${workspaceId}`)) return 'workspace';
    return this.stopped.has(`agent:${agentId}`) ? 'agent' : undefined;
  }
}

export const nonceKey = (at: Pick<Authorization, 'token' | 'from' | 'nonce'>): string =>
  `${at.token}/${at.from}/${at.nonce}`;
