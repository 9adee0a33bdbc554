// Shapes of the Relayer dialect's answers: all in one envelope.
import {
  any,
  anyObject,
  FINALITY,
  flag,
  int,
  list,
  maybeText,
  maybeTime,
  object,
  oneOf,
  text,
  time,
  type Schema,
} from '../../http/openapi-words.js';
import { AGENT_STATUSES } from './agents.dto.js';
import { ANALYTICS_DAYS, AUDIT_TYPES } from './audit.dto.js';
import { SHOWN_STATUSES } from './approvals.dto.js';

const envelope = (data: Schema): Schema =>
  object({
    success: { const: true },
    message: text,
    data,
    'meta?': anyObject,
    statusCode: int,
    timestamp: time,
    path: text,
  });

const UUID = { type: 'string', format: 'uuid' } as const;
const payment = {
  paymentHeader: maybeText,
  paymentHeaderName: maybeText,
  x402_headers: object({ payment_response: maybeText }),
  'transactionId?': text,
  operationId: UUID,
  settled: flag,
  finality: FINALITY,
  layer: { const: 'payments' },
  validBefore: maybeTime,
};

const approval = object({
  id: text,
  approvalId: text,
  operationId: UUID,
  agentId: UUID,
  agentName: text,
  requester: text,
  status: oneOf(SHOWN_STATUSES),
  amount: text,
  currency: { const: 'USDC' },
  network: text,
  recipient: text,
  resource: maybeText,
  reasons: list(text),
  digest: text,
  description: { type: ['object', 'null'] },
  createdAt: time,
  expiresAt: time,
  resolvedAt: maybeTime,
  resolvedBy: maybeText,
  reason: maybeText,
  'payment?': object(payment),
});
const activity = object({ activityId: text, body: text, digest: text, expiresAt: time });

const balance = {
  network: text,
  onChainUSDC: text,
  committedUSDC: text,
  availableUSDC: text,
  block: int,
};
const sum = { totalSpentUSDC: text, payments: int };
const spend = {
  period: oneOf(Object.keys(ANALYTICS_DAYS)),
  from: text,
  to: text,
  ...sum,
  byDay: list(object({ day: text, ...sum })),
};
const maybeDecimal = { type: ['string', 'null'] } as const;
const agent = object({
  id: UUID,
  agentId: UUID,
  name: text,
  description: maybeText,
  status: oneOf(AGENT_STATUSES),
  createdAt: time,
});

export const RELAYER = {
  RelayerAgent: envelope(agent),
  RelayerAgents: envelope(list(agent)),
  RelayerStatus: envelope(
    object({ agentId: UUID, killSwitch: flag, status: oneOf(AGENT_STATUSES), accountKillSwitch: flag }),
  ),
  RelayerStopped: envelope(
    object({
      agentId: UUID,
      status: oneOf(['paused', 'killed']),
      killSwitch: flag,
      releasedApprovals: int,
      carriedOut: flag,
      stillLive: list(
        object({ operationId: UUID, network: text, recipient: text, amountUSDC: text, validBefore: time }),
      ),
    }),
  ),
  RelayerDraft: envelope(
    object({ agentDraftId: text, agentRequestId: text, activity, unsignedActivity: activity }),
  ),
  RelayerPendingAgent: envelope(
    object({
      agentId: UUID,
      status: { const: 'pending_policies' },
      policiesRequestId: text,
      activity,
      unsignedActivity: activity,
    }),
  ),
  RelayerActiveAgent: envelope(object({ agentId: UUID, agentSecret: text, status: { const: 'active' } })),
  RelayerDeleted: envelope(object({ agentId: UUID })),
  RelayerFunding: envelope(object({ fundRequestId: text, activity, unsignedActivity: activity })),
  RelayerFunded: envelope(
    object({ operationId: UUID, signature: maybeText, txHash: maybeText, finality: FINALITY }),
  ),
  RelayerWallet: envelope(
    object({ agentId: UUID, address: text, explorerUrl: maybeText, shared: flag, networks: list(text) }),
  ),
  RelayerWalletBalance: envelope(
    object({ agentId: UUID, address: text, balanceUSDC: text, networks: list(object(balance)) }),
  ),
  RelayerTokenBalance: envelope(
    object({ address: text, chain: text, symbol: text, token: text, ...balance }),
  ),
  RelayerWalletActivity: envelope(
    list(
      object({
        operationId: UUID,
        type: text,
        amountUSDC: maybeText,
        recipient: maybeText,
        settled: flag,
        txHash: maybeText,
        timestamp: time,
      }),
    ),
  ),
  RelayerEvents: envelope(object({ accepted: int, repeated: int })),
  RelayerAudit: envelope(
    list(
      object({
        type: oneOf([...AUDIT_TYPES, 'payment']),
        event: text,
        status: oneOf(['success', 'failed']),
        actor: anyObject,
        operationId: maybeText,
        amountUSDC: maybeText,
        host: maybeText,
        txHash: maybeText,
        details: any,
        timestamp: time,
      }),
    ),
  ),
  RelayerAnalytics: envelope(
    object({ agentId: UUID, ...spend, byHost: list(object({ host: text, ...sum })) }),
  ),
  RelayerAnalyticsSummary: envelope(object({ ...spend, byAgent: list(object({ agentId: text, ...sum })) })),
  RelayerApprovalConfig: envelope(
    object({
      enabled: flag,
      threshold_amount: maybeText,
      thresholdUsd: maybeText,
      timeout_minutes: int,
      requiredApprovers: int,
    }),
  ),
  RelayerChange: envelope(
    object({
      agentId: maybeText,
      approvalId: maybeText,
      status: { const: 'pending_approval' },
      expiresAt: time,
      approvals: list(object({ approvalId: text, change: text, expiresAt: time })),
    }),
  ),
  RelayerSecret: envelope(object({ agentId: UUID, agentSecret: text })),
  RelayerBudget: envelope(
    object({
      agentId: UUID,
      period: { const: 'month' },
      categories: list(
        object({
          category: oneOf(['infra', 'tokens', 'payments']),
          limit: maybeDecimal,
          spent: text,
          held: text,
          remaining: maybeDecimal,
          usage_pct: { type: ['integer', 'number', 'null'] },
          status: oneOf(['ok', 'warning', 'exceeded']),
          resetsAt: maybeTime,
        }),
      ),
      perTxUSDC: maybeDecimal,
      approvalThresholdUSDC: maybeDecimal,
    }),
  ),
  RelayerApproval: envelope(approval),
  RelayerApprovals: envelope(list(approval)),
  RelayerActivity: envelope(object({ activity, approval })),
  RelayerError: object({
    success: { const: false },
    message: text,
    code: text,
    'failedLayers?': list(text),
    details: anyObject,
    statusCode: int,
    timestamp: time,
    path: text,
  }),
  RelayerPayment: envelope(object(payment)),
  RelayerPending: envelope(
    object({ approvalId: text, status: { const: 'pending_approval' }, expiresAt: time, operationId: UUID }),
  ),
} as const;
