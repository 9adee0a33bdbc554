import type { Json } from '../canonical.js';
import type { AgentId, Caip2, EvmAddress, Hex32, OperationId, WalletId } from '../ids.js';
import type { BudgetUnit } from '../money.js';
import type { PolicyScope } from '../policy.js';
import type { ApprovalRule } from './approval-rule.js';

/**
 * `purchase`: pay and fetch, the seller settles. `authorize`: sign, the caller presents it. `settle`: sign and bring it on chain ourselves.
 * `top_up`: the same from the workspace's treasury to one of its agents' wallets. `allowance`: how much Permit2 may move out of the agent's wallet; it
 * moves nothing itself (ADR 13).
 */
export type OperationKind = 'purchase' | 'authorize' | 'settle' | 'top_up' | 'allowance';

/** Who brings a settlement on chain: our own broadcast accounts, or an x402 facilitator that the operator configured. */
export type SettleBy = 'direct' | 'facilitator';

/** What the caller asked for, normalised. Everything that makes two requests "the same" is in here (the fingerprint covers it). */
export interface OperationRequest {
  readonly kind: OperationKind;
  readonly agentId: AgentId;
  /** Resource to buy; for `authorize` and `settle` the resource the terms belong to. */
  readonly url: string;
  readonly method: string;
  /** Request headers to forward to the seller, lower-case names, already filtered. */
  readonly headers: Readonly<Record<string, string>>;
  /** Reference to the sealed request body, `sha256:` and hex, or null when there is none. */
  readonly bodyHash: string | null;
  /** The caller's ceiling in base units of the asset; null when the exact amount is pinned by `expect`. */
  readonly maxAmount: bigint | null;
  /** Terms the caller insists on; the seller's must be equal. */
  readonly expect: {
    readonly payTo?: EvmAddress;
    readonly amount?: bigint;
    readonly network?: Caip2;
    readonly asset?: EvmAddress;
  };
  /** The 402 challenge when the caller brought it (authorize, settle); null: Purser asks the seller, or settles what `expect` says. */
  readonly challenge: Json | null;
  /** Kind `settle`: who is to bring it on chain. Absent: `direct` where this installation broadcasts, else `facilitator`. */
  readonly settleBy?: SettleBy;
  /** May a paid non-GET request be sent again after a crash? (ruling 22) */
  readonly allowReplay: boolean;
  /** The same purchase as this operation on purpose; `any`: as whatever there is. Absent: as nothing. */
  readonly allowDuplicate?: OperationId | 'any';
  /** How long Purser may wait for the seller, milliseconds. */
  readonly timeoutMs: number;
  /** Registered names that the payment is booked under, each with a budget of its own. Absent: none. */
  readonly category?: string;
  readonly costCentre?: string;
  /** Text from the agent, shown to approvers marked as untrusted. */
  readonly note: string | null;
}

/** `authorization`: settled after the goods are made. `upfront`: before, and not given back when there are none (x402.md section 1). */
export type PaymentFlow = 'authorization' | 'upfront';

/**
 * How the token is moved: by itself (EIP-3009), or by Permit2 through x402's proxy, for scheme `exact` (`permit2`) or `upto`, where the seller
 * charges what was used, at most the amount that was authorized (x402.md 4 and 5).
 */
export type TransferMethod = 'eip3009' | 'permit2' | 'upto';

/** What is signed: a transfer, or with `allowance` an EIP-2612 permit, whose spender is the payee and whose amount is what it may move from then on. */
export type AuthorizationMethod = TransferMethod | 'allowance';

/** What is to be paid, normalised from one x402 offer and checked against the registry. */
export interface Terms {
  readonly network: Caip2;
  readonly token: EvmAddress;
  readonly payTo: EvmAddress;
  /** Base units of the token; the same number counts in `unit`. */
  readonly amount: bigint;
  readonly unit: BudgetUnit;
  readonly resourceUrl: string;
  readonly method: string;
  readonly x402Version: 1 | 2;
  readonly maxTimeoutSec: number;
  /** Absent: `authorization`. */
  readonly paymentFlow?: PaymentFlow;
  /** Absent: `eip3009`. With `upto` the amount is a ceiling. */
  readonly transferMethod?: AuthorizationMethod;
  /** `upto`: the only account that may charge. */
  readonly facilitator?: EvmAddress;
  /** The seller's own words, needed to echo the offer: opaque to the domain, never trusted. */
  readonly wire: Json;
}

/** Of purchases that are alike, opened within so long of each other, one is paid; the store guards it at the intent. */
export interface Likeness {
  /** SHA-256 over what makes two purchases the same, hex. */
  readonly hash: string;
  readonly withinSec: number;
  /** Not in the way: one operation, or `any`. */
  readonly allow?: OperationId | 'any';
}

export interface Verdict {
  /** Version of the policy that judged; 0 when the workspace has none of its own. */
  readonly policyVersion: number;
  /** Every policy that judged, by the hash of its stored document (null: the built-in one). Absent in verdicts from before they named them. */
  readonly judgedBy?: readonly {
    readonly scope: PolicyScope;
    readonly version: number;
    readonly hash: string | null;
  }[];
  /** Unix ms; absent as above. */
  readonly judgedAtMs?: number;
  readonly needsApproval: boolean;
  /** Why an approval is needed, for the approver: `above_threshold`, `contract_payee`, ... */
  readonly reasons: readonly string[];
  /** What makes another purchase the same as this one, where policy wants to know. */
  readonly like?: Likeness;
  /** Who has to approve, where policy names them; each rule must be met. Absent: any one approver. */
  readonly approval?: readonly ApprovalRule[];
  /** Settled before the seller is shown it, since policy calls its host prepaid (`purchase`, `authorize`). Absent: the seller settles. */
  readonly prepaid?: true;
}

/** The exact tuple that is signed. Times are unix seconds; it is live from the moment it is committed. */
export interface Authorization {
  readonly method: AuthorizationMethod;
  readonly network: Caip2;
  readonly token: EvmAddress;
  readonly walletId: WalletId;
  readonly from: EvmAddress;
  readonly to: EvmAddress;
  /** Base units; the most that can be charged where the method is `upto`. */
  readonly value: bigint;
  readonly validAfterSec: number;
  /** Permit2's deadline, where the method is one of Permit2's. */
  readonly validBeforeSec: number;
  /** 32 bytes of EIP-3009; Permit2 reads them as the number of a bit in its bitmap. Of an allowance see `permitNonceOf`. */
  readonly nonce: Hex32;
  /** `upto`: the only account that may charge. */
  readonly facilitator?: EvmAddress;
  readonly digest: Hex32;
}

/** Where the payment was seen on chain. */
export interface Settlement {
  readonly txHash: Hex32;
  readonly blockNumber: number;
  readonly blockHash: Hex32;
  readonly logIndex: number;
  /** What was charged, base units, where it is less than was authorized; absent: all of it. */
  readonly amount?: bigint;
}

/** Evidence that an authorization can never move money again (safety.md d.6). */
export interface DeathProof {
  readonly blockNumber: number;
  readonly blockHash: Hex32;
  readonly blockTimeSec: number;
  /** How many independent RPCs agreed. */
  readonly witnesses: number;
  /** The cancelling transaction, when the authorization was cancelled rather than expired. */
  readonly txHash?: Hex32;
}

export const DELIVERY_OUTCOMES = [
  'delivered',
  'refused',
  'redirected',
  'upstream_error',
  'timeout',
  'unreachable',
  'too_large',
  'interrupted',
] as const;
export type DeliveryOutcome = (typeof DELIVERY_OUTCOMES)[number];

/** What came of presenting the payment to the seller. Evidence, never proof of payment. */
export interface Delivery {
  readonly outcome: DeliveryOutcome;
  readonly attempt: number;
  readonly httpStatus: number | null;
  readonly bodyHash: string | null;
  readonly bodyBytes: number;
  readonly contentType: string | null;
  /** Transaction hash the seller claims; a hint to look at, nothing more (T27). */
  readonly claimedTxHash: Hex32 | null;
  /** Unix ms of the next presentation of the same header, or null when there will be none. */
  readonly retryAtMs: number | null;
  /** Block number at `latest` at which the chain was checked after the delivery, or null when it could not be read. */
  readonly checkedAtBlock: number | null;
}

/** Which facilitator is shown the signed payment next; recorded before a byte leaves (S3). */
export interface HandOver {
  readonly attempt: number;
  /** Its URL as configured, without credentials. */
  readonly facilitator: string;
}

/** Somebody's wish that a live authorization dies on chain before it is used, and what came of bringing it there. */
export interface Cancellation {
  readonly by: string;
  readonly reason: string;
  /** Null while nothing was tried. Evidence, never proof. */
  readonly submission: Submission | null;
}

/** What came of bringing the payment on chain, by ourselves or through a facilitator. Evidence, never proof: the chain's own logs decide. */
export interface Submission {
  readonly attempt: number;
  /** Why this attempt brought nothing, in the words of x402 (x402.md section 6); null: it is under way, or done. */
  readonly reason: string | null;
  /** Unix ms of the next attempt with the same signature, or null when there will be none. */
  readonly retryAtMs: number | null;
}
