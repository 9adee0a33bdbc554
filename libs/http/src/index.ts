export { isLoopbackAddress, isPublicAddress } from './addresses.js';
export {
  createFacilitatorClient,
  type FacilitatorClientDeps,
  type FacilitatorEndpoint,
} from './facilitators.js';
export { forwardableHeaders, isForwardable, returnedHeaders } from './forwardable.js';
export {
  createGuardedFetch,
  MAX_RESPONSE_HEADER_BYTES,
  redirectOf,
  type GuardedAnswer,
  type GuardedFetch,
  type GuardedFetchOptions,
  type GuardedRequest,
} from './guarded-fetch.js';
export { type Failure, type FailureCode, type RawResponse } from './outcome.js';
export { createSeller, type SellerDeps } from './seller.js';
export {
  createResolver,
  judgeTarget,
  type EgressAllowList,
  type JudgedTarget,
  type ResolveHost,
  type Target,
  type TargetFault,
} from './target.js';
