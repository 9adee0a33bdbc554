import { describe, expect, it } from 'vitest';
import { parseCaip2, parseEvmAddress, type EvmAddress, type Json } from '#domain';
import { chooseOffer, readBroughtChallenge, type Choice, type PayableAsset } from './index.js';

const USDC: PayableAsset = {
  network: parseCaip2('eip155:84532'),
  token: parseEvmAddress('0x036CbD53842c5426634e7929541eC2318f3dCF7e'),
  symbol: 'USDC',
  name: 'USDC',
  version: '2',
  decimals: 6,
  unit: 'USD6',
};
const registry = {
  find: (_network: string, token: EvmAddress) => (token === USDC.token ? USDC : undefined),
  all: () => [USDC],
};
const offer = (amount: string, extra: Record<string, Json> = {}) => ({
  scheme: 'exact',
  network: USDC.network,
  amount,
  asset: USDC.token,
  payTo: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C',
  maxTimeoutSeconds: 300,
  extra: { name: 'USDC', version: '2', ...extra },
});
const choose = (...accepts: Json[]): Choice =>
  chooseOffer(
    readBroughtChallenge({ x402Version: 2, accepts }),
    { url: 'https://api.example/data', method: 'GET' },
    registry,
    { maxAmount: 50_000n },
  );

const UPFRONT = { paymentFlow: 'upfront' };

describe('when the seller is paid', () => {
  it.each<[string, Record<string, Json>]>([
    ['nothing is said', {}],
    ['null is said', { paymentFlow: null }],
    ['the usual is said', { paymentFlow: 'authorization' }],
  ])('is after delivery where %s', (_what, extra) => {
    const choice = choose(offer('10000', extra));
    expect(choice).toMatchObject({ ok: true, terms: { amount: 10_000n } });
    expect(choice.ok && choice.terms).not.toHaveProperty('paymentFlow');
  });

  it('is before delivery only where no other offer is payable, whatever the prices', () => {
    expect(choose(offer('10000', UPFRONT))).toMatchObject({ ok: true, terms: UPFRONT });
    const choice = choose(offer('1', UPFRONT), offer('10000'), offer('2', UPFRONT));
    expect(choice).toMatchObject({ ok: true, index: 1 });
    expect(choose(offer('3', UPFRONT), offer('2', UPFRONT), offer('60000'))).toMatchObject({ index: 1 });
  });

  it('is skipped where the word is unknown, and fatal to nothing', () => {
    const strange = [{ paymentFlow: 'escrow' }, { paymentFlow: 7 }, { paymentFlow: 'Upfront' }];
    const choice = choose(...strange.map((extra) => offer('1', extra)), offer('10000'));
    expect(choice).toMatchObject({ ok: true, index: 3 });
  });
});
