// What waits for a person: approved, rejected, cancelled or too late; in the engine on in-memory ports.
import { beforeEach, describe, expect, it } from 'vitest';
import { Refusal } from '#domain';
import { WORKSPACE } from '../../../test/support/builders.js';
import type { Mode } from '../../../test/support/memory-seller.js';
import {
  BOB,
  PRINCIPAL,
  request,
  tickingInstallation,
  type TickingInstallation,
} from '../../../test/support/ticking-installation.js';
import { approve, cancel, reject } from './index.js';

let purser: TickingInstallation;
beforeEach(async () => {
  purser = tickingInstallation();
  await purser.pass(1_000);
  await purser.watcher.tick();
});

const open: TickingInstallation['open'] = (...wanted) => purser.open(...wanted);
const run: TickingInstallation['run'] = (operationId) => purser.run(operationId);
const look: TickingInstallation['look'] = (operationId) => purser.look(operationId);
const refusal = (code: string) => expect.objectContaining({ constructor: Refusal, code }) as unknown;

const waiting = async (mode: Mode = 'clean') => {
  const id = await open(request(mode, 'price=15000'));
  await run(id);
  const view = await look(id);
  return { id, digest: view.approval?.digest ?? '', view };
};

describe('above the threshold', () => {
  it('nothing is signed before somebody else has approved exactly these terms', async () => {
    const { id, digest, view } = await waiting();
    expect(view).toMatchObject({ status: 'awaiting_approval', answerable: true });
    await expect(approve(purser.ports, { ...BOB, person: 'alice' }, id, digest)).rejects.toEqual(
      refusal('approver_not_eligible'),
    );
    await expect(approve(purser.ports, BOB, id, 'other')).rejects.toEqual(
      refusal('approval_digest_mismatch'),
    );
    expect(purser.signer.ledger.size).toBe(0);
    expect(await approve(purser.ports, BOB, id, digest)).toMatchObject({ status: 'approved' });
    await run(id);
    expect(await look(id)).toMatchObject({ status: 'provisional' });
  });

  it('a changed price is asked about again', async () => {
    const { id, digest } = await waiting('price_changes');
    await approve(purser.ports, BOB, id, digest);
    await run(id);
    const again = await look(id);
    expect(again).toMatchObject({ status: 'awaiting_approval', terms: { amount: 16_000n } });
    expect(again.approval?.digest).not.toBe(digest);
    expect(purser.signer.ledger.size).toBe(0);
  });

  it('a rejection, a cancellation and the end of time each release the hold', async () => {
    const held = (): unknown => purser.database.budgets.node(WORKSPACE, 'USD6')?.held;
    const rejected = await waiting();
    await reject(purser.ports, BOB, rejected.id, 'too dear');
    await expect(approve(purser.ports, BOB, rejected.id, rejected.digest)).rejects.toEqual(
      refusal('already_decided'),
    );
    expect(held()).toBe(0n);
    const cancelled = await waiting();
    await cancel(purser.ports, PRINCIPAL, cancelled.id, 'not needed');
    expect(held()).toBe(0n);
    const expired = await waiting();
    await purser.pass(3_600_000);
    await expect(approve(purser.ports, BOB, expired.id, expired.digest)).rejects.toEqual(
      refusal('approval_expired'),
    );
    await run(expired.id);
    expect(await look(expired.id)).toMatchObject({ status: 'expired', error: { code: 'approval_expired' } });
    expect(held()).toBe(0n);
  });

  it('a look that began before the approval does not put its own, later time in its place', async () => {
    const { id, digest } = await waiting();
    const claimed = await purser.ports.operations.claim(id, 'a worker with an old job');
    await approve(purser.ports, BOB, id, digest);
    if (claimed)
      await purser.ports.operations.yieldLease(claimed, purser.ports.clock.nowMs() + 3_600_000, null);
    expect(await purser.ports.operations.due(10)).toEqual([id]);
  });
});
