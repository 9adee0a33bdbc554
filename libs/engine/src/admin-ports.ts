// What the edges (API, command line) need of administration and of reads: types only, so that they depend on no adapter.
// A method refuses with a `Refusal` from the catalogue (`not_found`, `validation_failed`, ...) and throws anything else only for faults.
// Every change leaves an administrative event with its actor, in the same transaction.
import type { AgentId, Json, KeyId, WorkspaceId } from '#domain';
import type { AccessScope, CredentialKind, Role } from './credentials.js';
import type { ChangeStore } from './change-ports.js';
import type { ApproverAdmin } from './approver-admin-ports.js';
import type { Actor } from './ports.js';
import type { Page, PageRequest } from './page.js';
import type { BudgetStore, PolicyAdmin, TagStore, TeamStore } from './rule-ports.js';
import type { SetupStore } from './setup-ports.js';
import type { StopStore } from './stop-ports.js';
import type { WalletStore } from './wallet-ports.js';

export interface WorkspaceView {
  readonly workspaceId: WorkspaceId;
  readonly name: string;
  readonly dualControl: boolean;
  /** For how long after an answer the same request without a key means the same purchase (ruling 3). */
  readonly keylessWindowSec: number;
  readonly paused: boolean;
  readonly createdAtMs: number;
}

export interface WorkspaceStore {
  /** With its control row and a budget node without limits in every unit. */
  create(input: { readonly name: string; readonly dualControl: boolean }, by: Actor): Promise<WorkspaceView>;
  get(workspaceId: WorkspaceId): Promise<WorkspaceView>;
  change(
    workspaceId: WorkspaceId,
    settings: { readonly keylessWindowSec: number },
    by: Actor,
  ): Promise<WorkspaceView>;
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
  /**
   * For ever: its keys stop working and no new intent of its operations can commit once this has returned (ruling 14). It leaves a final stop of the
   * agent, by which its open approvals are released.
   */
  disable(
    workspaceId: WorkspaceId,
    agentId: AgentId,
    by: Actor,
    how?: { readonly reason: string; readonly person: string; readonly cancelOnChain: boolean },
  ): Promise<AgentView>;
}

export interface KeyView {
  readonly keyId: KeyId;
  readonly kind: CredentialKind;
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
  /** Null: everything the role may by itself. */
  readonly scopes: readonly AccessScope[] | null;
  /** Blocks of addresses (CIDR) the key may be used from; null: any. */
  readonly allowedIps: readonly string[] | null;
}

export interface NewKey {
  readonly role: Role;
  /** Needed for the role `agent`, forbidden for the others. */
  readonly agentId: AgentId | null;
  readonly person: string;
  readonly label: string;
  readonly expiresInSec: number | null;
  /** `key` when absent; `hmac` for agents alone. */
  readonly kind?: CredentialKind;
  /** What the role may by itself when absent or null. */
  readonly scopes?: readonly AccessScope[] | null;
  /** From anywhere when absent or null. */
  readonly allowedIps?: readonly string[] | null;
}

/** `secret` is the whole key; it is shown this once and stored only as a hash, or sealed where it has to be computed with (`hmac`). */
export interface IssuedKey {
  readonly key: KeyView;
  readonly secret: string;
}

/**
 * Where dual control is on, keys of admins, approvers and backends are made and rotated in one's own name, or for somebody who has no live admin
 * or approver key yet; anything else is refused with `second_person_needed`.
 */
export interface KeyStore {
  create(workspaceId: WorkspaceId, input: NewKey, by: Actor): Promise<IssuedKey>;
  list(workspaceId: WorkspaceId, page: PageRequest): Promise<Page<KeyView>>;
  /** At once and for ever; repeating it is harmless. */
  revoke(workspaceId: WorkspaceId, keyId: KeyId, by: Actor): Promise<KeyView>;
  /**
   * A successor with the same rights; the old key works for `overlapSec` more (0: revoked now), never longer than before. An approver rotates the
   * key they hold, and no other.
   */
  rotate(workspaceId: WorkspaceId, keyId: KeyId, overlapSec: number, by: Actor): Promise<IssuedKey>;
  /**
   * A new secret for the agent to sign with, and in the same commit the end of every other one it has. It may what the newest of those may, from
   * the same addresses (where that had none, from those of the key that replaces it), and ends when that would have. Refuses with
   * `validation_failed` when there is none to replace.
   */
  replaceSecrets(
    workspaceId: WorkspaceId,
    agentId: AgentId,
    input: Pick<NewKey, 'person' | 'label'>,
    by: Actor,
  ): Promise<IssuedKey>;
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
  readonly tags: TagStore;
  readonly teams: TeamStore;
  readonly policies: PolicyAdmin;
  readonly setups: SetupStore;
  readonly stops: StopStore;
  readonly approvers: ApproverAdmin;
  /** The way in which limits, policies, stops and groups are changed by people. */
  readonly changes: ChangeStore;
  /** Newest first. */
  history(workspaceId: WorkspaceId, page: PageRequest): Promise<Page<AdminEventView>>;
}
