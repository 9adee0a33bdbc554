// What the chain watcher needs. One watcher per network, elected by a lease row; its cost grows with blocks, not with operations.
import type {
  Authorization,
  Caip2,
  EvmAddress,
  Hex32,
  Settlement,
  TransferMethod,
  WalletId,
  WorkspaceId,
} from '#domain';
import type { AuthorizationFate } from '../chain-ports.js';
import type { OperationRef } from '../ports.js';

export interface WatchedBlock {
  readonly number: number;
  readonly hash: Hex32;
  readonly parentHash: Hex32;
  readonly timestampSec: number;
}

export interface TransferSeen {
  readonly token: EvmAddress;
  readonly from: EvmAddress;
  readonly to: EvmAddress;
  readonly value: bigint;
  readonly txHash: Hex32;
  readonly blockNumber: number;
  readonly blockHash: Hex32;
  readonly logIndex: number;
  /** The proxy of this method made it: its `Settled` is the very next log. */
  readonly method?: TransferMethod;
  readonly facilitator?: EvmAddress;
}

/**
 * A call of one of x402's Permit2 proxies in a transaction that moved money of a managed wallet, and whose every call can be read. Whoever sent it
 * chose what it says: `tiePermits` finds out what is true of it.
 */
export interface PermitSeen {
  readonly method: Exclude<TransferMethod, 'eip3009'>;
  readonly token: EvmAddress;
  readonly from: EvmAddress;
  readonly to: EvmAddress;
  /** What the call moves, base units; with `upto` at most what was signed. */
  readonly value: bigint;
  readonly nonce: Hex32;
  readonly facilitator?: EvmAddress;
  readonly txHash: Hex32;
  /** False: Permit2's bitmap says that the nonce is not spent. It is asked only where there are several calls. */
  readonly spent: boolean;
}

/** An Approval of a managed wallet: how much `to` may move from then on. It names no permit; whose it was `findUse` tells. */
export type AllowanceSeen = Omit<TransferSeen, 'method' | 'facilitator'>;

export interface NonceSeen {
  /** Of Permit2's methods; absent where the token itself said so (EIP-3009). */
  readonly method?: PermitSeen['method'];
  readonly token: EvmAddress;
  readonly from: EvmAddress;
  readonly nonce: Hex32;
  readonly txHash: Hex32;
  readonly blockNumber: number;
  readonly blockHash: Hex32;
  /** The transfer that belongs to this use; null for a cancellation, when the token did not do what it should, or when it cannot be told which. */
  readonly transfer: TransferSeen | null;
}

export interface Scan {
  /** Every nonce of a managed wallet that was used or cancelled in the range, in chain order. */
  readonly uses: readonly NonceSeen[];
  /** Outgoing transfers of managed wallets, of more than nothing, that belong to no use of the token's own nonces; `tiePermits` explains some of them. */
  readonly otherTransfers: readonly TransferSeen[];
  /** Calls of Permit2 proxies in the transactions of `otherTransfers`, in no order. */
  readonly permits: readonly PermitSeen[];
  /** Allowances that managed wallets gave, or had given for them. */
  readonly allowances: readonly AllowanceSeen[];
  /** Incoming transfers to managed wallets: deposits, refunds. */
  readonly incoming: readonly TransferSeen[];
  /** What the range says about one authorization; `unused` means it is not mentioned. */
  fateOf(authorization: Pick<Authorization, 'token' | 'from' | 'to' | 'value' | 'nonce'>): AuthorizationFate;
}

/** One chain through all its RPCs. Every method throws when there is no trustworthy answer. */
export interface ChainSource {
  readonly network: Caip2;
  /** How many RPCs must agree before money is released (ruling 23). */
  readonly witnessesNeeded: number;
  /** `known`: as it was recorded; an RPC of another is not heard. */
  genesisHash(known?: Hex32): Promise<Hex32>;
  latest(): Promise<WatchedBlock>;
  finalized(): Promise<WatchedBlock | undefined>;
  header(number: number): Promise<WatchedBlock | undefined>;
  scan(
    wallets: readonly EvmAddress[],
    range: { readonly fromBlock: number; readonly toBlock: number },
  ): Promise<Scan>;
  /** The newest of these blocks that is still canonical. */
  forkPoint(
    stored: readonly { readonly number: number; readonly hash: Hex32 }[],
  ): Promise<{ readonly number: number; readonly hash: Hex32 } | undefined>;
  /** How many RPCs hold exactly this block and call it final. */
  witnesses(block: { readonly number: number; readonly hash: Hex32 }): Promise<number>;
  /** Per authorization, how many RPCs say "unused" at exactly this block; any "used" answers -1. */
  unusedAt(
    queries: readonly Pick<Authorization, 'method' | 'token' | 'from' | 'nonce'>[],
    block: { readonly hash: Hex32 },
  ): Promise<readonly number[]>;
  /**
   * What became of a nonce that is used at a final block, by the word of every RPC: looks back over the longest life an authorization can have.
   * Undefined while one of them gives no answer; throws where they differ.
   */
  findUse(
    authorization: TrackedAuthorization['authorization'],
    upTo: { readonly number: number },
  ): Promise<AuthorizationFate | undefined>;
  /** How many RPCs show the payment exactly as this says: transaction, block, log and amount. */
  settlementWitnesses(
    authorization: TrackedAuthorization['authorization'],
    settlement: Settlement,
  ): Promise<number>;
  /** How many RPCs have, up to this block, a log of the token that this authorization was cancelled; and in which transaction, by the word of the first. */
  cancelWitnesses(
    authorization: TrackedAuthorization['authorization'],
    upTo: { readonly number: number },
  ): Promise<{ readonly witnesses: number; readonly txHash: Hex32 | null }>;
  balances(
    queries: readonly { readonly token: EvmAddress; readonly owner: EvmAddress }[],
    block: { readonly hash: Hex32 },
  ): Promise<readonly (bigint | undefined)[]>;
  /** What Permit2 may move of them, base units; undefined: no answer. In the order asked. */
  permit2Allowances(
    queries: readonly { readonly token: EvmAddress; readonly owner: EvmAddress }[],
    block: { readonly hash: Hex32 },
  ): Promise<readonly (bigint | undefined)[]>;
}

/** A row of the authorization ledger as the watcher needs it. */
export interface TrackedAuthorization extends OperationRef {
  readonly authorization: Pick<
    Authorization,
    'method' | 'network' | 'token' | 'from' | 'to' | 'value' | 'nonce' | 'validBeforeSec'
  >;
  readonly status: 'live' | 'provisional' | 'settled' | 'dead' | 'burned';
  /** Where it was seen, when provisional or settled. */
  readonly settlement: Settlement | null;
}

export interface ManagedWallet {
  readonly workspaceId: WorkspaceId;
  readonly walletId: WalletId;
  readonly address: EvmAddress;
}

export interface WalletBalance {
  readonly workspaceId: WorkspaceId;
  readonly walletId: WalletId;
  readonly network: Caip2;
  readonly token: EvmAddress;
  readonly balance: bigint;
  /** What Permit2 may move of it; absent: the token gave no answer. */
  readonly permit2Allowance?: bigint | undefined;
  readonly block: number;
}

/** A wallet on the other side of its threshold than it was told to be. Base units. */
export interface LowBalance {
  readonly workspaceId: WorkspaceId;
  readonly walletId: WalletId;
  readonly network: Caip2;
  readonly token: EvmAddress;
  readonly available: bigint;
  readonly below: bigint;
  readonly low: boolean;
}

/** Money that moved without an operation, or a chain that did what it must not: an operator has to look (S6). */
export interface ChainException {
  readonly network: Caip2;
  readonly kind:
    'unexplained_transfer' | 'unknown_nonce' | 'foreign_use' | 'reorg_past_finality' | 'used_but_unseen';
  readonly address: EvmAddress | null;
  readonly nonce: Hex32 | null;
  readonly transfer: TransferSeen | null;
  readonly txHash: Hex32 | null;
  readonly blockNumber: number;
}

/** At most so many, from behind the last one of the part before; null: from the beginning. */
export interface Part {
  readonly limit: number;
  readonly after: TrackedAuthorization | null;
}

export interface WatchStore {
  /** Takes or renews the singleton lease in database time; false when another process holds it (ruling 20). */
  holdLease(name: string, owner: string, seconds: number): Promise<boolean>;
  cursor(
    network: Caip2,
  ): Promise<
    { readonly genesisHash: Hex32; readonly scannedTo: number; readonly finalizedTo: number } | undefined
  >;
  /** The newest stored blocks, newest first. */
  recentBlocks(network: Caip2, limit: number): Promise<readonly WatchedBlock[]>;
  /** Stores the blocks and moves the cursor in one transaction; drops blocks above the last one and all but the newest `keep` and the one at `finalizedTo`. */
  advance(
    network: Caip2,
    genesisHash: Hex32,
    blocks: readonly WatchedBlock[],
    cursor: { readonly scannedTo: number; readonly finalizedTo: number },
  ): Promise<void>;
  managedWallets(): Promise<readonly ManagedWallet[]>;
  /** Ledger rows for these nonces, whatever their status. */
  match(
    network: Caip2,
    nonces: readonly Pick<Authorization, 'token' | 'from' | 'nonce'>[],
  ): Promise<readonly TrackedAuthorization[]>;
  /** Live allowances of these tokens and wallets. */
  allowancesUnderWay(
    network: Caip2,
    seen: readonly Pick<Authorization, 'token' | 'from'>[],
  ): Promise<readonly TrackedAuthorization[]>;
  /** Live ones whose validBefore is below the given block time, oldest first. */
  expiredLive(network: Caip2, beforeSec: number, part: Part): Promise<readonly TrackedAuthorization[]>;
  /** Live ones whose cancellation our own broadcaster saw on chain at or below the block, and not so long ago that expiry has ended them. */
  cancelledUpTo(network: Caip2, block: number): Promise<readonly TrackedAuthorization[]>;
  /** Provisional ones seen at or below the block, lowest first. */
  provisionalUpTo(network: Caip2, block: number, part: Part): Promise<readonly TrackedAuthorization[]>;
  /** Provisional and settled ones seen above the block; a reorganization took those blocks away. */
  seenAbove(network: Caip2, block: number): Promise<readonly TrackedAuthorization[]>;
  /** Monotonic in block: an older reading never overwrites a newer one. */
  updateBalances(balances: readonly WalletBalance[]): Promise<void>;
  /** Readings of blocks above this one give way to any new one; returns whose they were. */
  rereadAbove(network: Caip2, block: number): Promise<readonly WalletId[]>;
  /** Notes which of these wallets, or of all (null), have become low or have enough again, and returns those: each change is returned once. */
  lowBalances(network: Caip2, wallets: readonly WalletId[] | null): Promise<readonly LowBalance[]>;
  /** Idempotent by (network, kind, tx, log index or nonce). */
  recordExceptions(exceptions: readonly ChainException[]): Promise<void>;
}
