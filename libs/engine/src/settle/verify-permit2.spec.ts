import { beforeEach, describe, expect, it } from 'vitest';
import { address, NOON } from '../../../../test/support/builders.js';
import { BUYER, wrapped6492, type Spoil } from '../../../../test/support/facilitator-requests.js';
import { MemoryFacilitator } from '../../../../test/support/memory-facilitator.js';
import { permitBody, type PermitInput } from '../../../../test/support/permit2-requests.js';
import { readFacilitatorRequest } from '#x402';
import type { ChainFacts } from './facilitator-ports.js';
import { settlePayment, verifyPayment } from './facilitate.js';

let world: MemoryFacilitator;
beforeEach(() => {
  world = new MemoryFacilitator({ now: () => NOON, passTo: () => {} });
});

const NOW_SEC = NOON / 1000;
const CALLER = { workspaceId: null, askedBy: 'open', idempotencyKey: null };

function requestOf(input: PermitInput, change: Spoil = () => {}) {
  const read = readFacilitatorRequest(permitBody(input, change));
  if (!read.ok) throw new Error(`${read.reason} at ${read.field}`);
  return read.request;
}

async function verdict(input: PermitInput = {}, change: Spoil = () => {}): Promise<string> {
  const verified = await verifyPayment(world.ports, CALLER, requestOf(input, change));
  return verified.kind === 'valid' ? 'valid' : verified.reason;
}

const settle = (input: PermitInput) =>
  settlePayment(world.ports, CALLER, requestOf(input), { deadlineMs: NOON + 1 });
const outcome = async (input: PermitInput): Promise<string> => {
  const settled = await settle(input);
  return settled.kind === 'not_settled' ? settled.reason : settled.kind;
};

const METHODS = ['permit2', 'upto'] as const;
const permitOf: (body: never) => Record<string, unknown> = (body) =>
  (body as { paymentPayload: { payload: { permit2Authorization: Record<string, unknown> } } }).paymentPayload
    .payload.permit2Authorization;

describe.each(METHODS)('a payment by Permit2 (%s)', (method) => {
  const of = (input: PermitInput = {}): PermitInput => ({ method, ...input });

  it('that is good is valid, and asks the chain once', async () => {
    expect(await verdict(of())).toBe('valid');
    expect(world.checks.asked).toBe(1);
  });

  it.each<[string, PermitInput, Spoil]>([
    ['invalid_permit2_spender', {}, (it) => (permitOf(it as never)['spender'] = address(0xbad))],
    ['invalid_permit2_recipient_mismatch', { to: address(0xdead) }, () => {}],
    ['permit2_deadline_expired', { deadlineSec: NOW_SEC + 5 }, () => {}],
    ['permit2_not_yet_valid', { validAfterSec: NOW_SEC + 1 }, () => {}],
    ['permit2_amount_mismatch', { amount: 10_001n }, () => {}],
    ['permit2_amount_mismatch', { amount: 9_999n }, () => {}],
    [
      'permit2_token_mismatch',
      {},
      (it) => ((permitOf(it as never)['permitted'] as { token: string }).token = address(0x704e)),
    ],
    ['invalid_permit2_signature', { from: address(0xaa) }, () => {}],
    ['invalid_permit2_signature', { signature: `0x${'11'.repeat(64)}1b` }, () => {}],
    ['invalid_payment_requirements', {}, (it) => (it.paymentRequirements.asset = address(0x704e))],
    ['invalid_payment_requirements', { signed: 0n }, () => {}],
  ])('is refused as %s', async (reason, input, change) => {
    expect(await verdict(of(input), change)).toBe(reason);
  });

  it('names what the payer signed before who signed it, and asks nobody', async () => {
    expect(await verdict(of({ from: address(0xaa), deadlineSec: NOW_SEC }))).toBe('permit2_deadline_expired');
    expect(world.checks.asked).toBe(0);
  });

  it('is refused where the payload is of another scheme or network', async () => {
    const [scheme, network] =
      method === 'upto'
        ? ['invalid_upto_evm_scheme', 'invalid_upto_evm_network_mismatch']
        : ['unsupported_payload_type', 'invalid_exact_evm_network_mismatch'];
    expect(await verdict(of(), (it) => (it.paymentPayload.accepted.scheme = 'other'))).toBe(scheme);
    expect(await verdict(of(), (it) => (it.paymentPayload.accepted.network = 'eip155:1'))).toBe(network);
  });

  it.each<[string, Partial<ChainFacts>]>([
    ['permit2_proxy_not_deployed', { deployed: false }],
    ['permit2_proxy_not_deployed', { nonceUsed: undefined }],
    ['permit2_invalid_nonce', { nonceUsed: true }],
    ['permit2_insufficient_balance', { balance: 9_999n }],
    ['permit2_allowance_required', { allowance: 9_999n }],
    ['permit2_simulation_failed', {}],
  ])('is refused as %s when the chain says so', async (reason, facts) => {
    world.checks.override = { transferable: false, ...facts };
    expect(await verdict(of())).toBe(reason);
  });

  it('of a contract is as good as the contract says, and an undeployed one is not', async () => {
    const signature = `0x${'22'.repeat(70)}`;
    const from = address(0xc0);
    world.checks.contracts.set(from, Buffer.from(signature.slice(2), 'hex'));
    world.checks.balances.set(from, 10_000n);
    world.checks.allowances.set(from, 10_000n);
    expect(await verdict(of({ from, signature }))).toBe('valid');
    expect(await verdict(of({ from, signature: `0x${'23'.repeat(70)}` }))).toBe('invalid_permit2_signature');
    const wrapped = wrapped6492(signature);
    expect(await verdict(of({ from: address(0xc1), signature: wrapped }))).toBe(
      'eip6492_factory_not_allowed',
    );
  });

  it('that was settled is used, and told once', async () => {
    expect(await settle(of())).toMatchObject({ kind: 'settled', txHash: expect.any(String) as string });
    expect(await verdict(of())).toBe('permit2_invalid_nonce');
    expect(await outcome(of())).toBe('duplicate_settlement');
  });

  it('fifty times at once is one claim and one success', async () => {
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => outcome(of())));
    expect(outcomes.filter((it) => it === 'settled')).toHaveLength(1);
    expect(outcomes.filter((it) => it === 'duplicate_settlement')).toHaveLength(49);
    expect(world.desk.rows.size).toBe(1);
  });
});

const upto = (amount: bigint, more: PermitInput = {}): PermitInput => ({ method: 'upto', amount, ...more });

describe('a payment up to a ceiling', () => {
  it('is charged as asked, at most the ceiling', async () => {
    expect(await outcome(upto(10_001n))).toBe('invalid_upto_evm_payload_settlement_exceeds_amount');
    expect(world.desk.rows.size).toBe(0);
    expect(await outcome(upto(1n))).toBe('settled');
    expect(world.checks.balances.get(BUYER)).toBe(999_999n);
  });

  it('that was charged once is charged no other amount, and is not free either', async () => {
    expect(await outcome(upto(1n))).toBe('settled');
    expect(await outcome(upto(2n))).toBe('permit2_invalid_nonce');
    expect(await outcome(upto(0n))).toBe('permit2_invalid_nonce');
  });

  it('is verified at its ceiling again after its charge was pending, until that has been told', async () => {
    world.desk.mode = 'waits';
    expect(await outcome(upto(1n))).toBe('pending');
    world.desk.settle(requestOf(upto(1n)).transfer);
    world.checks.override = { nonceUsed: true, transferable: false };
    expect(await verdict({ method: 'upto' })).toBe('valid');
    expect(await outcome(upto(1n))).toBe('settled');
    expect(await verdict({ method: 'upto' })).toBe('permit2_invalid_nonce');
  });

  it('of which nothing was used settles without a transaction, and only when it is good', async () => {
    expect(await settle(upto(0n))).toEqual({ kind: 'settled', txHash: null });
    expect(await outcome(upto(0n, { from: address(0xaa) }))).toBe('invalid_permit2_signature');
    expect(await outcome(upto(0n, { deadlineSec: NOW_SEC }))).toBe('permit2_deadline_expired');
    expect(world.desk.rows.size).toBe(0);
  });

  it('names an account of ours, any of them', async () => {
    const [first, other] = await world.ports.accounts(requestOf({ method: 'upto' }).network);
    expect(await verdict({ method: 'upto', facilitator: other ?? expect.fail() })).toBe('valid');
    expect(await verdict({ method: 'upto', facilitator: first ?? expect.fail() })).toBe('valid');
    expect(await verdict({ method: 'upto', facilitator: address(0xbad) })).toBe('upto_facilitator_mismatch');
  });
});
