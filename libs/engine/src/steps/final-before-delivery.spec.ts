import { describe, expect, it } from 'vitest';
import { viewOperation } from '#engine';
import { aSettlement, WORKSPACE } from '../../../../test/support/builders.js';
import { MemoryInstallation } from '../../../../test/support/memory-installation.js';
import { applyFact } from '../watch/apply.js';

const GOODS = { outcome: 'delivered', answer: null, claimedTxHash: null } as const;

/** The chain makes the payment final while the seller has not answered yet. */
async function finalWhilePresenting(purser: MemoryInstallation, answer: () => Promise<never> | null) {
  const operationId = await purser.submit('order-1');
  const ref = { workspaceId: WORKSPACE, operationId };
  const seller: typeof purser.ports.seller = {
    ...purser.ports.seller,
    async present() {
      await applyFact(purser.ports, ref, { type: 'FinalizeSettlement', settlement: aSettlement() });
      expect((await viewOperation(purser.ports, ref)).answerable).toBe(false);
      await answer();
      return GOODS;
    },
  };
  await purser.drive(operationId, { seller });
  return ref;
}

describe('a payment that is final before the seller has answered', () => {
  it('is answered with the goods, not without', async () => {
    const purser = new MemoryInstallation();
    const ref = await finalWhilePresenting(purser, () => null);
    expect(await viewOperation(purser.ports, ref)).toMatchObject({
      status: 'settled',
      answerable: true,
      sellerAccepted: true,
    });
  });

  it('is presented again when the worker died meanwhile, and then comes to rest', async () => {
    const purser = new MemoryInstallation();
    const ref = await finalWhilePresenting(purser, () => Promise.reject(new Error('killed')));
    expect(await viewOperation(purser.ports, ref)).toMatchObject({ status: 'settled', answerable: false });
    purser.nowMs += 60_000;
    expect(await purser.ports.operations.due(10)).toEqual([ref.operationId]);
    purser.answers = [GOODS];
    await purser.drive(ref.operationId);
    expect(await viewOperation(purser.ports, ref)).toMatchObject({ status: 'settled', answerable: true });
    expect(await purser.ports.operations.due(10)).toEqual([]);
  });
});
