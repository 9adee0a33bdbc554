import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, type Json } from './canonical.js';

const json = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.string({ unit: 'grapheme' }),
    fc.array(tie('value')),
    fc.dictionary(fc.string(), tie('value')),
  ),
})).value;

function shuffled(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(shuffled);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value as Record<string, Json>).reverse();
  return Object.fromEntries(entries.map(([key, item]) => [key, shuffled(item)]));
}

describe('canonical text', () => {
  it('is the same whatever order the keys came in, and reads back to the same value', () => {
    fc.assert(
      fc.property(json, (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(shuffled(value))).toBe(text);
        expect(canonicalJson(JSON.parse(text) as Json)).toBe(text);
      }),
    );
  });

  it('sorts by code unit and leaves no white space', () => {
    expect(canonicalJson({ b: 1, a: [true, null, 'x'], B: { é: '\n' } })).toBe(
      '{"B":{"é":"\\n"},"a":[true,null,"x"],"b":1}',
    );
  });

  it.each([0.1, Number.NaN, Infinity, 2 ** 53])('has no place for %d', (number) => {
    expect(() => canonicalJson(number)).toThrow('safe integers');
  });
});
