// What the engine needs from the outside. Adapters implement these; simulations and tests pass fakes.
// Every port names the outcomes it can have; a port throws only for faults (connection lost, bug), and the engine then retries the step.
import type {
  AgentId,
  ApprovalId,
  Authorization,
  BudgetUnit,
  BudgetView,
  Caip2,
  ErrorDetails,
  EvmAddress,
  Hex32,
  IdempotencyKey,
  Json,
  Likeness,
  OperationEvent,
  OperationId,
  OperationState,
  OperationStatus,
  Policy,
  PolicyScope,
  Roster,
  StopTarget,
  Tag,
  WalletId,
  WorkspaceId,
} from '#domain';
import type { Adoption, ChainReader } from './chain-ports.js';
import type { HeaderCodec, Seller } from './seller-ports.js';
import type { SettlementDesk } from './settle/ports.js';
import type { FacilitatorCodec, RemoteFacilitators } from './settle/remote-ports.js';

/** Wall clock in unix milliseconds. Decisions that race (approvals, expiry) are re-checked by the store against database time. */
export interface Clock {
  nowMs(): number;
}

/** Sortable ids from time and randomness. */
export interface Ids {
  approvalId(): ApprovalId;
}

/** SHA-256 as lower-case hex. */
export interface Hashing {
  sha256(text: string | Uint8Array): string;
}

/**
 * The derivations that make a retry land on the same payment (design.md 4): both keyed, both stable for ever.
 * `operationId` = UUID of HMAC(K, workspace | agent | key); `authorizationNonce` = HMAC(K_nonce, version | workspace | operation | epoch 0).
 */
export interface Derivation {
  operationId(workspaceId: WorkspaceId, agentId: AgentId, key: IdempotencyKey | string): OperationId;
  authorizationNonce(workspaceId: WorkspaceId, operationId: OperationId): Hex32;
}

/** Authenticated encryption of things that must not lie in the database in the clear: bodies, live headers. Bound to the workspace. */
export interface Vault {
  seal(workspaceId: WorkspaceId, plain: Uint8Array): Uint8Array;
  open(workspaceId: WorkspaceId, sealed: Uint8Array): Uint8Array;
}

export interface OperationRef {
  readonly workspaceId: WorkspaceId;
  readonly operationId: OperationId;
}

/** Who caused an event, as recorded with it (S11). */
export interface Actor {
  readonly type: 'agent' | 'admin' | 'approver' | 'system';
  /** Principal or component id; never a credential. */
  readonly id: string;
}

export interface Loaded extends OperationRef {
  readonly agentId: AgentId;
  readonly state: OperationState;
  readonly version: number;
  /** Hash of the last event, hex; the next event's hash covers it. */
  readonly lastHash: string;
  /** Unix ms at which the operation was opened; part of every event's key (ruling 19). */
  readonly openedAtMs: number;
  readonly idempotencyKeyHash: string;
  readonly fingerprint: string;
  readonly attempts: number;
  readonly updatedAtMs: number;
}

export interface Claimed extends Loaded {
  readonly leaseEpoch: number;
}

/** Sealed bytes stored beside an operation with a time to live. */
export interface Blob {
  readonly kind: 'request_body' | 'response_body' | 'signature';
  readonly sealed: Uint8Array;
  readonly meta: Json;
  readonly ttlMs: number | null;
}

/** One command's durable effect. The store derives all row changes and guards from the events (see `Guard`). */
export interface Commit extends OperationRef {
  readonly agentId: AgentId;
  readonly openedAtMs: number;
  /** Version the events were decided on; the store refuses when the operation has moved on. */
  readonly expectedVersion: number;
  readonly lastHash: string;
  /** When set, the store also refuses unless this lease epoch still holds the operation (the fence). */
  readonly leaseEpoch: number | null;
  readonly events: readonly OperationEvent[];
  readonly actor: Actor;
  readonly nowMs: number;
  /** State after the events: `status` and amounts go to the operations row. */
  readonly state: OperationState;
  /** When somebody should look again, unix ms; null: the chain watcher or a person will. */
  readonly nextAttemptAtMs: number | null;
  /** Give the lease back with this commit. */
  readonly releaseLease: boolean;
  readonly blobs?: readonly Blob[];
}

export interface OpenCommit extends Commit {
  readonly idempotencyKeyHash: string;
  readonly fingerprint: string;
  /** Digest of the signed request that opens it, which can open nothing else (ruling 27). */
  readonly signedDigest?: string;
}

/**
 * Guards, all evaluated in the commit's own transaction after every row it needs is locked:
 * ApprovalRequested: nothing in scope is stopped. BudgetReserved: every node and window of the agent's path in that unit has room. AuthorizationPrepared: nothing in scope is stopped (control rows
 * share-locked, S17; whom and where it pays is in the state), the hold still fits today's windows (ruling 15), the wallet covers it (ruling 17), (network, token, from, nonce) is new,
 * an approval it needs is granted and in time, nothing alike is live or paid (`Likeness`); of an allowance, which has neither hold nor cover, that no other of its wallet and token is live. A commit in which SettlementObserved follows AuthorizationPrepared adopts a payment that has already happened:
 * stops, wallet and approval do not guard it, and a hold or an open approval from before is given back by the TermsChanged in front. ApprovalVoted / ApprovalGranted / ApprovalRejected: `clock_timestamp()` is before decide-by;
 * of the first two also that the roster they were judged by still stands: a conflict when it does not. ApprovalExpired: it is not.
 */
export type Guard =
  'budget' | 'no_budget' | 'wallet' | 'stopped' | 'deadline' | 'duplicate_nonce' | 'duplicate' | 'under_way';

export type CommitOutcome =
  | { readonly ok: true; readonly version: number; readonly lastHash: string }
  | { readonly ok: false; readonly reason: 'conflict' | 'lease_lost' }
  | { readonly ok: false; readonly reason: 'guard'; readonly guard: Guard; readonly details: ErrorDetails };

export type OpenOutcome =
  | { readonly ok: true; readonly outcome: 'opened' }
  /** The key is known, or the signed request has been used. The caller compares fingerprints: equal is a replay, different is `idempotency_key_reused`. */
  | {
      readonly ok: true;
      readonly outcome: 'existing';
      readonly operationId: OperationId;
      readonly fingerprint: string;
    }
  | {
      readonly ok: false;
      readonly reason: 'guard';
      readonly guard: 'stopped';
      readonly details: ErrorDetails;
    };

/** The last of the operations that were opened one after the other under one root (see `submitAgain`). */
export interface NewestOperation {
  readonly operationId: OperationId;
  readonly history: readonly { readonly event: OperationEvent; readonly atMs: number }[];
  /** The workspace's: for how long after an answer the same request without a key means the same purchase. */
  readonly keylessWindowMs: number;
  /** The store's time, which the times in the history are by too. */
  readonly nowMs: number;
}

export interface OperationStore {
  open(commit: OpenCommit): Promise<OpenOutcome>;
  append(commit: Commit): Promise<CommitOutcome>;
  /** Remembers which operation a signed request joined. Answers with the one that it is bound to: another, if it was used before. */
  bindSigned(ref: OperationRef, agentId: AgentId, digest: string): Promise<OperationId>;
  load(ref: OperationRef): Promise<Loaded | undefined>;
  /** By the beginning of the stored key, `keyless:<hash>` or `again:<hash>`. `operationId`: that one instead, whichever is the newest. */
  newest(
    workspaceId: WorkspaceId,
    agentId: AgentId,
    root: string,
    operationId?: OperationId,
  ): Promise<NewestOperation | undefined>;
  /** Takes the lease when it is free or expired, raising the epoch; undefined when another worker holds it or the operation is unknown. */
  claim(operationId: OperationId, owner: string): Promise<Claimed | undefined>;
  /** Keeps leases alive while steps run; returns the operations whose lease is lost. */
  renew(
    leases: readonly { readonly operationId: OperationId; readonly leaseEpoch: number }[],
  ): Promise<readonly OperationId[]>;
  /**
   * Ends a drive without new facts: gives the lease back and says when to come again. `failure` null resets the attempt count: nothing was wrong with the operation.
   * When the row's version is not `claimed.version`, somebody appended since (an approval, the chain) and may have asked for an earlier look: the earlier of
   * the two times is kept.
   */
  yieldLease(claimed: Claimed, nextAttemptAtMs: number | null, failure: string | null): Promise<void>;
  blob(
    ref: OperationRef,
    kind: Blob['kind'],
  ): Promise<{ readonly sealed: Uint8Array; readonly meta: Json } | undefined>;
  /** Operations that are due or whose lease ran out, oldest first; for the sweeper. */
  due(limit: number): Promise<readonly OperationId[]>;
}

export interface AgentRef {
  readonly workspaceId: WorkspaceId;
  readonly agentId: AgentId;
}

/** Of a payment, or of opening an operation; null: not looked at. */
export interface Probe {
  readonly hold: { readonly unit: BudgetUnit; readonly amount: bigint; readonly tags: readonly Tag[] } | null;
  readonly stops: StopTarget | null;
  readonly cover: {
    readonly walletId: WalletId;
    readonly network: Caip2;
    readonly token: EvmAddress;
    readonly amount: bigint;
  } | null;
}

export interface Obstacle {
  readonly guard: Extract<Guard, 'stopped' | 'budget' | 'no_budget' | 'wallet'>;
  readonly details: ErrorDetails;
}

export interface PolicyStore {
  /** The workspace's policy and the agent's, in that order, as of now. */
  policiesFor(workspaceId: WorkspaceId, agentId: AgentId): Promise<readonly Policy[]>;
  /** What the agent pays from; never the treasury. */
  walletFor(
    workspaceId: WorkspaceId,
    agentId: AgentId,
    network: Caip2,
  ): Promise<{ readonly walletId: WalletId; readonly address: EvmAddress } | undefined>;
  /** What top-ups are paid from; undefined: the workspace has none. */
  treasuryOf(
    workspaceId: WorkspaceId,
  ): Promise<{ readonly walletId: WalletId; readonly address: EvmAddress } | undefined>;
  /** Is this an active wallet of this agent's own, and no treasury? */
  ownsWallet(workspaceId: WorkspaceId, agentId: AgentId, address: EvmAddress): Promise<boolean>;
  /** Who has paid this payee before: finally on chain, or with a person's yes. From committed rows; what is known stays known. */
  payeeKnownTo(who: AgentRef, payee: EvmAddress): Promise<readonly PolicyScope[]>;
  /** An operation, other than `except`, that is like this one and live or paid; opened within the likeness' time of `openedAtMs`. */
  likeOf(
    who: AgentRef,
    likeness: Likeness,
    at: { readonly openedAtMs: number; readonly except?: OperationId | undefined },
  ): Promise<OperationId | null>;
  /** What would be in the way now: of the hold, then stops, then the cover. The same rows and words as the guards of a commit, without a lock. */
  obstacleTo(who: AgentRef, what: Probe): Promise<Obstacle | null>;
  /** The budgets that a payment of the agent in the unit charges, with those of what it is booked under, as they stand. */
  budgetsOf(who: AgentRef, unit: BudgetUnit, tags: readonly Tag[]): Promise<readonly BudgetView[]>;
  /** Which of these are not registered, or retired. */
  unknownTags(workspaceId: WorkspaceId, tags: readonly Tag[]): Promise<readonly Tag[]>;
}

/** Groups of approvers, delegations, and who is no approver of an agent's payments. */
export interface Approvers {
  /** As of now, of these people and groups. Someone is an operator who holds a key of the agent, or held one when the operation was opened. */
  rosterFor(asked: {
    readonly workspaceId: WorkspaceId;
    readonly agentId: AgentId;
    readonly openedAtMs: number;
    readonly people: readonly string[];
    readonly groups: readonly string[];
  }): Promise<Roster>;
}

/** What the registry knows of an asset; everything a signature depends on comes from here, never from the seller (T5). */
export interface RegisteredAsset {
  readonly network: Caip2;
  readonly chainId: number;
  readonly token: EvmAddress;
  /** The same as sellers write it (EIP-55): some compare text. Absent: as above. */
  readonly checksummed?: string;
  readonly symbol: string;
  readonly name: string;
  readonly version: string;
  readonly decimals: number;
  readonly unit: BudgetUnit;
}

export interface AssetRegistry {
  /** By CAIP-2 network and token address; undefined when Purser does not pay in it. */
  find(network: Caip2, token: EvmAddress): RegisteredAsset | undefined;
  all(): readonly RegisteredAsset[];
  /** EIP-712 digest of TransferWithAuthorization for this asset. */
  digest(asset: RegisteredAsset, tuple: Omit<Authorization, 'digest' | 'walletId'>): Hex32;
}

/**
 * The signer process. `burned` means that no signature for this operation exists and none can ever come to exist: budget is released on that
 * word alone. So once it has signed, it answers `signed` with the same bytes for ever, whatever has been paused, changed or expired since:
 * the first answer may have been lost on its way here, or be in a seller's hands without a record of it.
 */
export type SignOutcome =
  | { readonly kind: 'signed'; readonly signature: Uint8Array }
  | { readonly kind: 'burned'; readonly reason: string }
  | { readonly kind: 'unavailable'; readonly reason: 'signer_unavailable' | 'quarantined' };

/** A cancellation moves no money and releases nothing by itself, so there is nothing to burn. */
export type CancelOutcome =
  | { readonly kind: 'signed'; readonly signature: Uint8Array }
  | { readonly kind: 'refused'; readonly reason: string }
  | Extract<SignOutcome, { kind: 'unavailable' }>;

export interface Signer {
  sign(ref: OperationRef): Promise<SignOutcome>;
  /** Over the operation's own nonce, once somebody has asked for it in the operation's log; the same bytes each time. */
  cancel(ref: OperationRef): Promise<CancelOutcome>;
}

/** Tells a waiting request that an operation may have become answerable; early and spurious returns are allowed. */
export interface Answers {
  changed(operationId: OperationId, deadlineMs: number): Promise<void>;
}

/** Wake-ups for workers; best effort, bounded, never awaited by a request. */
export interface Waker {
  wake(operationIds: readonly OperationId[]): void;
}

export interface Logger {
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

export interface Metrics {
  stepTook(step: string, ms: number): void;
  ended(status: OperationStatus): void;
}

export interface Ports {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly hashing: Hashing;
  readonly derivation: Derivation;
  readonly vault: Vault;
  readonly operations: OperationStore;
  readonly policies: PolicyStore;
  readonly approvers: Approvers;
  readonly assets: AssetRegistry;
  readonly signer: Signer;
  readonly seller: Seller;
  readonly headers: HeaderCodec & FacilitatorCodec;
  readonly chain: ChainReader;
  readonly settlements: SettlementDesk;
  /** Accounts of ours broadcast what is claimed (settle mode D). */
  readonly broadcasts: boolean;
  readonly facilitators: RemoteFacilitators;
  readonly waker: Waker;
  readonly answers: Answers;
  readonly adoption: Adoption;
  readonly logger: Logger;
  readonly metrics: Metrics;
}
