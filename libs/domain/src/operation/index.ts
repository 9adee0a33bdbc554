export { allowanceNonce, allowanceResource, holdsBudget, movesMoney, permitNonceOf } from './allowance.js';
export type { OperationCommand } from './commands.js';
export type { ApprovalRule } from './approval-rule.js';
export { decide } from './decide.js';
export type { Decision } from './decision.js';
export { EVENT_VERSIONS, eventDataToJson, upcast, type EventType, type OperationEvent } from './events.js';
export { evolve, fold } from './evolve.js';
export {
  isAnswerable,
  isPrepaid,
  MAX_PRESENTATIONS,
  nextStep,
  type Step,
  type StepKind,
} from './next-step.js';
export {
  approvalRulesOf,
  countedFor,
  isQuorate,
  rulesOf,
  whyNot,
  withApprovers,
  type Ineligible,
  type Roster,
  type Standing,
  type Vote,
} from './quorum.js';
export {
  ABSENT,
  BEFORE_INTENT,
  isBeforeIntent,
  TERMINAL,
  throughAttention,
  type Approval,
  type Grant,
  type OperationState,
  type OperationStatus,
} from './state.js';
export {
  DELIVERY_OUTCOMES,
  type Authorization,
  type AuthorizationMethod,
  type Cancellation,
  type DeathProof,
  type Delivery,
  type DeliveryOutcome,
  type HandOver,
  type OperationKind,
  type OperationRequest,
  type PaymentFlow,
  type Settlement,
  type SettleBy,
  type Submission,
  type Likeness,
  type Terms,
  type TransferMethod,
  type Verdict,
} from './terms.js';
