import { JsonObject, NestedList, OneOf, Text } from '../../http/fields.js';
import type { Json } from '#domain';
import { ExactDecimal } from './fields.js';

/** What is charged to which layer; the others are kept and charge nothing: what is paid, Purser knows itself. */
export const EVENT_TYPES = [
  'token_usage',
  'llm_call',
  'api_call',
  'payment',
  'budget_check',
  'kill_switch',
  'error',
] as const;

export class EventDto {
  @OneOf(EVENT_TYPES, { about: 'token_usage and llm_call are charged to tokens, api_call to infra' })
  type!: (typeof EVENT_TYPES)[number];

  @ExactDecimal({ optional: true, about: 'USD, at most 12 digits behind the point; 0 when absent' })
  amount?: number | string;

  @Text({ optional: true, max: 200, about: 'kept with it' })
  recipient?: string;

  @JsonObject({ optional: true, about: 'kept with it as it is, at most 4096 characters as JSON' })
  metadata?: { readonly [name: string]: Json };

  @Text({
    optional: true,
    min: 1,
    max: 128,
    pattern: /^[A-Za-z0-9._:-]{1,128}$/,
    about: "your own id of it: sent again, also in another batch, it is charged once. Purser's own field",
  })
  id?: string;
}

export class EventsDto {
  @NestedList(EventDto, { max: 100, about: 'recorded together or not at all' })
  events!: EventDto[];
}
