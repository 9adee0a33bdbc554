// What we ask of facilitators must be what facilitators read: our own reader stands for them here, the reference one in the e2e tests.
import { parsePaymentPayload, parsePaymentRequirements } from '@x402/core/schemas';
import { describe, expect, it } from 'vitest';
import {
  parseCaip2,
  parseEvmAddress,
  parseHex32,
  parseOperationId,
  type Json,
  type Terms,
  type WalletId,
} from '#domain';
import {
  chooseOffer,
  headerCodec,
  readBroughtChallenge,
  readFacilitatorAnswer,
  readFacilitatorRequest,
} from './index.js';

const USDC = {
  network: parseCaip2('eip155:84532'),
  token: parseEvmAddress('0x036CbD53842c5426634e7929541eC2318f3dCF7e'),
  symbol: 'USDC',
  name: 'USDC',
  version: '2',
  decimals: 6,
  unit: 'USD6' as const,
};
const PAYEE = parseEvmAddress('0x209693Bc6afc0C5328bA36FaF03C514EF312287C');
const SIGNATURE = new Uint8Array(65).fill(7);
const assets = { find: () => USDC, all: () => [USDC] };
const OPERATION = parseOperationId('00000000-0000-4000-8000-000000000002');

const named: Terms = {
  network: USDC.network,
  token: USDC.token,
  payTo: PAYEE,
  amount: 10_000n,
  unit: 'USD6',
  resourceUrl: 'https://invoice.example/17',
  method: 'GET',
  x402Version: 2,
  maxTimeoutSec: 300,
  wire: {},
};

function brought(version: 1 | 2): Terms {
  const common = {
    scheme: 'exact',
    asset: USDC.token,
    payTo: PAYEE,
    maxTimeoutSeconds: 300,
    extra: { name: 'USDC', version: '2' },
  };
  const v1 = {
    ...common,
    network: 'base-sepolia',
    maxAmountRequired: '10000',
    resource: 'https://invoice.example/17',
    description: 'd',
    mimeType: '',
  };
  const v2 = { ...common, network: 'eip155:84532', amount: '10000' };
  const challenge = { x402Version: version, accepts: [version === 1 ? v1 : v2] } as unknown as Json;
  const choice = chooseOffer(
    readBroughtChallenge(challenge),
    { url: 'https://invoice.example/17', method: 'GET' },
    assets,
    { maxAmount: null },
  );
  if (!choice.ok) throw new Error(choice.code);
  return choice.terms;
}

const encode = (terms: Terms): Uint8Array =>
  headerCodec.encodeForFacilitator(
    {
      terms,
      authorization: {
        method: 'eip3009',
        network: USDC.network,
        token: USDC.token,
        walletId: 'wal_1' as WalletId,
        from: parseEvmAddress(`0x${'a'.repeat(40)}`),
        to: PAYEE,
        value: 10_000n,
        validAfterSec: 0,
        validBeforeSec: 2_000_000_000,
        nonce: parseHex32(`0x${'1'.repeat(64)}`),
        digest: parseHex32(`0x${'2'.repeat(64)}`),
      },
      signature: SIGNATURE,
      operationId: OPERATION,
    },
    USDC,
  );

describe('a call to a facilitator', () => {
  it.each([
    ['terms that the caller names', named, 2],
    ['a v2 challenge', brought(2), 2],
    ['a v1 challenge', brought(1), 1],
    [
      'terms of another dialect',
      { ...named, wire: { scheme: 'exact', network: 'base', pay_to: PAYEE, offer: '{"recipient":"0x1"}' } },
      2,
    ],
  ] as const)('holds %s as payload and requirements of one version', (_, terms, version) => {
    const body = encode(terms);
    const sent = JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>;
    expect(sent['x402Version']).toBe(version);
    expect(parsePaymentPayload(sent['paymentPayload']).success).toBe(true);
    expect(parsePaymentRequirements(sent['paymentRequirements']).success).toBe(true);
    const read = readFacilitatorRequest(sent);
    expect(read).toMatchObject({
      ok: true,
      request: {
        version,
        amount: 10_000n,
        payTo: PAYEE,
        domainName: 'USDC',
        domainVersion: '2',
        transfer: { value: 10_000n, to: PAYEE },
      },
    });
    expect(encode(terms)).toEqual(body);
  });
});

const read = (question: 'verify' | 'settle', text: string) =>
  readFacilitatorAnswer(question, new TextEncoder().encode(text));

describe('an answer of a facilitator', () => {
  it.each(['', 'null', '[]', '{}', '{"success":"true"}', '{"isValid":1}', '\u0000', '{"success":true'])(
    'says nothing in %j',
    (text) => {
      expect(read('settle', text)).toBeUndefined();
      expect(read('verify', text)).toBeUndefined();
    },
  );

  it('is never repeated in its own words', () => {
    const secret = `0x${'ab'.repeat(65)}`;
    const said = read(
      'verify',
      JSON.stringify({ isValid: false, invalidReason: secret, invalidMessage: secret }),
    );
    expect(said).toEqual({
      yes: false,
      pending: false,
      reason: 'unexpected_verify_error',
      claimedTxHash: null,
    });
    expect(
      read('settle', JSON.stringify({ success: false, errorReason: 'toString', transaction: secret })),
    ).toMatchObject({
      reason: 'unexpected_settle_error',
      claimedTxHash: null,
    });
  });
});
