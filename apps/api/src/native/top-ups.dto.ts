import { Address, Amount, Integer, Text } from '../http/fields.js';

const CAIP2 = /^eip155:[1-9][0-9]{0,15}$/;

export class PrepareTopUpDto {
  @Text({ max: 32, pattern: CAIP2, about: 'CAIP-2 network', example: 'eip155:8453' })
  network!: string;

  @Address({ about: 'token contract' })
  asset!: string;

  @Amount({ about: 'how much the wallet gets, base units' })
  amount!: string;
}

export class ConfirmTopUpDto extends PrepareTopUpDto {
  @Text({
    max: 64,
    pattern: /^[0-9a-f]{64}$/,
    about: 'of the prepared top-up: what was shown is what is signed',
  })
  digest!: string;

  @Text({ optional: true, max: 500, about: 'kept with the operation' })
  note?: string;

  @Integer({
    optional: true,
    min: 0,
    max: 60_000,
    about: 'how long to wait for an answer here; 0 when absent',
  })
  wait_ms?: number;
}
