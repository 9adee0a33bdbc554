export {
  COUNT_WINDOWS,
  LAYERS,
  layersOf,
  LIMIT_NAMES,
  raises,
  statusOf,
  USAGE_LAYERS,
  WINDOWS,
  type BudgetStatus,
  type BudgetView,
  type BudgetWindow,
  type CountWindow,
  type Layer,
  type LayerView,
  type LimitName,
  type Limits,
  type NodeKind,
  type UsageLayer,
  type WindowView,
} from './budget.js';
export { EXACT_PROXY, PERMIT2, PROXY_OF, UPTO_PROXY, type PermitMethod } from './permit2.js';
export { canonicalJson, type Json } from './canonical.js';
export { ERRORS, isErrorCode, type ErrorCode, type ErrorKind, type RetryAdvice } from './errors.js';
export {
  chainIdOf,
  parseActivityId,
  parseAgentId,
  parseApprovalId,
  parseApproverKeyId,
  parseCaip2,
  parseDelegationId,
  parseEvmAddress,
  parseGrantId,
  parseHex32,
  parseIdempotencyKey,
  parseKeyId,
  parseOperationId,
  parseStopId,
  parseTeamId,
  parseWalletId,
  parseWorkspaceId,
  type ActivityId,
  type AgentId,
  type ApprovalId,
  type ApproverKeyId,
  type Caip2,
  type DelegationId,
  type EvmAddress,
  type GrantId,
  type Hex32,
  type IdempotencyKey,
  type KeyId,
  type OperationId,
  type StopId,
  type TeamId,
  type WalletId,
  type WorkspaceId,
} from './ids.js';
export {
  BUDGET_UNITS,
  isTopUpUnit,
  topUpUnit,
  formatDecimal,
  parseAtomic,
  parseDecimal,
  UNIT_DECIMALS,
  USAGE_UNIT,
  type BudgetUnit,
  type LayerUnit,
  type Money,
} from './money.js';
export * from './operation/index.js';
export { parseTagKind, parseTagName, TAG_KINDS, TAG_NAME, tagsOf, type Tag, type TagKind } from './tag.js';
export {
  judge,
  judgeAllowance,
  judgeTopUp,
  type AskedFor,
  type Judgement,
  type PolicyFacts,
  type RefusedBy,
  type RuleTrace,
} from './judge.js';
export {
  isOpen,
  isTimeZone,
  opensAt,
  WEEKDAYS,
  type HoursWindow,
  type PayingHours,
  type Weekday,
} from './paying-hours.js';
export {
  assetName,
  DEFAULT_POLICY,
  DEFAULT_RULES,
  hostMatches,
  timeToDecide,
  validityOf,
  type AssetName,
  type HostPriceCap,
  type Policy,
  type PolicyRules,
  type PolicyScope,
} from './policy.js';
export {
  parseAssetName,
  parseHostPattern,
  parseHours,
  writeHours,
  type WrittenHours,
} from './policy-input.js';
export { loosened } from './loosens.js';
export { suggestionFor, usualSuggestion, type Suggestion } from './suggestion.js';
export { refuse, Refusal, UnreadableHistory, type ErrorDetails } from './refusal.js';
export { hostOf, STOP_CODES, stopTargetOf, type StopTarget } from './stops.js';
