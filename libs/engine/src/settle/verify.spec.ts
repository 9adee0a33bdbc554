import { beforeEach, describe, expect, it } from 'vitest';
import { address, NOON } from '../../../../test/support/builders.js';
import {
  BUYER,
  facilitatorBody,
  wrapped6492,
  type PaymentInput,
  type Spoil,
} from '../../../../test/support/facilitator-requests.js';
import { MemoryFacilitator } from '../../../../test/support/memory-facilitator.js';
import { readFacilitatorRequest } from '#x402';
import { verifyPayment } from './facilitate.js';

let world: MemoryFacilitator;
beforeEach(() => {
  world = new MemoryFacilitator({ now: () => NOON, passTo: () => {} });
});

const NOW_SEC = NOON / 1000;
const CALLER = { workspaceId: null, askedBy: 'open', idempotencyKey: null };

async function verdict(input: PaymentInput = {}, change: Spoil = () => {}): Promise<string> {
  const read = readFacilitatorRequest(facilitatorBody(input, change));
  if (!read.ok) throw new Error(`${read.reason} at ${read.field}`);
  const verified = await verifyPayment(world.ports, CALLER, read.request);
  return verified.kind === 'valid' ? 'valid' : verified.reason;
}

const otherOffer: Spoil = (it) => (it.paymentRequirements.payTo = address(0xdead));

describe.each([1, 2] as const)('a payment of version %s', (version) => {
  it('is valid', async () => {
    expect(await verdict({ version })).toBe('valid');
    expect(world.checks.asked).toBe(1);
  });

  const inPayload = (name: string, value: string): Spoil => {
    return (it) => {
      const part = version === 1 ? it.paymentPayload : it.paymentPayload.accepted;
      part[name] = value;
    };
  };
  const amountField = version === 1 ? 'maxAmountRequired' : 'amount';
  const rows: readonly (readonly [string, string, PaymentInput, Spoil?])[] = [
    ['another scheme', 'invalid_exact_evm_scheme', {}, inPayload('scheme', 'upto')],
    ['another network', 'invalid_exact_evm_network_mismatch', {}, inPayload('network', 'base')],
    ['no domain', 'invalid_exact_evm_missing_eip712_domain', {}, (it) => delete it.paymentRequirements.extra],
    [
      'half a domain',
      'invalid_exact_evm_missing_eip712_domain',
      {},
      (it) => (it.paymentRequirements.extra = { name: 'USDC', version: '' }),
    ],
    [
      'an asset that is not registered',
      'invalid_payment_requirements',
      {},
      (it) => (it.paymentRequirements.asset = address(1)),
    ],
    [
      'the wrong name of the token',
      'invalid_exact_evm_token_name_mismatch',
      {},
      (it) => (it.paymentRequirements.extra.name = 'USD Coin'),
    ],
    [
      'the wrong version of the token',
      'invalid_exact_evm_token_version_mismatch',
      {},
      (it) => (it.paymentRequirements.extra.version = '1'),
    ],
    ['a signature of somebody else', 'invalid_exact_evm_signature', { from: BUYER, signer: 2 }],
    ['a signature of 64 bytes', 'invalid_exact_evm_signature', { signature: `0x${'11'.repeat(64)}` }],
    [
      'an undeployed wallet',
      'eip6492_factory_not_allowed',
      { signature: wrapped6492(`0x${'11'.repeat(65)}`) },
    ],
    ['another recipient', 'invalid_exact_evm_recipient_mismatch', {}, otherOffer],
    [
      'five seconds left',
      'invalid_exact_evm_payload_authorization_valid_before',
      { validBeforeSec: NOW_SEC + 5 },
    ],
    ['not valid yet', 'invalid_exact_evm_payload_authorization_valid_after', { validAfterSec: NOW_SEC + 1 }],
    ['no price', 'invalid_payment_requirements', {}, (it) => (it.paymentRequirements[amountField] = '0')],
    [
      'nothing at all',
      'invalid_payment_requirements',
      { value: 0n },
      (it) => (it.paymentRequirements[amountField] = '0'),
    ],
    ['nothing for a price', valueReason(version), { value: 0n }],
    ['too little', valueReason(version), { value: 9_999n }],
    ['too much', valueReason(version), { value: 10_001n }],
    ['no money', 'invalid_exact_evm_insufficient_balance', { signer: 2 }],
    [
      'an amount above the balance',
      'invalid_exact_evm_insufficient_balance',
      { value: 1_000_001n },
      (it) => (it.paymentRequirements[amountField] = '1000001'),
    ],
  ];
  const cases = rows.map(([what, reason, input, change]) => ({ what, reason, input, change }));
  it.each(cases)('with $what is refused: $reason', async ({ reason, input, change }) => {
    expect(await verdict({ ...input, version }, change)).toBe(reason);
  });

  it('is valid at the limits of its time', async () => {
    expect(await verdict({ version, validAfterSec: NOW_SEC, validBeforeSec: NOW_SEC + 6 })).toBe('valid');
  });

  it.each([
    [
      { balance: undefined, nonceUsed: undefined },
      'asset_not_deployed_contract',
      'invalid_exact_evm_eip3009_not_supported',
    ],
    [
      { nonceUsed: undefined },
      'invalid_exact_evm_eip3009_not_supported',
      'invalid_exact_evm_eip3009_not_supported',
    ],
    [{ nonceUsed: true }, 'invalid_exact_evm_nonce_already_used', 'invalid_exact_evm_nonce_already_used'],
    [
      { balance: undefined },
      'invalid_exact_evm_insufficient_balance',
      'invalid_exact_evm_insufficient_balance',
    ],
    [
      { transferable: false },
      'invalid_exact_evm_transaction_simulation_failed',
      'invalid_exact_evm_transaction_simulation_failed',
    ],
  ] as const)('of which the chain says %j', async (facts, v2, v1) => {
    world.checks.override = facts;
    expect(await verdict({ version })).toBe(version === 2 ? v2 : v1);
  });
});

function valueReason(version: 1 | 2): string {
  return version === 1
    ? 'invalid_exact_evm_authorization_value'
    : 'invalid_exact_evm_payload_authorization_value_mismatch';
}

describe('a payer that is a contract', () => {
  const signature = `0x${'c0de'.repeat(60)}`;
  const wallet = address(0xc0de);
  beforeEach(() => {
    world.checks.contracts.set(wallet, Buffer.from(signature.slice(2), 'hex'));
    world.checks.balances.set(wallet, 10_000n);
  });

  it('pays with what its contract accepts, wrapped or not', async () => {
    expect(await verdict({ from: wallet, signature })).toBe('valid');
    expect(await verdict({ from: wallet, signature: wrapped6492(signature) })).toBe('valid');
  });

  it('does not pay with what its contract refuses, not even with the signature of its own key', async () => {
    expect(await verdict({ from: wallet, signature: `0x${'11'.repeat(90)}` })).toBe(
      'invalid_exact_evm_signature',
    );
    world.checks.contracts.set(BUYER, new Uint8Array([1]));
    expect(await verdict()).toBe('invalid_exact_evm_signature');
  });
});

const spoilt: Spoil = (it) => {
  otherOffer(it);
  it.paymentRequirements.amount = '1';
};

describe('the order of the checks', () => {
  it('names the first thing that is wrong', async () => {
    expect(await verdict({ signer: 2, from: BUYER, validBeforeSec: 1 }, spoilt)).toBe(
      'invalid_exact_evm_signature',
    );
    expect(await verdict({ validBeforeSec: 1 }, spoilt)).toBe('invalid_exact_evm_recipient_mismatch');
  });

  it('asks no chain where the request is enough', async () => {
    await verdict({ validBeforeSec: 1 });
    await verdict({}, (it) => (it.paymentRequirements.extra = null));
    await verdict({ value: 0n });
    expect(world.checks.asked).toBe(0);
  });
});

it('the published vector of x402.md 4.4 is a valid payment', async () => {
  const from = '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC';
  const to = '0x90F79bf6EB2c4f870365E785982E1f101E93b906';
  world.checks.balances.set(from.toLowerCase() as typeof BUYER, 10_000n);
  const signature =
    '0x28fe70a9f3cf6c5cf42531a7c268188a29e4a3554dd224c20cddf2b9c21e8df10de93ee1ab7d477913640caa0dbc670668fbbfabaa96ea4feb9cdebe77157ef21c';
  const change: Spoil = (it) => {
    it.paymentRequirements.payTo = to;
    const { authorization } = it.paymentPayload.payload;
    Object.assign(authorization, { from, to, validBefore: '1900000000', nonce: `0x${'11'.repeat(32)}` });
  };
  expect(await verdict({ signature }, change)).toBe('valid');
});
