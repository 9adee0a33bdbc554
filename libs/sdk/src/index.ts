export type * from './api-types.js';
export type { ApprovalCalls, ApprovalFilter, BudgetCalls, QuoteCalls } from './controls.js';
export type { Fetch } from './environment.js';
export { PurserError, type ClientErrorCode, type Retry } from './errors.js';
export {
  answered,
  final,
  type OperationCalls,
  type OperationFilter,
  type PageOptions,
  type WaitOptions,
} from './operations.js';
export type { Page } from './paging.js';
export type { PurchaseCalls, PurchaseInput, PurchaseOptions } from './purchases.js';
export { Purser, type PurserOptions } from './purser.js';
export type { CallOptions, KeyedOptions } from './transport.js';
export { operationOf, payingFetch, x402Fetch, type X402Init } from './x402-fetch.js';
