export { ChallengeError, type ChallengeFault } from './challenge-error.js';
export {
  chooseOffer,
  MAX_TIMEOUT_SEC,
  OFFER_REASONS,
  type AssetLookup,
  type Choice,
  type ChoiceLimits,
  type OfferReason,
  type PayableAsset,
  type RefusedOffer,
} from './choose-offer.js';
export { paymentHeader, supportsPaymentIdentifier, type PaymentHeader } from './encode-payment.js';
export {
  facilitatorBody,
  readFacilitatorAnswer,
  type FacilitatorWord,
  type TokenDomain,
} from './facilitator-call.js';
export { headerCodec } from './header-codec.js';
export { networkOf, v1NameOf } from './networks.js';
export { type DroppedOffer, type Offer, type OfferFault } from './offer.js';
export {
  MAX_BODY_BYTES,
  MAX_HEADER_BYTES,
  MAX_OFFERS,
  readBroughtChallenge,
  readChallenge,
  type Challenge,
  type ChallengeSource,
  type HeaderMap,
} from './read-challenge.js';
export {
  readFacilitatorRequest,
  type FacilitatorRequest,
  type ReadFacilitatorRequest,
} from './read-facilitator-request.js';
export { MAX_SIGNATURE_BYTES } from './read-signature.js';
export type { FacilitatorFault } from './request-part.js';
export { readReceipt, type ReceiptHint } from './read-receipt.js';
