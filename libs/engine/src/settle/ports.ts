// Putting signed authorizations on chain ourselves (design.md 8): for sellers through the facilitator, and for operations of settle mode D.
// Everything that may cost money is a row before it happens: who asked (claim), which account nonce it takes (broadcast), which bytes left (attempt).
import type { Authorization, Caip2, EvmAddress, Hex32, WorkspaceId } from '#domain';

/** What every signed message says that we bring on chain, together with the signature that makes it money. */
interface SignedMessage extends Pick<
  Authorization,
  'network' | 'token' | 'from' | 'to' | 'value' | 'validAfterSec' | 'validBeforeSec' | 'nonce'
> {
  /** 65 bytes r, s, v of an ordinary account, or whatever a contract account accepts (ERC-1271). Not to be logged or stored in the clear (S15). */
  readonly signature: Uint8Array;
}

/** `transferWithAuthorization` of the token itself. */
export interface Eip3009Transfer extends SignedMessage {
  readonly method: 'eip3009';
}

/** `cancelAuthorization` of the token: to the payer, over nothing, valid at any time. */
export interface Eip3009Cancel extends SignedMessage {
  readonly method: 'cancel';
}

/** `permit` of the token (EIP-2612): `to` may move `value` out of the payer's wallet from then on. The nonce is the operation's (`allowanceNonce`). */
export interface AllowancePermit extends SignedMessage {
  readonly method: 'allowance';
}

/**
 * `settle` of x402's proxy for the scheme `exact`: Permit2 moves what was signed. `validBeforeSec` is Permit2's deadline, the nonce the number of a
 * bit that Permit2 keeps per payer, over all tokens and spenders. Both times are inside, other than with EIP-3009.
 */
export interface Permit2Transfer extends SignedMessage {
  readonly method: 'permit2';
}

/** `settle` of x402's proxy for the scheme `upto`: `value` is what is charged, and only the facilitator that was signed may charge it. */
export interface UptoTransfer extends SignedMessage {
  readonly method: 'upto';
  /** What the payer signed, base units; at least `value`. */
  readonly ceiling: bigint;
  readonly facilitator: EvmAddress;
}

/**
 * A message of a payer that our broadcaster puts on chain, and whose outcome is read from the transaction's own logs. Each method has one row in
 * the table of `libs/evm/src/methods`: how its call is written and read, and what the chain says became of it.
 */
export type SignedTransfer =
  Eip3009Transfer | Permit2Transfer | UptoTransfer | Eip3009Cancel | AllowancePermit;

export type SettlementMethod = SignedTransfer['method'];

/** The only account whose transaction the chain accepts; undefined: anybody's. */
export function soleSender(
  transfer:
    { readonly method: Exclude<SettlementMethod, 'upto'> } | Pick<UptoTransfer, 'method' | 'facilitator'>,
): EvmAddress | undefined {
  return transfer.method === 'upto' ? transfer.facilitator : undefined;
}

/** Who asks for what an operation of ours settles. */
export const ASKED_BY_OPERATION = 'operation';

/**
 * One message, whoever asks and however often. Contracts keep more unique than this: of two messages that share a nonce (a transfer and its
 * cancellation) the chain takes one, and the other fails for it.
 */
export type TransferKey = Pick<SignedTransfer, 'network' | 'method' | 'token' | 'from' | 'nonce'>;

/**
 * `waiting`: claimed, not in a transaction yet. `broadcast`: in a transaction of ours whose outcome is not known. `settled`: the transfer
 * is on chain, whoever broadcast it. `failed`: it is not, and nothing of ours that could still bring it is under way.
 */
export type SettlementStatus = 'waiting' | 'broadcast' | 'settled' | 'failed';

export interface SettlementView extends TransferKey {
  readonly settlementId: string;
  readonly to: EvmAddress;
  readonly value: bigint;
  readonly workspaceId: WorkspaceId | null;
  readonly askedBy: string;
  /** Idempotency key or payment-identifier of the request that made the claim. */
  readonly requestKey: string | null;
  /** {@link SettlementRequest.redemption} */
  readonly redemption: string | null;
  readonly status: SettlementStatus;
  /** Where the transfer is, or where our newest attempt to bring it is; null before the first. */
  readonly txHash: Hex32 | null;
  /** x402 reason of a failure. */
  readonly reason: string | null;
  /** Settled in a final block; or failed, in a transaction, for good. */
  readonly final: boolean;
}

export interface SettlementRequest {
  readonly transfer: SignedTransfer;
  /** The tenant that asked; null where the facilitator is open. */
  readonly workspaceId: WorkspaceId | null;
  /** Key id, `open` or `ASKED_BY_OPERATION`; never a secret. */
  readonly askedBy: string;
  readonly requestKey: string | null;
  /**
   * Of an operation that pays before it asks for the goods: the payment-identifier by which the payee redeems what was paid (ruling 10). It is in the
   * payment's header and in no transaction, so whoever reads the chain does not have it. Null or left out: nobody redeems it.
   */
  readonly redemption?: string | null;
  /** It was seen to succeed just now, in no more gas than a batch gives it. */
  readonly triedOut?: boolean;
}

/** The claim and its outcome, as those who ask see them. */
export interface SettlementDesk {
  /**
   * One row per transfer, whatever happens: the first request makes it, every other finds it. Only a failure that never reached a
   * transaction makes room for another try. Wakes the broadcaster. Whoever makes the claim and says for how long it will wait takes the right to
   * be told with it, unless an earlier asker of the same tenant still has that, or was told: `holder` is its word then ({@link AnswerRights}).
   */
  claim(
    request: SettlementRequest,
    holdMs?: number,
  ): Promise<{
    readonly claimed: boolean;
    readonly settlement: SettlementView;
    readonly holder: string | null;
  }>;
  find(key: TransferKey): Promise<SettlementView | undefined>;
  /** As soon as it is settled or failed, or as it stands at the deadline (unix ms). `last`: what the caller saw this very moment. */
  ended(key: TransferKey, deadlineMs: number, last?: SettlementView): Promise<SettlementView>;
}

/** A transaction that takes one account nonce: EIP-1559, no value, the sender pays gas. */
export interface BroadcastCall {
  readonly network: Caip2;
  readonly sender: EvmAddress;
  readonly accountNonce: number;
  /** The token, Multicall3, or the sender itself when the nonce is only being filled. */
  readonly target: EvmAddress;
  readonly data: Uint8Array;
  readonly gasLimit: bigint;
}

/** Wei per unit of gas. */
export interface Fees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

export type BroadcastSignature =
  | { readonly kind: 'signed'; readonly raw: Uint8Array; readonly txHash: Hex32 }
  /** Not this call, or not at these fees: a person must look. */
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unavailable'; readonly reason: string };

/**
 * The signer's part. It signs a call only when a committed `broadcast` row of that account nonce has the call's hash and gas limit, and
 * every transfer decoded from the call is, in order, a `settlement` row of that broadcast (ruling 8). A second signature for the same nonce may
 * differ only in fees.
 */
export interface BroadcastSigner {
  /** The signer's broadcast accounts of that network, at least `count`, made where they are missing. Always the same ones, in the same order. */
  broadcastAccounts(network: Caip2, count: number): Promise<readonly EvmAddress[]>;
  signBroadcast(call: BroadcastCall, fees: Fees): Promise<BroadcastSignature>;
}
