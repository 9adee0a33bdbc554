import { Amount, Nested, OneOf, Text, Time, Uuid } from '../http/fields.js';
import { ListQuery } from '../http/lists.js';
import { StampDto } from './approver-keys.controller.js';

const STATUSES = ['pending', 'approved', 'rejected', 'expired', 'cancelled', 'outdated'] as const;
const WAIT = /^([1-5]?[0-9]{1,4}|60000)$/;
const onBehalfOf = {
  optional: true,
  min: 1,
  max: 120,
  about: 'whose place the caller takes, by a delegation in force; of a payment only',
};

export class WaitQuery {
  @Text({
    optional: true,
    max: 5,
    pattern: WAIT,
    about: 'how long to wait for news, milliseconds, at most 60000; not at all when absent',
  })
  wait_ms?: string;

  @Text({ optional: true, max: 64, about: 'revision that the caller has seen: wait for another one' })
  since?: string;
}

export class ApprovalsQuery extends ListQuery {
  @OneOf(['operation', 'change'], { optional: true, about: 'payments, or changes that need a second person' })
  kind?: 'operation' | 'change';

  @OneOf(STATUSES, { optional: true, about: 'only these' })
  status?: (typeof STATUSES)[number];

  @Uuid({ optional: true, about: 'only of this agent' })
  agent_id?: string;

  @Text({ optional: true, min: 1, max: 260, about: 'only payments at this host' })
  host?: string;

  @Amount({ optional: true, about: 'only payments of at least this, base units' })
  min_amount?: string;

  @Amount({ optional: true, about: 'only payments of at most this, base units' })
  max_amount?: string;

  @Time({ optional: true, about: 'only what has to be decided before' })
  due_before?: string;

  @OneOf(['true'], { optional: true, about: 'only what waits for the caller to decide in their own place' })
  mine?: 'true';

  @Text({
    optional: true,
    max: 5,
    pattern: WAIT,
    about: 'how long to wait for news, milliseconds, at most 60000; not at all when absent',
  })
  wait_ms?: string;

  @Text({
    optional: true,
    max: 64,
    about: 'revision of the page that the caller has seen: wait for another one',
  })
  since?: string;
}

export class ApproveDto {
  @Text({
    max: 64,
    pattern: /^[0-9a-f]{64}$/,
    about: 'of the approval as it was looked at; another one is refused',
  })
  digest!: string;

  @Text({ ...onBehalfOf, about: `${onBehalfOf.about}; with \`stamp\` only as it was prepared` })
  on_behalf_of?: string;

  @Text({
    optional: true,
    max: 30,
    about: 'of the activity that was prepared for this approval; with `stamp`, for a payment only',
  })
  activity_id?: string;

  @Nested(StampDto, { optional: true, about: 'over its body: whoever holds the key decides, not the caller' })
  stamp?: StampDto;
}

export class PrepareApprovalDto {
  @Text(onBehalfOf)
  on_behalf_of?: string;
}

export class RejectDto {
  @Text({ min: 1, max: 500, pattern: /\S/, about: 'kept with the decision' })
  reason!: string;

  @Text(onBehalfOf)
  on_behalf_of?: string;
}
