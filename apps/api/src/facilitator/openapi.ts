// Shapes of x402.md 6 in OpenAPI.
import { flag, int, list, object, text } from '../http/openapi-words.js';

const part = { type: 'object' } as const;

export const FACILITATOR = {
  FacilitatorRequest: object({ 'x402Version?': int, paymentPayload: part, paymentRequirements: part }),
  FacilitatorVerdict: object({
    isValid: flag,
    'invalidReason?': text,
    'invalidMessage?': text,
    'payer?': text,
  }),
  FacilitatorSettlement: object({
    success: flag,
    'errorReason?': text,
    'errorMessage?': text,
    transaction: { ...text, description: 'hash; empty while there is none' },
    network: text,
    'payer?': text,
    'amount?': { ...text, description: 'base units that were charged; of the scheme `upto`' },
  }),
  FacilitatorSupported: object({
    kinds: list(object({ x402Version: int, scheme: text, network: text, 'extra?': { type: 'object' } })),
    extensions: list(text),
    signers: { type: 'object', additionalProperties: list(text) },
  }),
  FacilitatorHealth: object({ status: { type: 'string', enum: ['ok', 'unavailable'] } }),
} as const;
