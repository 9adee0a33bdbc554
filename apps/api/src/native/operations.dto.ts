import { TAG_NAME } from '#domain';
import { ForwardDto } from '../http/forward.dto.js';
import {
  Address,
  Amount,
  Flag,
  Integer,
  JsonObject,
  Nested,
  OneOf,
  Text,
  TrueOrUuid,
  Url,
  Uuid,
} from '../http/fields.js';
import { ListQuery } from '../http/lists.js';

const CAIP2 = /^eip155:[1-9][0-9]{0,15}$/;

/** Who brings a settlement on chain. */
export const SETTLE_BY = ['direct', 'facilitator'] as const;
export const KINDS = ['purchase', 'authorize', 'settle', 'allowance'] as const;
/** What can be listed; top-ups are asked for at the wallet. */
export const LISTED_KINDS = [...KINDS, 'top_up'] as const;

/** Terms the seller must ask for, to the letter; for `settle` without a challenge, what is paid. */
export class ExpectDto {
  @Address({ optional: true, about: 'payee' })
  pay_to?: string;

  @Amount({ optional: true, about: 'price in base units of the asset' })
  amount?: string;

  @Text({ optional: true, max: 32, pattern: CAIP2, about: 'CAIP-2 network', example: 'eip155:8453' })
  network?: string;

  @Address({ optional: true, about: 'token contract' })
  asset?: string;
}

export class SubmitDto extends ForwardDto {
  @OneOf(KINDS, {
    about:
      'purchase: pay and fetch. authorize: sign, the caller presents it. settle: sign and bring it on chain; expect names all terms. allowance: let Permit2 move so much of the wallet; network, asset and amount alone.',
  })
  kind!: (typeof KINDS)[number];

  @Uuid({
    optional: true,
    about: 'who pays; needed where a backend asks, with a key of scope agent:payments:write',
  })
  agent_id?: string;

  @Url({ about: 'the resource; not for an allowance', notFor: 'allowance' })
  url?: string;

  @Text({
    optional: true,
    max: 32,
    pattern: CAIP2,
    about: 'allowance only: CAIP-2 network',
    example: 'eip155:8453',
  })
  network?: string;

  @Address({ optional: true, about: 'allowance only: token contract' })
  asset?: string;

  @Amount({
    optional: true,
    about: 'allowance only: what Permit2 may move from then on, base units; 0 takes it back',
  })
  amount?: string;

  @Amount({
    optional: true,
    about: 'the most that may be paid, in base units; needed unless expect.amount is given',
  })
  max_amount?: string;

  @Nested(ExpectDto, { optional: true, about: 'terms the seller must ask for; anything else is refused' })
  expect?: ExpectDto;

  @JsonObject({
    optional: true,
    about: 'authorize and settle: the decoded 402 challenge, when the caller has it already',
  })
  challenge?: Record<string, unknown>;

  @OneOf(SETTLE_BY, {
    optional: true,
    about:
      'settle only: direct, by our own broadcast accounts, or through a facilitator of the installation; when absent, direct where it can',
  })
  settle?: (typeof SETTLE_BY)[number];

  @Text({
    optional: true,
    max: 63,
    pattern: TAG_NAME,
    example: 'research',
    about: 'a registered category to book the payment under; its budget is charged too',
  })
  category?: string;

  @Text({
    optional: true,
    max: 63,
    pattern: TAG_NAME,
    about: 'a registered cost centre to book the payment under; its budget is charged too',
  })
  cost_centre?: string;

  @Text({ optional: true, max: 500, about: 'shown to an approver, marked as written by the agent' })
  note?: string;

  @Flag({
    optional: true,
    about: 'may a paid request other than GET be sent again after a crash? false when absent',
  })
  allow_replay?: boolean;

  @TrueOrUuid({
    optional: true,
    about:
      'the same purchase as this operation on purpose (its id), or as whatever there is (true), where policy refuses duplicates',
  })
  allow_duplicate?: true | string;

  @Integer({
    optional: true,
    min: 1_000,
    max: 60_000,
    about: 'how long the seller may take; 30000 when absent',
  })
  timeout_ms?: number;

  @Integer({
    optional: true,
    min: 0,
    max: 60_000,
    about: 'how long to wait for an answer here; 0 when absent',
  })
  wait_ms?: number;
}

export class CancelDto {
  @Flag({
    optional: true,
    about:
      'after the intent: ask the chain to kill the live authorization; who is first, this or the seller, it decides',
  })
  on_chain?: boolean;

  @Text({ optional: true, max: 500, about: 'kept with the operation' })
  reason?: string;
}

export const STATUSES = [
  'opened',
  'judged',
  'reserved',
  'awaiting_approval',
  'approved',
  'authorized',
  'provisional',
  'settled',
  'failed',
  'needs_attention',
  'refused',
  'rejected',
  'expired',
  'cancelled',
] as const;

export class OperationsQuery extends ListQuery {
  @OneOf(STATUSES, { optional: true, about: 'only these' })
  status?: (typeof STATUSES)[number];

  @OneOf(LISTED_KINDS, { optional: true, about: 'only these' })
  kind?: (typeof LISTED_KINDS)[number];

  @Uuid({ optional: true, about: "only this agent's; an agent sees its own in any case" })
  agent_id?: string;
}
