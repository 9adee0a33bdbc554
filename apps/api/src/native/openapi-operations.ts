// Shapes of answers about operations: what any caller of the native API programs against.
import { ERRORS } from '#domain';
import {
  any,
  anyObject,
  atomic,
  FINALITY,
  flag,
  int,
  list,
  maybe,
  maybeAtomic,
  maybeObject,
  maybeRef,
  maybeText,
  maybeTime,
  object,
  oneOf,
  page,
  ref,
  text,
  time,
} from '../http/openapi-words.js';
import { LISTED_KINDS, STATUSES } from './operations.dto.js';

const UUID = { type: 'string', format: 'uuid' } as const;
const KIND = oneOf(LISTED_KINDS);
const STATUS = oneOf(STATUSES);
const RETRY = oneOf(['same_key', 'new_key', 'after_change', 'poll', 'no']);

const ERROR = { code: ref('ErrorCode'), message: text, details: anyObject, suggestion: ref('Suggestion') };

/** One stored version; hash null: the built-in one. */
const POLICY = { scope: oneOf(['workspace', 'agent']), version: int, hash: maybeText };

const TERMS = {
  amount: atomic,
  unit: text,
  network: text,
  asset: text,
  asset_symbol: maybeText,
  pay_to: text,
  payment_flow: text,
  transfer_method: text,
  x402_version: int,
};

export const OPERATIONS = {
  UpstreamResponse: object({
    status: maybe(int),
    headers: { type: 'object', additionalProperties: text },
    'body?': text,
    'body_base64?': text,
    'body_bytes?': int,
    'body_expired?': { const: true },
  }),
  ErrorCode: oneOf(Object.keys(ERRORS)),
  Error: object({
    error: object({ ...ERROR, retry: RETRY, correlation_id: text }),
    'operation_id?': UUID,
    'operation?': ref('Operation'),
  }),
  Operation: object({
    operation_id: UUID,
    kind: KIND,
    status: STATUS,
    answerable: flag,
    agent_id: text,
    version: int,
    url: text,
    method: text,
    max_amount: maybeAtomic,
    amount: maybeAtomic,
    network: maybeText,
    asset: maybeText,
    pay_to: maybeText,
    payment_flow: maybeText,
    transfer_method: maybeText,
    facilitator: maybeText,
    paid: flag,
    seller_accepted: maybe(flag),
    settled: flag,
    finality: FINALITY,
    charged: maybeAtomic,
    transaction: maybeText,
    settlement: maybeObject({ transaction: text, block_number: int, block_hash: text, log_index: int }),
    authorization: maybeObject({ from: text, to: text, value: atomic, valid_before: time, nonce: text }),
    cancellation: maybeObject({ by: any, reason: text, problem: maybeText }),
    approval: maybeObject({ approval_id: text, digest: text, decide_by: time }),
    error: maybeObject(ERROR),
    retry_with: maybeText,
    idempotency_key_hash: maybeText,
    category: maybeText,
    cost_centre: maybeText,
    note: maybeText,
    created_at: time,
    updated_at: time,
    'response?': maybeRef('UpstreamResponse'),
    'payment?': maybeObject({ header_name: text, header: text }),
  }),
  AcceptedOperation: object({
    operation_id: UUID,
    kind: KIND,
    status: { const: 'opened' },
    answerable: { const: false },
    agent_id: text,
  }),
  PendingOperation: { anyOf: [ref('AcceptedOperation'), ref('Operation')] },
  Operations: page('Operation'),
  Simulation: object({
    would: oneOf(['pay', 'ask', 'refuse']),
    terms: maybeObject(TERMS),
    error: maybeObject(ERROR),
    passes_at: maybeTime,
    approval: maybeObject({
      role: text,
      rules: list(object({ quorum: int, groups: list(text) })),
      reasons: list(text),
      decide_within_sec: int,
    }),
    policies: list(object(POLICY)),
    trace: list(
      object({
        rule: text,
        policy: maybeObject(POLICY),
        outcome: oneOf(['off', 'passed', 'asks', 'refused']),
        reason: maybeText,
        facts: anyObject,
      }),
    ),
    budgets: list(ref('Budget')),
  }),
  Quote: object({
    outcome: oneOf(['free', 'priced', 'unpayable']),
    terms: maybeObject(TERMS),
    policy: maybeObject({ allowed: flag, version: maybe(int), needs_approval: flag, reasons: list(text) }),
    error: maybeObject(ERROR),
  }),
  OperationEvents: object({
    items: list(object({ version: int, type: text, data: any, actor: any, occurred_at: time, hash: text })),
  }),
} as const;
