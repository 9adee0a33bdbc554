// What the edges (API, command line) need of administration and of reads: types only, so that they depend on no adapter.
// A method refuses with a `Refusal` from the catalogue (`not_found`, `validation_failed`, ...) and throws anything else only for faults.
// Every change leaves an administrative event with its actor, in the same transaction.
import type {
  AgentId,
  BudgetUnit,
  BudgetView,
  Caip2,
  EvmAddress,
  Json,
  KeyId,
  Limits,
  OperationId,
  Policy,
  WalletId,
  WorkspaceId,
} from '#domain';
import type { Actor } from './ports.js';

export interface PageRequest {
  /** As given out with the previous page; null for the first. Anything else is refused with `invalid_cursor`. */
  readonly cursor: string | null;
  readonly limit: number;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** null: this was the last page. */
  readonly nextCursor: string | null;
}

// ---- Who calls

/** `seller` may ask the facilitator, and nothing else. */
export type Role = 'admin' | 'agent' | 'approver' | 'auditor' | 'seller';

/** An authenticated caller. `agentId` is set exactly when the role is `agent`. */
export interface Principal {
  readonly workspaceId: WorkspaceId;
  readonly keyId: KeyId;
  readonly role: Role;
  readonly agentId: AgentId | null;
  /** The person behind the key; nobody approves what they requested or operate (S10). */
  readonly person: string;
}

export type Authentication =
  | { readonly ok: true; readonly principal: Principal }
  | { readonly ok: false; readonly code: 'authentication_failed' | 'agent_disabled' };

export interface Authenticator {
  /**
   * Checks a presented key against the database, every time: revocation holds from the moment it is acknowledged, in every process.
   * `claimedAgentId` is what the caller says beside the key (Hightop's `x-agent-id`); it must be the key's own agent.
   */
  authenticate(presented: string, claimedAgentId?: string): Promise<Authentication>;
}

// ---- Workspaces, agents, keys

export interface WorkspaceView {
  readonly workspaceId: WorkspaceId;
  readonly name: string;
  readonly dualControl: boolean;
  readonly paused: boolean;
  readonly createdAtMs: number;
}

export interface WorkspaceStore {
  /** With its control row and a budget node without limits in every unit. */
  create(input: { readonly name: string; readonly dualControl: boolean }, by: Actor): Promise<WorkspaceView>;
  get(workspaceId: WorkspaceId): Promise<WorkspaceView>;
  /** All of them, oldest first; for bootstrap and operators only. */
  list(): Promise<readonly WorkspaceView[]>;
}

export interface AgentView {
  readonly workspaceId: WorkspaceId;
  readonly agentId: AgentId;
  readonly name: string;
  readonly status: 'active' | 'disabled';
  readonly paused: boolean;
  readonly createdAtMs: number;
}

export interface AgentStore {
  create(workspaceId: WorkspaceId, input: { readonly name: string }, by: Actor): Promise<AgentView>;
  get(workspaceId: WorkspaceId, agentId: AgentId): Promise<AgentView>;
  /** Newest first. */
  list(workspaceId: WorkspaceId, page: PageRequest): Promise<Page<AgentView>>;
  /** For ever: its keys stop working and no new intent of its operations can commit once this has returned (ruling 14). */
  disable(workspaceId: WorkspaceId, agentId: AgentId, by: Actor): Promise<AgentView>;
}

export interface KeyView {
  readonly keyId: KeyId;
  readonly workspaceId: WorkspaceId;
  readonly role: Role;
  readonly agentId: AgentId | null;
  readonly person: string;
  readonly label: string;
  /** The public part of the key, for finding it in a secret manager. */
  readonly prefix: string;
  readonly createdAtMs: number;
  readonly createdBy: string;
  readonly expiresAtMs: number | null;
  readonly revokedAtMs: number | null;
  /** Exact to the minute. */
  readonly lastUsedAtMs: number | null;
}

export interface NewKey {
  readonly role: Role;
  /** Needed for the role `agent`, forbidden for the others. */
  readonly agentId: AgentId | null;
  readonly person: string;
  readonly label: string;
  readonly expiresInSec: number | null;
}

/** `secret` is the whole key; it is shown this once and stored only as a hash. */
export interface IssuedKey {
  readonly key: KeyView;
  readonly secret: string;
}

export interface KeyStore {
  create(workspaceId: WorkspaceId, input: NewKey, by: Actor): Promise<IssuedKey>;
  list(workspaceId: WorkspaceId, page: PageRequest): Promise<Page<KeyView>>;
  /** At once and for ever; repeating it is harmless. */
  revoke(workspaceId: WorkspaceId, keyId: KeyId, by: Actor): Promise<KeyView>;
  /** A successor with the same rights; the old key works for `overlapSec` more (0: revoked now), never longer than before. */
  rotate(workspaceId: WorkspaceId, keyId: KeyId, overlapSec: number, by: Actor): Promise<IssuedKey>;
}

// ---- Wallets

/** `treasury`: pays no seller, tops up the agents' wallets; one per workspace. */
export type WalletRole = 'payments' | 'treasury';

export interface WalletView {
  readonly walletId: WalletId;
  readonly workspaceId: WorkspaceId;
  /** null: any agent of the workspace without a wallet of its own pays from it, unless it is the treasury. */
  readonly agentId: AgentId | null;
  readonly role: WalletRole;
  readonly address: EvmAddress;
  readonly label: string;
  readonly status: 'active' | 'retired';
  readonly origin: 'created' | 'imported';
  readonly backupConfirmedAtMs: number | null;
  readonly createdAtMs: number;
}

/** The process that holds private keys makes or takes them; only an address ever comes back. */
export interface WalletKeys {
  /** The key is kept under the wallet's id; the signer compares both with what it is asked to sign for. */
  createKey(workspaceId: WorkspaceId, walletId: WalletId): Promise<EvmAddress>;
  importKey(workspaceId: WorkspaceId, walletId: WalletId, privateKey: string): Promise<EvmAddress>;
  /** From now on the signer itself refuses, whatever the database says of the wallet. A key it does not have needs no retiring. */
  retireKey(workspaceId: WorkspaceId, walletId: WalletId): Promise<void>;
}

export interface NewWallet {
  readonly agentId: AgentId | null;
  /** `payments` when absent. */
  readonly role?: WalletRole;
  readonly label: string;
}

export interface LowBalanceAlarm {
  readonly network: Caip2;
  readonly token: EvmAddress;
  /** Base units. */
  readonly below: bigint | null;
}

/** Base units. Falls what is available below `min`, it is filled up to `target`, with at most `capPerDay` per UTC day. */
export interface FloatPolicy {
  readonly network: Caip2;
  readonly token: EvmAddress;
  readonly min: bigint;
  readonly target: bigint;
  readonly capPerDay: bigint;
}

export interface FloatView extends FloatPolicy {
  readonly walletId: WalletId;
  readonly enabled: boolean;
  readonly sentToday: bigint;
  /** The top-up under way, and the one before it. */
  readonly operationId: OperationId | null;
  readonly lastOperationId: OperationId | null;
  /** Why the newest top-up did not happen: an error code, or how its operation ended. */
  readonly problem: string | null;
}

export interface WalletStore {
  create(workspaceId: WorkspaceId, input: NewWallet, keys: WalletKeys, by: Actor): Promise<WalletView>;
  import(
    workspaceId: WorkspaceId,
    input: NewWallet & { readonly privateKey: string },
    keys: WalletKeys,
    by: Actor,
  ): Promise<WalletView>;
  get(workspaceId: WorkspaceId, walletId: WalletId): Promise<WalletView>;
  list(workspaceId: WorkspaceId, page: PageRequest): Promise<Page<WalletView>>;
  /** From now on an admin is told, once, when less than this is available; null: not any more. */
  setLowBalance(
    workspaceId: WorkspaceId,
    walletId: WalletId,
    alarm: LowBalanceAlarm,
    by: Actor,
  ): Promise<void>;
  /** From now on, or from the end of the top-up under way. What was sent today stays counted. `person` asks for each top-up. */
  setFloat(
    workspaceId: WorkspaceId,
    walletId: WalletId,
    float: FloatPolicy & { readonly person: string },
    by: Actor,
  ): Promise<void>;
  /** No new top-up; one that is under way goes on. */
  stopFloat(
    workspaceId: WorkspaceId,
    walletId: WalletId,
    place: Pick<FloatPolicy, 'network' | 'token'>,
    by: Actor,
  ): Promise<void>;
  /** No new operation pays from it; what is already signed goes on. Repeat it when the signer was away: the database knows at once. */
  retire(workspaceId: WorkspaceId, walletId: WalletId, keys: WalletKeys, by: Actor): Promise<WalletView>;
  confirmBackup(workspaceId: WorkspaceId, walletId: WalletId, by: Actor): Promise<WalletView>;
  /** Refused with `backup_not_confirmed` as reason until the key's backup is confirmed (ruling 30). */
  depositAddress(workspaceId: WorkspaceId, walletId: WalletId): Promise<EvmAddress>;
}

// ---- Budgets, policies, stops

/** `agentId` null: the workspace's own node or policy. */
export interface Scope {
  readonly workspaceId: WorkspaceId;
  readonly agentId: AgentId | null;
}

export interface BudgetStore {
  /** Every unit of one node, with usage as of now. */
  get(scope: Scope): Promise<readonly BudgetView[]>;
  /** Replaces all limits of the node in the unit; a window that is not named has no limit. Usage and holds never change. */
  putLimits(scope: Scope, unit: BudgetUnit, limits: Limits, by: Actor): Promise<BudgetView>;
}

export type PolicyInput = Omit<Policy, 'version'>;

export interface PolicyVersion {
  readonly policy: Policy;
  /** SHA-256 of the canonical JSON of the policy with its version. */
  readonly hash: string;
  readonly createdAtMs: number;
  readonly createdBy: string;
}

export interface PolicyAdmin {
  /** null: the scope has no policy of its own. */
  get(scope: Scope): Promise<PolicyVersion | null>;
  /** A new version; counts from the next judgement on. Version numbers rise across all policies of a workspace. */
  put(scope: Scope, policy: PolicyInput, by: Actor): Promise<PolicyVersion>;
  /** Newest first. */
  versions(scope: Scope): Promise<readonly PolicyVersion[]>;
}

export type StopScope =
  | { readonly kind: 'global' }
  | { readonly kind: 'workspace'; readonly workspaceId: WorkspaceId }
  | { readonly kind: 'agent'; readonly workspaceId: WorkspaceId; readonly agentId: AgentId };

/** An authorization that a stop cannot take back: it dies by itself at its time (S17). */
export interface StillLive {
  readonly operationId: OperationId;
  readonly agentId: AgentId;
  readonly network: Caip2;
  readonly token: EvmAddress;
  readonly to: EvmAddress;
  readonly value: bigint;
  readonly validBeforeSec: number;
}

export interface StopStore {
  /** Once this has returned, no new authorization comes to exist in the scope. Repeating it is harmless. */
  pause(scope: StopScope, reason: string, by: Actor): Promise<readonly StillLive[]>;
  resume(scope: StopScope, by: Actor): Promise<void>;
  /** The widest stop that holds for the agent (or for the workspace when none is named); null: none. */
  stopFor(workspaceId: WorkspaceId, agentId: AgentId | null): Promise<StopScope['kind'] | null>;
}

export interface AdminEventView {
  readonly position: string;
  readonly type: string;
  readonly actor: Json;
  readonly data: Json;
  readonly occurredAtMs: number;
}

export interface Administration {
  readonly workspaces: WorkspaceStore;
  readonly agents: AgentStore;
  readonly keys: KeyStore;
  readonly wallets: WalletStore;
  readonly budgets: BudgetStore;
  readonly policies: PolicyAdmin;
  readonly stops: StopStore;
  /** Newest first. */
  history(workspaceId: WorkspaceId, page: PageRequest): Promise<Page<AdminEventView>>;
}
