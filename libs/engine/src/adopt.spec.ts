import { describe, expect, it } from 'vitest';
import { cancel, viewOperation, type TransferSeen } from '#engine';
import type { OperationId } from '#domain';
import { aPolicy, hex32, NETWORK, PAYER, SELLER, TOKEN, WORKSPACE } from '../../../test/support/builders.js';
import { memoryDerivation } from '../../../test/support/memory-basics.js';
import { ALICE, MemoryInstallation } from '../../../test/support/memory-installation.js';

/** After a restore: the watcher has met the payment that the operation of this key made in the lost part of history. */
function restored(paid?: OperationId, value = 10_000n): MemoryInstallation {
  const purser = new MemoryInstallation();
  purser.adoption.clusterEpoch = 2;
  if (paid !== undefined) remember(purser, paid, value);
  return purser;
}

function remember(
  purser: MemoryInstallation,
  paid: OperationId,
  value = 10_000n,
  by: Pick<TransferSeen, 'method' | 'facilitator'> = {},
): void {
  const nonce = memoryDerivation.authorizationNonce(WORKSPACE, paid);
  const at = { txHash: hex32(0x77), blockNumber: 90, blockHash: hex32(0xb90), logIndex: 4 };
  purser.database.exceptions.push({
    network: NETWORK,
    kind: 'unknown_nonce',
    address: PAYER,
    nonce,
    transfer: { ...at, token: TOKEN, from: PAYER, to: SELLER, value, ...by },
    txHash: at.txHash,
    blockNumber: at.blockNumber,
  });
}

const KEY = 'order-1';
const OPERATION_OF_KEY = memoryDerivation.operationId(WORKSPACE, ALICE.agentId, KEY);

describe('a payment that a restored database forgot', () => {
  it('is adopted by the retry: no second signature, no second request to the seller, held like any payment', async () => {
    const purser = restored(OPERATION_OF_KEY);
    const operationId = await purser.submit(KEY);
    await purser.drive(operationId);
    const view = await viewOperation(purser.ports, { workspaceId: WORKSPACE, operationId });
    expect(view).toMatchObject({
      status: 'provisional',
      settled: true,
      answerable: true,
      sellerAccepted: false,
    });
    expect(view.settlement?.txHash).toBe(hex32(0x77));
    expect(purser.database.ledger.get(operationId)?.status).toBe('provisional');
    expect(purser.database.budgets.reservations.get(operationId)).toMatchObject({
      state: 'held',
      amount: 10_000n,
    });
    expect([purser.signer.ledger.size, purser.presented]).toEqual([0, 0]);
  });

  it('is adopted at the amount that was paid, also when the seller, the policy or a stop would now refuse', async () => {
    const purser = restored(OPERATION_OF_KEY, 70_000n);
    const operationId = await purser.submit(KEY);
    purser.price = { kind: 'refused', code: 'seller_unreachable', details: {} };
    purser.policies.policies.set(WORKSPACE, aPolicy({ deniedPayees: [SELLER] }));
    purser.database.setStopped({ kind: 'global' }, true);
    purser.database.balances.clear();
    await purser.drive(operationId);
    const view = await viewOperation(purser.ports, { workspaceId: WORKSPACE, operationId });
    expect(view).toMatchObject({ settled: true, error: null });
    expect(view.authorization?.value).toBe(70_000n);
  });

  it('is adopted by the method that moved it; of a ceiling, what was charged is all that is held', async () => {
    const purser = restored();
    remember(purser, OPERATION_OF_KEY, 7_000n, { method: 'upto', facilitator: SELLER });
    const operationId = await purser.submit(KEY);
    await purser.drive(operationId);
    expect(purser.database.stateOf(operationId)).toMatchObject({
      status: 'provisional',
      terms: { amount: 7_000n, transferMethod: 'upto' },
      authorization: { method: 'upto', facilitator: SELLER, value: 7_000n },
    });
    expect(purser.database.budgets.node(WORKSPACE, 'USD6')?.held).toBe(7_000n);
    expect(purser.signer.ledger.size).toBe(0);
  });

  it('takes the place of an approval that is still open, and can no longer be called off', async () => {
    const purser = new MemoryInstallation();
    purser.policies.policies.set(WORKSPACE, aPolicy({ approvalThreshold: 1n }));
    const operationId = await purser.submit(KEY);
    await purser.drive(operationId);
    purser.adoption.clusterEpoch = 2;
    remember(purser, operationId);
    await expect(cancel(purser.ports, ALICE, operationId, 'too slow')).rejects.toMatchObject({
      code: 'too_late',
    });
    await purser.drive(operationId);
    expect(purser.database.stateOf(operationId)?.status).toBe('provisional');
    expect(purser.database.approvals.get(operationId)?.status).toBe('closed');
    expect(purser.database.budgets.node(WORKSPACE, 'USD6')?.held).toBe(10_000n);
  });

  it('waits, neither begun nor ended, while the chain has not been compared', async () => {
    const purser = restored();
    purser.adoption.compared = false;
    const operationId = await purser.submit(KEY);
    for (let attempt = 0; attempt < 12; attempt += 1) await purser.drive(operationId);
    expect(purser.database.stateOf(operationId)?.status).toBe('opened');
    await expect(cancel(purser.ports, ALICE, operationId, 'now')).rejects.toMatchObject({
      code: 'quarantined',
    });
    purser.adoption.compared = true;
    await purser.drive(operationId);
    expect(purser.signer.ledger.size).toBe(1);
  });

  it('that no budget can hold goes to a person, and is never refused as if unpaid', async () => {
    const purser = restored(OPERATION_OF_KEY);
    purser.database.budgets.setLimits(WORKSPACE, 'USD6', { lifetime: 1n });
    const operationId = await purser.submit(KEY);
    await purser.drive(operationId);
    const state = purser.database.stateOf(operationId);
    expect(state).toMatchObject({ status: 'needs_attention', details: { reason: 'paid_before_restore' } });
    await expect(cancel(purser.ports, ALICE, operationId, 'stuck')).rejects.toMatchObject({
      code: 'too_late',
    });
  });

  it('is not looked for in the first life of a database', async () => {
    const purser = new MemoryInstallation();
    remember(purser, OPERATION_OF_KEY);
    const operationId = await purser.submit(KEY);
    await purser.drive(operationId);
    expect(purser.signer.ledger.size).toBe(1);
  });
});
