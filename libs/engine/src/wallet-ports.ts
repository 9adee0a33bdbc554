// Wallets as administration sees them: types only.
import type { AgentId, Caip2, EvmAddress, OperationId, WalletId, WorkspaceId } from '#domain';
import type { Page, PageRequest } from './page.js';
import type { Actor } from './ports.js';

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
