import { Text, Url } from '../../http/fields.js';

/** As long as the longest challenge that is read, in base64. */
const CHALLENGE_MAX = 22_000;

export class PayDto {
  @Text({
    min: 1,
    max: CHALLENGE_MAX,
    pattern: /^[A-Za-z0-9+/_=-]+$/,
    about: "the seller's header as it came, base64",
  })
  paymentRequiredHeader!: string;

  @Url({ about: 'the URL that answered 402' })
  requestUrl!: string;

  @Text({
    optional: true,
    min: 1,
    max: 200,
    pattern: /^[\x20-\x7e]+$/,
    about: 'the same key and request is the same payment; the header Idempotency-Key says the same',
  })
  idempotencyKey?: string;
}

export class SpendQuery {
  @Text({
    optional: true,
    max: 3,
    pattern: /^([1-9][0-9]?|[1-4][0-9]{2}|500)$/,
    about: 'how many, newest first: 1 to 500; 100 when absent',
  })
  limit?: string;
}

export class NewWalletDto {
  @Text({ min: 1, max: 40, about: 'name of the network, or its CAIP-2 id', example: 'base' })
  network!: string;
}

export class NewApiKeyDto {
  @Text({ optional: true, max: 120, about: 'to recognise it by; also the name of the agent that it is for' })
  label?: string;

  @Text({ optional: true, max: 200, about: 'must be empty: keys are generated' })
  key?: string;

  @Text({ optional: true, max: 64, about: 'must be the workspace of the administrator, where it is given' })
  organization_id?: string;

  @Text({ optional: true, max: 64, about: 'read and not used: there are no plans' })
  plan?: string;
}
