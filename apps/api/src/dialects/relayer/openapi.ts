// Shapes of the Relayer dialect's answers: all in one envelope.
import {
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

export const RELAYER = {
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
