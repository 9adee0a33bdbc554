import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BASE, choose, offer, onBase, page, PAYEE, SEPOLIA, termsOf } from '../../../test/support/offers.js';
import { canonicalJson } from '#domain';
import type { ChoiceLimits } from './index.js';

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
