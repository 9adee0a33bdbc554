// Shapes of the answers about the account, and of the route from before v1.
import { flag, int, list, maybeText, object, ref, text, time } from '../../http/openapi-words.js';

const ok = { ok: { const: true } };
const rate = object({
  limit: int,
  burst: int,
  window_seconds: int,
  used: int,
  remaining: int,
  resets_at: time,
});

export const HIGHTOP_ACCOUNT = {
  HightopUsage: object({
    ...ok,
    usage: object({ read: rate, write: rate, simulate: rate, webhook_management: rate, bulk_write: rate }),
  }),
  HightopAccount: object({
    ...ok,
    account: object({ id: text, name: text, status: text, wallet_addresses: list(text), created_at: time }),
  }),
  HightopActivityEntry: object({
    id: text,
    type: text,
    status: text,
    title: maybeText,
    amount_usd: maybeText,
    asset_symbol: maybeText,
    url: text,
    transaction: maybeText,
    created_at: time,
    operation_id: text,
  }),
  HightopActivity: object({
    ...ok,
    items: list(ref('HightopActivityEntry')),
    next_cursor: maybeText,
    has_more: flag,
  }),
  HightopCapabilities: object({
    ...ok,
    api_version: text,
    agent_api_contract_version: text,
    base_path: text,
    endpoints: list(
      object({
        method: text,
        path: text,
        description: text,
        rate_limit_class: maybeText,
        idempotency_required: flag,
        request_schema: maybeText,
        response_schema: maybeText,
      }),
    ),
    webhook_event_types: list(text),
    subscribable_webhook_event_types: list(text),
    operation_types: list(text),
  }),
  HightopLegacySignature: object({
    paymentHeader: text,
    nonce: text,
    amount: text,
    payTo: text,
    validBefore: text,
  }),
  HightopLegacyPending: object({ pending: { const: true }, 'approvalId?': text, 'expiresAt?': time }),
} as const;
