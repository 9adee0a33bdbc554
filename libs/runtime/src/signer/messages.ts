// What is said over the signer's socket. Requests carry an id; replies come in any order.
import type { Caip2, EvmAddress, Hex32, OperationId, WalletId, WorkspaceId } from '#domain';

export interface WalletInfo {
  readonly walletId: WalletId;
  readonly workspaceId: WorkspaceId;
  readonly address: EvmAddress;
  readonly status: 'active' | 'retired';
  readonly origin: 'created' | 'imported';
}

export interface SignerStatus {
  /** Rows of its ledger that the signer remembers outside the database. */
  readonly ledgerCount: number;
  readonly wallets: number;
  /** Set while nothing is signed because the database is older than the signer remembers (ruling 9). */
  readonly quarantine: { readonly sinceMs: number; readonly reason: string } | null;
}

export type SignerCall =
  | { readonly type: 'authorize'; readonly workspaceId: WorkspaceId; readonly operationId: OperationId }
  | { readonly type: 'cancel'; readonly workspaceId: WorkspaceId; readonly operationId: OperationId }
  | { readonly type: 'create_wallet'; readonly workspaceId: WorkspaceId; readonly walletId: WalletId }
  | {
      readonly type: 'import_wallet';
      readonly workspaceId: WorkspaceId;
      readonly walletId: WalletId;
      /** Hex. Leaves the caller's memory with this frame and is never logged. */
      readonly privateKey: string;
    }
  | { readonly type: 'retire_wallet'; readonly workspaceId: WorkspaceId; readonly walletId: WalletId }
  | { readonly type: 'list_wallets'; readonly workspaceId: WorkspaceId }
  | { readonly type: 'export_backup'; readonly workspaceId: WorkspaceId; readonly walletId: WalletId }
  | { readonly type: 'broadcast_accounts'; readonly network: Caip2; readonly count: number }
  | BroadcastMessage
  | { readonly type: 'status' };

/** A transaction to sign (broadcast-message.ts). Never logged: its data holds signatures that are money. */
export interface BroadcastMessage {
  readonly type: 'sign_broadcast';
  readonly network: Caip2;
  readonly sender: EvmAddress;
  readonly accountNonce: number;
  readonly target: EvmAddress;
  /** Hex without 0x. */
  readonly data: string;
  /** Decimal, as the fees: units of gas, and wei per unit. */
  readonly gasLimit: string;
  readonly maxFeePerGas: string;
  readonly maxPriorityFeePerGas: string;
}

export type SignerRequest = SignerCall & { readonly id: number };

/**
 * `burned`: no signature for the operation can ever come to exist. `unavailable`: ask again later. `refused`: not now and not later, but a
 * signature may exist, so nothing may be released.
 */
export type AuthorizeReply =
  | { readonly kind: 'signed'; readonly signature: string }
  | { readonly kind: 'burned'; readonly reason: string }
  | { readonly kind: 'unavailable'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

/** `refused`: nobody asked for it in the operation's log, or it is not this operation's to cancel. */
export type CancelReply =
  | { readonly kind: 'signed'; readonly signature: string }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unavailable'; readonly reason: string };

/** `refused`: not this call, or not at these fees. `raw` is hex without 0x. */
export type BroadcastReply =
  | { readonly kind: 'signed'; readonly raw: string; readonly txHash: Hex32 }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unavailable'; readonly reason: string };

export type BroadcastAccountsRefusal = 'network_not_configured' | 'invalid_count';

export type WalletRefusal =
  'unknown_wallet' | 'wallet_exists' | 'address_exists' | 'invalid_key' | 'invalid_request';

export interface Replies {
  readonly authorize: AuthorizeReply;
  readonly cancel: CancelReply;
  readonly create_wallet: { readonly wallet: WalletInfo } | { readonly error: WalletRefusal };
  readonly import_wallet: { readonly wallet: WalletInfo } | { readonly error: WalletRefusal };
  readonly retire_wallet: { readonly wallet: WalletInfo } | { readonly error: WalletRefusal };
  readonly list_wallets: { readonly wallets: readonly WalletInfo[] };
  /** The wallet's keystore file to the letter: encrypted, of use only with the keystore passphrase. */
  readonly export_backup: { readonly backup: string } | { readonly error: WalletRefusal };
  readonly broadcast_accounts:
    { readonly addresses: readonly EvmAddress[] } | { readonly error: BroadcastAccountsRefusal };
  readonly sign_broadcast: BroadcastReply;
  readonly status: SignerStatus;
}

export interface SignerResponse {
  readonly id: number;
  /** Absent when the request could not be served at all. */
  readonly reply?: Replies[SignerCall['type']];
  readonly failed?: true;
}
