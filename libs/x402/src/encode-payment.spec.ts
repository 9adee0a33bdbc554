import { decodePaymentSignatureHeader } from '@x402/core/http';
import { isPaymentPayloadV1, isPaymentPayloadV2 } from '@x402/core/schemas';
import { describe, expect, it } from 'vitest';
import { choose, offer, page, PAYEE, SEPOLIA, termsOf } from '../../../test/support/offers.js';
import {
  canonicalJson,
  parseEvmAddress,
  parseHex32,
  parseOperationId,
  type Authorization,
  type Json,
  type Terms,
  type WalletId,
} from '#domain';
import { headerCodec } from './index.js';

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
