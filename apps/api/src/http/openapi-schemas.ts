// Shapes of answers in OpenAPI. Requests describe themselves (fields.ts); answers are rendered by pure functions, and a conformance
// test checks real answers against these.
type Schema = Readonly<Record<string, unknown>>;

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const int = { type: 'integer' } as const;
const maybe = (schema: { readonly type: string }): Schema => ({ ...schema, type: [schema.type, 'null'] });
const maybeText = maybe(text);
const time = { type: 'string', format: 'date-time' } as const;
const maybeTime = { type: ['string', 'null'], format: 'date-time' } as const;
const atomic = { type: 'string', pattern: '^(0|[1-9][0-9]*)$', description: 'base units' } as const;
const maybeAtomic = { ...atomic, type: ['string', 'null'] } as const;
const any: Schema = {};
const list = (items: Schema): Schema => ({ type: 'array', items });
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const maybeRef = (name: string): Schema => ({ oneOf: [ref(name), { type: 'null' }] });

/** Every named property is present unless its name ends with `?`. */
function object(properties: Readonly<Record<string, Schema>>): Schema {
  const names = Object.keys(properties);
  return {
    type: 'object',
    properties: Object.fromEntries(
      Object.entries(properties).map(([name, schema]) => [name.replace('?', ''), schema]),
    ),
    required: names.filter((name) => !name.endsWith('?')),
  };
}
const page = (items: string): Schema =>
  object({ items: list(ref(items)), next_cursor: maybeText, has_more: flag });

const HIGHTOP_STATUS = {
  type: 'string',
  enum: ['accepted', 'submitted', 'executed', 'execution_failed', 'policy_rejected', 'cancelled'],
} as const;
const FINALITY = { type: 'string', enum: ['none', 'provisional', 'final'] } as const;
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
    execution_path: list(object({ stage: text, passed: flag, 'error?': { type: 'object' } })),
  }),
} as const;

const UpstreamResponse = object({
  status: maybe(int),
  headers: { type: 'object', additionalProperties: text },
  'body?': text,
  'body_base64?': text,
  'body_bytes?': int,
  'body_expired?': { const: true },
});

const NATIVE = {
  Error: object({
    error: object({
      code: text,
      message: text,
      details: { type: 'object' },
      retry: text,
      correlation_id: text,
    }),
    'operation_id?': text,
    'operation?': ref('Operation'),
  }),
  Operation: object({
    operation_id: text,
    kind: text,
    status: text,
    answerable: flag,
    agent_id: text,
    'version?': int,
    url: text,
    method: text,
    max_amount: maybeAtomic,
    amount: maybeAtomic,
    network: maybeText,
    asset: maybeText,
    pay_to: maybeText,
    paid: flag,
    seller_accepted: maybe(flag),
    settled: flag,
    finality: FINALITY,
    transaction: maybeText,
    settlement: { type: ['object', 'null'] },
    authorization: { type: ['object', 'null'] },
    approval: { type: ['object', 'null'] },
    error: { type: ['object', 'null'] },
    retry_with: maybeText,
    idempotency_key_hash: maybeText,
    note: maybeText,
    created_at: time,
    updated_at: time,
    'response?': maybeRef('UpstreamResponse'),
    'payment?': { type: ['object', 'null'] },
  }),
  AcceptedOperation: object({
    operation_id: text,
    kind: text,
    status: text,
    answerable: flag,
    agent_id: text,
  }),
  PendingOperation: { anyOf: [ref('AcceptedOperation'), ref('Operation')] },
  Operations: page('Operation'),
  OperationEvents: object({
    items: list(object({ version: int, type: text, data: any, actor: any, occurred_at: time, hash: text })),
  }),
  Workspace: object({ workspace_id: text, name: text, paused: flag, created_at: time }),
  NewWorkspace: object({ workspace: ref('Workspace'), key: ref('Key'), secret: text }),
  Agent: object({ agent_id: text, name: text, status: text, paused: flag, created_at: time }),
  Agents: page('Agent'),
  Key: object({
    key_id: text,
    role: text,
    agent_id: maybeText,
    person: text,
    label: text,
    prefix: text,
    created_at: time,
    created_by: text,
    expires_at: maybeTime,
    revoked_at: maybeTime,
    last_used_at: maybeTime,
  }),
  Keys: page('Key'),
  IssuedKey: object({ key: ref('Key'), secret: text }),
  Wallet: object({
    wallet_id: text,
    agent_id: maybeText,
    address: text,
    label: text,
    status: text,
    origin: text,
    backup_confirmed_at: maybeTime,
    created_at: time,
  }),
  Wallets: page('Wallet'),
  DepositAddress: object({ wallet_id: text, address: text }),
  Balances: object({ wallets: list({ type: 'object' }), funds: list({ type: 'object' }) }),
  Budget: object({
    node: text,
    node_id: text,
    unit: text,
    held: atomic,
    held_count: int,
    windows: list({ type: 'object' }),
  }),
  Budgets: object({ items: list(ref('Budget')) }),
  Policy: object({
    version: int,
    hash: maybeText,
    approval_threshold: maybeAtomic,
    allowed_hosts: { type: ['array', 'null'], items: text },
    denied_hosts: list(text),
    allowed_payees: { type: ['array', 'null'], items: text },
    denied_payees: list(text),
    allowed_networks: { type: ['array', 'null'], items: text },
    max_validity_sec: int,
    contract_payee: text,
    decide_within_sec: int,
    created_at: maybeTime,
    created_by: maybeText,
  }),
  Approval: object({
    approval_id: text,
    operation_id: text,
    status: text,
    digest: text,
    agent_id: text,
    agent_name: text,
    requester: text,
    payee: text,
    host: text,
    url: text,
    method: text,
    amount: atomic,
    amount_decimal: text,
    unit: text,
    asset: text,
    asset_symbol: maybeText,
    network: text,
    reasons: list(text),
    policy_version: int,
    budget: list({ type: 'object' }),
    requested_at: time,
    decide_by: time,
    decided_at: maybeTime,
    decided_by: maybeText,
    reason: maybeText,
    note: { type: ['object', 'null'] },
  }),
  Approvals: page('Approval'),
  Paused: object({ paused: { const: true }, scope: text, still_live: list({ type: 'object' }) }),
  Resumed: object({ paused: { const: false }, scope: text }),
  History: object({ items: list({ type: 'object' }), next_cursor: maybeText, has_more: flag }),
} as const;

export const SCHEMAS = { ...HIGHTOP, UpstreamResponse, ...NATIVE };
export type SchemaName = keyof typeof SCHEMAS;
