import { describe, expect, it } from 'vitest';
import {
  BUYER,
  facilitatorBody,
  PAYEE,
  USDC,
  wrapped6492,
  type PaymentInput,
  type Spoil,
} from '../../../test/support/facilitator-requests.js';
import { hex32, NOON } from '../../../test/support/builders.js';
import { readFacilitatorRequest } from './read-facilitator-request.js';

function requestOf(body: unknown) {
  const read = readFacilitatorRequest(body);
  if (!read.ok) throw new Error(`${read.reason} at ${read.field}`);
  return read.request;
}

describe('a request to a facilitator', () => {
  it.each([1, 2] as const)('of version %s becomes one typed value', (version) => {
    const request = requestOf(facilitatorBody({ version }));
    expect(request).toMatchObject({
      version,
      scheme: 'exact',
      network: 'eip155:84532',
      networkName: version === 1 ? 'base-sepolia' : 'eip155:84532',
      asset: USDC.token,
      payTo: PAYEE,
      amount: 10_000n,
      domainName: 'USDC',
      domainVersion: '2',
      payer: BUYER,
      wrapped: false,
      paymentIdentifier: null,
      transfer: {
        network: 'eip155:84532',
        token: USDC.token,
        from: BUYER,
        to: PAYEE,
        value: 10_000n,
        validAfterSec: 0,
        validBeforeSec: NOON / 1000 + 60,
        nonce: hex32(1),
      },
    });
    expect(request.transfer.signature).toHaveLength(65);
  });

  it('may leave out its own version and the EIP-712 domain; null is absent', () => {
    const body = facilitatorBody({}, (it) => {
      delete it.x402Version;
      it.paymentRequirements.extra = null;
    });
    expect(requestOf(body)).toMatchObject({ version: 2, domainName: null, domainVersion: null });
  });

  it('carries the payment identifier of v2', () => {
    const paymentIdentifier = 'pay_7d5d747be160e280504c099d984bcfe0';
    expect(requestOf(facilitatorBody({ paymentIdentifier })).paymentIdentifier).toBe(paymentIdentifier);
  });

  it('takes the signature of a contract wallet, also out of an ERC-6492 wrapper', () => {
    const plain = `0x${'ab'.repeat(300)}`;
    expect(requestOf(facilitatorBody({ signature: plain })).transfer.signature).toHaveLength(300);
    const inside = requestOf(facilitatorBody({ signature: wrapped6492(plain) }));
    expect(inside.wrapped).toBe(true);
    expect(inside.transfer.signature).toEqual(new Uint8Array(300).fill(0xab));
    const noFactory = wrapped6492(plain, `0x${'0'.repeat(40)}` as typeof PAYEE);
    expect(requestOf(facilitatorBody({ signature: noFactory })).wrapped).toBe(false);
  });

  const nobody: readonly [string, unknown][] = [
    ['nothing', undefined],
    ['null', null],
    ['a text', '{}'],
    ['a list', []],
    ['a number', 1],
  ];
  it.each(nobody)('is not %s', (_, body) => {
    expect(readFacilitatorRequest(body)).toEqual({ ok: false, reason: 'invalid_payload', field: 'body' });
  });

  const proof = 'paymentPayload.payload';
  const signed = `${proof}.authorization`;
  type Row = readonly [string, string, Spoil, PaymentInput?];
  const rows: readonly Row[] = [
    ['invalid_payload', 'paymentPayload', (it) => (it.paymentPayload = null)],
    ['invalid_payload', 'paymentPayload', (it) => (it.paymentPayload = 'eyJ4')],
    ['invalid_payment_requirements', 'paymentRequirements', (it) => (it.paymentRequirements = [])],
    ['invalid_x402_version', 'paymentPayload.x402Version', (it) => (it.paymentPayload.x402Version = '2')],
    ['invalid_x402_version', 'paymentPayload.x402Version', (it) => (it.paymentPayload.x402Version = 3)],
    ['invalid_x402_version', 'x402Version', (it) => (it.x402Version = 1)],
    ['unsupported_scheme', 'paymentRequirements.scheme', (it) => (it.paymentRequirements.scheme = 'batch')],
    [
      'unsupported_scheme',
      'paymentRequirements.scheme',
      (it) => (it.paymentRequirements.scheme = 'upto'),
      { version: 1 },
    ],
    [
      'invalid_payment_requirements',
      'paymentRequirements.scheme',
      (it) => (it.paymentRequirements.scheme = 1),
    ],
    [
      'invalid_network',
      'paymentRequirements.network',
      (it) => (it.paymentRequirements.network = 'base-sepolia'),
    ],
    [
      'invalid_network',
      'paymentRequirements.network',
      (it) => (it.paymentRequirements.network = 'solana:devnet'),
    ],
    [
      'invalid_network',
      'paymentRequirements.network',
      (it) => (it.paymentRequirements.network = 'eip155:84532'),
      { version: 1 },
    ],
    [
      'invalid_network',
      'paymentRequirements.network',
      (it) => (it.paymentRequirements.network = 'Base-Sepolia'),
      { version: 1 },
    ],
    [
      'unsupported_payload_type',
      'paymentRequirements.extra.assetTransferMethod',
      (it) => (it.paymentRequirements.extra.assetTransferMethod = 'erc7710'),
    ],
    [
      'unsupported_payload_type',
      'paymentRequirements.extra.assetTransferMethod',
      (it) => (it.paymentRequirements.extra.assetTransferMethod = 'permit2'),
      { version: 1 },
    ],
    [
      'unsupported_payload_type',
      `${proof}.authorization`,
      (it) => (it.paymentRequirements.extra.assetTransferMethod = 'permit2'),
    ],
    [
      'unsupported_payload_type',
      `${proof}.permit2Authorization`,
      (it) => (it.paymentPayload.payload = { signature: '0x00', permit2Authorization: {} }),
    ],
    [
      'invalid_payment_requirements',
      'paymentRequirements.asset',
      (it) => (it.paymentRequirements.asset = '0x12'),
    ],
    [
      'invalid_payment_requirements',
      'paymentRequirements.payTo',
      (it) => delete it.paymentRequirements.payTo,
    ],
    [
      'invalid_payment_requirements',
      'paymentRequirements.extra',
      (it) => (it.paymentRequirements.extra = 'USDC'),
    ],
    [
      'invalid_payment_requirements',
      'paymentRequirements.extra.name',
      (it) => (it.paymentRequirements.extra.name = 7),
    ],
    [
      'invalid_payment_requirements',
      'paymentRequirements.maxAmountRequired',
      (it) => (it.paymentRequirements.maxAmountRequired = null),
      { version: 1 },
    ],
    ['invalid_payload', 'paymentPayload.accepted', (it) => delete it.paymentPayload.accepted],
    ['invalid_payload', 'paymentPayload.accepted.scheme', (it) => (it.paymentPayload.accepted.scheme = {})],
    ['invalid_payload', 'paymentPayload.network', (it) => (it.paymentPayload.network = ''), { version: 1 }],
    ['invalid_payload', proof, (it) => (it.paymentPayload.payload = null)],
    ['invalid_payload', signed, (it) => (it.paymentPayload.payload.authorization = 'x')],
    [
      'invalid_payload',
      `${signed}.from`,
      (it) => (it.paymentPayload.payload.authorization.from = BUYER.slice(1)),
    ],
    ['invalid_payload', `${signed}.to`, (it) => (it.paymentPayload.payload.authorization.to = null)],
    ['invalid_payload', `${signed}.nonce`, (it) => (it.paymentPayload.payload.authorization.nonce = '0x11')],
    ['invalid_payload', `${signed}.nonce`, (it) => (it.paymentPayload.payload.authorization.nonce = '1')],
    [
      'invalid_payload',
      `${signed}.validBefore`,
      (it) => (it.paymentPayload.payload.authorization.validBefore = (1n << 256n) - 1n + ''),
    ],
    [
      'invalid_payload',
      `${signed}.validAfter`,
      (it) => (it.paymentPayload.payload.authorization.validAfter = 0),
    ],
    ['invalid_payload', `${proof}.signature`, () => {}, { signature: '0x' }],
    ['invalid_payload', `${proof}.signature`, () => {}, { signature: `0x${'a'.repeat(129)}` }],
    ['invalid_payload', `${proof}.signature`, () => {}, { signature: `0x${'zz'.repeat(65)}` }],
    ['invalid_payload', `${proof}.signature`, () => {}, { signature: `0x${'aa'.repeat(4097)}` }],
    ['invalid_payload', `${proof}.signature`, (it) => (it.paymentPayload.payload.signature = 7)],
    [
      'invalid_exact_evm_failed_to_parse_signature',
      `${proof}.signature`,
      () => {},
      { signature: `0x${'ff'.repeat(100)}${'6492'.repeat(16)}` },
    ],
    [
      'invalid_exact_evm_failed_to_parse_signature',
      `${proof}.signature`,
      () => {},
      { signature: `0x${'00'.repeat(31)}${'6492'.repeat(16)}` },
    ],
    [
      'invalid_payload',
      'paymentPayload.extensions.payment-identifier.info.id',
      () => {},
      { paymentIdentifier: 'too short' },
    ],
  ];
  const cases = rows.map(([reason, field, change, input = {}]) => ({ reason, field, change, input }));
  it.each(cases)('$reason at $field', ({ reason, field, change, input }) => {
    expect(readFacilitatorRequest(facilitatorBody(input, change))).toEqual({ ok: false, reason, field });
  });

  /** safety.md T7: what other software reads as a number, and a payment must not. */
  const notAmounts = [1, 1e4, true, '', ' 1', '+1', '-1', '01', '1.0', '1e4', '0x10', '１', '9'.repeat(79)];
  it.each(notAmounts)('an amount is not %j', (amount) => {
    const asked = facilitatorBody({}, (it) => (it.paymentRequirements.amount = amount));
    expect(readFacilitatorRequest(asked)).toMatchObject({ ok: false, field: 'paymentRequirements.amount' });
    const paid = facilitatorBody({}, (it) => (it.paymentPayload.payload.authorization.value = amount));
    expect(readFacilitatorRequest(paid)).toMatchObject({ ok: false, field: `${signed}.value` });
  });

  it('does not see inherited fields', () => {
    const body = Object.create(facilitatorBody()) as object;
    expect(readFacilitatorRequest(body)).toMatchObject({ ok: false, field: 'paymentPayload' });
  });
});
