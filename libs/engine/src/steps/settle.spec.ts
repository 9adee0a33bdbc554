// Kind `settle`: signed and brought on chain by ourselves. What the broadcaster says is evidence; the chain decides.
import type { OperationId } from '#domain';
import { describe, expect, it } from 'vitest';
import { NETWORK, PAYER, SELLER, TOKEN, WORKSPACE } from '../../../../test/support/builders.js';
import { MemoryInstallation } from '../../../../test/support/memory-installation.js';
import { viewOperation } from '../use-cases/submit.js';
import { settleDirectly } from './settle-directly.js';
import { settle } from './settle.js';
import type { StepContext } from './step.js';

const NAMED = { payTo: SELLER, amount: 10_000n, network: NETWORK, asset: TOKEN };

const settling = (purser: MemoryInstallation, key = 'order-1', expected: Partial<typeof NAMED> = NAMED) =>
  purser.submit(key, { kind: 'settle', maxAmount: null, expect: expected });
const viewOf = (purser: MemoryInstallation, operationId: OperationId) =>
  viewOperation(purser.ports, { workspaceId: WORKSPACE, operationId });
const paid = (purser: MemoryInstallation): bigint => purser.chain.balanceAt(SELLER, purser.chain.head.number);

describe('settle', () => {
  it('pays what the caller names, asks no seller, and is answered when the chain shows it', async () => {
    const purser = new MemoryInstallation();
    purser.price = { kind: 'refused', code: 'seller_unreachable', details: {} };
    const operationId = await settling(purser);
    await purser.drive(operationId);
    expect(await viewOf(purser, operationId)).toMatchObject({
      kind: 'settle',
      status: 'authorized',
      answerable: false,
      submission: { attempt: 1, reason: null },
    });
    purser.chain.mine();
    purser.nowMs += 15_000;
    await purser.drive(operationId);
    const view = await viewOf(purser, operationId);
    expect(view).toMatchObject({
      status: 'provisional',
      answerable: true,
      settled: true,
      sellerAccepted: null,
    });
    expect(view.settlement?.txHash).toBe(purser.desk.claims[0]?.txHash);
    expect(purser.presented).toBe(0);
    expect(paid(purser)).toBe(10_000n);
  });

  it('claims one transfer however often it is driven, and signs once', async () => {
    const purser = new MemoryInstallation();
    const operationId = await settling(purser);
    for (let times = 0; times < 5; times += 1) {
      await purser.drive(operationId);
      purser.nowMs += 16_000;
    }
    expect(purser.desk.claims).toHaveLength(1);
    expect(purser.desk.claims[0]).toMatchObject({
      redemption: null,
      from: PAYER,
      to: SELLER,
      value: 10_000n,
      requestKey: operationId,
    });
    purser.chain.mine();
    expect(paid(purser)).toBe(10_000n);
  });

  it('tries again with the same authorization when it was refused before a transaction', async () => {
    const purser = new MemoryInstallation();
    purser.settles = { refused: 'invalid_exact_evm_insufficient_balance' };
    const operationId = await settling(purser);
    await purser.drive(operationId);
    expect(await viewOf(purser, operationId)).toMatchObject({
      status: 'authorized',
      answerable: false,
      submission: { reason: 'invalid_exact_evm_insufficient_balance' },
    });
    purser.settles = { afterMs: 0 };
    purser.nowMs += 6_000;
    await purser.drive(operationId);
    purser.chain.mine();
    purser.nowMs += 16_000;
    await purser.drive(operationId);
    expect(await viewOf(purser, operationId)).toMatchObject({
      status: 'provisional',
      submission: { reason: null },
    });
    expect(paid(purser)).toBe(10_000n);
  });

  it('stays unknown, never failed, when it was refused to the end: only the chain releases the budget', async () => {
    const purser = new MemoryInstallation();
    purser.settles = { refused: 'invalid_exact_evm_transaction_failed' };
    const operationId = await settling(purser);
    for (let times = 0; times < 12; times += 1) {
      await purser.drive(operationId);
      purser.nowMs += 61_000;
    }
    expect(await viewOf(purser, operationId)).toMatchObject({
      status: 'authorized',
      answerable: true,
      submission: { retryAtMs: null },
      error: { code: 'outcome_unknown' },
    });
    expect(purser.database.budgets.reservations.get(operationId)?.state).toBe('held');
  });

  it('goes on after a crash between the claim and its record, on the same claim', async () => {
    const purser = new MemoryInstallation();
    const operationId = await settling(purser);
    const dying = { ...purser.ports.settlements, ended: () => Promise.reject(new Error('killed')) };
    const desk = Object.assign(Object.create(purser.desk) as typeof purser.desk, { ended: dying.ended });
    await purser.drive(operationId, { settlements: desk });
    expect(purser.desk.claims).toHaveLength(1);
    purser.chain.mine();
    purser.nowMs += 60_000;
    await purser.drive(operationId);
    expect(await viewOf(purser, operationId)).toMatchObject({ status: 'provisional' });
    expect(purser.desk.claims).toHaveLength(1);
    expect(paid(purser)).toBe(10_000n);
  });

  it.each([
    ['an asset nobody registered', { ...NAMED, asset: SELLER }, 'unknown_asset'],
    ['a term left open', { payTo: SELLER, amount: 10_000n, network: NETWORK }, 'unpayable_challenge'],
  ])('refuses %s before anything is signed', async (_, expected, code) => {
    const purser = new MemoryInstallation();
    const operationId = await settling(purser, 'order-1', expected);
    await purser.drive(operationId);
    expect(await viewOf(purser, operationId)).toMatchObject({ status: 'refused', error: { code } });
    expect(purser.desk.claims).toHaveLength(0);
  });

  it.each(['permit2', 'upto'] as const)(
    'never takes a signature of %s for a transfer by the token',
    async (method) => {
      const purser = new MemoryInstallation();
      const operationId = await settling(purser);
      await purser.drive(operationId, { broadcasts: false });
      const signed = purser.database.stateOf(operationId);
      if (signed?.status !== 'authorized') throw new Error('not signed');
      const state = { ...signed, authorization: { ...signed.authorization, method } };
      const claimed = { workspaceId: WORKSPACE, operationId } as never;
      const cursor = { state, claimed, rules: null } as unknown as StepContext['cursor'];
      const step = { kind: 'settle', attempt: 9 } as const;
      expect(await settle({ ports: purser.ports, cursor, step })).toMatchObject({
        command: { submission: { reason: 'unsupported_transfer_method', retryAtMs: null } },
      });
      const paying = { ref: claimed, state, signature: new Uint8Array(65), attempt: 9 };
      await expect(settleDirectly(purser.ports, paying)).rejects.toThrow(method);
      expect(purser.desk.claims).toHaveLength(0);
    },
  );

  it('refuses more than the ceiling', async () => {
    const purser = new MemoryInstallation();
    const operationId = await purser.submit('order-1', { kind: 'settle', maxAmount: 9_999n, expect: NAMED });
    await purser.drive(operationId);
    expect(await viewOf(purser, operationId)).toMatchObject({
      status: 'refused',
      error: { code: 'price_above_maximum' },
    });
  });
});
