import { Amount, Decimal, Integer, JsonObject, Nested, OneOf, Text, Url } from '../../http/fields.js';

export const FETCH_METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'] as const;
const NETWORK = { min: 1, max: 40, about: "a network's name, or its CAIP-2 id", example: 'base' };

export class RequestDataDto {
  @Url({ about: 'the URL that answered 402' })
  url!: string;

  @Text({ max: 10, pattern: /^[A-Za-z]{1,10}$/, about: 'method of that request' })
  method!: string;
}

export class SignPaymentDto {
  @JsonObject({ about: 'the whole JSON of the 402 answer, of either version, or its terms alone' })
  paymentRequirements!: object;

  @Nested(RequestDataDto, { about: 'what is paid for' })
  requestData!: RequestDataDto;
}

export class FetchQuery {
  @Url({ about: 'what to fetch, and to pay for where it answers 402' })
  url!: string;

  @OneOf(FETCH_METHODS, { optional: true, about: 'GET when absent' })
  method?: (typeof FETCH_METHODS)[number];

  @Amount({
    optional: true,
    about:
      "the most to pay, base units; the token's limit per payment when absent, and one of the two must be there",
  })
  maxValue?: string;

  @Text({
    optional: true,
    max: 5,
    pattern: /^([1-9][0-9]{0,3}|[1-5][0-9]{4}|60000)$/,
    about: 'milliseconds, at most 60000; 30000 when absent',
  })
  timeout?: string;
}

export class BalanceQuery {
  @Text({ optional: true, ...NETWORK })
  network?: string;
}

const DAY = /^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]{5,12}(Z|[+-][0-9]{2}:[0-9]{2})?)?$/;

export class TransactionsQuery {
  @Text({ optional: true, max: 6, pattern: /^[1-9][0-9]{0,5}$/, about: 'which page; 1 when absent' })
  page?: string;

  @Text({
    optional: true,
    max: 3,
    pattern: /^([1-9][0-9]?|100)$/,
    about: 'how many on a page: 1 to 100; 20 when absent',
  })
  limit?: string;

  @OneOf(['success', 'failed', 'pending'], { optional: true, about: 'only these' })
  status?: 'success' | 'failed' | 'pending';

  @Text({ optional: true, max: 200, about: 'part of the endpoint, whatever its case' })
  search?: string;

  @Text({ optional: true, ...NETWORK })
  network?: string;

  @Text({ optional: true, max: 32, pattern: DAY, about: 'not before: an ISO date, or a time' })
  startDate?: string;

  @Text({ optional: true, max: 32, pattern: DAY, about: 'not after: an ISO date, to its end, or a time' })
  endDate?: string;
}

/** Dollars as a number of at most six decimals, the way the vendor's callers write them. */
const Dollars = (about: string): PropertyDecorator =>
  Decimal({
    optional: true,
    nullable: true,
    about: `${about}, USD; absent or null: no limit of its own`,
    example: 0.5,
  });

export class NewTokenDto {
  @Text({ optional: true, max: 120, about: 'to recognise it by; also the name of the agent that it is for' })
  name?: string;

  @Dollars('most per payment')
  maxPerTransaction?: number | null;

  @Dollars('most in any 24 hours')
  dailyLimit?: number | null;

  @Dollars('most in any 30 days')
  monthlyLimit?: number | null;

  @Integer({ optional: true, min: 1, max: 3_650, about: 'life of the token; 365 when absent' })
  expiresInDays?: number;
}

export class RevokeTokenDto {
  @Text({ min: 1, max: 40, about: 'its id, as listed', example: 'key_00000000000000000000000001' })
  tokenId!: string;
}

export class TokensQuery {
  @Text({ optional: true, max: 512, about: 'nextCursor of the page before' })
  cursor?: string;
}
