import { encodePaymentRequiredHeader } from '@x402/core/http';
import { describe, expect, it } from 'vitest';
import type { Json } from '#domain';
import { base64, bytes } from '../../../test/support/encoded.js';
import { ChallengeError, readBroughtChallenge, readChallenge, type HeaderMap } from './index.js';

const USDC = '0x036CbD53842c5426634e7929541eC2318f3dCF7e';
const PAYEE = '0x209693Bc6afc0C5328bA36FaF03C514EF312287C';
const V2 = {
  scheme: 'exact',
  network: 'eip155:84532' as const,
  amount: '10000',
  asset: USDC,
  payTo: PAYEE,
  maxTimeoutSeconds: 60,
  extra: { name: 'USDC', version: '2' },
};
const V1 = {
  scheme: 'exact',
  network: 'base-sepolia',
  maxAmountRequired: '10000',
  asset: USDC,
  payTo: PAYEE,
  resource: 'https://api.example/data',
  description: '',
  mimeType: '',
  outputSchema: null,
  maxTimeoutSeconds: 60,
  extra: { name: 'USDC', version: '2' },
};
const resource = { url: 'https://api.example/data', description: 'd', mimeType: 'm' };

const header = (accepts: unknown[]): HeaderMap => ({
  'payment-required': base64({ x402Version: 2, resource, accepts }),
});
const EMPTY = bytes('{}');

function fault(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof ChallengeError) return error.code;
    throw error;
  }
  return 'read';
}

describe('reading a challenge', () => {
  it('takes what the stock seller sends, and keeps the offer byte for byte', () => {
    const encoded = encodePaymentRequiredHeader({ x402Version: 2, resource, accepts: [V2] });
    const challenge = readChallenge({ 'payment-required': encoded }, EMPTY);
    expect(challenge).toMatchObject({
      version: 2,
      source: 'payment-required-header',
      resource: resource.url,
    });
    expect(challenge.offers).toMatchObject([
      { network: 'eip155:84532', price: { kind: 'atomic', amount: 10_000n }, payTo: PAYEE },
    ]);
    expect(challenge.offers[0]?.text).toBe(JSON.stringify(V2));
    expect(challenge.resourceText).toBe(JSON.stringify(resource));
  });

  it.each<[string, HeaderMap, unknown, string, 1 | 2]>([
    ['a v1 body', {}, { x402Version: 1, error: 'x', accepts: [V1] }, 'body', 1],
    ['a body in v2 words', {}, { x402Version: 2, accepts: [V2] }, 'body', 2],
    [
      'a v1 body with a CAIP-2 name',
      {},
      { x402Version: 1, accepts: [{ ...V1, network: 'eip155:84532' }] },
      'body',
      1,
    ],
    [
      'a v1 body that says amount',
      {},
      { x402Version: 1, accepts: [{ ...V2, network: 'base-sepolia' }] },
      'body',
      1,
    ],
    ['a body without a version', {}, { accepts: [V2] }, 'body', 2],
    [
      'nulls for absent fields',
      {},
      { x402Version: 1, error: null, accepts: [{ ...V1, amount: null }] },
      'body',
      1,
    ],
    ['a paymentRequirement object', {}, { paymentRequirement: V1 }, 'body', 1],
    ['a paymentRequirements list', {}, { x402Version: 1, paymentRequirements: [V1] }, 'body', 1],
    [
      'a Payment-Required field with an object',
      {},
      { 'Payment-Required': { x402Version: 2, accepts: [V2] } },
      'body',
      2,
    ],
    [
      'a Payment-Required field with base64',
      {},
      { 'Payment-Required': base64({ x402Version: 2, accepts: [V2] }) },
      'body',
      2,
    ],
    [
      'WWW-Authenticate with base64',
      { 'www-authenticate': `x402 ${base64({ x402Version: 2, accepts: [V2] })}` },
      '',
      'www-authenticate-header',
      2,
    ],
    [
      'WWW-Authenticate after another scheme',
      {
        'www-authenticate': [
          'Bearer realm="a"',
          `X402 requirements="${base64({ x402Version: 1, accepts: [V1] })}"`,
        ],
      },
      '',
      'www-authenticate-header',
      1,
    ],
    [
      'WWW-Authenticate with parameters',
      {
        'www-authenticate': `Bearer realm="a", x402 scheme="exact", network="base-sepolia", maxAmountRequired="10000", asset="${USDC}", payTo="${PAYEE}"`,
      },
      '',
      'www-authenticate-header',
      1,
    ],
    ['a header beside a body of prose', header([V2]), '<html>pay</html>', 'payment-required-header', 2],
    [
      'a header that is no terms beside a body that is',
      { 'payment-required': 'true!' },
      { x402Version: 1, accepts: [V1] },
      'body',
      1,
    ],
    [
      'a header and a body that agree',
      header([V2]),
      { x402Version: 1, accepts: [V1] },
      'payment-required-header',
      2,
    ],
  ])('takes %s', (_what, headers, body, source, version) => {
    const challenge = readChallenge(headers, bytes(body));
    expect(challenge).toMatchObject({ source, version, dropped: [] });
    expect(challenge.offers).toMatchObject([
      { network: 'eip155:84532', price: { kind: 'atomic', amount: 10_000n, asset: USDC }, payTo: PAYEE },
    ]);
  });

  it('takes a transfer request with a decimal price, told by its key names', () => {
    const requirement = {
      amount: '0.05',
      currency: 'USDC',
      network: 'base',
      recipient: PAYEE,
      resource: 'https://a.example/',
    };
    expect(readChallenge({}, bytes({ paymentRequirement: requirement })).offers).toMatchObject([
      { network: 'eip155:8453', price: { kind: 'decimal', amount: '0.05', currency: 'USDC' }, payTo: PAYEE },
    ]);
  });

  it('takes what a caller brings: the header value, the object, or its text', () => {
    const terms = { x402Version: 2, resource, accepts: [V2] };
    for (const brought of [base64(terms), terms, JSON.stringify(terms)])
      expect(readBroughtChallenge(brought as Json)).toMatchObject({ version: 2, source: 'caller' });
  });

  it.each<[string, HeaderMap, unknown, string]>([
    ['nothing', {}, '', 'no_terms'],
    ['an empty object', {}, {}, 'no_terms'],
    ['prose', {}, 'pay me', 'no_terms'],
    ['a broken header alone', { 'payment-required': '%%%' }, '{}', 'malformed_base64'],
    [
      'two headers',
      { 'payment-required': [base64({ accepts: [V2] }), base64({ accepts: [] })] },
      '',
      'ambiguous_header',
    ],
    ['a header beyond 16 KiB', { 'payment-required': 'A'.repeat(16_385) }, '', 'header_too_large'],
    ['a body beyond 64 KiB', {}, ' '.repeat(65_537), 'body_too_large'],
    ['33 offers', {}, { x402Version: 1, accepts: Array.from({ length: 33 }, () => V1) }, 'too_many_offers'],
    ['depth 21', {}, '['.repeat(21) + ']'.repeat(21), 'json_too_deep'],
    ['a repeated key', {}, `{"x402Version":1,"accepts":[{"payTo":"a","payTo":"b"}]}`, 'duplicate_key'],
    [
      'a repeated key in the header, whatever the body says',
      { 'payment-required': base64('{"accepts":[],"accepts":[]}') },
      { x402Version: 1, accepts: [V1] },
      'duplicate_key',
    ],
    ['a repeated key, differently escaped', {}, '{"a":1,"\\u0061":2}', 'duplicate_key'],
    ['a repeated parameter', { 'www-authenticate': 'x402 amount="1", amount="2"' }, '', 'duplicate_key'],
    ['version 3', {}, { x402Version: 3, accepts: [V2] }, 'unsupported_version'],
    ['two wrappers', {}, { paymentRequirement: V1, 'Payment-Required': V1 }, 'malformed_terms'],
    [
      'another amount in the body',
      header([V2]),
      { x402Version: 1, accepts: [{ ...V1, maxAmountRequired: '1' }] },
      'header_and_body_disagree',
    ],
    [
      'another payee in the body',
      header([V2]),
      { x402Version: 1, accepts: [{ ...V1, payTo: USDC }] },
      'header_and_body_disagree',
    ],
  ])('refuses %s', (_what, headers, body, code) => {
    expect(fault(() => readChallenge(headers, bytes(body)))).toBe(code);
  });

  it.each([
    '1e6',
    '0x10',
    ' 10',
    '10 ',
    '-0',
    '-1',
    '+1',
    '1.0',
    '1.5',
    '01',
    '',
    '1_000',
    '１０',
    '٣',
    '1\u0000',
    '9'.repeat(79),
    (2n ** 256n).toString(),
    10_000,
    1e21,
    null,
    true,
    ['1'],
    { n: '1' },
  ])('drops an offer whose amount is %j, and keeps the others', (amount) => {
    const { offers, dropped } = readChallenge(
      {},
      bytes({ x402Version: 2, accepts: [{ ...V2, amount }, V2] }),
    );
    expect(dropped).toEqual([{ index: 0, reason: 'invalid_amount' }]);
    expect(offers.map(({ index }) => index)).toEqual([1]);
  });

  it('drops an offer with two different amounts', () => {
    const { dropped } = readChallenge(
      {},
      bytes({ x402Version: 2, accepts: [{ ...V2, maxAmountRequired: '9' }] }),
    );
    expect(dropped).toEqual([{ index: 0, reason: 'ambiguous_amount' }]);
  });
});
