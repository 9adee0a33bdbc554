// Whose a claimed payment is, as /verify and /settle tell it: what anybody can read from the chain opens nothing.
import { beforeEach, describe, expect, it } from 'vitest';
import { address, hex32, NOON, uuid, WORKSPACE } from '../../../../test/support/builders.js';
import {
  facilitatorBody,
  type PaymentInput,
  type Spoil,
} from '../../../../test/support/facilitator-requests.js';
import { MemoryFacilitator } from '../../../../test/support/memory-facilitator.js';
import { readFacilitatorRequest } from '#x402';
import { settlePayment, verifyPayment } from './facilitate.js';
import type { FacilitatorCaller } from './facilitator-ports.js';
import type { SettlementRequest } from './ports.js';

let nowMs: number;
let world: MemoryFacilitator;
beforeEach(() => {
  nowMs = NOON;
  world = new MemoryFacilitator({ now: () => nowMs, passTo: (ms) => (nowMs = ms) });
});

const PATIENCE_MS = 30_000;
const NAME = 'op_8b2f7c1e-0000-8000-8000-00000000beef';
const SHOP = { workspaceId: WORKSPACE, askedBy: 'key_shop', idempotencyKey: null };
const OTHER = { ...SHOP, workspaceId: uuid(2, 1) as typeof WORKSPACE, askedBy: 'key_other' };
const keyed = (idempotencyKey: string, caller = SHOP) => ({ ...caller, idempotencyKey });
const USED = 'invalid_exact_evm_nonce_already_used';
const named: PaymentInput = { paymentIdentifier: NAME };

function requestOf(input: PaymentInput = {}, change: Spoil = () => {}) {
  const read = readFacilitatorRequest(facilitatorBody(input, change));
  if (!read.ok) throw new Error(`${read.reason} at ${read.field}`);
  return read.request;
}
const { transfer } = requestOf();

async function verdict(input: PaymentInput = {}, change: Spoil = () => {}, caller = SHOP): Promise<string> {
  const verified = await verifyPayment(world.ports, caller, requestOf(input, change));
  return verified.kind === 'valid' ? 'valid' : verified.reason;
}
async function outcome(input: PaymentInput = {}, caller: FacilitatorCaller = SHOP): Promise<string> {
  const patience = { deadlineMs: nowMs + PATIENCE_MS };
  const settled = await settlePayment(world.ports, caller, requestOf(input), patience);
  return settled.kind === 'not_settled' ? settled.reason : settled.kind;
}
const asked = (over: Partial<SettlementRequest> = {}): SettlementRequest => ({
  transfer,
  workspaceId: WORKSPACE,
  askedBy: 'operation',
  requestKey: 'operation-1',
  redemption: NAME,
  ...over,
});

describe('a payment that an operation of ours settled before it asked for the goods', () => {
  it('is valid for its payee until it has been redeemed, also when its time is over', async () => {
    await world.desk.claim(asked());
    expect(await verdict(named, undefined, OTHER)).toBe('valid');
    nowMs += 3_600_000;
    expect(await verdict(named, undefined, OTHER)).toBe('valid');
    const holder = await world.desk.take(transfer, 1_000);
    expect(await verdict(named)).not.toBe('valid');
    await world.desk.giveBack(transfer, holder ?? '');
    expect(await outcome(named, OTHER)).toBe('settled');
    expect(await verdict(named)).not.toBe('valid');
    expect(await outcome(named)).toBe('duplicate_settlement');
  });

  it('is nothing to those who have all that the chain shows, before and after it is mined', async () => {
    world.desk.mode = 'waits';
    await world.desk.claim(asked());
    world.desk.broadcast(transfer, hex32(0x77));
    const guesses: PaymentInput[] = [
      {},
      { version: 1 },
      { paymentIdentifier: `op_${'0'.repeat(36)}` },
      { paymentIdentifier: 'operation-1-operation-1' },
    ];
    for (const guess of guesses) expect(await outcome(guess)).toBe('duplicate_settlement');
    // None of them holds anything up.
    expect(await verdict(named)).toBe('valid');
    world.desk.settle(transfer);
    for (const guess of guesses) {
      expect(await verdict(guess)).toBe(USED);
      expect(await outcome(guess)).toBe('duplicate_settlement');
    }
    expect(await outcome(named)).toBe('settled');
  });

  it('buys nothing where the operation was no prepaid purchase', async () => {
    await world.desk.claim(asked({ redemption: null, requestKey: NAME }));
    for (const input of [{}, named]) {
      expect(await verdict(input)).toBe(USED);
      expect(await outcome(input)).toBe('duplicate_settlement');
    }
  });

  it.each<[string, PaymentInput, Spoil, string]>([
    [
      'another payee',
      {},
      (it) => (it.paymentRequirements.payTo = address(0xdead)),
      'invalid_exact_evm_recipient_mismatch',
    ],
    [
      'another price',
      {},
      (it) => (it.paymentRequirements.amount = '10001'),
      'invalid_exact_evm_payload_authorization_value_mismatch',
    ],
    [
      'no signature of the payer',
      { signature: `0x${'11'.repeat(65)}` },
      () => {},
      'invalid_exact_evm_signature',
    ],
  ])('is nothing for %s', async (_, input, change, reason) => {
    await world.desk.claim(asked());
    expect(await verdict({ ...named, ...input }, change)).toBe(reason);
  });

  it('is redeemed once of fifty at once', async () => {
    await world.desk.claim(asked());
    const told = await Promise.all(Array.from({ length: 50 }, () => outcome(named)));
    expect(told.filter((it) => it === 'settled')).toHaveLength(1);
    expect(told.filter((it) => it === 'duplicate_settlement')).toHaveLength(49);
  });
});

describe('a payment that failed in a transaction, and was brought by somebody else', () => {
  const REASON = 'invalid_exact_evm_transaction_failed';
  const fail = async () => {
    world.desk.mode = 'waits';
    expect(await outcome(named)).toBe('pending');
    world.desk.fail(transfer, REASON, hex32(0x77));
  };

  it('is settled once for its seller, who verifies first', async () => {
    await fail();
    expect(await outcome(named)).toBe(REASON);
    world.desk.bring(transfer, hex32(0x99));
    expect(await verdict(named)).toBe('valid');
    const patience = { deadlineMs: nowMs + PATIENCE_MS };
    expect(await settlePayment(world.ports, SHOP, requestOf(named), patience)).toEqual({
      kind: 'settled',
      txHash: hex32(0x99),
    });
    expect(await verdict(named)).toBe(USED);
    const told = await Promise.all(Array.from({ length: 5 }, () => outcome(named, OTHER)));
    expect(new Set(told)).toEqual(new Set([USED]));
  });

  it('is used for everybody else, and for all when it was cancelled', async () => {
    await fail();
    world.desk.bring(transfer, hex32(0x99));
    expect([await verdict(), await verdict(named, undefined, OTHER)]).toEqual([USED, USED]);
    world.checks.brought.clear();
    expect([await verdict(named), await outcome(named)]).toEqual([USED, USED]);
  });

  it('has no outcome while the chain gives no answer', async () => {
    await fail();
    world.desk.bring(transfer, hex32(0x99));
    world.ports.checks.broughtIn = () => Promise.reject(new Error('no answer'));
    await expect(outcome(named)).rejects.toThrow('no answer');
  });
});

describe('a seller whose answer was lost after it was told', () => {
  it('hears the same again under the key it redeemed with, and nobody else under any', async () => {
    await world.desk.claim(asked());
    expect(await outcome(named, keyed('order-1', OTHER))).toBe('settled');
    expect(await outcome(named, keyed('order-1', OTHER))).toBe('settled');
    expect(await outcome(named, keyed('order-2', OTHER))).toBe('duplicate_settlement');
    expect(await outcome(named, keyed('order-1'))).toBe('duplicate_settlement');
    expect(await outcome(named, OTHER)).toBe('duplicate_settlement');
    expect(await outcome({}, keyed('order-1', OTHER))).toBe('duplicate_settlement');
  });

  it('hears it under a key that it first gave after settlement_pending', async () => {
    world.desk.mode = 'waits';
    expect(await outcome()).toBe('pending');
    world.desk.settle(transfer);
    expect(await outcome({}, keyed('order-1'))).toBe('settled');
    expect(await outcome({}, keyed('order-1'))).toBe('settled');
    expect(await outcome({}, keyed('order-2'))).toBe('duplicate_settlement');
    expect(await outcome()).toBe('duplicate_settlement');
  });
});

describe('a payment whose seller was told settlement_pending', () => {
  it('has used its nonce while the seller waits, and is valid when its buyer comes again', async () => {
    world.desk.mode = 'waits';
    const { holder } = await world.desk.claim(asked({ askedBy: 'key_shop', redemption: null }), 40_000);
    expect(await verdict()).toBe('valid');
    world.desk.broadcast(transfer, hex32(0x77));
    expect(await verdict()).toBe(USED);
    await world.desk.giveBack(transfer, holder ?? '');
    expect(await verdict()).toBe('valid');
  });

  it.each(['broadcast', 'settled'])('and is %s since: verified and settled once more, once', async (now) => {
    world.desk.mode = 'waits';
    expect(await outcome()).toBe('pending');
    world.desk.broadcast(transfer, hex32(0x77));
    if (now === 'settled') world.desk.settle(transfer);
    world.checks.override = { nonceUsed: true, transferable: false };
    expect(await Promise.all(Array.from({ length: 50 }, () => verdict()))).toEqual(
      Array.from({ length: 50 }, () => 'valid'),
    );
    if (now === 'broadcast') world.desk.settle(transfer);
    const told = await Promise.all(Array.from({ length: 50 }, () => outcome()));
    expect(told.filter((it) => it === 'settled')).toHaveLength(1);
    expect(await verdict()).toBe(USED);
  });

  it('is nothing to another tenant, and where it had an identifier, to those who do not know it', async () => {
    world.desk.mode = 'waits';
    expect(await outcome(named)).toBe('pending');
    world.desk.settle(transfer);
    expect(await verdict(named, undefined, OTHER)).toBe(USED);
    expect(await verdict()).toBe(USED);
    expect(await outcome()).toBe('duplicate_settlement');
    expect(await verdict(named)).toBe('valid');
    expect(await outcome(named)).toBe('settled');
  });
});
