// The seller's side of a purchase: what is asked of it and what it may answer. Everything it says is evidence, never a decision.
import type {
  Authorization,
  Caip2,
  DeliveryOutcome,
  ErrorCode,
  ErrorDetails,
  EvmAddress,
  Hex32,
  Json,
  OperationId,
  Terms,
  TransferMethod,
  WorkspaceId,
} from '#domain';

export interface SellerRequest {
  readonly workspaceId: WorkspaceId;
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | null;
  readonly timeoutMs: number;
}

export interface UpstreamAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** What the caller or the registry pins; an offer that differs is not payable. */
export interface OfferLimits {
  readonly maxAmount: bigint | null;
  readonly payTo?: EvmAddress;
  readonly amount?: bigint;
  readonly network?: Caip2;
  readonly asset?: EvmAddress;
  /** Ways to pay that the caller can use; absent: any. */
  readonly methods?: readonly TransferMethod[];
}

export type PriceAnswer =
  | { readonly kind: 'free'; readonly answer: UpstreamAnswer }
  /** `others` are payable too, in order of preference. */
  | { readonly kind: 'terms'; readonly terms: Terms; readonly others?: readonly Terms[] }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly details: ErrorDetails };

export interface PresentAnswer {
  readonly outcome: DeliveryOutcome;
  readonly answer: UpstreamAnswer | null;
  readonly claimedTxHash: Hex32 | null;
}

/** The x402 seller behind the guarded outbound client. */
export interface Seller {
  /** Asks for the resource without paying and chooses among the offers, deterministically. */
  askPrice(request: SellerRequest, limits: OfferLimits): Promise<PriceAnswer>;
  /** Chooses among the offers of a challenge that the caller brought; no request leaves. */
  readChallenge(
    challenge: Json,
    resource: { readonly url: string; readonly method: string },
    limits: OfferLimits,
  ): PriceAnswer;
  /** Sends the paid request once. Never follows a redirect; always answers, a fault is an outcome. */
  present(request: SellerRequest, header: PaymentHeader): Promise<PresentAnswer>;
}

export interface PaymentHeader {
  readonly name: string;
  readonly value: string;
}

export interface HeaderCodec {
  /** The same bytes for the same inputs, so that every retry presents the same payment. */
  encode(
    terms: Terms,
    authorization: Authorization,
    signature: Uint8Array,
    operationId: OperationId,
  ): PaymentHeader;
  supportsPaymentIdentifier(terms: Terms): boolean;
  /** What names the payment of that operation to those who are shown it, and to nobody else; null in version 1, which has no place for it. */
  identifierOf(terms: Terms, operationId: OperationId): string | null;
  /** The terms with a place for the identifier, also where the seller asks for none. Version 1 stays as it is. */
  naming(terms: Terms): Terms;
}
