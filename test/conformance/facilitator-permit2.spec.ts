// Payments by Permit2 over HTTP: what sellers of the x402 SDK are told, and how bad requests are refused.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FacilitatorClient, SETTLE, VERIFY } from '../support/facilitator-client.js';
import { BUYER, type Spoil } from '../support/facilitator-requests.js';
import { permitBody, type PermitInput } from '../support/permit2-requests.js';

let client: FacilitatorClient;
beforeEach(async () => {
  client = await FacilitatorClient.start();
});
afterEach(() => client.api.close());

const ask = (path: string, input?: PermitInput, change?: Spoil) =>
  client.post(path, permitBody(input, change));

describe.each(['permit2', 'upto'] as const)('a good payment (%s)', (method) => {
  it('is valid, and settles once', async () => {
    expect((await ask(VERIFY, { method })).body).toEqual({ isValid: true, payer: BUYER });
    const settled = await ask(SETTLE, { method });
    expect(settled.status).toBe(200);
    expect(settled.body).toEqual({
      success: true,
      transaction: expect.stringMatching(/^0x[0-9a-f]{64}$/) as string,
      network: 'eip155:84532',
      payer: BUYER,
      ...(method === 'upto' ? { amount: '10000' } : {}),
    });
    expect((await ask(SETTLE, { method })).body).toMatchObject({
      success: false,
      errorReason: 'duplicate_settlement',
      transaction: (settled.body as { transaction: string }).transaction,
    });
    expect((await ask(VERIFY, { method })).body).toMatchObject({ invalidReason: 'permit2_invalid_nonce' });
    expect(client.claims).toBe(1);
  });

  it('fifty times at once with one payment-identifier gets fifty equal answers', async () => {
    const input = { method, paymentIdentifier: 'one-payment-of-mine' };
    const replies = await Promise.all(Array.from({ length: 50 }, () => ask(SETTLE, input)));
    expect(new Set(replies.map((it) => JSON.stringify(it.body))).size).toBe(1);
    expect(replies[0]?.body).toMatchObject({ success: true });
    expect(client.claims).toBe(1);
  });

  it('is refused with 200 and the reason where it is none', async () => {
    client.api.facilitator.checks.allowances.clear();
    expect(await ask(VERIFY, { method })).toMatchObject({
      status: 200,
      body: { isValid: false, invalidReason: 'permit2_allowance_required', payer: BUYER },
    });
    expect(await ask(SETTLE, { method })).toMatchObject({
      status: 200,
      body: { success: false, errorReason: 'permit2_allowance_required', transaction: '' },
    });
    expect(client.claims).toBe(0);
  });
});

it('of which nothing was used settles without a transaction', async () => {
  expect((await ask(SETTLE, { method: 'upto', amount: 0n })).body).toEqual({
    success: true,
    transaction: '',
    network: 'eip155:84532',
    payer: BUYER,
    amount: '0',
  });
  expect(client.claims).toBe(0);
});

// oxlint-disable-next-line typescript/no-explicit-any -- any place of the body may be spoilt
const at = (it: any) => it.paymentPayload.payload.permit2Authorization;

describe('a malformed payment', () => {
  const permit = 'paymentPayload.payload.permit2Authorization';
  it.each<[string, string, Spoil, PermitInput['method']?]>([
    ['invalid_payload', `${permit}.permitted`, (it) => delete at(it).permitted],
    ['invalid_payload', `${permit}.permitted.amount`, (it) => (at(it).permitted.amount = 10_000)],
    ['invalid_payload', `${permit}.permitted.token`, (it) => (at(it).permitted.token = '0x12')],
    ['invalid_payload', `${permit}.spender`, (it) => (at(it).spender = null)],
    ['invalid_payload', `${permit}.nonce`, (it) => (at(it).nonce = '0x01')],
    ['invalid_payload', `${permit}.nonce`, (it) => (at(it).nonce = (1n << 256n).toString())],
    ['invalid_payload', `${permit}.nonce`, (it) => (at(it).nonce = '-1')],
    ['invalid_payload', `${permit}.deadline`, (it) => (at(it).deadline = '1e9')],
    ['invalid_payload', `${permit}.witness`, (it) => delete at(it).witness],
    ['invalid_payload', `${permit}.witness.to`, (it) => (at(it).witness.to = 'me')],
    ['invalid_payload', `${permit}.witness.validAfter`, (it) => delete at(it).witness.validAfter],
    ['invalid_payload', `${permit}.witness.facilitator`, (it) => (at(it).witness.facilitator = '0x'), 'upto'],
    [
      'unsupported_payload_type',
      `${permit}.witness.facilitator`,
      (it) => delete at(it).witness.facilitator,
      'upto',
    ],
    [
      'invalid_payload',
      'paymentPayload.payload.signature',
      (it) => (it.paymentPayload.payload.signature = 7),
    ],
    [
      'unsupported_payload_type',
      'paymentRequirements.extra.assetTransferMethod',
      (it) => (it.paymentRequirements.extra.assetTransferMethod = 'erc7710'),
    ],
  ])('is %s at %s, and nothing happens', async (reason, field, change, method = 'permit2') => {
    for (const path of [VERIFY, SETTLE]) {
      const { status, body } = await ask(path, { method }, change);
      expect(status).toBe(400);
      const { invalidReason, errorReason, invalidMessage, errorMessage } = body as Record<string, string>;
      expect(invalidReason ?? errorReason).toBe(reason);
      expect(invalidMessage ?? errorMessage).toContain(field);
    }
    expect(client.claims).toBe(0);
    expect(client.api.facilitator.checks.asked).toBe(0);
  });
});
