export type * from './admin-ports.js';
export type * from './approver-admin-ports.js';
export type * from './rule-ports.js';
export type * from './approver-ports.js';
export * from './credentials.js';
export type * from './rate-ports.js';
export type * from './read-ports.js';
export type * from './page.js';
export type * from './stop-ports.js';
export type * from './wallet-ports.js';
export type * from './grant-ports.js';
export type * from './usage-ports.js';
export * from './audit-ports.js';
export type * from './setup-ports.js';
export type * from './token-ports.js';
export { drive, MAX_ATTEMPTS, type DriveOptions, type DriveResult } from './drive.js';
export { approvalDigest, judgeTerms, termsDigest, type Judged } from './judge-terms.js';
export type * from './chain-ports.js';
export type * from './change-ports.js';
export { coalesce, type CoalesceOptions } from './coalesce.js';
export type * from './ports.js';
export type * from './seller-ports.js';
export type * from './settle/broadcast-ports.js';
export { Broadcaster, type BroadcasterDeps } from './settle/broadcaster.js';
export {
  settlePayment,
  supportedNetworks,
  supportsNetwork,
  verifyPayment,
  type Patience,
  type Settled,
  type Verified,
} from './settle/facilitate.js';
export type * from './settle/facilitator-ports.js';
export * from './settle/ports.js';
export { settleByOf } from './settle/remote-ports.js';
export type * from './settle/remote-ports.js';
export { type InvalidReason } from './settle/verify.js';
export { LeaseKeeper, sweep } from './sweep.js';
export {
  activities,
  ACTIVITY_LIFE_MS,
  activityBody,
  confirmActivity,
  registerApproverKey,
  type Confirmed,
} from './use-cases/activities.js';
export {
  append,
  approve,
  cancel,
  cancelOnChain,
  reject,
  resume,
  type ApproverPrincipal,
} from './use-cases/decide-approval.js';
export { simulate, type Simulation } from './use-cases/simulate.js';
export { quote, type Quote } from './use-cases/quote.js';
export { MOST_USAGE_EVENTS, recordUsage } from './use-cases/record-usage.js';
export {
  carryOut,
  carryOutStops,
  finishStop,
  kill,
  stopScope,
  unstop,
  type Asked,
  type Carried,
  type StopReport,
} from './use-cases/stop.js';
export {
  awaitAnswer,
  GENESIS_HASH,
  submit,
  viewOperation,
  type AgentPrincipal,
  type SubmitRequest,
  type Submitted,
} from './use-cases/submit.js';
export { mayBeRepeated, submitAgain } from './use-cases/submit-again.js';
export {
  planTopUp,
  topUp,
  topUpId,
  type TopUpOrder,
  type TopUpPlan,
  type TopUpWish,
} from './use-cases/top-up.js';
export { foldWithTimes, viewOf, type OperationView, type RecordedOperation } from './view.js';
export { fateOfPermit, tiePermits, type Tied } from './watch/permits.js';
export type * from './watch/ports.js';
export { Floats, type FloatClaim, type FloatRow, type FloatStore } from './watch/floats.js';
export type { WatcherDeps } from './watch/deps.js';
export { ChainWatcher, REMEMBERED_BLOCKS } from './watch/watcher.js';
