// What the facilitator needs beside the desk: facts of the chain, and who may be told what.
import type { Caip2, EvmAddress, Hex32, WorkspaceId } from '#domain';
import type { AssetRegistry, Clock, Logger } from '../ports.js';
import type { Eip3009Transfer, Permit2Transfer, SettlementDesk, TransferKey, UptoTransfer } from './ports.js';

/** What sellers may ask about. */
export type Payment = Eip3009Transfer | Permit2Transfer | UptoTransfer;

/** How the latest block stands to one transfer. */
export interface ChainFacts {
  /** Base units of the payer; undefined: no token answers there. */
  readonly balance: bigint | undefined;
  /** Used or cancelled; undefined: the token knows no authorizations. */
  readonly nonceUsed: boolean | undefined;
  /**
   * `account`: no contract stands at the payer's address, its key decides. Otherwise what the contract says of the signature (ERC-1271), whether or
   * not a key is behind it too (EIP-7702): tokens ask the contract first.
   */
  readonly payer: 'account' | 'accepts' | 'refuses';
  /** What the payer lets Permit2 take; null where it needs no leave, undefined where no token answers. */
  readonly allowance: bigint | null | undefined;
  /** The contracts that the method needs beside the token are there. */
  readonly deployed: boolean;
  /** The transfer would succeed if it were sent now. */
  readonly transferable: boolean;
}

export interface PaymentChecks {
  /**
   * The transfer would succeed if it were sent now with the gas of a batch. Payments asked about at the same time share one look at the chain; false may only mean
   * that they cannot all succeed, or need more gas, so {@link factsOf} has the last word. @throws when there is no trustworthy answer.
   */
  transferable(transfer: Payment): Promise<boolean>;
  /** Payments asked about at the same time share requests. @throws when there is no trustworthy answer. */
  factsOf(transfer: Payment, digest: Hex32): Promise<ChainFacts>;
  /** The transaction that brought it, whoever's, by the chain's logs; undefined: none has. @throws when there is no trustworthy answer. */
  broughtIn(transfer: Payment): Promise<Hex32 | undefined>;
}

/** A request by its own word and its tenant's. */
export interface Asker {
  readonly workspaceId: WorkspaceId | null;
  /** Null where nothing tells a repeat of it from a replay. */
  readonly requestKey: string | null;
}

/**
 * The right to be told an outcome (ruling 11). Where no request key tells a repeat from a replay, one caller at a time waits for the outcome of
 * a transfer, and one caller is told that it is settled: fifty replays at a stock seller give one 200. Kept where every process sees it.
 */
export interface AnswerRights {
  /**
   * Takes the right for so long, by the clock of whoever keeps it, unless somebody has it or has been told. The word it gives is the holder's own;
   * undefined: not taken.
   */
  take(key: TransferKey, forMs: number, by: Asker): Promise<string | undefined>;
  /** Nobody has it, and nobody has been told. Says nothing about the next moment. */
  free(key: TransferKey): Promise<boolean>;
  /** The one who took it last, and may have been told, is this same request. Never true of a request without a key. */
  isOf(key: TransferKey, by: Asker): Promise<boolean>;
  /**
   * Uses the right up: the outcome goes to its holder, and to nobody after. False when its time ran out and somebody else took it since: then
   * the outcome is theirs. A time that ran out while nobody else asked does no harm.
   */
  told(key: TransferKey, holder: string): Promise<boolean>;
  /** The holder was told `settlement_pending`, or nothing: the next may ask. Of no effect on a right that somebody else took since. */
  giveBack(key: TransferKey, holder: string): Promise<void>;
}

export interface FacilitatorPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly assets: AssetRegistry;
  /** Address whose key made the signature; undefined when it is not canonical (v, low s), as tokens refuse it then. */
  readonly recover: (digest: Hex32, signature: Uint8Array) => EvmAddress | undefined;
  readonly checks: PaymentChecks;
  readonly desk: SettlementDesk;
  readonly rights: AnswerRights;
  /** Accounts that broadcast for us on that network, always in the same order: the first one charges what is metered. */
  readonly accounts: (network: Caip2) => Promise<readonly EvmAddress[]>;
}

/** Who asks, as far as answers depend on it. */
export interface FacilitatorCaller {
  /** Null where the facilitator is open. */
  readonly workspaceId: WorkspaceId | null;
  /** Key id, or `open`; never a secret. */
  readonly askedBy: string;
  /** Of the `Idempotency-Key` header. */
  readonly idempotencyKey: string | null;
}
