// A payment asked for again, one that is not settled yet, and one that fails (ruling 11).
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RpcError } from '#evm';
import { address, hex32, NOON, uuid, WORKSPACE } from '../support/builders.js';
import { FacilitatorClient, signedOf, transferOf } from '../support/facilitator-client.js';
import { OTHER_WORKSPACE } from '../support/memory-api.js';

let client: FacilitatorClient;
beforeEach(async () => {
  client = await FacilitatorClient.start();
});
afterEach(() => client.api.close());

const pending = (transaction: string) => ({
  success: false,
  errorReason: 'settlement_pending',
  transaction,
});

describe('repeats (ruling 11)', () => {
  const IDENTIFIER = 'pay_7d5d747be160e280504c099d984bcfe0';
  const duplicate = { success: false, errorReason: 'duplicate_settlement', transaction: hex32(0x7000) };

  it('the same idempotency key gets the first answer, also when the authorization has expired since', async () => {
    const first = await client.settle({}, undefined, { key: 'order-1' });
    client.api.nowMs += 3_600_000;
    const again = await client.settle({}, undefined, { key: 'order-1' });
    expect([again.status, again.body]).toEqual([first.status, first.body]);
    expect(first.body.success).toBe(true);
  });

  it('the same key while the first still waits: both wait, and both hear the same', async () => {
    const { desk } = client.api.facilitator;
    desk.mode = 'waits';
    desk.held = true;
    const asked = Array.from({ length: 3 }, () => client.settle({}, undefined, { key: 'order-1' }));
    while (client.claims === 0) await setImmediate();
    for (let turn = 0; turn < 20; turn += 1) await setImmediate();
    const transaction = desk.settle(transferOf());
    for (const { body } of await Promise.all(asked))
      expect(body).toMatchObject({ success: true, transaction });
    expect(client.claims).toBe(1);
  });

  it('the same payment-identifier gets the first answer', async () => {
    const first = await client.settle({ paymentIdentifier: IDENTIFIER });
    const again = await client.settle({ paymentIdentifier: IDENTIFIER });
    expect([first.body.success, again.body]).toEqual([true, first.body]);
  });

  it('any other repeat is a duplicate, with the hash', async () => {
    await client.settle({}, undefined, { key: 'order-1' });
    expect((await client.settle()).body).toMatchObject(duplicate);
    expect((await client.settle({}, undefined, { key: 'order-2' })).body).toMatchObject(duplicate);
    expect((await client.settle({ paymentIdentifier: IDENTIFIER })).body).toMatchObject(duplicate);
  });

  it('a key of one workspace opens nothing of another', async () => {
    await client.settle({}, undefined, { key: 'order-1' });
    const other = await client.settle({}, undefined, { key: 'order-1', as: 'admin2' });
    expect(other.body).toMatchObject(duplicate);
  });

  it('what one workspace asked for is not told to another, and stays to be told', async () => {
    const { desk } = client.api.facilitator;
    desk.mode = 'waits';
    await client.settle();
    desk.settle(transferOf());
    expect((await client.settle({}, undefined, { as: 'admin2' })).body).toMatchObject(duplicate);
    expect((await client.settle()).body).toMatchObject({ success: true, transaction: duplicate.transaction });
  });

  it('who waits is not told what another workspace has claimed since', async () => {
    const { desk } = client.api.facilitator;
    Object.assign(desk, { mode: 'waits', held: true });
    const asked = client.settle();
    while (client.claims === 0) await setImmediate();
    for (let turn = 0; turn < 20; turn += 1) await setImmediate();
    desk.fail(transferOf(), 'invalid_exact_evm_transaction_simulation_failed', null);
    const claim = desk.claim({ ...desk.row(transferOf()).request, workspaceId: OTHER_WORKSPACE });
    desk.settle(transferOf());
    await claim;
    expect((await asked).body).toMatchObject(duplicate);
    expect((await client.settle({}, undefined, { as: 'admin2' })).body.success).toBe(true);
  });

  it('what an operation of ours settled is redeemed once, by any workspace', async () => {
    const { desk } = client.api.facilitator;
    const asked = { workspaceId: WORKSPACE, askedBy: 'operation', requestKey: uuid(1, 4) };
    await desk.claim({ ...asked, transfer: signedOf(), redemption: IDENTIFIER });
    const [as, named] = [{ as: 'admin2' }, { paymentIdentifier: IDENTIFIER }];
    expect((await client.verify({}, undefined, as)).body).toMatchObject({ isValid: false });
    expect((await client.settle({}, undefined, as)).body).toMatchObject(duplicate);
    expect((await client.verify(named)).body).toMatchObject({ isValid: true });
    expect((await client.settle(named, undefined, as)).body).toMatchObject({ success: true });
    expect((await client.settle(named, undefined, as)).body).toMatchObject(duplicate);
    expect((await client.settle(named)).body).toMatchObject(duplicate);
    expect((await client.verify(named)).body).toMatchObject({
      isValid: false,
      invalidReason: 'invalid_exact_evm_nonce_already_used',
    });
  });

  it('a repeat without the payer’s signature is told nothing and uses nothing up', async () => {
    const { desk } = client.api.facilitator;
    desk.mode = 'waits';
    await client.settle();
    desk.settle(transferOf());
    const forged = { signature: `0x${'11'.repeat(65)}` };
    expect((await client.settle(forged)).body).toMatchObject({
      errorReason: 'invalid_exact_evm_signature',
      transaction: '',
    });
    expect((await client.settle()).body.success).toBe(true);
  });

  it('a repeat for a contract is checked with the contract', async () => {
    const { checks } = client.api.facilitator;
    const payment = { from: address(0xc0de), signature: `0x${'c0de'.repeat(60)}` };
    checks.contracts.set(payment.from, Buffer.from('c0de'.repeat(60), 'hex'));
    checks.balances.set(payment.from, 10_000n);
    const key = { key: 'order-1' };
    expect((await client.settle(payment, undefined, key)).body.success).toBe(true);
    expect((await client.settle(payment, undefined, key)).body.success).toBe(true);
    checks.contracts.set(payment.from, new Uint8Array([1]));
    expect((await client.settle(payment, undefined, key)).body.errorReason).toBe(
      'invalid_exact_evm_signature',
    );
  });

  it('one key over two payments: each has its own outcome', async () => {
    const first = await client.settle({}, undefined, { key: 'order-1' });
    const second = await client.settle({ nonce: 2 }, undefined, { key: 'order-1' });
    expect([first.body.transaction, second.body.transaction]).toEqual([hex32(0x7000), hex32(0x7001)]);
  });

  it('another payment under a claimed nonce does not share its outcome, whatever its key', async () => {
    await client.settle({}, undefined, { key: 'order-1' });
    const { body } = await client.settle(
      { to: address(0xbad) },
      (it) => (it.paymentRequirements.payTo = address(0xbad)),
      {
        key: 'order-1',
      },
    );
    expect(body).toMatchObject({ errorReason: 'invalid_exact_evm_nonce_already_used', transaction: '' });
  });

  it.each([
    ['without a key', undefined],
    ['under its key', { key: 'order-1' }],
  ])('who waits is not told of another transfer that took the nonce over: %s', async (_, key) => {
    const { desk } = client.api.facilitator;
    Object.assign(desk, { mode: 'waits', held: true });
    const asked = [client.settle({}, undefined, key)];
    while (client.claims === 0) await setImmediate();
    if (key !== undefined) asked.push(client.settle({}, undefined, key));
    for (let turn = 0; turn < 20; turn += 1) await setImmediate();
    // Before the waiters look, the row is another transfer's.
    const other = { to: address(0xbad) };
    desk.fail(transferOf(), 'invalid_exact_evm_transaction_simulation_failed', null);
    const claim = desk.claim({ ...desk.row(transferOf()).request, transfer: signedOf(other) });
    const transaction = desk.settle(transferOf());
    await claim;
    for (const { body } of await Promise.all(asked))
      expect(body).toMatchObject({ errorReason: 'invalid_exact_evm_nonce_already_used', transaction: '' });
    const { body } = await client.settle(other, (it) => (it.paymentRequirements.payTo = other.to));
    expect(body).toMatchObject({ success: true, transaction });
  });

  it('a repeat for another price is not told that it was paid', async () => {
    await client.settle({}, undefined, { key: 'order-1' });
    const { body } = await client.settle({}, (it) => (it.paymentRequirements.amount = '20000'), {
      key: 'order-1',
    });
    expect(body.errorReason).toBe('invalid_exact_evm_payload_authorization_value_mismatch');
  });

  it('fifty at once: one success, forty-nine duplicates, one claim', async () => {
    const { desk } = client.api.facilitator;
    desk.mode = 'waits';
    desk.held = true;
    const asked = Array.from({ length: 50 }, () => client.settle());
    while (client.claims === 0) await setImmediate();
    desk.broadcast(transferOf(), hex32(0x77));
    for (let turn = 0; turn < 50; turn += 1) await setImmediate();
    desk.settle(transferOf());
    const replies = await Promise.all(asked);
    expect(replies.filter((it) => it.body.success === true)).toHaveLength(1);
    expect(replies.filter((it) => it.body.errorReason === 'duplicate_settlement')).toHaveLength(49);
    expect(client.claims).toBe(1);
  });
});

describe('pending', () => {
  it('is what is known at the deadline, with the hash as soon as there is one', async () => {
    client.api.facilitator.desk.mode = 'waits';
    const first = await client.settle();
    expect([first.status, first.body]).toMatchObject([200, pending('')]);
    expect(client.api.nowMs).toBe(NOON + 30_000);
    client.api.facilitator.desk.broadcast(transferOf(), hex32(0x77));
    expect((await client.settle()).body).toMatchObject(pending(hex32(0x77)));
  });

  it('is followed by the outcome, which one repeat is told', async () => {
    client.api.facilitator.desk.mode = 'waits';
    await client.settle();
    const transaction = client.api.facilitator.desk.settle(transferOf());
    expect((await client.settle()).body).toMatchObject({ success: true, transaction });
    expect((await client.settle()).body).toMatchObject({ errorReason: 'duplicate_settlement', transaction });
  });

  it('is followed by a success to a stock seller, who verifies first', async () => {
    client.api.facilitator.desk.mode = 'waits';
    await client.settle();
    client.api.facilitator.desk.broadcast(transferOf(), hex32(0x77));
    expect((await client.verify()).body).toMatchObject({ isValid: true });
    expect((await client.verify({}, undefined, { as: 'admin2' })).body).toMatchObject({ isValid: false });
    client.api.facilitator.desk.settle(transferOf());
    expect((await client.verify()).body).toMatchObject({ isValid: true });
    expect((await client.settle()).body).toMatchObject({ success: true });
    expect((await client.verify()).body).toMatchObject({ isValid: false });
  });

  it('is followed by the outcome under the same key as often as it is asked for', async () => {
    client.api.facilitator.desk.mode = 'waits';
    const key = { key: 'order-1' };
    expect((await client.settle({}, undefined, key)).body).toMatchObject(pending(''));
    const transaction = client.api.facilitator.desk.settle(transferOf());
    for (const _ of [1, 2])
      expect((await client.settle({}, undefined, key)).body).toMatchObject({ success: true, transaction });
  });

  it('is the answer when our own parts fail after the claim', async () => {
    client.api.facilitator.desk.fails = new Error('connection terminated');
    const { status, body } = await client.settle();
    expect([status, body]).toMatchObject([200, pending('')]);
    expect(client.api.logged).toHaveLength(1);
  });

  it('is the answer to those who wait when the process stops', async () => {
    client.api.facilitator.desk.mode = 'waits';
    client.api.facilitator.desk.held = true;
    const asked = client.settle();
    while (client.claims === 0) await setImmediate();
    client.api.stopping.begin();
    expect((await asked).body).toMatchObject(pending(''));
    expect(client.api.facilitator.desk.rights.size).toBe(0);
  });
});

describe('failure', () => {
  it('after the claim is told with its reason and hash', async () => {
    const { desk } = client.api.facilitator;
    desk.mode = 'waits';
    desk.held = true;
    const asked = client.settle();
    while (client.claims === 0) await setImmediate();
    desk.fail(transferOf(), 'invalid_exact_evm_transaction_failed', hex32(0x77));
    const failed = {
      success: false,
      errorReason: 'invalid_exact_evm_transaction_failed',
      transaction: hex32(0x77),
    };
    expect((await asked).body).toMatchObject(failed);
    expect((await client.settle()).body).toMatchObject(failed);
  });

  it('that never reached a transaction makes room for another try', async () => {
    const { desk } = client.api.facilitator;
    desk.mode = 'waits';
    await client.settle();
    desk.fail(transferOf(), 'invalid_exact_evm_transaction_simulation_failed', null);
    desk.mode = 'settles';
    expect((await client.settle()).body.success).toBe(true);
  });

  it('of the chain before the claim is no answer about the payment', async () => {
    client.api.facilitator.checks.fails = new RpcError('timeout', 'eth_call');
    const verified = await client.verify();
    expect([verified.status, verified.body]).toMatchObject([
      503,
      { isValid: false, invalidReason: 'unexpected_verify_error' },
    ]);
    const settled = await client.settle();
    expect([settled.status, settled.body.errorReason]).toEqual([503, 'unexpected_settle_error']);
    expect(client.claims).toBe(0);
  });
});
