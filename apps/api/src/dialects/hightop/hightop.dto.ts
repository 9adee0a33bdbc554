import { ForwardDto } from '../../http/forward.dto.js';
import { Address, Amount, Integer, JsonObject, OneOf, Text, Url } from '../../http/fields.js';
import { ListQuery } from '../../http/lists.js';

const TIMEOUT_MAX_MS = 60_000;

abstract class Forwarded extends ForwardDto {
  @Integer({ optional: true, min: 1_000, max: TIMEOUT_MAX_MS, about: 'how long to wait; 30000 when absent' })
  timeout_ms?: number;
}

export class QuoteDto extends Forwarded {
  @Url({ about: 'what to ask the price of' })
  url!: string;
}

export class PurchaseDto extends Forwarded {
  @Url({ about: 'what to buy' })
  url!: string;

  @Amount({ about: 'the most that may be paid, in base units of the asset' })
  max_amount!: string;

  @Text({ optional: true, max: 500, about: 'shown to an approver, marked as written by the agent' })
  note?: string;
}

export class SignDto extends Forwarded {
  @Url({ about: 'the resource to be paid for; its challenge is fetched' })
  target_url!: string;

  @Address({ about: 'the payee the seller must ask for' })
  pay_to!: string;

  @Amount({ about: 'the price the seller must ask for, in base units of the asset' })
  amount!: string;

  @Text({ optional: true, max: 500, about: 'shown to an approver, marked as written by the agent' })
  note?: string;
}

/** The route from before v1: other spelling, other defaults, the same ledger. */
export class LegacySignDto {
  @Address({ about: 'payee' })
  payTo!: string;

  @Amount({ about: 'price in base units of USDC' })
  amount!: string;

  @Url({ optional: true, about: 'the resource; rules about hosts look at it' })
  targetUrl?: string;

  @Integer({ optional: true, min: 1, max: 600, about: 'how long the payment is good for; 300 when absent' })
  maxTimeoutSeconds?: number;

  @Text({
    optional: true,
    min: 1,
    max: 128,
    pattern: /^[\x20-\x7e]+$/,
    about: 'the same key and request is the same header',
  })
  idempotencyKey?: string;
}

export class SimulateDto {
  @OneOf(['POST', 'PATCH', 'DELETE'], { about: 'method of the request to try' })
  method!: 'POST' | 'PATCH' | 'DELETE';

  @Text({
    max: 200,
    pattern: /^\/v1\/agent\//,
    about: 'path of the request to try',
    example: '/v1/agent/x402/purchase',
  })
  path!: string;

  @JsonObject({ optional: true, about: 'its body' })
  body?: Record<string, unknown>;

  @OneOf(['static', 'policy', 'onchain'], { optional: true, about: 'how far to go; policy when absent' })
  depth?: 'static' | 'policy' | 'onchain';
}

export class OperationsQuery extends ListQuery {}

export class OperationQuery {
  @OneOf(['onchain'], { optional: true, about: 'adds the block `onchain`' })
  include?: 'onchain';
}
