import { BUDGET_UNITS, LAYERS, USAGE_UNIT, type Layer, type LayerUnit } from '#domain';
import { Amount, Integer, Nested, OneOf } from '../http/fields.js';

const limit = (about: string) => ({
  optional: true,
  nullable: true,
  about: `${about}, base units; absent or null: no limit`,
});

export class LimitsDto {
  @Amount(limit('most per payment'))
  per_payment?: string | null;

  @Amount(limit('most per UTC hour'))
  hour?: string | null;

  @Amount(limit('most per UTC day'))
  day?: string | null;

  @Amount(limit('most per UTC month'))
  month?: string | null;

  @Amount(limit('most ever'))
  lifetime?: string | null;

  @Amount(limit('most in any 24 hours'))
  rolling_24h?: string | null;

  @Amount(limit('most in any 30 days'))
  rolling_30d?: string | null;
}

const most = (about: string) => ({
  optional: true,
  nullable: true,
  min: 0,
  max: 1_000_000_000,
  about: `${about}; absent or null: any number`,
});

/** How many payments, or reports of usage, by window. */
export class CountLimitsDto {
  @Integer(most('most per UTC hour'))
  hour?: number | null;

  @Integer(most('most per UTC day'))
  day?: number | null;

  @Integer(most('most per UTC month'))
  month?: number | null;

  @Integer(most('most ever'))
  lifetime?: number | null;

  @Integer(most('most in any 24 hours'))
  rolling_24h?: number | null;

  @Integer(most('most in any 30 days'))
  rolling_30d?: number | null;
}

export class PutBudgetDto {
  @OneOf(LAYERS, {
    optional: true,
    about: 'payments when absent; infra, tokens: usage that an agent reports',
  })
  layer?: Layer;

  @OneOf([...BUDGET_UNITS, USAGE_UNIT], {
    optional: true,
    about:
      'budget unit; of payments USD6 when absent; TOP_UP_: what the treasury sends; usage counts in USD12, millionths of USD6',
  })
  unit?: LayerUnit;

  @Nested(LimitsDto, {
    about: 'with counts, replaces all limits of the node in the unit; usage does not change',
  })
  limits!: LimitsDto;

  @Nested(CountLimitsDto, { optional: true, about: 'most payments by window; absent: any number' })
  counts?: CountLimitsDto;
}
