import { decodePaymentSignatureHeader } from '@x402/core/http';
import { isPaymentPayloadV2 } from '@x402/core/schemas';
import { isPermit2Payload, isUptoPermit2Payload } from '@x402/evm';
import { describe, expect, it } from 'vitest';
import {
  EXACT_PROXY,
  parseCaip2,
  parseEvmAddress,
  parseHex32,
  parseOperationId,
  parseWalletId,
  UPTO_PROXY,
  type EvmAddress,
  type Json,
} from '#domain';
import { chooseOffer, headerCodec, readBroughtChallenge, type Choice, type PayableAsset } from './index.js';

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
const PAYEE = '0x209693Bc6afc0C5328bA36FaF03C514EF312287C';
const offer = (amount: string, extra: Record<string, Json> = {}) => ({
  scheme: 'exact',
  network: USDC.network,
  amount,
  asset: USDC.token,
  payTo: PAYEE,
  maxTimeoutSeconds: 300,
  extra: { name: 'USDC', version: '2', ...extra },
});
const PAGE = { url: 'https://api.example/data', method: 'GET' };
const choose = (...accepts: Json[]): Choice =>
  chooseOffer(readBroughtChallenge({ x402Version: 2, accepts }), PAGE, registry, { maxAmount: 50_000n });

const PERMIT2 = { assetTransferMethod: 'permit2' };
const FACILITATOR = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
const upto = (amount: string, extra: Record<string, Json> = { facilitatorAddress: FACILITATOR }) => ({
  ...offer(amount, extra),
  scheme: 'upto',
});

describe('how the seller is paid', () => {
  it("is by the token's own authorization where that costs the same", () => {
    expect(choose(offer('10000', PERMIT2), offer('10000'))).toMatchObject({ ok: true, index: 1 });
    expect(choose(upto('10000'), offer('10000', PERMIT2))).toMatchObject({ ok: true, index: 1 });
  });

  it('is by Permit2 where that is cheaper, or all there is, whatever the domain says', () => {
    const choice = choose(offer('10000'), offer('9999', { ...PERMIT2, name: 'Other', version: '9' }));
    expect(choice).toMatchObject({ terms: { amount: 9_999n, transferMethod: 'permit2' } });
    expect(choice.ok && choice.others).toMatchObject([{ amount: 10_000n }]);
    expect(choice.ok && choice.others[0]).not.toHaveProperty('transferMethod');
  });

  it('is up to a ceiling, to be charged by the account that the offer names', () => {
    expect(choose(upto('10000'))).toMatchObject({
      ok: true,
      terms: { amount: 10_000n, transferMethod: 'upto', facilitator: FACILITATOR.toLowerCase() },
    });
  });

  it.each<[string, Json, string, string]>([
    ['nobody may charge it', upto('10000', {}), 'facilitator_missing', 'unpayable_challenge'],
    [
      'what may charge it is no address',
      upto('10000', { facilitatorAddress: '0x12' }),
      'facilitator_missing',
      'unpayable_challenge',
    ],
    [
      'it is no method of the scheme',
      upto('10000', { assetTransferMethod: 'eip3009' }),
      'unsupported_scheme',
      'unsupported_scheme',
    ],
    ['the ceiling is above the maximum', upto('50001'), 'price_above_maximum', 'price_above_maximum'],
  ])('is refused where %s', (_what, given, reason, code) => {
    expect(choose(given)).toMatchObject({ ok: false, code, refused: [{ reason }] });
  });

  it('is only in the ways that the caller can use', () => {
    const challenge = readBroughtChallenge({
      x402Version: 2,
      accepts: [offer('1', PERMIT2), upto('1'), offer('2')],
    });
    const limits = { maxAmount: 9n, methods: ['eip3009'] as const };
    expect(chooseOffer(challenge, PAGE, registry, limits)).toMatchObject({ ok: true, index: 2, others: [] });
  });
});

describe('the payment header', () => {
  const signature = Uint8Array.from({ length: 65 }, (_, index) => index);
  const header = (method: 'permit2' | 'upto', accepts: Json) => {
    const choice = choose(accepts);
    if (!choice.ok) throw new Error(choice.code);
    const { terms } = choice;
    const authorization = {
      method,
      ...(terms.facilitator === undefined ? {} : { facilitator: terms.facilitator }),
      network: terms.network,
      token: terms.token,
      walletId: parseWalletId('wal_00000000000000000000000001'),
      from: parseEvmAddress('0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc'),
      to: terms.payTo,
      value: terms.amount,
      validAfterSec: 0,
      validBeforeSec: 1_900_000_000,
      nonce: parseHex32(`0x${'11'.repeat(32)}`),
      digest: parseHex32(`0x${'22'.repeat(32)}`),
    };
    const operationId = parseOperationId('01234567-89ab-4cde-8f01-23456789abcd');
    return decodePaymentSignatureHeader(
      headerCodec.encode(terms, authorization, signature, operationId).value,
    );
  };

  it.each([
    ['permit2', offer('10000', PERMIT2), EXACT_PROXY, {}],
    ['upto', upto('10000'), UPTO_PROXY, { facilitator: FACILITATOR.toLowerCase() }],
  ] as const)('of %s is what the SDK of sellers understands', (method, given, spender, by) => {
    const payment = header(method, given);
    expect(isPaymentPayloadV2(payment)).toBe(true);
    expect(
      method === 'upto'
        ? isUptoPermit2Payload(payment.payload as never)
        : isPermit2Payload(payment.payload as never),
    ).toBe(true);
    expect(payment).toMatchObject({
      accepted: given,
      payload: {
        signature: `0x${Buffer.from(signature).toString('hex')}`,
        permit2Authorization: {
          from: '0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc',
          permitted: { token: USDC.token, amount: '10000' },
          spender,
          nonce: BigInt(`0x${'11'.repeat(32)}`).toString(),
          deadline: '1900000000',
          witness: { to: PAYEE, validAfter: '0', ...by },
        },
      },
    });
  });
});

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
