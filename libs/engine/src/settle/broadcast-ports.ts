// What the broadcaster needs: its rows, and one chain to send to. No port here ever signs a payment.
import type { Caip2, EvmAddress, Hex32, Settlement } from '#domain';
import type { AuthorizationFate } from '../chain-ports.js';
import type { KnownChain } from './known-chain.js';
import type { BroadcastCall, Fees, SignedTransfer, TransferKey } from './ports.js';

/** A settlement that goes, or went, into a broadcast. */
export type PlacedTransfer = SignedTransfer & { readonly settlementId: string };

/** One that waits for its transaction. */
export type WaitingTransfer = PlacedTransfer & {
  /** It was seen to succeed a moment ago, in no more gas than a batch gives it. */
  readonly triedOut: boolean;
};

/** Signed bytes as stored before they left. */
export interface Attempt extends Fees {
  readonly attempt: number;
  readonly txHash: Hex32;
  readonly raw: Uint8Array;
  readonly signedAtMs: number;
}

export interface BroadcastRef {
  readonly network: Caip2;
  readonly sender: EvmAddress;
  readonly accountNonce: number;
}

export interface MinedIn {
  readonly txHash: Hex32;
  readonly blockNumber: number;
  readonly blockHash: Hex32;
}

/** A broadcast whose outcome is not known or not final. `transfers` in the order in which the call carries them. */
export interface Broadcast extends BroadcastCall {
  readonly kind: 'transfers' | 'fill';
  readonly transfers: readonly PlacedTransfer[];
  readonly attempts: readonly Attempt[];
  /** Null while none of its attempts is known to be in a block. */
  readonly mined: MinedIn | null;
}

export interface SettledElsewhere extends TransferKey {
  readonly blockNumber: number;
  readonly blockHash: Hex32;
}

export type SettlementOutcome =
  | { readonly kind: 'settled'; readonly settlement: Settlement }
  | { readonly kind: 'failed'; readonly reason: string };

/** Keeps accounts, broadcasts and settlements. Each method is one commit. */
export interface BroadcastStore {
  holdLease(name: string, owner: string, seconds: number): Promise<boolean>;
  /** What the watcher has recorded of the chain; undefined before its first look. */
  knownChain(network: Caip2): Promise<KnownChain | undefined>;
  /** Account nonce that the next intent takes; it only rises. An account is made with the nonce the chain tells. */
  accounts(network: Caip2): Promise<readonly { readonly address: EvmAddress; readonly nextNonce: number }[]>;
  addAccount(network: Caip2, address: EvmAddress, nextNonce: number): Promise<void>;
  /** The chain has used nonces up to here that no row explains. */
  raiseNonce(network: Caip2, address: EvmAddress, nextNonce: number): Promise<void>;
  /** Oldest first: what one of these accounts may send, without those of these settlement ids. */
  waiting(
    network: Caip2,
    limit: number,
    senders: readonly EvmAddress[],
    except: readonly string[],
  ): Promise<readonly WaitingTransfer[]>;
  /** Broadcasts that are not final, by sender and nonce. */
  unfinished(network: Caip2): Promise<readonly Broadcast[]>;
  /**
   * The intent: the nonce is taken, the call stored and every transfer moved into it, or nothing of it (false) when the account's next
   * nonce is another or a transfer does not wait any more.
   */
  intend(
    call: BroadcastCall,
    callHash: Hex32,
    kind: Broadcast['kind'],
    transfers: readonly TransferKey[],
  ): Promise<boolean>;
  /**
   * The signed bytes are durable when this returns true; only then may they leave. False: somebody else has stored another attempt under
   * this number, or made a fill of it, and leads.
   */
  attempted(broadcast: BroadcastRef & Pick<Broadcast, 'kind'>, attempt: Attempt): Promise<boolean>;
  /** Fills for the account's nonces from this one up to the next that no row explains; nothing behind them would ever be mined. */
  fillGaps(ref: BroadcastRef, call: Composed): Promise<void>;
  /** Instead of a call that was never signed. Its settlements stay with it until the fill is signed. False: it was signed. */
  becomeFill(ref: BroadcastRef, call: Composed): Promise<boolean>;
  /** The signed fill of their nonce keeps the transaction they were in from ever being: the settlements wait for another. */
  freed(ref: BroadcastRef): Promise<void>;
  /** Ends settlements that wait and can not, or need not, be broadcast. */
  end(
    transfers: readonly { readonly key: TransferKey; readonly outcome: SettlementOutcome }[],
  ): Promise<void>;
  /** The broadcast is in a block; outcomes in the order of its transfers. Wakes those who wait for them. */
  mined(broadcast: Broadcast, at: MinedIn, outcomes: readonly SettlementOutcome[]): Promise<void>;
  /** Its block is not on the chain any more: open again, its settlements with it. */
  reopened(ref: BroadcastRef): Promise<void>;
  finalized(refs: readonly BroadcastRef[]): Promise<void>;
  /** Settled by somebody else's transaction, in a block up to this one, and not final yet. */
  settledElsewhere(network: Caip2, upToBlock: number, limit: number): Promise<readonly SettledElsewhere[]>;
  /** The same, looked at again: final, or not on the chain any more, so that they wait once more. */
  confirmElsewhere(final: readonly TransferKey[], orphaned: readonly TransferKey[]): Promise<void>;
  /** Failed in a transaction of ours that is final, and not known to be dead: the soonest to expire first. */
  failedAlive(network: Caip2, limit: number): Promise<readonly PlacedTransfer[]>;
  /** One of them is on chain all the same. */
  broughtByOthers(key: TransferKey, settlement: Settlement): Promise<void>;
  /** Those of them that nobody can bring any more. */
  failedForGood(keys: readonly TransferKey[]): Promise<void>;
  /** Somebody else's transaction has the nonce: the settlements wait for another. */
  taken(ref: BroadcastRef): Promise<void>;
}

export interface ChainBlock {
  readonly number: number;
  readonly hash: Hex32;
  readonly parentHash: Hex32;
  readonly timestampSec: number;
  /** Wei per gas. */
  readonly baseFeePerGas: bigint;
}

/** A call that carries transfers. */
export interface Composed {
  readonly target: EvmAddress;
  readonly data: Uint8Array;
  readonly callHash: Hex32;
  readonly gasLimit: bigint;
}

/** `alone`: code of the payer's own has a say, so nothing that holds now need hold later. */
export type Outlook = 'succeeds' | 'fails' | 'alone';

/** How one attempt stands on chain. */
export interface AttemptReceipt extends MinedIn {
  /** What the transaction's own logs say of each transfer. */
  fateOf(transfer: SignedTransfer): AuthorizationFate;
}

/**
 * `sent`: the node has it, perhaps from before. `nonce_used`: some transaction of that nonce is mined. `underpriced`: the node wants a
 * higher fee. `no_gas_money`: the account cannot pay for it. `rejected`: anything else; worth trying again.
 */
export type SendOutcome = 'sent' | 'nonce_used' | 'underpriced' | 'no_gas_money' | 'rejected';

/** `unknown`: those who know the chain do not agree, or do not all have that block yet. */
export type BlockStanding = 'canonical' | 'orphaned' | 'unknown';

/** One chain as the broadcaster sees it, through all its RPCs. Methods throw when there is no trustworthy answer. */
export interface BroadcastChain {
  readonly network: Caip2;
  /** Hash of block 0. `known`: as it was recorded; an RPC of another is not heard. */
  genesisHash(known?: Hex32): Promise<Hex32>;
  latest(): Promise<ChainBlock>;
  /** Undefined also while an RPC is away: nothing becomes final without its word. */
  finalized(): Promise<Pick<ChainBlock, 'number' | 'timestampSec'> | undefined>;
  /** By the word of those that are there, or, for what becomes final, of all. */
  standing(
    block: { readonly number: number; readonly hash: Hex32 },
    by: 'present' | 'all',
  ): Promise<BlockStanding>;
  /** What a tip must be for the next blocks, wei per gas. */
  priorityFee(): Promise<bigint>;
  /** Account nonce after the latest block: what is below it is used by the word of every RPC. */
  accountNonce(sender: EvmAddress): Promise<number>;
  /** Account nonce after the newest final block; undefined while there is none, or an RPC is away. */
  finalNonce(sender: EvmAddress): Promise<number | undefined>;
  /** Whether any RPC shows one of them in a block: enough to wait for the others, and not to settle anything. */
  shown(txHashes: readonly Hex32[]): Promise<boolean>;
  /** Wei. */
  balance(sender: EvmAddress): Promise<bigint>;
  /** One transfer calls the token; more go through Multicall3, where one that fails leaves the others alone. */
  compose(transfers: readonly SignedTransfer[]): Composed;
  /** A call that moves nothing, to use a nonce up. */
  fill(sender: EvmAddress): Composed;
  /** What sending them together now would come to, in the order asked. */
  outlook(sender: EvmAddress, transfers: readonly SignedTransfer[]): Promise<readonly Outlook[]>;
  /** Gas of the transfer sent by itself; undefined: it would fail. */
  estimateGas(sender: EvmAddress, transfer: SignedTransfer): Promise<bigint | undefined>;
  /** Bytes go to every RPC. At first, as soon as one has them; `again`, when all have answered, and then a used nonce is the news. */
  send(raw: Uint8Array, again: boolean): Promise<SendOutcome>;
  /** Undefined: in no block, or not by the word of every RPC. In the order asked. */
  receipts(txHashes: readonly Hex32[]): Promise<readonly (AttemptReceipt | undefined)[]>;
  /**
   * What became of a transfer that our own transaction did not make: settled by another, cancelled, or `unused` with the reason why it would
   * fail now, in the words of x402. Throws also when the nonce is used and no log tells how: nodes may lag behind themselves.
   */
  whyNot(
    transfer: SignedTransfer,
  ): Promise<
    Exclude<AuthorizationFate, { kind: 'unused' }> | { readonly kind: 'unused'; readonly reason: string }
  >;
}
