import { beforeEach, describe, expect, it } from 'vitest';
import { aPolicy, WORKSPACE } from '../../../test/support/builders.js';
import { chargeOf } from '../../../test/support/memory-seller.js';
import {
  request,
  tickingInstallation,
  type TickingInstallation,
} from '../../../test/support/ticking-installation.js';

let purser: TickingInstallation;
beforeEach(async () => {
  purser = tickingInstallation();
  purser.policies.policies.set(WORKSPACE, aPolicy({ allowUpto: true }));
  await purser.pass(1_000);
  await purser.watcher.tick();
});

const budget = () => purser.database.budgets.node(WORKSPACE, 'USD6');
const CEILING = 7_000n;
const ceiling = (mode: string) => request(mode as 'clean', `price=${CEILING}&timeout=30&pay=upto`);

/** The seller's charge follows from the nonce, so a key with the wanted one is looked for. */
async function buying(mode: string, wanted: (charge: bigint) => boolean) {
  for (let n = 0; ; n += 1) {
    const id = await purser.open(ceiling(mode), `key-${n}`);
    await purser.run(id);
    const { authorization } = await purser.look(id);
    if (authorization === null) throw new Error('nothing was authorized');
    const charge = chargeOf({ ...authorization, signature: '', operationId: id });
    if (wanted(charge)) return { id, charge };
    await purser.blocks(40);
  }
}

describe('a ceiling', () => {
  it('is held until the charge is final, and then only the charge has been spent', async () => {
    const { id, charge } = await buying('clean', (it) => it > 0n && it < CEILING);
    const spent = budget()?.lifetime ?? 0n;
    expect(await purser.look(id)).toMatchObject({
      status: 'provisional',
      sellerAccepted: true,
      charged: charge,
    });
    expect(budget()?.held).toBe(CEILING);
    await purser.blocks(4);
    expect(await purser.look(id)).toMatchObject({ status: 'settled', charged: charge });
    expect(budget()).toMatchObject({ held: 0n, lifetime: spent + charge });
  });

  it('is held until it cannot be charged any more, where nothing was', async () => {
    const { id } = await buying('never_settles', () => true);
    const spent = budget()?.lifetime;
    await purser.blocks(28);
    expect(await purser.look(id)).toMatchObject({ status: 'authorized', charged: null });
    expect(budget()?.held).toBe(CEILING);
    await purser.blocks(6);
    expect(await purser.look(id)).toMatchObject({ status: 'failed', error: { code: 'payment_expired' } });
    expect(budget()).toMatchObject({ held: 0n, lifetime: spent });
  });
});
