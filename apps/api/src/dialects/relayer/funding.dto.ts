import { Address, Text } from '../../http/fields.js';
import { Decimal } from './fields.js';
import { SignedDto } from './stamped.js';

export class PrepareFundDto {
  @Decimal({ optional: true, about: 'how much the wallet gets' })
  amountUSDC?: number | string;

  @Decimal({ optional: true, about: 'the same, under its other name' })
  amount?: number | string;

  @Text({ optional: true, min: 1, max: 64, about: 'needed where there are several networks' })
  network?: string;
}

export class ConfirmFundDto extends SignedDto {
  @Text({ optional: true, max: 30, about: 'the activity that is signed' })
  fundRequestId?: string;
}

export class TokenBalanceQuery {
  @Address({ about: 'of a wallet of this workspace' })
  address!: string;

  @Text({ min: 1, max: 64, about: 'as a network is spelled in payments' })
  chain!: string;

  @Text({ optional: true, max: 16, about: 'USDC when absent' })
  symbol?: string;
}

export class ActivityQuery {
  @Address({ about: 'of a wallet of this workspace' })
  address!: string;

  @Text({ min: 1, max: 64, about: 'as a network is spelled in payments' })
  chain!: string;

  @Text({ optional: true, max: 2, pattern: /^([1-9]|[1-4][0-9]|50)$/, about: '1 to 50; 20 when absent' })
  limit?: string;

  @Text({ optional: true, max: 2, pattern: /^([1-9]|[12][0-9]|30)$/, about: '1 to 30; 7 when absent' })
  days?: string;
}
