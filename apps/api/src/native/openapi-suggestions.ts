// What would make a refused request pass: one shape per action.
import type { Suggestion } from '#domain';
import { int, maybe, maybeText, object, text, time, type Schema } from '../http/openapi-words.js';

type Action = Suggestion['action'];
type FieldsOf<A extends Action> = Exclude<keyof Extract<Suggestion, { readonly action: A }>, 'action'>;

const asset = { wallet: maybeText, network: maybeText, asset: maybeText, amount: maybeText };

const FIELDS: { readonly [A in Action]: Readonly<Record<FieldsOf<A>, Schema>> } = {
  fix_request: { field: maybeText, reason: maybeText },
  use_new_key: {},
  retry_later: { after_ms: maybe(int) },
  poll_operation: { operation_id: maybeText },
  wait_until: { at: time },
  use_other_credentials: {},
  read_again: { object: maybeText },
  raise_max_amount: { to: maybeText },
  raise_limit: {
    scope: maybeText,
    layer: maybeText,
    unit: maybeText,
    window: maybeText,
    measure: maybeText,
    by: maybeText,
    or_wait_until: { ...time, type: ['string', 'null'] },
  },
  create_budget: { unit: maybeText },
  top_up: asset,
  add_wallet: { network: maybeText },
  give_allowance: asset,
  allow_duplicate: { operation_id: maybeText },
  ask_admin_to_allow: { rule: text, value: maybeText },
  ask_admin_to_resume: { scope: text },
  ask_another_approver: {},
  ask_again: {},
  choose_another_seller: { reason: maybeText },
  contact_operator: { reason: maybeText },
  none: {},
};

export const SUGGESTIONS = {
  Suggestion: {
    oneOf: Object.entries<Readonly<Record<string, Schema>>>(FIELDS).map(([action, fields]) =>
      object({ action: { type: 'string', const: action }, ...fields }),
    ),
  },
} as const;
