import { check, field, rule, type Common } from '../../http/fields.js';

/** Up to 6 digits behind the point; a number whose shortest text has an exponent is none of these. */
const DECIMAL = /^(0|[1-9][0-9]{0,14})(\.[0-9]{1,6})?$/;

export const isDecimal = (value: unknown): value is number | string =>
  (typeof value === 'number' || typeof value === 'string') && DECIMAL.test(String(value));

const SHAPE = {
  oneOf: [
    { type: 'number', minimum: 0 },
    { type: 'string', pattern: DECIMAL.source },
  ],
};

export const Decimal = (common: Common): PropertyDecorator =>
  field(common, SHAPE, check(isDecimal, rule('not_a_decimal', 'invalid_amount')));

/** A decimal, or an object of decimals under these names. */
export const DecimalOr = (names: readonly string[], common: Common): PropertyDecorator =>
  field(
    common,
    {
      oneOf: [
        ...SHAPE.oneOf,
        {
          type: 'object',
          additionalProperties: false,
          properties: Object.fromEntries(names.map((name) => [name, SHAPE])),
        },
      ],
    },
    check(
      (value) => isDecimal(value) || isDecimals(value, names),
      rule('not_a_decimal_or_the_documented_object', 'invalid_amount'),
    ),
  );

function isDecimals(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(([name, amount]) => names.includes(name) && isDecimal(amount));
}

/** The same with up to 12 digits behind the point: a token costs less than a millionth of a dollar. */
export const ExactDecimal = (common: Common): PropertyDecorator =>
  field(
    common,
    {
      oneOf: [
        { type: 'number', minimum: 0 },
        { type: 'string', pattern: EXACT.source },
      ],
    },
    check(
      (value) => (typeof value === 'number' || typeof value === 'string') && EXACT.test(plainDecimal(value)),
      rule('not_a_decimal', 'invalid_amount'),
    ),
  );

const EXACT = /^(0|[1-9][0-9]{0,14})(\.[0-9]{1,12})?$/;

/** A number in digits alone: below a millionth its shortest text is `5e-7`, and nothing is lost in writing it out. */
export function plainDecimal(value: number | string): string {
  const text = String(value);
  const [, whole = '', fraction = '', exponent = '0'] = /^([0-9])(?:\.([0-9]+))?e-([0-9]+)$/.exec(text) ?? [];
  return whole === '' ? text : `0.${'0'.repeat(Number(exponent) - 1)}${whole}${fraction}`;
}
