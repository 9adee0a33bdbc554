import { decodePaymentSignatureHeader } from '@x402/core/http';
import { isPaymentPayloadV1, isPaymentPayloadV2 } from '@x402/core/schemas';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalJson,
  parseCaip2,
  parseEvmAddress,
  parseHex32,
  parseOperationId,
  type Authorization,
  type EvmAddress,
  type Json,
  type Terms,
  type WalletId,
} from '#domain';
import {
  chooseOffer,
  headerCodec,
  readBroughtChallenge,
  type ChoiceLimits,
  type PayableAsset,
} from './index.js';

const asset = (chainId: number, token: string, name: string): PayableAsset => ({
  network: parseCaip2(`eip155:${chainId}`),
  token: parseEvmAddress(token),
  symbol: 'USDC',
  name,
  version: '2',
  decimals: 6,
  unit: 'USD6',
});
const SEPOLIA = asset(84532, '0x036CbD53842c5426634e7929541eC2318f3dCF7e', 'USDC');
const BASE = asset(8453, '0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913', 'USD Coin');
const registry = {
  find: (network: string, token: EvmAddress) =>
    [SEPOLIA, BASE].find((it) => it.network === network && it.token === token),
  all: () => [SEPOLIA, BASE],
};
const PAYEE = '0x209693Bc6afc0C5328bA36FaF03C514EF312287C';
const page = { url: 'https://api.example/data?q=1', method: 'GET' };
const offer = (over: Record<string, unknown> = {}): Record<string, unknown> => ({
  scheme: 'exact',
  network: 'eip155:84532',
  amount: '10000',
  asset: '0x036CbD53842c5426634e7929541eC2318f3dCF7e',
  payTo: PAYEE,
  maxTimeoutSeconds: 300,
  extra: { name: 'USDC', version: '2' },
  ...over,
});
const onBase = (over: Record<string, unknown> = {}) =>
  offer({ network: 'eip155:8453', asset: BASE.token, extra: { name: 'USD Coin', version: '2' }, ...over });

function choose(accepts: unknown[], limits: Partial<ChoiceLimits> = {}, over: Record<string, unknown> = {}) {
  const challenge = readBroughtChallenge({ x402Version: 2, accepts, ...over } as Json);
  return chooseOffer(challenge, page, registry, { maxAmount: 1_000_000n, ...limits });
}

function termsOf(choice: ReturnType<typeof choose>): Terms {
  if (!choice.ok) throw new Error(choice.code);
  return choice.terms;
}

const payableAt = (url: string): boolean => choose([offer()], {}, { resource: { url } }).ok;

const lifeOf = (maxTimeoutSeconds: unknown) => termsOf(choose([offer({ maxTimeoutSeconds })])).maxTimeoutSec;

const askDecimal = (amount: string) =>
  choose([{ amount, currency: 'USDC', network: 'base-sepolia', recipient: PAYEE }]);

describe('choosing an offer', () => {
  it('takes the cheapest, then network, asset, payee, whatever the order of the list', () => {
    const other = `0x${'11'.repeat(20)}`;
    const offers = [
      offer(),
      offer({ payTo: other }),
      onBase({ amount: '9000' }),
      offer({ amount: '9000', payTo: PAYEE }),
      onBase({ amount: '9000', payTo: other }),
      offer({ scheme: 'upto', amount: '1' }),
      offer({ network: 'solana', amount: '1' }),
    ];
    fc.assert(
      fc.property(fc.shuffledSubarray(offers, { minLength: offers.length }), (accepts) => {
        const { payTo, amount, network } = termsOf(choose(accepts));
        expect({ payTo, amount, network }).toEqual({ payTo: other, amount: 9_000n, network: 'eip155:8453' });
      }),
    );
  });

  it.each<[string, Record<string, unknown>, string, string]>([
    ['another scheme', { scheme: 'auth-capture' }, 'unsupported_scheme', 'unsupported_scheme'],
    [
      'a delegation',
      { extra: { name: 'USDC', version: '2', assetTransferMethod: 'erc7710' } },
      'unsupported_transfer_method',
      'unsupported_scheme',
    ],
    [
      'a deposit before delivery',
      { extra: { name: 'USDC', version: '2', paymentFlow: 'escrow' } },
      'unsupported_payment_flow',
      'unsupported_scheme',
    ],
    [
      'an unknown flow',
      { extra: { name: 'USDC', version: '2', paymentFlow: 7 } },
      'unsupported_payment_flow',
      'unsupported_scheme',
    ],
    ['an unknown network', { network: 'solana' }, 'unknown_network', 'unknown_network'],
    ['an unregistered chain', { network: 'eip155:31337' }, 'unknown_network', 'unknown_network'],
    ['an unknown token', { asset: PAYEE }, 'unknown_asset', 'unknown_asset'],
    ['a token of another chain', { asset: BASE.token }, 'unknown_asset', 'unknown_asset'],
    ['a payee that is no address', { payTo: '0x12' }, 'invalid_payee', 'unpayable_challenge'],
    ['no domain', { extra: {} }, 'domain_missing', 'unpayable_challenge'],
    [
      'another domain name',
      { extra: { name: 'USD Coin', version: '2' } },
      'domain_mismatch',
      'unpayable_challenge',
    ],
    [
      'another domain version',
      { extra: { name: 'USDC', version: 2 } },
      'domain_mismatch',
      'unpayable_challenge',
    ],
    [
      'a resource on another host',
      { resource: 'https://evil.example/data' },
      'resource_host_mismatch',
      'unpayable_challenge',
    ],
    ['a price of nothing', { amount: '0' }, 'amount_zero', 'unpayable_challenge'],
    ['a price above the ceiling', { amount: '1000001' }, 'price_above_maximum', 'price_above_maximum'],
    ['a bad amount', { amount: '1e3' }, 'invalid_amount', 'unpayable_challenge'],
  ])('refuses %s', (_what, over, reason, code) => {
    expect(choose([offer(over)])).toEqual({ ok: false, code, refused: [{ index: 0, reason }] });
  });

  it.each<[string, Partial<ChoiceLimits>, string]>([
    ['payee', { payTo: SEPOLIA.token }, 'payee_mismatch'],
    ['amount', { amount: 9_999n }, 'amount_mismatch'],
    ['network', { network: BASE.network }, 'network_mismatch'],
    ['asset', { asset: BASE.token }, 'asset_mismatch'],
  ])('refuses another %s than the caller pinned', (_what, limits, reason) => {
    expect(choose([offer()], limits)).toEqual({
      ok: false,
      code: 'terms_mismatch',
      refused: [{ index: 0, reason }],
    });
  });

  it('compares hosts: default ports and scheme aside, everything else must be equal', () => {
    expect(
      ['https://api.example/x', 'http://api.example/', 'https://API.example:443/', '/data', 'data'].map(
        payableAt,
      ),
    ).toEqual(Array.from({ length: 5 }, () => true));
    expect(
      [
        'https://api.example:8443/',
        'https://evil.example/',
        '//evil.example/',
        'https://api.example.evil/',
        'mcp://tool/x',
        'https://api.example@evil.example/',
      ].some(payableAt),
    ).toBe(false);
  });

  it('explains with the offer that came closest, and lists all', () => {
    const choice = choose([
      offer({ network: 'solana' }),
      onBase({ amount: '2000000' }),
      offer({ scheme: 'x' }),
    ]);
    expect(choice).toEqual({
      ok: false,
      code: 'price_above_maximum',
      refused: [
        { index: 0, reason: 'unknown_network' },
        { index: 1, reason: 'price_above_maximum' },
        { index: 2, reason: 'unsupported_scheme' },
      ],
    });
  });

  it('clamps the life that the seller asks for', () => {
    expect([1e12, 300, 12.9, 0.5, 0, -5, null, '60', undefined].map(lifeOf)).toEqual([
      600, 300, 12, 1, 60, 60, 60, 60, 60,
    ]);
  });

  it('prices a decimal request in the registered asset of that name', () => {
    expect(termsOf(askDecimal('0.05'))).toMatchObject({ amount: 50_000n, token: SEPOLIA.token });
    expect(termsOf(askDecimal('1'))).toMatchObject({ amount: 1_000_000n });
    expect(askDecimal('0.0000001')).toMatchObject({ ok: false, refused: [{ reason: 'invalid_amount' }] });
    expect(askDecimal('.5').ok || askDecimal('1e0').ok || askDecimal('-1').ok).toBe(false);
  });

  it('gives terms that the event log can hold, whatever numbers the seller wrote', () => {
    const odd = { resource: { url: page.url, weight: 1.5 }, extensions: { x: { info: { n: 1e300 } } } };
    expect(() => canonicalJson(termsOf(choose([offer({ score: 0.1 })], {}, odd)).wire)).not.toThrow();
  });

  it('refuses to echo more than fits a request header', () => {
    const extensions = { bazaar: { info: { text: 'x'.repeat(10_000) } } };
    expect(choose([offer()], {}, { extensions })).toMatchObject({ refused: [{ reason: 'offer_too_large' }] });
  });
});

const OPERATION = parseOperationId('01234567-89ab-4cde-8f01-23456789abcd');
const SIGNATURE = Uint8Array.from({ length: 65 }, (_, index) => index);
const authorization: Authorization = {
  method: 'eip3009',
  network: SEPOLIA.network,
  token: SEPOLIA.token,
  walletId: 'wal_0' as WalletId,
  from: parseEvmAddress('0x857b06519E91e3A54538791bDbb0E22373e36b66'),
  to: parseEvmAddress(PAYEE),
  value: 10_000n,
  validAfterSec: 0,
  validBeforeSec: 1_900_000_000,
  nonce: parseHex32(`0x${'11'.repeat(32)}`),
  digest: parseHex32(`0x${'22'.repeat(32)}`),
};
const payload = {
  signature: `0x${Buffer.from(SIGNATURE).toString('hex')}`,
  authorization: {
    from: authorization.from,
    to: PAYEE,
    value: '10000',
    validAfter: '0',
    validBefore: '1900000000',
    nonce: authorization.nonce,
  },
};

describe('encoding a payment', () => {
  const resource = { url: page.url, description: 'ü', mimeType: 'application/json' };
  const identifier = { info: { required: false }, schema: { type: 'object' } };

  it('answers v2 terms with the offer, resource and extensions as sent, and the operation as payment identifier', () => {
    const bazaar = { info: { input: 1.5 }, schema: {} };
    const sent = offer({ extra: { name: 'USDC', version: '2', note: null } });
    const terms = termsOf(
      choose([sent], {}, { resource, extensions: { bazaar, 'payment-identifier': identifier } }),
    );
    const { name, value } = headerCodec.encode(terms, authorization, SIGNATURE, OPERATION);
    expect(name).toBe('PAYMENT-SIGNATURE');
    const decoded = decodePaymentSignatureHeader(value);
    expect(isPaymentPayloadV2(decoded)).toBe(true);
    expect(decoded).toEqual({
      x402Version: 2,
      resource,
      accepted: sent,
      payload,
      extensions: {
        bazaar,
        'payment-identifier': { ...identifier, info: { required: false, id: `op_${OPERATION}` } },
      },
    });
    expect(headerCodec.supportsPaymentIdentifier(terms)).toBe(true);
  });

  it('sends no identifier and no fields that the seller did not offer', () => {
    const terms = termsOf(choose([offer()]));
    const { value } = headerCodec.encode(terms, authorization, SIGNATURE, OPERATION);
    expect(decodePaymentSignatureHeader(value)).toEqual({ x402Version: 2, accepted: offer(), payload });
    expect(headerCodec.supportsPaymentIdentifier(terms)).toBe(false);
  });

  it('names itself also where nobody asked, when it is told to, and in version 1 never', () => {
    const bazaar = { info: { input: 1.5 }, schema: {} };
    const asked = { 'payment-identifier': { info: { required: false, id: `op_${OPERATION}` } } };
    const extensionsOf = (terms: Terms): unknown =>
      (
        decodePaymentSignatureHeader(
          headerCodec.encode(headerCodec.naming(terms), authorization, SIGNATURE, OPERATION).value,
        ) as { extensions?: unknown }
      ).extensions;
    expect(extensionsOf(termsOf(choose([offer()])))).toEqual(asked);
    expect(extensionsOf(termsOf(choose([offer()], {}, { extensions: { bazaar } })))).toEqual({
      bazaar,
      ...asked,
    });
    const advertised = termsOf(choose([offer()], {}, { extensions: { 'payment-identifier': identifier } }));
    expect(headerCodec.naming(advertised)).toBe(advertised);
    expect(headerCodec.identifierOf(advertised, OPERATION)).toBe(`op_${OPERATION}`);
    const { amount, ...rest } = offer({ network: 'base-sepolia', resource: page.url });
    const v1 = termsOf(choose([{ ...rest, maxAmountRequired: amount }], {}, { x402Version: 1 }));
    expect(headerCodec.naming(v1)).toBe(v1);
    expect(headerCodec.identifierOf(v1, OPERATION)).toBeNull();
  });

  it("answers v1 terms in v1, with the seller's own spelling of the network", () => {
    const { amount, ...rest } = offer({ network: 'base-sepolia', resource: page.url });
    const terms = termsOf(choose([{ ...rest, maxAmountRequired: amount }], {}, { x402Version: 1 }));
    const { name, value } = headerCodec.encode(terms, authorization, SIGNATURE, OPERATION);
    const decoded: unknown = decodePaymentSignatureHeader(value);
    expect(name).toBe('X-PAYMENT');
    expect(isPaymentPayloadV1(decoded)).toBe(true);
    expect(decoded).toEqual({ x402Version: 1, scheme: 'exact', network: 'base-sepolia', payload });
  });

  it('gives the same bytes on every retry, also from terms that went through the database', () => {
    const terms = termsOf(
      choose([offer()], {}, { resource, extensions: { 'payment-identifier': identifier } }),
    );
    const stored = { ...terms, wire: JSON.parse(canonicalJson(terms.wire)) as Json };
    expect(headerCodec.encode(stored, authorization, SIGNATURE, OPERATION)).toEqual(
      headerCodec.encode(terms, authorization, SIGNATURE, OPERATION),
    );
  });
});
