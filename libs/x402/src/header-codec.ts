import type { Authorization, OperationId, Terms } from '#domain';
import { paymentHeader, supportsPaymentIdentifier, type PaymentHeader } from './encode-payment.js';

/** The engine's `HeaderCodec`: the payment identifier is the operation's, so every retry carries the same one. */
export const headerCodec = {
  encode(
    terms: Terms,
    authorization: Authorization,
    signature: Uint8Array,
    operationId: OperationId,
  ): PaymentHeader {
    return paymentHeader(terms, authorization, signature, `op_${operationId}`);
  },
  supportsPaymentIdentifier,
} as const;
