// Shapes of answers in OpenAPI. Requests describe themselves (fields.ts); answers are rendered by pure functions, and a conformance
// test checks real answers against these.
import { AGENTPAY } from '../dialects/agentpay/openapi.js';
import { HIGHTOP_ACCOUNT } from '../dialects/hightop/openapi.js';
import { RELAYER } from '../dialects/relayer/openapi.js';
import { AGNICPAY } from '../dialects/agnicpay/openapi.js';
import { FACILITATOR } from '../facilitator/openapi.js';
import { OAUTH } from '../oauth/openapi.js';
import { CONTROLS } from '../native/openapi-controls.js';
import { OPERATIONS } from '../native/openapi-operations.js';
import { SUGGESTIONS } from '../native/openapi-suggestions.js';
import { STOPS } from '../native/openapi-stops.js';
import { WALLETS } from '../native/openapi-wallets.js';
import {
  any,
  FINALITY,
  flag,
  int,
  list,
  maybe,
  atomic,
  maybeAtomic,
  maybeObject,
  maybeRef,
  maybeText,
  maybeTime,
  object,
  page,
  ref,
  text,
  time,
} from './openapi-words.js';

const HIGHTOP_STATUS = {
  type: 'string',
  enum: ['accepted', 'submitted', 'executed', 'execution_failed', 'policy_rejected', 'cancelled'],
} as const;
const paymentFields = {
  paid: flag,
  seller_accepted: maybe(flag),
  settled: flag,
  finality: FINALITY,
  transaction: maybeText,
  amount: maybeAtomic,
};
const writeFields = {
  ok: { const: true },
  operation_id: { type: 'string', format: 'uuid' },
  status: HIGHTOP_STATUS,
  resource: object({ type: text, id: text }),
  fee_usd: text,
};

const HIGHTOP = {
  HightopError: object({
    ok: { const: false },
    error: object({ code: text, message: text, 'details?': { type: 'object' }, 'remediation?': text }),
    'operation_id?': text,
  }),
  HightopQuote: object({
    ok: { const: true },
    supported: flag,
    x402_required: flag,
    price: { type: ['object', 'null'] },
    policy: { type: ['object', 'null'] },
    'reason?': { type: 'object' },
  }),
  HightopPurchase: object({ ...writeFields, ...paymentFields, response: maybeRef('UpstreamResponse') }),
  HightopPending: object({
    ...writeFields,
    ...paymentFields,
    'approval_id?': text,
    'expires_at?': time,
    'human_message?': text,
  }),
  HightopSignature: object({
    ...writeFields,
    payment_header: maybeText,
    payment_header_name: maybeText,
    payment_headers: { type: 'object', additionalProperties: text },
    amount: maybeAtomic,
    pay_to: text,
    valid_before: text,
    settled: flag,
    finality: FINALITY,
    transaction: maybeText,
  }),
  HightopOperationView: object({
    id: text,
    idempotency_key_hash: maybeText,
    type: text,
    status: HIGHTOP_STATUS,
    resource: object({ type: text, id: text }),
    amount_usd: maybeText,
    asset_symbol: maybeText,
    human_message: maybeText,
    fee_usd: text,
    created_at: time,
    submitted_at: maybeTime,
    executed_at: maybeTime,
    failed_at: maybeTime,
    error: { type: ['object', 'null'] },
    url: text,
    ...paymentFields,
    'approval_id?': text,
    'expires_at?': time,
    'retry_with?': text,
    'response?': maybeRef('UpstreamResponse'),
    'onchain?': { type: ['object', 'null'] },
  }),
  HightopOperation: object({ ok: { const: true }, operation: ref('HightopOperationView') }),
  HightopOperations: object({
    ok: { const: true },
    items: list(ref('HightopOperationView')),
    next_cursor: maybeText,
    has_more: flag,
  }),
  HightopSelf: object({
    ok: { const: true },
    agent: { type: 'object' },
    permissions: { type: 'object' },
    limits: { type: 'object' },
    cannot: list(any),
    current_usage: { type: 'object' },
  }),
  HightopLimits: object({
    ok: { const: true },
    spend_limits: { type: 'object' },
    swap_limits: { type: 'object' },
    permissions: { type: 'object' },
    current_usage: { type: 'object' },
    windows: list({ type: 'object' }),
  }),
  HightopBalances: object({
    ok: { const: true },
    items: list({ type: 'object' }),
    next_cursor: maybeText,
    has_more: flag,
  }),
  HightopSimulation: object({
    ok: { const: true },
    would_succeed: flag,
    execution_path: list(
      object({ stage: text, passed: flag, 'error?': { type: 'object' }, 'trace?': list({ type: 'object' }) }),
    ),
  }),
} as const;

const NATIVE = {
  Workspace: object({
    workspace_id: text,
    name: text,
    dual_control: flag,
    paused: flag,
    keyless_window_sec: int,
    created_at: time,
  }),
  NewWorkspace: object({ workspace: ref('Workspace'), key: ref('Key'), secret: text }),
  Agent: object({ agent_id: text, name: text, status: text, paused: flag, created_at: time }),
  Agents: page('Agent'),
  Key: object({
    key_id: text,
    kind: text,
    role: text,
    agent_id: maybeText,
    person: text,
    label: text,
    prefix: text,
    scopes: { type: ['array', 'null'], items: text },
    allowed_ips: { type: ['array', 'null'], items: text },
    created_at: time,
    created_by: text,
    expires_at: maybeTime,
    revoked_at: maybeTime,
    last_used_at: maybeTime,
  }),
  Keys: page('Key'),
  IssuedKey: object({ key: ref('Key'), secret: text }),
  Policy: object({
    version: int,
    hash: maybeText,
    approval_threshold: maybeAtomic,
    allowed_hosts: { type: ['array', 'null'], items: text },
    denied_hosts: list(text),
    host_price_caps: list(object({ host: text, max_amount: atomic })),
    allowed_payees: { type: ['array', 'null'], items: text },
    denied_payees: list(text),
    allowed_networks: { type: ['array', 'null'], items: text },
    allowed_assets: { type: ['array', 'null'], items: text },
    hours: maybeObject({
      zone: text,
      windows: list(object({ days: list(text), from: text, to: text })),
    }),
    required_tags: list(text),
    new_payee: text,
    duplicate_window_sec: int,
    budget_approval_percent: maybe(int),
    max_validity_sec: int,
    contract_payee: text,
    allow_upfront: flag,
    allow_upto: flag,
    prepaid_hosts: { type: 'array', items: text },
    top_up_approval_threshold: maybeAtomic,
    decide_within_sec: int,
    approval_quorum: int,
    approver_groups: list(text),
    created_at: maybeTime,
    created_by: maybeText,
  }),
  History: object({ items: list({ type: 'object' }), next_cursor: maybeText, has_more: flag }),
} as const;

export const SCHEMAS = {
  ...AGENTPAY,
  ...AGNICPAY,
  ...HIGHTOP,
  ...HIGHTOP_ACCOUNT,
  ...NATIVE,
  ...OPERATIONS,
  ...SUGGESTIONS,
  ...RELAYER,
  ...CONTROLS,
  ...STOPS,
  ...WALLETS,
  ...OAUTH,
  ...FACILITATOR,
};
export type SchemaName = keyof typeof SCHEMAS;
