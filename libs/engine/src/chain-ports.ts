// What the workers ask of a chain. The chain watcher has its own, wider ports in watch/.
import type { Authorization, Caip2, EvmAddress, Hex32, Settlement, WalletId, WorkspaceId } from '#domain';

export interface ChainHead {
  readonly number: number;
  readonly hash: Hex32;
  readonly timestampSec: number;
}

export type AuthorizationFate =
  | { readonly kind: 'unused' }
  | { readonly kind: 'settled'; readonly settlement: Settlement }
  | {
      readonly kind: 'cancelled';
      readonly txHash: Hex32;
      readonly blockNumber: number;
      readonly blockHash: Hex32;
    }
  /** Used, but the transfer next to it is not ours to the letter: a person must look. */
  | { readonly kind: 'foreign'; readonly txHash: Hex32 };

/** Reads of one chain by the workers. */
export interface ChainReader {
  latest(network: Caip2): Promise<ChainHead>;
  /** One receipt read on a seller's hash hint (ruling 1); `unused` when the transaction is unknown or does not hold our transfer. */
  fateInTransaction(authorization: Authorization, txHash: Hex32): Promise<AuthorizationFate>;
  isContract(network: Caip2, address: EvmAddress): Promise<boolean>;
  /** What Permit2 may move of the owner's tokens, base units, at latest. */
  permit2Allowance(network: Caip2, token: EvmAddress, owner: EvmAddress): Promise<bigint>;
  /** The number that the token asks of the owner's next permit (EIP-2612), by the word of every RPC. */
  permitNonce(network: Caip2, token: EvmAddress, owner: EvmAddress): Promise<bigint>;
}

/** A nonce that was derived before a restore and that the database no longer knows of. */
export type ForgottenUse =
  | { readonly kind: 'none' }
  /** After a restore: the chain has not been compared to the end yet, so "none" would be a guess. */
  | { readonly kind: 'not_yet' }
  | {
      readonly kind: 'paid';
      readonly walletId: WalletId;
      readonly payment: Pick<
        Authorization,
        'method' | 'network' | 'token' | 'from' | 'to' | 'value' | 'facilitator'
      >;
      readonly settlement: Settlement;
    }
  /** Used or cancelled without a transfer of its own: a person must look. */
  | { readonly kind: 'unclear'; readonly txHash: Hex32 };

/**
 * What a restored database has forgotten (safety.md d.5.10, ruling 9), found by the nonce alone: the watcher records every use of a managed
 * wallet's nonce that no authorization explains (`unknown_nonce`). In the first cluster epoch nothing can have been forgotten: always `none`,
 * without asking anybody. Afterwards `paid` as soon as the use is known, and `not_yet` rather than `none` until the quarantine is over and
 * a final block later than its end has been scanned on every network. The wallet must be one of the workspace's, retired ones included.
 */
export interface Adoption {
  find(workspaceId: WorkspaceId, nonce: Hex32): Promise<ForgottenUse>;
  /**
   * Which of the nonces is the first that was used, by its place; null: none. They are asked for only where something can have been forgotten.
   * `not_yet` as above.
   */
  firstUsed(workspaceId: WorkspaceId, nonces: () => readonly Hex32[]): Promise<number | null | 'not_yet'>;
}
