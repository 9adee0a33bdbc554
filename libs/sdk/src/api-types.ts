// Generated from docs/openapi.json; a test compares them. Money is text in base units, times are ISO 8601.

export interface AcceptedOperation {
  operation_id: string;
  kind: 'purchase' | 'authorize' | 'settle' | 'allowance' | 'top_up';
  status: 'opened';
  answerable: false;
  agent_id: string;
}

export interface Activity {
  activity_id: string;
  kind: string;
  subject: { [name: string]: unknown };
  body: string;
  digest: string;
  expires_at: string;
}

export interface Agent {
  agent_id: string;
  name: string;
  status: string;
  paused: boolean;
  created_at: string;
}

export interface Agents {
  items: Agent[];
  next_cursor: string | null;
  has_more: boolean;
}

export interface Approval {
  kind: 'operation';
  approval_id: string;
  operation_id: string;
  status: 'pending' | 'approved' | 'rejected' | 'expired' | 'cancelled';
  digest: string;
  agent_id: string;
  agent_name: string;
  requester: string;
  payee: string;
  host: string;
  url: string;
  method: string;
  /** base units */
  amount: string;
  amount_decimal: string;
  unit: string;
  asset: string;
  asset_symbol: string | null;
  network: string;
  payment_flow: string;
  transfer_method: string;
  facilitator: string | null;
  reasons: string[];
  policy_version: number;
  budget: {
    node: string;
    window: string;
    /** base units */
    limit: string;
    /** base units; below 0 where more is in use than the limit allows now */
    remaining_before: string;
    /** base units; below 0 where more is in use than the limit allows now */
    remaining_after: string;
  }[];
  rules: {
    quorum: number;
    groups: string[];
  }[];
  votes: {
    by: string;
    on_behalf_of: string | null;
    at: string;
  }[];
  revision: number;
  requested_at: string;
  decide_by: string;
  decided_at: string | null;
  decided_by: string | null;
  reason: string | null;
  note: {
    untrusted: true;
    text: string;
    truncated: boolean;
  } | null;
}

export interface Approvals {
  items: AnyApproval[];
  next_cursor: string | null;
  has_more: boolean;
  revision: string;
}

export interface ApproveDto {
  /** of the approval as it was looked at; another one is refused */
  digest: string;
  /** whose place the caller takes, by a delegation in force; of a payment only; with `stamp` only as it was prepared */
  on_behalf_of?: string | undefined;
  /** of the activity that was prepared for this approval; with `stamp`, for a payment only */
  activity_id?: string | undefined;
  /** over its body: whoever holds the key decides, not the caller */
  stamp?: StampDto | undefined;
}

export interface ApproverGroup {
  name: string;
  members: {
    person: string;
    since: string;
  }[];
}

export interface ApproverGroups {
  items: ApproverGroup[];
}

export interface ApproverKey {
  approver_key_id: string;
  person: string;
  public_key: string;
  label: string;
  status: 'pending' | 'active' | 'revoked';
  created_at: string;
  confirmed_by: string | null;
  revoked_at: string | null;
}

export interface ApproverKeys {
  items: ApproverKey[];
}

export interface Balances {
  wallets: {
    wallet_id: string;
    agent_id: string | null;
    address: string;
    network: string;
    token: string;
    /** base units */
    on_chain: string;
    block: number;
    /** base units */
    live: string;
    /** base units */
    available: string;
    /** base units */
    low_below: string | null;
    low: boolean;
    /** base units */
    permit2_allowance: string | null;
  }[];
  funds: { [name: string]: unknown }[];
}

export interface Budget {
  node: string;
  node_id: string;
  layer: 'infra' | 'tokens' | 'payments';
  unit: string;
  status: 'ok' | 'warning' | 'exceeded';
  /** base units */
  held: string;
  held_count: number;
  windows: {
    window: string;
    /** base units */
    limit: string | null;
    /** base units */
    spent: string;
    /** base units */
    remaining: string | null;
    count: number | null;
    count_limit: number | null;
    count_remaining: number | null;
    resets_at: string | null;
  }[];
}

export interface Budgets {
  items: Budget[];
}

export interface CancelDto {
  /** after the intent: ask the chain to kill the live authorization; who is first, this or the seller, it decides */
  on_chain?: boolean | undefined;
  /** kept with the operation */
  reason?: string | undefined;
}

export interface ChangeRequest {
  kind: 'change';
  approval_id: string;
  change: 'limits' | 'team' | 'policy' | 'resume' | 'approvers';
  status: 'pending' | 'approved' | 'rejected' | 'expired' | 'cancelled' | 'outdated';
  digest: string;
  agent_id: string | null;
  wanted: { [name: string]: unknown };
  base: { [name: string]: unknown };
  requester: string;
  revision: number;
  requested_at: string;
  decide_by: string;
  decided_at: string | null;
  decided_by: string | null;
  reason: string | null;
}

export interface ChangeWorkspaceDto {
  /** for how long after its answer a request without an idempotency key is the same purchase */
  keyless_window_sec: number;
}

export interface ConfirmTopUpDto {
  /** CAIP-2 network */
  network: string;
  /** token contract */
  asset: string;
  /** how much the wallet gets, base units */
  amount: string;
  /** of the prepared top-up: what was shown is what is signed */
  digest: string;
  /** kept with the operation */
  note?: string | undefined;
  /** how long to wait for an answer here; 0 when absent */
  wait_ms?: number | undefined;
}

export interface CountLimitsDto {
  /** most per UTC hour; absent or null: any number */
  hour?: number | null | undefined;
  /** most per UTC day; absent or null: any number */
  day?: number | null | undefined;
  /** most per UTC month; absent or null: any number */
  month?: number | null | undefined;
  /** most ever; absent or null: any number */
  lifetime?: number | null | undefined;
  /** most in any 24 hours; absent or null: any number */
  rolling_24h?: number | null | undefined;
  /** most in any 30 days; absent or null: any number */
  rolling_30d?: number | null | undefined;
}

export interface Delegation {
  delegation_id: string;
  person: string;
  delegate: string;
  reason: string;
  starts_at: string;
  ends_at: string;
  revoked_at: string | null;
  created_at: string;
}

export interface Delegations {
  items: Delegation[];
}

export interface DepositAddress {
  wallet_id: string;
  address: string;
}

export interface ErrorAnswer {
  error: {
    code: ErrorCode;
    message: string;
    details: { [name: string]: unknown };
    suggestion: Suggestion;
    retry: 'same_key' | 'new_key' | 'after_change' | 'poll' | 'no';
    correlation_id: string;
  };
  operation_id?: string | undefined;
  operation?: Operation | undefined;
}

export interface ExpectDto {
  /** payee */
  pay_to?: string | undefined;
  /** price in base units of the asset */
  amount?: string | undefined;
  /** CAIP-2 network */
  network?: string | undefined;
  /** token contract */
  asset?: string | undefined;
}

export interface FloatDto {
  /** CAIP-2 network */
  network: string;
  /** token contract */
  asset: string;
  /** below this much available the wallet is topped up, base units */
  min: string;
  /** how much is available afterwards */
  target: string;
  /** the most that is sent per UTC day */
  cap_per_day: string;
}

export interface History {
  items: { [name: string]: unknown }[];
  next_cursor: string | null;
  has_more: boolean;
}

export interface HostPriceCapDto {
  /** host name or *. pattern */
  host: string;
  /** most per payment, base units, inclusive */
  max_amount: string;
}

export interface HoursDto {
  /** IANA time zone */
  zone: string;
  /** it is open while one of them is */
  windows: HoursWindowDto[];
}

export interface HoursWindowDto {
  /** days on which it opens */
  days: string[];
  /** time of day from which it is open */
  from: string;
  /** time of day at which it closes; before `from`: on the next day */
  to: string;
}

export interface ImportWalletDto {
  /** the agent that pays from it; any agent without one of its own when absent */
  agent_id?: string | undefined;
  /** treasury: pays no seller, tops up the wallets of agents; one per workspace. payments when absent */
  role?: 'payments' | 'treasury' | undefined;
  /** to recognise it by */
  label?: string | undefined;
  /** handed to the signer and nowhere else; never shown or logged */
  private_key: string;
}

export interface IssuedKey {
  key: Key;
  secret: string;
}

export interface Key {
  key_id: string;
  kind: string;
  role: string;
  agent_id: string | null;
  person: string;
  label: string;
  prefix: string;
  scopes: string[] | null;
  allowed_ips: string[] | null;
  created_at: string;
  created_by: string;
  expires_at: string | null;
  revoked_at: string | null;
  last_used_at: string | null;
}

export interface Keys {
  items: Key[];
  next_cursor: string | null;
  has_more: boolean;
}

export interface Layer {
  layer: 'infra' | 'tokens' | 'payments';
  status: 'ok' | 'warning' | 'exceeded';
  budgets: Budget[];
}

export interface Layers {
  items: Layer[];
}

export interface LimitsDto {
  /** most per payment, base units; absent or null: no limit */
  per_payment?: string | null | undefined;
  /** most per UTC hour, base units; absent or null: no limit */
  hour?: string | null | undefined;
  /** most per UTC day, base units; absent or null: no limit */
  day?: string | null | undefined;
  /** most per UTC month, base units; absent or null: no limit */
  month?: string | null | undefined;
  /** most ever, base units; absent or null: no limit */
  lifetime?: string | null | undefined;
  /** most in any 24 hours, base units; absent or null: no limit */
  rolling_24h?: string | null | undefined;
  /** most in any 30 days, base units; absent or null: no limit */
  rolling_30d?: string | null | undefined;
}

export interface LiveAuthorization {
  operation_id: string;
  agent_id: string;
  network: string;
  token: string;
  to: string;
  /** base units */
  value: string;
  valid_before: string;
  cancellation: 'requested' | 'too_late' | null;
}

export interface LowBalanceDto {
  /** CAIP-2 network */
  network: string;
  /** token contract */
  asset: string;
  /** tell when less than this is available, base units; null: not any more */
  below: string | null;
}

export interface NewAgentDto {
  /** shown to people */
  name: string;
}

export interface NewDelegationDto {
  /** the person who may decide in the caller’s place */
  delegate: string;
  /** from then on; at once when absent */
  starts_at?: string | undefined;
  /** until then, at most 90 days after its start */
  ends_at: string;
  /** kept with it */
  reason?: string | undefined;
}

export interface NewKeyDto {
  /** what the key may do */
  role: 'admin' | 'agent' | 'approver' | 'auditor' | 'backend' | 'seller';
  /** whose key it is; for the role agent, and only there */
  agent_id?: string | undefined;
  /** the person behind the key: nobody approves what they requested or operate */
  person: string;
  /** to recognise it by */
  label?: string | undefined;
  /** life of the key; no end when absent */
  expires_in_sec?: number | undefined;
  /** key, when absent: sent with every request. hmac: a secret that signs them, for agents alone */
  kind?: 'key' | 'hmac' | undefined;
  /** all it may do, of agent:read, agent:simulate, agent:payments:write, agent:webhooks:manage, workspace:read, workspace:write; what the role may when absent. A backend pays only with agent:payments:write */
  scopes?: string[] | undefined;
  /** addresses and CIDR blocks it may be used from; anywhere when absent */
  allowed_ips?: string[] | undefined;
}

export interface NewOAuthClientDto {
  /** the one agent it may act for */
  agent_id: string;
  /** shown to people */
  client_name: string;
  /** what it may do there, of agent:read, agent:simulate, agent:payments:write, agent:webhooks:manage */
  scopes: string[];
}

export interface NewOAuthGrantDto {
  /** the one agent it may act for */
  agent_id: string;
  /** shown to people */
  client_name: string;
  /** what it may do there, of agent:read, agent:simulate, agent:payments:write, agent:webhooks:manage */
  scopes: string[];
  /** as it was registered */
  client_id: string;
}

export interface NewQuoteDto {
  /** method of the request to the seller; GET when absent */
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | undefined;
  /** headers for the seller: accept, accept-language, content-type, user-agent, x-* */
  headers?: { [name: string]: string } | undefined;
  /** body for the seller: text as it is, or JSON */
  body?: string | { [name: string]: unknown } | unknown[] | undefined;
  /** body for the seller when it is binary; instead of `body` */
  body_base64?: string | undefined;
  /** the resource */
  url: string;
  /** the most that would be paid; offers above it are passed over */
  max_amount?: string | undefined;
  /** how long the seller may take; 30000 when absent */
  timeout_ms?: number | undefined;
  /** the agent; needed where a backend asks */
  agent_id?: string | undefined;
}

export interface NewTeamDto {
  /** shown to people; one of a name */
  name: string;
  /** the team it is part of, for ever; absent: of the workspace alone */
  parent_id?: string | undefined;
}

export interface NewWalletDto {
  /** the agent that pays from it; any agent without one of its own when absent */
  agent_id?: string | undefined;
  /** treasury: pays no seller, tops up the wallets of agents; one per workspace. payments when absent */
  role?: 'payments' | 'treasury' | undefined;
  /** to recognise it by */
  label?: string | undefined;
}

export interface NewWorkspace {
  workspace: Workspace;
  key: Key;
  secret: string;
}

export interface NewWorkspaceDto {
  /** shown to people */
  name: string;
  /** the person who gets the first admin key */
  admin_person: string;
  /** a second person decides what lets more pass than before: limits, policies, groups of approvers, resuming; for good; false when absent */
  dual_control?: boolean | undefined;
}

export interface OAuthClient {
  client_id: string;
  client_secret: string;
  grant: OAuthGrant;
}

export interface OAuthGrant {
  grant_id: string;
  kind: 'consent' | 'client';
  agent_id: string;
  client_id: string;
  client_name: string;
  person: string;
  scopes: string[];
  created_at: string;
  revoked_at: string | null;
}

export interface OAuthGrants {
  items: OAuthGrant[];
  next_cursor: string | null;
  has_more: boolean;
}

export interface Operation {
  operation_id: string;
  kind: 'purchase' | 'authorize' | 'settle' | 'allowance' | 'top_up';
  status:
    | 'opened'
    | 'judged'
    | 'reserved'
    | 'awaiting_approval'
    | 'approved'
    | 'authorized'
    | 'provisional'
    | 'settled'
    | 'failed'
    | 'needs_attention'
    | 'refused'
    | 'rejected'
    | 'expired'
    | 'cancelled';
  answerable: boolean;
  agent_id: string;
  version: number;
  url: string;
  method: string;
  /** base units */
  max_amount: string | null;
  /** base units */
  amount: string | null;
  network: string | null;
  asset: string | null;
  pay_to: string | null;
  payment_flow: string | null;
  transfer_method: string | null;
  facilitator: string | null;
  paid: boolean;
  seller_accepted: boolean | null;
  settled: boolean;
  finality: 'none' | 'provisional' | 'final';
  /** base units */
  charged: string | null;
  transaction: string | null;
  settlement: {
    transaction: string;
    block_number: number;
    block_hash: string;
    log_index: number;
  } | null;
  authorization: {
    from: string;
    to: string;
    /** base units */
    value: string;
    valid_before: string;
    nonce: string;
  } | null;
  cancellation: {
    by: unknown;
    reason: string;
    problem: string | null;
  } | null;
  approval: {
    approval_id: string;
    digest: string;
    decide_by: string;
  } | null;
  error: {
    code: ErrorCode;
    message: string;
    details: { [name: string]: unknown };
    suggestion: Suggestion;
  } | null;
  retry_with: string | null;
  idempotency_key_hash: string | null;
  category: string | null;
  cost_centre: string | null;
  note: string | null;
  created_at: string;
  updated_at: string;
  response?: UpstreamResponse | null | undefined;
  payment?:
    | {
        header_name: string;
        header: string;
      }
    | null
    | undefined;
}

export interface OperationEvents {
  items: {
    version: number;
    type: string;
    data: unknown;
    actor: unknown;
    occurred_at: string;
    hash: string;
  }[];
}

export interface Operations {
  items: Operation[];
  next_cursor: string | null;
  has_more: boolean;
}

export interface PauseDto {
  /** kept with the stop, and with what it cancels */
  reason?: string | undefined;
  /** also ask the chain to kill what is still live, where it is of a kind that can be killed */
  cancel_on_chain?: boolean | undefined;
}

export interface Paused {
  paused: true;
  stop_id: string;
  scope: 'global' | 'workspace' | 'agent' | 'payee' | 'host';
  everywhere: boolean;
  agent_id?: string | undefined;
  payee?: string | undefined;
  network?: string | null | undefined;
  host?: string | undefined;
  since: string;
  by: {
    person: string;
    type: string;
    id: string;
  } | null;
  reason: string | null;
  final: boolean;
  cancel_on_chain: boolean;
  carried_out: boolean;
  released_approvals: number;
  still_live: LiveAuthorization[];
  more_live: boolean;
  too_late: string[];
  unreadable: string[];
}

export interface Policy {
  version: number;
  hash: string | null;
  /** base units */
  approval_threshold: string | null;
  allowed_hosts: string[] | null;
  denied_hosts: string[];
  host_price_caps: {
    host: string;
    /** base units */
    max_amount: string;
  }[];
  allowed_payees: string[] | null;
  denied_payees: string[];
  allowed_networks: string[] | null;
  allowed_assets: string[] | null;
  hours: {
    zone: string;
    windows: {
      days: string[];
      from: string;
      to: string;
    }[];
  } | null;
  required_tags: string[];
  new_payee: string;
  duplicate_window_sec: number;
  budget_approval_percent: number | null;
  max_validity_sec: number;
  contract_payee: string;
  allow_upfront: boolean;
  allow_upto: boolean;
  prepaid_hosts: string[];
  /** base units */
  top_up_approval_threshold: string | null;
  decide_within_sec: number;
  approval_quorum: number;
  approver_groups: string[];
  created_at: string | null;
  created_by: string | null;
}

export interface PrepareApprovalDto {
  /** whose place the caller takes, by a delegation in force; of a payment only */
  on_behalf_of?: string | undefined;
}

export interface PrepareApproverKeyDto {
  /** compressed point on P-256, lower-case hex */
  public_key: string;
  /** to recognise it by */
  label?: string | undefined;
}

export interface PrepareTopUpDto {
  /** CAIP-2 network */
  network: string;
  /** token contract */
  asset: string;
  /** how much the wallet gets, base units */
  amount: string;
}

export interface PreparedTopUp {
  from: {
    wallet_id: string;
    address: string;
    /** base units */
    on_chain: string;
    /** base units */
    live: string;
    /** base units */
    available: string;
    /** base units */
    available_after: string;
    block: number;
  };
  to: {
    wallet_id: string;
    address: string;
    /** base units */
    on_chain: string;
    /** base units */
    live: string;
    /** base units */
    available: string;
    /** base units */
    available_after: string;
    block: number;
  };
  network: string;
  asset: string;
  /** base units */
  amount: string;
  covered: boolean;
  digest: string;
}

export interface PutBudgetDto {
  /** payments when absent; infra, tokens: usage that an agent reports */
  layer?: 'infra' | 'tokens' | 'payments' | undefined;
  /** budget unit; of payments USD6 when absent; TOP_UP_: what the treasury sends; usage counts in USD12, millionths of USD6 */
  unit?: 'USD6' | 'EUR6' | 'TOP_UP_USD6' | 'TOP_UP_EUR6' | 'USD12' | undefined;
  /** with counts, replaces all limits of the node in the unit; usage does not change */
  limits: LimitsDto;
  /** most payments by window; absent: any number */
  counts?: CountLimitsDto | undefined;
}

export interface PutGroupDto {
  /** the people in it, all of them; who is not named leaves */
  members: string[];
}

export interface PutPolicyDto {
  /** at or above this a person must approve; null: never by amount */
  approval_threshold?: string | null | undefined;
  /** hosts that may be paid; null: any */
  allowed_hosts?: string[] | null | undefined;
  /** hosts that may not be paid */
  denied_hosts?: string[] | undefined;
  /** most per payment by host; the lowest that matches holds */
  host_price_caps?: HostPriceCapDto[] | undefined;
  /** payees that may be paid; null: any */
  allowed_payees?: string[] | null | undefined;
  /** payees that may not be paid */
  denied_payees?: string[] | undefined;
  /** networks to pay on; null: all registered */
  allowed_networks?: string[] | null | undefined;
  /** assets to pay in, CAIP-19: eip155:8453/erc20:0x...; null: all registered */
  allowed_assets?: string[] | null | undefined;
  /** when payments may be made; null: at any time */
  hours?: HoursDto | null | undefined;
  /** what a payment must be booked under: category, cost_centre */
  required_tags?: string[] | undefined;
  /** when this scope has not paid the payee before, finally or with an approval; allow when absent */
  new_payee?: 'approve' | 'allow' | undefined;
  /** seconds within which the same purchase under another key is refused; 0, the default: never. Same: agent, method, URL, body, price */
  duplicate_window_sec?: number | undefined;
  /** a person must approve what brings a budget window above so many percent; null: never */
  budget_approval_percent?: number | null | undefined;
  /** longest life of an authorization; 300 when absent */
  max_validity_sec?: number | undefined;
  /** when the payee is a contract; approve when absent */
  contract_payee?: 'approve' | 'refuse' | 'allow' | undefined;
  /** may a seller be paid before it delivers (x402 paymentFlow upfront); false when absent */
  allow_upfront?: boolean | undefined;
  /** may a seller charge what was used, up to a ceiling (x402 scheme upto); false when absent */
  allow_upto?: boolean | undefined;
  /** hosts that are paid on chain by us before they are asked for the goods */
  prepaid_hosts?: string[] | undefined;
  /** at or above this a person must approve a top-up from the treasury; null: never */
  top_up_approval_threshold?: string | null | undefined;
  /** how long a person has to decide; 3600 when absent */
  decide_within_sec?: number | undefined;
  /** how many distinct people must approve what needs an approval; 1 when absent */
  approval_quorum?: number | undefined;
  /** groups whose members may approve; any approver when empty or absent */
  approver_groups?: string[] | undefined;
}

export interface PutTeamDto {
  /** what the agent pays and uses from now on is charged there too; null: to no team */
  team_id: string | null;
}

export interface Quote {
  outcome: 'free' | 'priced' | 'unpayable';
  terms: {
    /** base units */
    amount: string;
    unit: string;
    network: string;
    asset: string;
    asset_symbol: string | null;
    pay_to: string;
    payment_flow: string;
    transfer_method: string;
    x402_version: number;
  } | null;
  policy: {
    allowed: boolean;
    version: number | null;
    needs_approval: boolean;
    reasons: string[];
  } | null;
  error: {
    code: ErrorCode;
    message: string;
    details: { [name: string]: unknown };
    suggestion: Suggestion;
  } | null;
}

export interface RegisterApproverKeyDto {
  /** of the prepared activity */
  activity_id: string;
  /** over its body, made with the key that is registered */
  stamp: StampDto;
}

export interface RejectDto {
  /** kept with the decision */
  reason: string;
  /** whose place the caller takes, by a delegation in force; of a payment only */
  on_behalf_of?: string | undefined;
}

export interface Resumed {
  paused: false;
  scope: string;
}

export interface RotateKeyDto {
  /** how much longer the old key works; 0, at once, when absent */
  overlap_sec?: number | undefined;
}

export interface Simulation {
  would: 'pay' | 'ask' | 'refuse';
  terms: {
    /** base units */
    amount: string;
    unit: string;
    network: string;
    asset: string;
    asset_symbol: string | null;
    pay_to: string;
    payment_flow: string;
    transfer_method: string;
    x402_version: number;
  } | null;
  error: {
    code: ErrorCode;
    message: string;
    details: { [name: string]: unknown };
    suggestion: Suggestion;
  } | null;
  passes_at: string | null;
  approval: {
    role: string;
    rules: {
      quorum: number;
      groups: string[];
    }[];
    reasons: string[];
    decide_within_sec: number;
  } | null;
  policies: {
    scope: 'workspace' | 'agent';
    version: number;
    hash: string | null;
  }[];
  trace: {
    rule: string;
    policy: {
      scope: 'workspace' | 'agent';
      version: number;
      hash: string | null;
    } | null;
    outcome: 'off' | 'passed' | 'asks' | 'refused';
    reason: string | null;
    facts: { [name: string]: unknown };
  }[];
  budgets: Budget[];
}

export interface StampDto {
  /** X-Stamp */
  stampHeaderName: string;
  /** base64url of { publicKey, signature, scheme } over the exact body */
  stampHeaderValue: string;
}

export interface Stop {
  stop_id: string;
  scope: 'global' | 'workspace' | 'agent' | 'payee' | 'host';
  everywhere: boolean;
  agent_id?: string | undefined;
  payee?: string | undefined;
  network?: string | null | undefined;
  host?: string | undefined;
  since: string;
  by: {
    person: string;
    type: string;
    id: string;
  } | null;
  reason: string | null;
  final: boolean;
  cancel_on_chain: boolean;
  carried_out: boolean;
}

export interface StopDto {
  /** kept with the stop, and with what it cancels */
  reason?: string | undefined;
  /** also ask the chain to kill what is still live, where it is of a kind that can be killed */
  cancel_on_chain?: boolean | undefined;
  /** nothing is paid to this address */
  payee?: string | undefined;
  /** of a payee: only on this network; on all when absent */
  network?: string | undefined;
  /** nothing is paid at this host; *. stops all below it */
  host?: string | undefined;
}

export interface StopFloatDto {
  /** CAIP-2 network */
  network: string;
  /** token contract */
  asset: string;
}

export interface Stops {
  items: Stop[];
  next_cursor: string | null;
  has_more: boolean;
}

export interface SubmitDto {
  /** method of the request to the seller; GET when absent */
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | undefined;
  /** headers for the seller: accept, accept-language, content-type, user-agent, x-* */
  headers?: { [name: string]: string } | undefined;
  /** body for the seller: text as it is, or JSON */
  body?: string | { [name: string]: unknown } | unknown[] | undefined;
  /** body for the seller when it is binary; instead of `body` */
  body_base64?: string | undefined;
  /** purchase: pay and fetch. authorize: sign, the caller presents it. settle: sign and bring it on chain; expect names all terms. allowance: let Permit2 move so much of the wallet; network, asset and amount alone. */
  kind: 'purchase' | 'authorize' | 'settle' | 'allowance';
  /** who pays; needed where a backend asks, with a key of scope agent:payments:write */
  agent_id?: string | undefined;
  /** the resource; not for an allowance */
  url?: string | undefined;
  /** allowance only: CAIP-2 network */
  network?: string | undefined;
  /** allowance only: token contract */
  asset?: string | undefined;
  /** allowance only: what Permit2 may move from then on, base units; 0 takes it back */
  amount?: string | undefined;
  /** the most that may be paid, in base units; needed unless expect.amount is given */
  max_amount?: string | undefined;
  /** terms the seller must ask for; anything else is refused */
  expect?: ExpectDto | undefined;
  /** authorize and settle: the decoded 402 challenge, when the caller has it already */
  challenge?: { [name: string]: unknown } | undefined;
  /** settle only: direct, by our own broadcast accounts, or through a facilitator of the installation; when absent, direct where it can */
  settle?: 'direct' | 'facilitator' | undefined;
  /** a registered category to book the payment under; its budget is charged too */
  category?: string | undefined;
  /** a registered cost centre to book the payment under; its budget is charged too */
  cost_centre?: string | undefined;
  /** shown to an approver, marked as written by the agent */
  note?: string | undefined;
  /** may a paid request other than GET be sent again after a crash? false when absent */
  allow_replay?: boolean | undefined;
  /** the same purchase as this operation on purpose (its id), or as whatever there is (true), where policy refuses duplicates */
  allow_duplicate?: true | string | undefined;
  /** how long the seller may take; 30000 when absent */
  timeout_ms?: number | undefined;
  /** how long to wait for an answer here; 0 when absent */
  wait_ms?: number | undefined;
}

export interface Tag {
  kind: 'category' | 'cost_centre';
  name: string;
  created_at: string;
  retired_at: string | null;
}

export interface Tags {
  items: Tag[];
}

export interface Team {
  team_id: string;
  name: string;
  parent_id: string | null;
  created_at: string;
}

export interface Teams {
  items: Team[];
}

export interface UpstreamResponse {
  status: number | null;
  headers: { [name: string]: string };
  body?: string | undefined;
  body_base64?: string | undefined;
  body_bytes?: number | undefined;
  body_expired?: true | undefined;
}

export interface UsageDto {
  /** recorded together or not at all */
  events: UsageEventDto[];
}

export interface UsageEvent {
  id: string;
  agent_id: string;
  layer: 'infra' | 'tokens';
  kind: string;
  amount_usd: string;
  metadata: { [name: string]: unknown } | null;
  recorded_at: string;
}

export interface UsageEventDto {
  /** your own id of it; a repeat is charged once */
  id: string;
  /** tokens: what models cost; infra: other services */
  layer: 'infra' | 'tokens';
  /** US dollars, exact, at most 12 decimals */
  amount_usd: string;
  /** what it was, in your words; usage when absent */
  kind?: string | undefined;
  /** kept with it as it is, at most 4096 characters as JSON */
  metadata?: { [name: string]: unknown } | undefined;
}

export interface UsageEvents {
  items: UsageEvent[];
  next_cursor: string | null;
  has_more: boolean;
}

export interface UsageRecorded {
  items: {
    id: string;
    outcome: 'recorded' | 'repeated';
  }[];
  layers: Layer[];
}

export interface Wallet {
  wallet_id: string;
  agent_id: string | null;
  role: string;
  address: string;
  label: string;
  status: string;
  origin: string;
  backup_confirmed_at: string | null;
  created_at: string;
}

export interface WalletWithBalances {
  wallet_id: string;
  agent_id: string | null;
  role: string;
  address: string;
  label: string;
  status: string;
  origin: string;
  backup_confirmed_at: string | null;
  created_at: string;
  balances: {
    network: string;
    token: string;
    /** base units */
    on_chain: string;
    block: number;
    /** base units */
    live: string;
    /** base units */
    available: string;
    /** base units */
    low_below: string | null;
    low: boolean;
    /** base units */
    permit2_allowance: string | null;
  }[];
  floats: {
    network: string;
    token: string;
    enabled: boolean;
    /** base units */
    min: string;
    /** base units */
    target: string;
    /** base units */
    cap_per_day: string;
    /** base units */
    sent_today: string;
    operation_id: string | null;
    last_operation_id: string | null;
    problem: string | null;
  }[];
}

export interface Wallets {
  items: Wallet[];
  next_cursor: string | null;
  has_more: boolean;
}

export interface Workspace {
  workspace_id: string;
  name: string;
  dual_control: boolean;
  paused: boolean;
  keyless_window_sec: number;
  created_at: string;
}

export type AnyApproval = Approval | ChangeRequest;

export type ErrorCode =
  | 'validation_failed'
  | 'invalid_amount'
  | 'invalid_url'
  | 'forbidden_address'
  | 'body_too_large'
  | 'idempotency_key_missing'
  | 'idempotency_key_invalid'
  | 'idempotency_key_reused'
  | 'invalid_cursor'
  | 'authentication_failed'
  | 'invalid_token'
  | 'agent_disabled'
  | 'credential_not_usable'
  | 'expired_timestamp'
  | 'request_replayed'
  | 'insufficient_scope'
  | 'agent_paused'
  | 'workspace_paused'
  | 'system_paused'
  | 'payee_stopped'
  | 'host_stopped'
  | 'stop_under_way'
  | 'permission_denied'
  | 'not_found'
  | 'rate_limited'
  | 'version_conflict'
  | 'too_late'
  | 'already_decided'
  | 'approval_expired'
  | 'approval_digest_mismatch'
  | 'approval_rejected'
  | 'second_person_needed'
  | 'approver_not_eligible'
  | 'stamp_invalid'
  | 'activity_expired'
  | 'activity_used'
  | 'operation_cancelled'
  | 'payment_not_required'
  | 'unpayable_challenge'
  | 'unknown_network'
  | 'unknown_asset'
  | 'unsupported_scheme'
  | 'price_above_maximum'
  | 'terms_mismatch'
  | 'policy_refused'
  | 'duplicate_intent'
  | 'no_budget'
  | 'budget_exhausted'
  | 'insufficient_wallet_balance'
  | 'permit2_allowance_required'
  | 'allowance_under_way'
  | 'wallet_missing'
  | 'redirected'
  | 'seller_unreachable'
  | 'seller_timeout'
  | 'response_too_large'
  | 'outcome_unknown'
  | 'payment_expired'
  | 'payment_voided'
  | 'signing_refused'
  | 'needs_attention'
  | 'execution_timeout'
  | 'not_served'
  | 'body_expired'
  | 'signer_unavailable'
  | 'chain_unavailable'
  | 'database_unavailable'
  | 'quarantined'
  | 'issuer_unavailable'
  | 'internal';

export type PendingOperation = AcceptedOperation | Operation;

export type Suggestion =
  | {
      action: 'fix_request';
      field: string | null;
      reason: string | null;
    }
  | {
      action: 'use_new_key';
    }
  | {
      action: 'retry_later';
      after_ms: number | null;
    }
  | {
      action: 'poll_operation';
      operation_id: string | null;
    }
  | {
      action: 'wait_until';
      at: string;
    }
  | {
      action: 'use_other_credentials';
    }
  | {
      action: 'read_again';
      object: string | null;
    }
  | {
      action: 'raise_max_amount';
      to: string | null;
    }
  | {
      action: 'raise_limit';
      scope: string | null;
      layer: string | null;
      unit: string | null;
      window: string | null;
      measure: string | null;
      by: string | null;
      or_wait_until: string | null;
    }
  | {
      action: 'create_budget';
      unit: string | null;
    }
  | {
      action: 'top_up';
      wallet: string | null;
      network: string | null;
      asset: string | null;
      amount: string | null;
    }
  | {
      action: 'add_wallet';
      network: string | null;
    }
  | {
      action: 'give_allowance';
      wallet: string | null;
      network: string | null;
      asset: string | null;
      amount: string | null;
    }
  | {
      action: 'allow_duplicate';
      operation_id: string | null;
    }
  | {
      action: 'ask_admin_to_allow';
      rule: string;
      value: string | null;
    }
  | {
      action: 'ask_admin_to_resume';
      scope: string;
    }
  | {
      action: 'ask_another_approver';
    }
  | {
      action: 'ask_again';
    }
  | {
      action: 'choose_another_seller';
      reason: string | null;
    }
  | {
      action: 'contact_operator';
      reason: string | null;
    }
  | {
      action: 'none';
    };

/** Method and path to what is sent and what a success answers. */
export interface Routes {
  /** Buy or sign; the same key and request is the same payment, for ever */
  'POST /purser/v1/operations': {
    query: undefined;
    body: SubmitDto;
    answer: Operation | PendingOperation;
  };
  /** Operations, newest first */
  'GET /purser/v1/operations': {
    query: {
      /** next_cursor of the page before */
      cursor?: string | undefined;
      /** items per page, 1 to 100; 50 when absent */
      limit?: string | undefined;
      /** only these */
      status?:
        | 'opened'
        | 'judged'
        | 'reserved'
        | 'awaiting_approval'
        | 'approved'
        | 'authorized'
        | 'provisional'
        | 'settled'
        | 'failed'
        | 'needs_attention'
        | 'refused'
        | 'rejected'
        | 'expired'
        | 'cancelled'
        | undefined;
      /** only these */
      kind?: 'purchase' | 'authorize' | 'settle' | 'allowance' | 'top_up' | undefined;
      /** only this agent's; an agent sees its own in any case */
      agent_id?: string | undefined;
    };
    body: undefined;
    answer: Operations;
  };
  /** The operation that an idempotency key of the caller belongs to */
  'GET /purser/v1/operations/by-key': {
    query: undefined;
    body: undefined;
    answer: Operation;
  };
  /** One operation as it stands, with what the seller answered */
  'GET /purser/v1/operations/{id}': {
    query: undefined;
    body: undefined;
    answer: Operation;
  };
  /** Everything that happened to an operation, in order */
  'GET /purser/v1/operations/{id}/events': {
    query: undefined;
    body: undefined;
    answer: OperationEvents;
  };
  /** Stop an operation before anything is signed; afterwards only on chain, while the authorization is live */
  'POST /purser/v1/operations/{id}/cancel': {
    query: undefined;
    body: CancelDto;
    answer: Operation;
  };
  /** Let an operation that needs attention go on from where it stood */
  'POST /purser/v1/operations/{id}/resume': {
    query: undefined;
    body: undefined;
    answer: Operation;
  };
  /** Ask what a URL costs and what policy would say; spends and stores nothing */
  'POST /purser/v1/quotes': {
    query: undefined;
    body: NewQuoteDto;
    answer: Quote;
  };
  /** What an operation would come to now: every rule, budgets, approval; spends and stores nothing */
  'POST /purser/v1/simulate': {
    query: undefined;
    body: SubmitDto;
    answer: Simulation;
  };
  /** What waits, or was decided; newest first. With `wait_ms` and `since` it is answered once the page looks different */
  'GET /purser/v1/approvals': {
    query: {
      /** next_cursor of the page before */
      cursor?: string | undefined;
      /** items per page, 1 to 100; 50 when absent */
      limit?: string | undefined;
      /** payments, or changes that need a second person */
      kind?: 'operation' | 'change' | undefined;
      /** only these */
      status?: 'pending' | 'approved' | 'rejected' | 'expired' | 'cancelled' | 'outdated' | undefined;
      /** only of this agent */
      agent_id?: string | undefined;
      /** only payments at this host */
      host?: string | undefined;
      /** only payments of at least this, base units */
      min_amount?: string | undefined;
      /** only payments of at most this, base units */
      max_amount?: string | undefined;
      /** only what has to be decided before */
      due_before?: string | undefined;
      /** only what waits for the caller to decide in their own place */
      mine?: 'true' | undefined;
      /** how long to wait for news, milliseconds, at most 60000; not at all when absent */
      wait_ms?: string | undefined;
      /** revision of the page that the caller has seen: wait for another one */
      since?: string | undefined;
    };
    body: undefined;
    answer: Approvals;
  };
  /** The facts to decide on, and the digest to send back. With `wait_ms` it is answered once it is decided, or with `since` once it has changed */
  'GET /purser/v1/approvals/{id}': {
    query: {
      /** how long to wait for news, milliseconds, at most 60000; not at all when absent */
      wait_ms?: string | undefined;
      /** revision that the caller has seen: wait for another one */
      since?: string | undefined;
    };
    body: undefined;
    answer: AnyApproval;
  };
  /** Approve exactly what is behind the digest; granted once enough people have. An admin approves changes only */
  'POST /purser/v1/approvals/{id}/approve': {
    query: undefined;
    body: ApproveDto;
    answer: AnyApproval;
  };
  /** What a registered approver key signs to approve this payment, as it stands now */
  'POST /purser/v1/approvals/{id}/prepare': {
    query: undefined;
    body: PrepareApprovalDto;
    answer: Activity;
  };
  /** Reject, with a reason; one rejection is enough. An admin rejects changes only */
  'POST /purser/v1/approvals/{id}/reject': {
    query: undefined;
    body: RejectDto;
    answer: AnyApproval;
  };
  /** Take back a change that the caller asked for; payments are cancelled at their operation */
  'POST /purser/v1/approvals/{id}/withdraw': {
    query: undefined;
    body: undefined;
    answer: ChangeRequest;
  };
  /** What the key has to sign to be registered as the caller’s */
  'POST /purser/v1/approver-keys/prepare': {
    query: undefined;
    body: PrepareApproverKeyDto;
    answer: Activity;
  };
  /** Register a key by its signature; with dual control a second person has to confirm it */
  'POST /purser/v1/approver-keys': {
    query: undefined;
    body: RegisterApproverKeyDto;
    answer: ApproverKey;
  };
  /** Keys of everybody, newest first */
  'GET /purser/v1/approver-keys': {
    query: undefined;
    body: undefined;
    answer: ApproverKeys;
  };
  /** Let a pending key of somebody else count */
  'POST /purser/v1/approver-keys/{id}/confirm': {
    query: undefined;
    body: undefined;
    answer: ApproverKey;
  };
  /** Revoke a key, at once and for ever; an approver their own only */
  'POST /purser/v1/approver-keys/{id}/revoke': {
    query: undefined;
    body: undefined;
    answer: ApproverKey;
  };
  /** Groups of approvers, with their members */
  'GET /purser/v1/approver-groups': {
    query: undefined;
    body: undefined;
    answer: ApproverGroups;
  };
  /** Set who is in a group; one that is not there is made */
  'PUT /purser/v1/approver-groups/{name}': {
    query: undefined;
    body: PutGroupDto;
    answer: ApproverGroup | ChangeRequest;
  };
  /** Delegations, newest first */
  'GET /purser/v1/delegations': {
    query: undefined;
    body: undefined;
    answer: Delegations;
  };
  /** Let somebody decide in the caller’s place for a time; they cannot pass it on */
  'POST /purser/v1/delegations': {
    query: undefined;
    body: NewDelegationDto;
    answer: Delegation;
  };
  /** End a delegation at once; an approver their own only */
  'POST /purser/v1/delegations/{id}/end': {
    query: undefined;
    body: undefined;
    answer: Delegation;
  };
  /** A new agent; it needs a key, and a budget before it can pay */
  'POST /purser/v1/agents': {
    query: undefined;
    body: NewAgentDto;
    answer: Agent;
  };
  /** Agents, newest first */
  'GET /purser/v1/agents': {
    query: {
      /** next_cursor of the page before */
      cursor?: string | undefined;
      /** items per page, 1 to 100; 50 when absent */
      limit?: string | undefined;
    };
    body: undefined;
    answer: Agents;
  };
  /** One agent */
  'GET /purser/v1/agents/{id}': {
    query: undefined;
    body: undefined;
    answer: Agent;
  };
  /** Disable an agent for ever: its keys stop working, nothing more is signed for it */
  'POST /purser/v1/agents/{id}/disable': {
    query: undefined;
    body: undefined;
    answer: Agent;
  };
  /** A new key; `secret` is shown this once */
  'POST /purser/v1/keys': {
    query: undefined;
    body: NewKeyDto;
    answer: IssuedKey;
  };
  /** Keys without their secrets, newest first */
  'GET /purser/v1/keys': {
    query: {
      /** next_cursor of the page before */
      cursor?: string | undefined;
      /** items per page, 1 to 100; 50 when absent */
      limit?: string | undefined;
    };
    body: undefined;
    answer: Keys;
  };
  /** Revoke a key, at once and for ever */
  'POST /purser/v1/keys/{id}/revoke': {
    query: undefined;
    body: undefined;
    answer: Key;
  };
  /** A successor with the same rights; both work during the overlap. An approver rotates their own only */
  'POST /purser/v1/keys/{id}/rotate': {
    query: undefined;
    body: RotateKeyDto;
    answer: IssuedKey;
  };
  /** Let a registered client act for one agent; the caller stands behind what it does, and cannot approve it */
  'POST /purser/v1/oauth/grants': {
    query: undefined;
    body: NewOAuthGrantDto;
    answer: OAuthGrant;
  };
  /** Which clients may act for which agents, newest first */
  'GET /purser/v1/oauth/grants': {
    query: {
      /** next_cursor of the page before */
      cursor?: string | undefined;
      /** items per page, 1 to 100; 50 when absent */
      limit?: string | undefined;
    };
    body: undefined;
    answer: OAuthGrants;
  };
  /** A client with a secret of its own, for client credentials; `client_secret` is shown this once */
  'POST /purser/v1/oauth/clients': {
    query: undefined;
    body: NewOAuthClientDto;
    answer: OAuthClient;
  };
  /** Revoke a grant and every token that was made for it, at once and for ever */
  'POST /purser/v1/oauth/grants/{id}/revoke': {
    query: undefined;
    body: undefined;
    answer: OAuthGrant;
  };
  /** A new wallet; its key is made in the signer and stays there */
  'POST /purser/v1/wallets': {
    query: undefined;
    body: NewWalletDto;
    answer: Wallet;
  };
  /** Wallets, newest first */
  'GET /purser/v1/wallets': {
    query: {
      /** next_cursor of the page before */
      cursor?: string | undefined;
      /** items per page, 1 to 100; 50 when absent */
      limit?: string | undefined;
    };
    body: undefined;
    answer: Wallets;
  };
  /** A wallet from an existing private key, which goes to the signer only */
  'POST /purser/v1/wallets/import': {
    query: undefined;
    body: ImportWalletDto;
    answer: Wallet;
  };
  /** A wallet with what it has on chain, what of that is signed away, and what is left */
  'GET /purser/v1/wallets/{id}': {
    query: undefined;
    body: undefined;
    answer: WalletWithBalances;
  };
  /** Be told when less than this is available */
  'PUT /purser/v1/wallets/{id}/low-balance': {
    query: undefined;
    body: LowBalanceDto;
    answer: WalletWithBalances;
  };
  /** Keep the wallet filled from the treasury: under min, up to target, at most the cap a day */
  'PUT /purser/v1/wallets/{id}/float': {
    query: undefined;
    body: FloatDto;
    answer: WalletWithBalances;
  };
  /** Fill the wallet no more; a top-up under way goes on */
  'POST /purser/v1/wallets/{id}/float/stop': {
    query: undefined;
    body: StopFloatDto;
    answer: WalletWithBalances;
  };
  /** No new operation pays from it */
  'POST /purser/v1/wallets/{id}/retire': {
    query: undefined;
    body: undefined;
    answer: Wallet;
  };
  /** Say that the key's backup exists and opens; before that there is no deposit address */
  'POST /purser/v1/wallets/{id}/confirm-backup': {
    query: undefined;
    body: undefined;
    answer: Wallet;
  };
  /** Where to send funds */
  'GET /purser/v1/wallets/{id}/deposit-address': {
    query: undefined;
    body: undefined;
    answer: DepositAddress;
  };
  /** On chain, live and available per wallet; held and spent per agent */
  'GET /purser/v1/balances': {
    query: {
      /** only this agent's; an agent sees its own in any case */
      agent_id?: string | undefined;
    };
    body: undefined;
    answer: Balances;
  };
  /** What a top-up would move, from where and to where; nothing is signed or stored */
  'POST /purser/v1/wallets/{id}/top-ups/prepare': {
    query: undefined;
    body: PrepareTopUpDto;
    answer: PreparedTopUp;
  };
  /** Top up as prepared; the same key is the same top-up, for ever */
  'POST /purser/v1/wallets/{id}/top-ups': {
    query: undefined;
    body: ConfirmTopUpDto;
    answer: Operation | PendingOperation;
  };
  /** The workspace's limits and their use */
  'GET /purser/v1/workspace/budgets': {
    query: undefined;
    body: undefined;
    answer: Budgets;
  };
  /** Set the workspace's limits in one unit; usage does not change */
  'PUT /purser/v1/workspace/budgets': {
    query: undefined;
    body: PutBudgetDto;
    answer: Budget | ChangeRequest;
  };
  /** An agent's limits and their use */
  'GET /purser/v1/agents/{id}/budgets': {
    query: undefined;
    body: undefined;
    answer: Budgets;
  };
  /** Set an agent's limits in one unit; usage does not change */
  'PUT /purser/v1/agents/{id}/budgets': {
    query: undefined;
    body: PutBudgetDto;
    answer: Budget | ChangeRequest;
  };
  /** Tags of the workspace, also retired ones */
  'GET /purser/v1/tags': {
    query: undefined;
    body: undefined;
    answer: Tags;
  };
  /** Register a tag, or take a retired one into use again */
  'PUT /purser/v1/tags/{kind}/{name}': {
    query: undefined;
    body: undefined;
    answer: Tag;
  };
  /** Retire a tag: no new payment may name it; what was booked stays */
  'DELETE /purser/v1/tags/{kind}/{name}': {
    query: undefined;
    body: undefined;
    answer: Tag;
  };
  /** A tag's limits and their use */
  'GET /purser/v1/tags/{kind}/{name}/budgets': {
    query: undefined;
    body: undefined;
    answer: Budgets;
  };
  /** Set a tag's limits in one unit; usage does not change */
  'PUT /purser/v1/tags/{kind}/{name}/budgets': {
    query: undefined;
    body: PutBudgetDto;
    answer: Budget | ChangeRequest;
  };
  /** A new team, of the workspace or of another team */
  'POST /purser/v1/teams': {
    query: undefined;
    body: NewTeamDto;
    answer: Team;
  };
  /** Teams of the workspace by name */
  'GET /purser/v1/teams': {
    query: undefined;
    body: undefined;
    answer: Teams;
  };
  /** A team's limits and their use */
  'GET /purser/v1/teams/{id}/budgets': {
    query: undefined;
    body: undefined;
    answer: Budgets;
  };
  /** Set a team's limits in one unit; usage does not change */
  'PUT /purser/v1/teams/{id}/budgets': {
    query: undefined;
    body: PutBudgetDto;
    answer: Budget | ChangeRequest;
  };
  /** The teams an agent is charged to, outermost first */
  'GET /purser/v1/agents/{id}/team': {
    query: undefined;
    body: undefined;
    answer: Teams;
  };
  /** Put an agent into a team, or out of all; what is held or was charged stays where it is */
  'PUT /purser/v1/agents/{id}/team': {
    query: undefined;
    body: PutTeamDto;
    answer: Teams | ChangeRequest;
  };
  /** Report usage: charged to the layers infra and tokens, once per id */
  'POST /purser/v1/usage': {
    query: undefined;
    body: UsageDto;
    answer: UsageRecorded;
  };
  /** Usage the calling agent has reported, newest first */
  'GET /purser/v1/usage': {
    query: {
      /** next_cursor of the page before */
      cursor?: string | undefined;
      /** items per page, 1 to 100; 50 when absent */
      limit?: string | undefined;
    };
    body: undefined;
    answer: UsageEvents;
  };
  /** How each layer stands for the calling agent: its own budget and those above it */
  'GET /purser/v1/layers': {
    query: undefined;
    body: undefined;
    answer: Layers;
  };
  /** Usage an agent has reported, newest first */
  'GET /purser/v1/agents/{id}/usage': {
    query: {
      /** next_cursor of the page before */
      cursor?: string | undefined;
      /** items per page, 1 to 100; 50 when absent */
      limit?: string | undefined;
    };
    body: undefined;
    answer: UsageEvents;
  };
  /** How each layer stands for an agent: its own budget and those above it */
  'GET /purser/v1/agents/{id}/layers': {
    query: undefined;
    body: undefined;
    answer: Layers;
  };
  /** The workspace's policy */
  'GET /purser/v1/workspace/policy': {
    query: undefined;
    body: undefined;
    answer: Policy;
  };
  /** Replace the workspace's policy; counts from the next judgement on */
  'PUT /purser/v1/workspace/policy': {
    query: undefined;
    body: PutPolicyDto;
    answer: Policy | ChangeRequest;
  };
  /** An agent's own policy */
  'GET /purser/v1/agents/{id}/policy': {
    query: undefined;
    body: undefined;
    answer: Policy;
  };
  /** Replace an agent's own policy; counts from the next judgement on */
  'PUT /purser/v1/agents/{id}/policy': {
    query: undefined;
    body: PutPolicyDto;
    answer: Policy | ChangeRequest;
  };
  /** Every stop in force, newest first: what, since when, by whom and why */
  'GET /purser/v1/stops': {
    query: {
      /** next_cursor of the page before */
      cursor?: string | undefined;
      /** items per page, 1 to 100; 50 when absent */
      limit?: string | undefined;
    };
    body: undefined;
    answer: Stops;
  };
  /** Stop a payee or a host */
  'POST /purser/v1/stops': {
    query: undefined;
    body: StopDto;
    answer: Paused;
  };
  /** One stop of the workspace, and whether it is carried out */
  'GET /purser/v1/stops/{id}': {
    query: undefined;
    body: undefined;
    answer: Stop;
  };
  /** Lift one stop of the workspace */
  'POST /purser/v1/stops/{id}/resume': {
    query: undefined;
    body: undefined;
    answer: Resumed | ChangeRequest;
  };
  /** Pause one agent */
  'POST /purser/v1/agents/{id}/pause': {
    query: undefined;
    body: PauseDto;
    answer: Paused;
  };
  /** Resume one agent */
  'POST /purser/v1/agents/{id}/resume': {
    query: undefined;
    body: undefined;
    answer: Resumed | ChangeRequest;
  };
  /** Kill an agent, for ever: its keys are dead, its approvals are released */
  'POST /purser/v1/agents/{id}/kill': {
    query: undefined;
    body: PauseDto;
    answer: Paused;
  };
  /** Pause the whole workspace */
  'POST /purser/v1/workspace/pause': {
    query: undefined;
    body: PauseDto;
    answer: Paused;
  };
  /** Resume the workspace */
  'POST /purser/v1/workspace/resume': {
    query: undefined;
    body: undefined;
    answer: Resumed | ChangeRequest;
  };
  /** Stop the whole installation; the operator's only */
  'POST /purser/v1/system/pause': {
    query: undefined;
    body: PauseDto;
    answer: Paused;
  };
  /** Resume the installation; the operator's only */
  'POST /purser/v1/system/resume': {
    query: undefined;
    body: undefined;
    answer: Resumed;
  };
  /** Stops of the whole installation, newest first; the operator's only */
  'GET /purser/v1/system/stops': {
    query: {
      /** next_cursor of the page before */
      cursor?: string | undefined;
      /** items per page, 1 to 100; 50 when absent */
      limit?: string | undefined;
    };
    body: undefined;
    answer: Stops;
  };
  /** Stop a payee or a host in every workspace; the operator's only */
  'POST /purser/v1/system/stops': {
    query: undefined;
    body: StopDto;
    answer: Paused;
  };
  /** Lift one stop of the whole installation; the operator's only */
  'POST /purser/v1/system/stops/{id}/resume': {
    query: undefined;
    body: undefined;
    answer: Resumed;
  };
  /** A new workspace with its first admin key, which is shown this once; the operator's only */
  'POST /purser/v1/workspaces': {
    query: undefined;
    body: NewWorkspaceDto;
    answer: NewWorkspace;
  };
  /** The caller's workspace */
  'GET /purser/v1/workspace': {
    query: undefined;
    body: undefined;
    answer: Workspace;
  };
  /** Settings of the caller's workspace */
  'PATCH /purser/v1/workspace': {
    query: undefined;
    body: ChangeWorkspaceDto;
    answer: Workspace;
  };
  /** Who changed what in the administration, newest first */
  'GET /purser/v1/workspace/history': {
    query: {
      /** next_cursor of the page before */
      cursor?: string | undefined;
      /** items per page, 1 to 100; 50 when absent */
      limit?: string | undefined;
    };
    body: undefined;
    answer: History;
  };
}
