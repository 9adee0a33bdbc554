import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '#domain';
import { base64, bytes } from '../../../test/support/encoded.js';
import { ChallengeError, readBroughtChallenge, readChallenge, readReceipt } from './index.js';
import { parseStrictJson } from './strict-json.js';

const PAYEE = '0x209693Bc6afc0C5328bA36FaF03C514EF312287C';

const words = fc.constantFrom(
  'accepts',
  'amount',
  'maxAmountRequired',
  'payTo',
  'recipient',
  'currency',
  'network',
  'scheme',
  'asset',
  'extra',
  'resource',
  'extensions',
  'x402Version',
  'paymentRequirement',
  'Payment-Required',
  '__proto__',
);
const challengeLike = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom('exact', 'eip155:84532', 'base', '1', PAYEE, 1, 2, null),
    fc.jsonValue({ maxDepth: 2 }),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(words, tie('value'), { maxKeys: 8 }),
  ),
})).value;

const onlyOurs = (read: () => unknown): void => {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(ChallengeError);
  }
};

describe('whatever a seller sends', () => {
  it('the readers throw their own error or nothing', () => {
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.string().map(bytes),
      challengeLike.map(bytes),
    );
    const value = fc.oneof(
      fc.string(),
      fc.base64String(),
      challengeLike.map(base64),
      challengeLike.map((it) => `x402 ${base64(it)}`),
      fc.string().map((it) => `x402 ${it}`),
    );
    const headers = fc.dictionary(
      fc.constantFrom(
        'payment-required',
        'www-authenticate',
        'payment-response',
        'x-payment-response',
        '__proto__',
      ),
      fc.oneof(value, fc.array(value, { maxLength: 3 })),
    );
    fc.assert(
      fc.property(headers, body, challengeLike, (headers, body, brought) => {
        onlyOurs(() => readChallenge(headers, body));
        onlyOurs(() => readBroughtChallenge(brought as Json));
        expect(() => readReceipt(headers)).not.toThrow();
      }),
      { numRuns: 3_000 },
    );
  });

  it('strict JSON means what JSON.parse means, wherever it accepts', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const text = JSON.stringify(value);
        expect(JSON.stringify(parseStrictJson(text).value)).toBe(text);
      }),
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        let parsed: unknown;
        try {
          parsed = parseStrictJson(text).value;
        } catch {
          return;
        }
        expect(parsed).toEqual(JSON.parse(text));
      }),
      { numRuns: 2_000 },
    );
  });
});
