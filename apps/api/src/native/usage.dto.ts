import { USAGE_LAYERS, type Json, type UsageLayer } from '#domain';
import { MOST_USAGE_EVENTS } from '#engine';
import { JsonObject, NestedList, OneOf, Text } from '../http/fields.js';

export class UsageEventDto {
  @Text({
    min: 1,
    max: 128,
    pattern: /^[A-Za-z0-9._:-]{1,128}$/,
    example: 'call-8f41',
    about: 'your own id of it; a repeat is charged once',
  })
  id!: string;

  @OneOf(USAGE_LAYERS, { about: 'tokens: what models cost; infra: other services' })
  layer!: UsageLayer;

  @Text({
    min: 1,
    max: 30,
    pattern: /^(0|[1-9][0-9]{0,15})(\.[0-9]{1,12})?$/,
    example: '0.0001851',
    about: 'US dollars, exact, at most 12 decimals',
  })
  amount_usd!: string;

  @Text({
    optional: true,
    min: 1,
    max: 64,
    pattern: /^[a-z][a-z0-9_.-]{0,63}$/,
    example: 'llm_call',
    about: 'what it was, in your words; usage when absent',
  })
  kind?: string;

  @JsonObject({ optional: true, about: 'kept with it as it is, at most 4096 characters as JSON' })
  metadata?: { readonly [name: string]: Json };
}

export class UsageDto {
  @NestedList(UsageEventDto, { max: MOST_USAGE_EVENTS, about: 'recorded together or not at all' })
  events!: UsageEventDto[];
}
