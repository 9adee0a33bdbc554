// Whoever waits for an outcome longer than its right to be told lasts (ruling 11).
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FacilitatorClient, transferOf } from '../support/facilitator-client.js';

let client: FacilitatorClient;
beforeEach(async () => {
  client = await FacilitatorClient.start();
});
afterEach(() => client.api.close());

/** The first one waits longer than it may, and another takes over. */
async function overtaken(key?: { readonly key: string }) {
  const { desk } = client.api.facilitator;
  Object.assign(desk, { mode: 'waits', held: true });
  const slow = client.settle({}, undefined, key);
  while (desk.rights.size === 0) await setImmediate();
  client.api.nowMs += 41_000;
  const holder = await desk.take(transferOf(), 60_000);
  if (holder === undefined) throw new Error('not taken');
  const transaction = desk.settle(transferOf());
  return { slow, holder, transaction };
}

describe('the right to be told that ran out', () => {
  it('makes a duplicate of the one who was too slow, not a second success', async () => {
    const { slow, holder, transaction } = await overtaken();
    expect((await slow).body).toMatchObject({ errorReason: 'duplicate_settlement', transaction });
    expect(await client.api.facilitator.desk.told(transferOf(), holder)).toBe(true);
  });

  it('is no matter to the request whose key made the claim', async () => {
    const { slow, transaction } = await overtaken({ key: 'order-1' });
    expect((await slow).body).toMatchObject({ success: true, transaction });
  });

  it('does no harm while nobody else asks', async () => {
    const { desk } = client.api.facilitator;
    Object.assign(desk, { mode: 'waits', held: true });
    const slow = client.settle();
    while (desk.rights.size === 0) await setImmediate();
    client.api.nowMs += 41_000;
    const transaction = desk.settle(transferOf());
    expect((await slow).body).toMatchObject({ success: true, transaction });
    expect((await client.settle()).body).toMatchObject({ errorReason: 'duplicate_settlement' });
  });
});

describe('an answer of the database that is lost', () => {
  it('after the claim makes nobody say no: the payment may be on its way', async () => {
    client.api.facilitator.desk.loses = 'claim';
    const { status, body } = await client.settle();
    expect([status, body]).toMatchObject([200, { errorReason: 'settlement_pending', transaction: '' }]);
    expect(client.claims).toBe(1);
  });

  it('after the outcome was told is asked for again, so that it is told once', async () => {
    client.api.facilitator.desk.loses = 'told';
    expect((await client.settle()).body).toMatchObject({ success: true });
    expect((await client.settle()).body).toMatchObject({ errorReason: 'duplicate_settlement' });
  });
});
