// Facilitators that bring our payments on chain (settle mode F). Whatever they say is evidence; the chain decides.
import type { Authorization, Caip2, Hex32, OperationId, SettleBy, Terms, WorkspaceId } from '#domain';

/** A signed payment as facilitators want it: the same bytes for the same inputs. Holds the live signature (S15). */
export interface FacilitatorCall {
  readonly workspaceId: WorkspaceId;
  readonly operationId: OperationId;
  /** One of `namesFor`. */
  readonly facilitator: string;
  readonly body: Uint8Array;
}

/**
 * `yes`: valid, or settled, as they say. `no`: they refuse, or say that it failed. `pending`: under way. `silent`: no usable answer; the payment may
 * be in their hands. Reasons are words of x402 or our own, never a stranger's text. A hash is a hint to look at.
 */
export interface FacilitatorAnswer {
  readonly kind: 'yes' | 'no' | 'pending' | 'silent';
  readonly reason: string | null;
  readonly claimedTxHash: Hex32 | null;
}

export interface RemoteFacilitators {
  /** Those configured for a network, in the operator's order, each by its URL without credentials. */
  namesFor(network: Caip2): readonly string[];
  /** Both always answer; a fault is an answer too. No redirect is followed. */
  verify(call: FacilitatorCall): Promise<FacilitatorAnswer>;
  settle(call: FacilitatorCall): Promise<FacilitatorAnswer>;
}

export interface FacilitatorCodec {
  /** `{x402Version, paymentPayload, paymentRequirements}` in the version of the terms. */
  encodeForFacilitator(
    payment: {
      readonly terms: Terms;
      readonly authorization: Authorization;
      readonly signature: Uint8Array;
      readonly operationId: OperationId;
    },
    /** The token's EIP-712 domain, as the registry has it. */
    domain: { readonly name: string; readonly version: string },
  ): Uint8Array;
}

interface Means {
  readonly broadcasts: boolean;
  readonly facilitators: Pick<RemoteFacilitators, 'namesFor'>;
}

/** Who brings a payment on chain here; null where nobody can, or not in the way that was asked for. */
export function settleByOf(means: Means, network: Caip2, asked: SettleBy | undefined): SettleBy | null {
  const through = means.facilitators.namesFor(network).length > 0;
  if (asked === 'direct' || (asked === undefined && means.broadcasts))
    return means.broadcasts ? 'direct' : null;
  return through ? 'facilitator' : null;
}
