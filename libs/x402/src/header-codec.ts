import type { Authorization, OperationId, Terms } from '#domain';
import {
  namingTerms,
  paymentHeader,
  supportsPaymentIdentifier,
  type PaymentHeader,
} from './encode-payment.js';
import { facilitatorBody, type TokenDomain } from './facilitator-call.js';

const nameOf = (operationId: OperationId): string => `op_${operationId}`;

/** The engine's `HeaderCodec` and `FacilitatorCodec`: the payment identifier is the operation's, so every retry carries the same one. */
export const headerCodec = {
  encode(
    terms: Terms,
    authorization: Authorization,
    signature: Uint8Array,
    operationId: OperationId,
  ): PaymentHeader {
    return paymentHeader(terms, authorization, signature, nameOf(operationId));
  },
  encodeForFacilitator(
    payment: {
      readonly terms: Terms;
      readonly authorization: Authorization;
      readonly signature: Uint8Array;
      readonly operationId: OperationId;
    },
    domain: TokenDomain,
  ): Uint8Array {
    const { terms, authorization, signature, operationId } = payment;
    const paymentId = nameOf(operationId);
    return facilitatorBody(terms, authorization, signature, { paymentId, domain });
  },
  supportsPaymentIdentifier,
  identifierOf: (terms: Terms, operationId: OperationId): string | null =>
    terms.x402Version === 1 ? null : nameOf(operationId),
  naming: namingTerms,
} as const;
