import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BUDGET_UNITS, formatDecimal, parseAtomic, parseDecimal } from './money.js';
import { Refusal } from './refusal.js';

/** safety.md T7: forms that other software reads as a number, and we never do. */
const NOT_AMOUNTS: readonly unknown[] = [
  '',
  ' ',
  ' 10',
  '10 ',
  '\t1',
  '1\n',
  '+1',
  '-0',
  '-1',
  '00',
  '01',
  '1.0',
  '1.',
  '.5',
  '1e6',
  '1E6',
  '0x10',
  '0b1',
  '0o7',
  '1_000',
  '1,000',
  '1n',
  'Infinity',
  'NaN',
  'null',
  '١٠',
  '１０',
  '１',
  '߁',
  '²',
  '1\u0000',
  '1\u200b',
  '\u202e1',
  '−1',
  (1n << 256n).toString(),
  '9'.repeat(78),
  '1'.repeat(79),
  10,
  1e21,
  2 ** 53,
  -0,
  10n,
  true,
  null,
  undefined,
  [],
  ['1'],
  {},
  { toString: () => '1' },
];

describe('base units', () => {
  it.each(NOT_AMOUNTS.map((text) => [typeof text === 'bigint' ? 'a bigint' : JSON.stringify(text), text]))(
    'are not %s',
    (_shown, text) => {
      expect(() => parseAtomic(text)).toThrow(Refusal);
      try {
        parseAtomic(text, 'max_amount');
      } catch (error) {
        expect(error).toMatchObject({ code: 'invalid_amount', details: { field: 'max_amount' } });
      }
    },
  );

  it('survive being written and read, up to the last of 256 bits', () => {
    fc.assert(fc.property(fc.bigInt(0n, (1n << 256n) - 1n), (n) => parseAtomic(n.toString()) === n));
    expect(parseAtomic(((1n << 256n) - 1n).toString())).toBe((1n << 256n) - 1n);
  });

  it('are read from nothing but their own writing', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'grapheme' })), (text) => {
        try {
          return parseAtomic(text).toString() === text;
        } catch (error) {
          return error instanceof Refusal;
        }
      }),
      { numRuns: 5_000 },
    );
  });
});

describe.each(BUDGET_UNITS)('decimal %s', (unit) => {
  it('is read exactly', () => {
    expect(parseDecimal(unit, '0.05')).toBe(50_000n);
    expect(parseDecimal(unit, '0')).toBe(0n);
    expect(parseDecimal(unit, '123456789012345678901234567890.123456')).toBe(
      123456789012345678901234567890123456n,
    );
  });

  it.each([
    '',
    '.5',
    '5.',
    '-1',
    '+1',
    '1e3',
    '0x1',
    ' 1',
    '1 ',
    '01',
    '00.1',
    '1,5',
    '1.0000001',
    '١',
    1,
    null,
  ])('is not %j', (text) => {
    expect(() => parseDecimal(unit, text)).toThrow(Refusal);
  });

  it('is written with every digit, and read back the same', () => {
    expect(formatDecimal(unit, 50_000n)).toBe('0.050000');
    expect(formatDecimal(unit, -1n)).toBe('-0.000001');
    fc.assert(
      fc.property(fc.bigInt(0n, 10n ** 60n), (n) => parseDecimal(unit, formatDecimal(unit, n)) === n),
    );
  });
});
