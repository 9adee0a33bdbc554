import { Nested, OneOf, RequestBody, Text, TrueOrUuid, Url } from '../../http/fields.js';

/** What the seller asked for, as the vendor's guide has it: amounts are decimal. */
export class PaymentRequirementDto {
  @Text({ max: 80, about: 'USDC as a decimal, "0.05"', example: '0.05' })
  amount!: string;

  @OneOf(['USDC'], { about: 'always USDC' })
  currency!: 'USDC';

  @Text({
    min: 1,
    max: 64,
    about:
      'as the seller spells it: a short name (base) where it speaks x402 v1, CAIP-2 (eip155:8453) where it speaks v2',
    example: 'base',
  })
  network!: string;

  @Text({ min: 1, max: 100, about: 'who is paid', example: '0x209693bc6afc0c5328ba36faf03c514ef312287c' })
  recipient!: string;

  @Text({
    optional: true,
    max: 4_000,
    about: 'shown to an approver, marked as written by others; 500 characters are kept',
  })
  description?: string;

  @Url({ optional: true, about: 'what is paid for; rules about hosts look at it, nobody fetches it' })
  resource?: string;
}

/** One of two forms, told apart by their keys; both at once are refused. */
export class PayDto {
  @Nested(PaymentRequirementDto, { optional: true, about: 'first form: what the seller asked for' })
  paymentRequirement?: PaymentRequirementDto;

  @Url({ optional: true, about: 'second form: what is paid for' })
  resource_url?: string;

  @Text({
    optional: true,
    max: 80,
    about: 'second form: millionths of a USDC, digits only',
    example: '50000',
  })
  amount?: string;

  @Text({ optional: true, min: 1, max: 100, about: 'second form: who is paid' })
  recipient?: string;

  @Text({ optional: true, max: 4_000, about: 'second form: as description' })
  memo?: string;

  @Text({
    optional: true,
    min: 1,
    max: 64,
    about: 'second form: as network; needed where there are several networks',
  })
  chain?: string;

  @Text({ optional: true, min: 1, max: 64, about: 'second form: a Solana cluster, which is refused' })
  cluster?: string;

  @RequestBody({
    optional: true,
    about:
      "the seller's whole 402: its JSON, or the text of its PAYMENT-REQUIRED header. Then the header answers exactly this offer. Purser's own field",
  })
  paymentRequired?: string | object;

  @TrueOrUuid({
    optional: true,
    about:
      "the same payment as this operation on purpose (its id), or as whatever there is (true), where policy refuses duplicates. Purser's own field",
  })
  allowDuplicate?: true | string;

  @Text({ optional: true, max: 200, about: 'as the Idempotency-Key header' })
  idempotencyKey?: string;
}
