import { describe, expect, it } from 'vitest';
import { approve, cancel, viewOperation } from '#engine';
import { parseAgentId } from '#domain';
import { aPolicy, uuid, WORKSPACE } from '../../../../test/support/builders.js';
import { ALICE, MemoryInstallation } from '../../../../test/support/memory-installation.js';

const BOB = { workspaceId: WORKSPACE, keyId: 'key_bob', person: 'bob' };

async function waiting() {
  const purser = new MemoryInstallation();
  purser.policies.policies.set(WORKSPACE, aPolicy({ approvalThreshold: 1n }));
  const operationId = await purser.submit('order-1');
  await purser.drive(operationId);
  const view = await viewOperation(purser.ports, { workspaceId: WORKSPACE, operationId });
  return { purser, operationId, digest: view.approval?.digest ?? '' };
}

describe('decisions', () => {
  it('an approval repeated after its answer was lost is answered alike, also when the payment is already made (P8)', async () => {
    const { purser, operationId, digest } = await waiting();
    await approve(purser.ports, BOB, operationId, digest);
    await purser.drive(operationId);
    expect(await approve(purser.ports, BOB, operationId, digest)).toMatchObject({ status: 'authorized' });
    const late = approve(purser.ports, { ...BOB, person: 'carol' }, operationId, digest);
    await expect(late).rejects.toMatchObject({ code: 'already_decided', details: { decision: 'approved' } });
  });

  it("another agent's operation cannot be cancelled, nor be known to exist", async () => {
    const { purser, operationId } = await waiting();
    const other = { ...ALICE, agentId: parseAgentId(uuid(9, 2)) };
    await expect(cancel(purser.ports, other, operationId, 'mine?')).rejects.toMatchObject({
      code: 'not_found',
    });
    expect(purser.database.stateOf(operationId)?.status).toBe('awaiting_approval');
  });
});
