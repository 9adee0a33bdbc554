// The x402 facilitator surface over HTTP: real routes, real rules and signatures, the desk and the chain in memory.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { address, hex32, NOON, WORKSPACE } from '../support/builders.js';
import { FacilitatorClient, SETTLE, transferOf, VERIFY } from '../support/facilitator-client.js';
import {
  BUYER,
  facilitatorBody,
  PAYEE,
  wrapped6492,
  type PaymentInput,
  type Spoil,
} from '../support/facilitator-requests.js';
import { BROADCASTER, OTHER_BROADCASTER } from '../support/memory-facilitator.js';

let client: FacilitatorClient;
beforeEach(async () => {
  client = await FacilitatorClient.start();
});
afterEach(() => client.api.close());

const NOW_SEC = NOON / 1000;

const scheme: Spoil = (it) => {
  (it.paymentPayload.accepted ?? it.paymentPayload).scheme = 'upto';
};
const spoilt = (amount: unknown): unknown =>
  facilitatorBody({}, (it) => (it.paymentRequirements.amount = amount));

describe.each([1, 2] as const)('x402 version %s', (version) => {
  const network = version === 1 ? 'base-sepolia' : 'eip155:84532';

  it('a good payment is valid, and settles', async () => {
    expect(await client.verify({ version })).toMatchObject({
      status: 200,
      body: { isValid: true, payer: BUYER },
    });
    expect(client.claims).toBe(0);
    const settled = await client.settle({ version });
    expect(settled.status).toBe(200);
    expect(settled.body).toEqual({ success: true, transaction: hex32(0x7000), network, payer: BUYER });
    const row = client.api.facilitator.desk.row(transferOf({ version }));
    expect(row.request).toMatchObject({ workspaceId: WORKSPACE, requestKey: null });
    expect(row.request.askedBy).toMatch(/^key_/);
  });

  it('afterwards verify says that the nonce is used', async () => {
    await client.settle({ version });
    const { status, body } = await client.verify({ version });
    expect([status, body]).toEqual([
      200,
      { isValid: false, invalidReason: 'invalid_exact_evm_nonce_already_used', payer: BUYER },
    ]);
  });

  const value =
    version === 1
      ? 'invalid_exact_evm_authorization_value'
      : 'invalid_exact_evm_payload_authorization_value_mismatch';
  const free: Spoil = (it) => {
    it.paymentRequirements[version === 1 ? 'maxAmountRequired' : 'amount'] = '0';
  };
  const elsewhere: Spoil = (it) => {
    (it.paymentPayload.accepted ?? it.paymentPayload).network = version === 1 ? 'base' : 'eip155:8453';
  };
  const refusals: readonly (readonly [string, PaymentInput, Spoil?])[] = [
    ['invalid_exact_evm_scheme', {}, scheme],
    ['invalid_exact_evm_network_mismatch', {}, elsewhere],
    ['invalid_exact_evm_missing_eip712_domain', {}, (it) => delete it.paymentRequirements.extra],
    ['invalid_payment_requirements', {}, (it) => (it.paymentRequirements.asset = address(1))],
    ['invalid_exact_evm_token_name_mismatch', {}, (it) => (it.paymentRequirements.extra.name = 'x')],
    ['invalid_exact_evm_token_version_mismatch', {}, (it) => (it.paymentRequirements.extra.version = '1')],
    ['eip6492_factory_not_allowed', { signature: wrapped6492(`0x${'11'.repeat(65)}`) }],
    ['invalid_exact_evm_signature', { from: BUYER, signer: 2 }],
    ['invalid_exact_evm_recipient_mismatch', { to: address(0xbad) }],
    ['invalid_exact_evm_payload_authorization_valid_before', { validBeforeSec: NOW_SEC + 5 }],
    ['invalid_exact_evm_payload_authorization_valid_after', { validAfterSec: NOW_SEC + 1 }],
    [value, { value: 1n }],
    [value, { value: 0n }],
    ['invalid_payment_requirements', { value: 0n }, free],
    ['invalid_exact_evm_insufficient_balance', { signer: 2 }],
  ];
  const cases = refusals.map(([reason, input, change]) => ({ reason, input: { ...input, version }, change }));

  it.each(cases)('refuses: $reason', async ({ reason, input, change }) => {
    const { status, body } = await client.verify(input, change);
    expect([status, body.isValid, body.invalidReason]).toEqual([200, false, reason]);
    const settled = await client.settle(input, change);
    expect(settled.status).toBe(200);
    expect(settled.body).toMatchObject({ success: false, errorReason: reason, transaction: '', network });
    expect(client.claims).toBe(0);
  });

  it.each([
    ['invalid_exact_evm_nonce_already_used', { nonceUsed: true }],
    ['invalid_exact_evm_eip3009_not_supported', { nonceUsed: undefined }],
    ['invalid_exact_evm_transaction_simulation_failed', { transferable: false }],
  ] as const)('refuses what the chain would not do: %s', async (reason, facts) => {
    client.api.facilitator.checks.override = facts;
    expect((await client.verify({ version })).body).toMatchObject({ isValid: false, invalidReason: reason });
    expect((await client.settle({ version })).body).toMatchObject({ success: false, errorReason: reason });
    expect(client.claims).toBe(0);
  });
});

describe('requests that are no payment', () => {
  const bad: readonly (readonly [string, string, string, unknown])[] = [
    ['no body', 'invalid_payload', 'body', undefined],
    ['a list', 'invalid_payload', 'body', []],
    ['no payload', 'invalid_payload', 'paymentPayload', {}],
    ['no requirements', 'invalid_payment_requirements', 'paymentRequirements', { paymentPayload: {} }],
    ['not JSON', 'invalid_payload', 'body', '{"x402Version":'],
    ['a field twice', 'invalid_payload', 'x402Version', '{"x402Version":2,"x402Version":2}'],
    ['a number as amount', 'invalid_payment_requirements', 'paymentRequirements.amount', spoilt(10_000)],
    ['an amount in hex', 'invalid_payment_requirements', 'paymentRequirements.amount', spoilt('0x2710')],
  ];

  it.each(bad)('%s: %s at %s', async (_, reason, field, body) => {
    const verified = await client.post(VERIFY, body);
    expect([verified.status, verified.body.isValid, verified.body.invalidReason]).toEqual([
      400,
      false,
      reason,
    ]);
    expect(verified.body.invalidMessage).toContain(field);
    const settled = await client.post(SETTLE, body);
    expect([settled.status, settled.body.success, settled.body.errorReason]).toEqual([400, false, reason]);
    expect(settled.body.errorMessage).toContain(field);
    expect(settled.body.transaction).toBe('');
    expect(client.claims).toBe(0);
  });

  it('one that is too long', async () => {
    const long = facilitatorBody({}, (it) => (it.padding = 'x'.repeat(65_536)));
    expect((await client.post(VERIFY, long)).body).toMatchObject({
      isValid: false,
      invalidReason: 'invalid_payload',
    });
    const settled = await client.post(SETTLE, long);
    expect([settled.status, settled.body.errorReason]).toEqual([400, 'invalid_payload']);
  });

  it.each([
    ['unsupported_scheme', (it) => (it.paymentRequirements.scheme = 'batch'), 'eip155:84532'],
    ['invalid_network', (it) => (it.paymentRequirements.network = 'eip155:8453'), 'eip155:8453'],
    ['invalid_network', (it) => (it.paymentRequirements.network = 'solana:devnet'), 'solana:devnet'],
    [
      'unsupported_payload_type',
      (it) => (it.paymentRequirements.extra.assetTransferMethod = 'erc7710'),
      'eip155:84532',
    ],
  ] as readonly (readonly [string, Spoil, string])[])(
    'what is not served names what is: %s',
    async (reason, change, network) => {
      const verified = await client.verify({}, change);
      expect([verified.status, verified.body.invalidReason]).toEqual([400, reason]);
      expect(verified.body.invalidMessage).toContain(
        'exact by EIP-3009 or permit2, and upto, on eip155:84532, base-sepolia',
      );
      const settled = await client.settle({}, change);
      expect([settled.status, settled.body]).toMatchObject([400, { errorReason: reason, network }]);
      expect(client.claims).toBe(0);
    },
  );

  it('a key of the wrong form binds nothing', async () => {
    const { status, body } = await client.settle({}, undefined, { key: 'x'.repeat(201) });
    expect([status, body.errorReason, client.claims]).toEqual([400, 'invalid_payload', 0]);
  });
});

describe('who may ask', () => {
  it.each([
    ['nobody', 401, 'authentication_failed'],
    ['agent', 403, 'permission_denied'],
    ['auditor', 403, 'permission_denied'],
  ])('%s: %s', async (as, status, reason) => {
    const verified = await client.verify({}, undefined, { as });
    expect([verified.status, verified.body.invalidReason]).toEqual([status, reason]);
    const settled = await client.settle({}, undefined, { as });
    expect([settled.status, settled.body.errorReason, client.claims]).toEqual([status, reason, 0]);
    expect((await client.get('/facilitator/supported', as)).status).toBe(status);
  });

  it('an admin, and a seller with a key of the keys API', async () => {
    expect((await client.verify({}, undefined, { as: 'admin' })).status).toBe(200);
    const body = { role: 'seller', person: 'shop@example.com' };
    const issued = await client.api.call({ method: 'POST', path: '/purser/v1/keys', as: 'admin', body });
    client.api.secrets['shop'] = issued.body.secret as string;
    expect((await client.verify({}, undefined, { as: 'shop' })).body.isValid).toBe(true);
    expect((await client.api.call({ path: '/purser/v1/workspace', as: 'shop' })).status).toBe(403);
  });

  it('everybody, where the facilitator is open', async () => {
    await client.api.close();
    client = await FacilitatorClient.start((core) => ({
      ...core,
      facilitator: core.facilitator && { ...core.facilitator, access: 'open' },
    }));
    expect((await client.settle({}, undefined, { as: 'nobody' })).body.success).toBe(true);
    expect(client.api.facilitator.desk.row(transferOf()).request).toMatchObject({
      workspaceId: null,
      askedBy: 'open',
    });
    expect((await client.get('/facilitator/supported', 'nobody')).status).toBe(200);
  });

  it('nobody, where it is off', async () => {
    await client.api.close();
    client = await FacilitatorClient.start((core) => ({ ...core, facilitator: null }));
    expect((await client.verify()).status).toBe(404);
    expect((await client.settle()).body).toMatchObject({ success: false, errorReason: 'not_found' });
    expect((await client.get('/facilitator/supported', 'admin')).status).toBe(404);
    expect((await client.get('/facilitator/health', 'admin')).status).toBe(404);
  });
});

it('says what it supports, and how it is', async () => {
  expect((await client.get('/facilitator/supported')).body).toEqual({
    kinds: [
      { x402Version: 2, scheme: 'exact', network: 'eip155:84532' },
      { x402Version: 1, scheme: 'exact', network: 'base-sepolia' },
      {
        x402Version: 2,
        scheme: 'upto',
        network: 'eip155:84532',
        extra: { facilitatorAddress: BROADCASTER },
      },
    ],
    extensions: ['payment-identifier'],
    signers: { 'eip155:*': [BROADCASTER, OTHER_BROADCASTER] },
  });
  expect((await client.get('/facilitator/health', 'seller')).body).toEqual({ status: 'ok' });
});

it('no answer and no log holds a signature', async () => {
  const body = facilitatorBody();
  const { signature } = (body as { paymentPayload: { payload: { signature: string } } }).paymentPayload
    .payload;
  client.api.facilitator.desk.fails = new Error('away');
  const replies = [
    await client.post(VERIFY, body),
    await client.post(SETTLE, body),
    await client.settle({ to: PAYEE, value: 3n }),
  ];
  const seen = JSON.stringify([replies, client.api.logged]);
  expect(seen).not.toContain(signature.slice(2, 40));
});
