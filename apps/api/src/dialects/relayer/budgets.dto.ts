// Decimals come as JSON numbers (the vendor's own) or as text, which says the same of every amount. One of two forms: objects, or bare monthly figures.
import { Nested } from '../../http/fields.js';
import { Decimal, DecimalOr } from './fields.js';

export class InfrastructureDto {
  @Decimal({ about: 'USD per calendar month (UTC)' })
  monthlyUSD!: number | string;
}

export class BudgetDto {
  @Nested(InfrastructureDto, { optional: true, about: 'first form: API calls' })
  infrastructure?: InfrastructureDto;

  @Decimal({ optional: true, about: 'second form: the same, USD per calendar month' })
  infra?: number | string;

  @DecimalOr(['monthlyUSD'], {
    optional: true,
    about: 'language models: { monthlyUSD }, or in the second form USD per calendar month',
  })
  tokens?: number | string | { readonly monthlyUSD?: number | string };

  @DecimalOr(['monthlyUSDC', 'perTxUSDC', 'approvalThresholdUSDC'], {
    optional: true,
    about:
      'USDC paid: { monthlyUSDC, perTxUSDC, approvalThresholdUSDC }, or in the second form per calendar month',
  })
  payments?: number | string | PaymentLimits;
}

export interface PaymentLimits {
  readonly monthlyUSDC?: number | string;
  readonly perTxUSDC?: number | string;
  readonly approvalThresholdUSDC?: number | string;
}

export class ThresholdDto {
  @Decimal({ about: 'USD from which on a person is asked, inclusive; at most 1000000' })
  threshold_usd!: number | string;
}
