// A payment that a restored database forgot is taken over as it happened, in one commit that nothing may prevent any more (ruling 9).
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OperationCommand } from '#domain';
import {
  aSettlement,
  anAuthorization,
  aVerdict,
  hex32,
  NETWORK,
  someTerms,
  TOKEN,
} from '../support/builders.js';
import { budgetOf } from '../support/postgres-books.js';
import {
  acceptTerms,
  aPlace,
  approve,
  opened,
  requestApproval,
  RESERVE,
  storeBench,
  type Bench,
  type Place,
} from '../support/postgres-store.js';

let bench: Bench;
beforeAll(async () => {
  bench = await storeBench();
});
afterAll(() => bench?.close());

let lastNonce = 0x0ad0;
const adopt = (value: bigint, over: { readonly nonce?: number; readonly block?: number } = {}) => {
  lastNonce += 1;
  return {
    type: 'AdoptPayment',
    terms: someTerms({ amount: value, wire: null, maxTimeoutSec: 0 }),
    verdict: aVerdict({ policyVersion: 0, reasons: ['paid_before_restore'] }),
    termsDigest: 't2',
    authorization: anAuthorization({ value, nonce: hex32(over.nonce ?? lastNonce) }),
    settlement: aSettlement({ blockNumber: over.block ?? 100 }),
  } satisfies OperationCommand;
};

const wallet = async (at: Place, balance?: bigint): Promise<unknown> => {
  if (balance !== undefined)
    await bench.owner.query('UPDATE wallet_asset SET balance = $2 WHERE workspace_id = $1', [
      at.workspaceId,
      balance.toString(),
    ]);
  const { rows } = await bench.owner.query(
    'SELECT balance::text, committed::text FROM wallet_asset WHERE workspace_id = $1 AND network = $2 AND token = $3',
    [at.workspaceId, NETWORK, TOKEN],
  );
  return rows[0];
};

const ledger = async (operationId: string): Promise<unknown> => {
  const { rows } = await bench.owner.query(
    'SELECT status, committed, value::text, seen_block::text, tx_hash FROM authorization_ledger WHERE operation_id = $1',
    [operationId],
  );
  return rows;
};

describe('an adopting commit', () => {
  it('holds the budget and enters the payment as seen; finality then captures it', async () => {
    const at = await aPlace(bench.owner);
    const walker = await opened(bench.store, at);
    await walker.must(adopt(500n));
    const seen = { committed: false, value: '500', seen_block: '100', tx_hash: aSettlement().txHash };
    expect(await ledger(walker.operationId)).toEqual([{ status: 'provisional', ...seen }]);
    expect(await budgetOf(bench.owner, at, at.agentId)).toMatchObject({ held: 500n, lifetime: 0n });
    await walker.must({ type: 'FinalizeSettlement', settlement: aSettlement({ blockNumber: 100 }) });
    expect(await ledger(walker.operationId)).toEqual([{ status: 'settled', ...seen }]);
    expect(await budgetOf(bench.owner, at, at.agentId)).toMatchObject({
      held: 0n,
      lifetime: 500n,
      day: 500n,
    });
  });

  it('never counts the value as committed, and takes it off a balance read before its block only', async () => {
    const at = await aPlace(bench.owner);
    const later = await opened(bench.store, at);
    await later.must(adopt(7n, { block: 2 }));
    expect(await wallet(at)).toEqual({ balance: '999999999999993', committed: '0' });
    const earlier = await opened(bench.store, at);
    await earlier.must(adopt(7n, { block: 1 }));
    expect(await wallet(at)).toEqual({ balance: '999999999999993', committed: '0' });
  });

  it('is kept back by no stop, no quarantine and no empty wallet', async () => {
    const at = await aPlace(bench.owner);
    await wallet(at, 0n);
    const walker = await opened(bench.store, at);
    await bench.owner.query('UPDATE control SET paused = true WHERE scope = $1', [at.workspaceId]);
    await bench.owner.query(
      `INSERT INTO stop (workspace_id, stop_id, kind, target, actor, person) VALUES ($1, 's', 'agent', $2, '{}', '')`,
      [at.workspaceId, at.agentId],
    );
    await bench.owner.query('UPDATE control SET narrow = true WHERE scope = $1', [at.workspaceId]);
    await bench.owner.query(`UPDATE cluster SET quarantined_until = now() + interval '1 hour'`);
    try {
      await walker.must(adopt(10n));
    } finally {
      await bench.owner.query('UPDATE cluster SET quarantined_until = NULL');
    }
    expect(await wallet(at)).toEqual({ balance: '0', committed: '0' });
  });

  it('replaces what waited for an approval: the approval is dropped, its hold exchanged for the paid amount', async () => {
    const at = await aPlace(bench.owner);
    for (const decided of [false, true]) {
      const walker = await opened(bench.store, at);
      await walker.must(acceptTerms(30n, {}, true), RESERVE, requestApproval(Date.now() + 60_000));
      if (decided) await walker.must(approve());
      await walker.must(adopt(20n));
      const { rows } = await bench.owner.query('SELECT status FROM approval WHERE operation_id = $1', [
        walker.operationId,
      ]);
      expect(rows).toEqual([{ status: 'cancelled' }]);
    }
    expect(await budgetOf(bench.owner, at, at.agentId)).toMatchObject({ held: 40n, heldCount: 2 });
  });

  it('takes a nonce once: a second operation cannot adopt the same payment', async () => {
    const at = await aPlace(bench.owner);
    const nonce = 0xdead;
    await (await opened(bench.store, at)).must(adopt(5n, { nonce }));
    const second = await opened(bench.store, at);
    expect(await second.do(adopt(5n, { nonce }))).toMatchObject({ guard: 'duplicate_nonce' });
    expect(await budgetOf(bench.owner, at, at.agentId)).toMatchObject({ held: 5n, heldCount: 1 });
  });

  it('still goes back when its block does, and then waits as any live authorization', async () => {
    const at = await aPlace(bench.owner);
    const walker = await opened(bench.store, at);
    await walker.must(adopt(500n));
    await walker.must({ type: 'ReorgSettlement' });
    expect(await ledger(walker.operationId)).toMatchObject([{ status: 'live', committed: true }]);
    expect(await wallet(at)).toEqual({ balance: '1000000000000000', committed: '500' });
  });

  it('says which limit is exceeded and leaves nothing behind', async () => {
    const at = await aPlace(bench.owner, { workspace: { lifetime: 100n } });
    const walker = await opened(bench.store, at);
    await walker.must(acceptTerms(60n), RESERVE);
    expect(await walker.do(adopt(101n))).toMatchObject({ guard: 'budget', details: { window: 'lifetime' } });
    expect(await budgetOf(bench.owner, at, at.agentId)).toMatchObject({ held: 60n, heldCount: 1 });
    expect(await ledger(walker.operationId)).toEqual([]);
  });

  it('stands beside ordinary commits of the same batch', async () => {
    const at = await aPlace(bench.owner);
    const walkers = await Promise.all(Array.from({ length: 6 }, () => opened(bench.store, at)));
    await Promise.all(
      walkers.map((walker, n) =>
        n % 2 === 0 ? walker.must(adopt(3n)) : walker.must(acceptTerms(3n), RESERVE),
      ),
    );
    expect(await budgetOf(bench.owner, at, at.agentId)).toMatchObject({ held: 18n, heldCount: 6 });
    expect(new Set(walkers.map((walker) => walker.loaded.state.status))).toEqual(
      new Set(['provisional', 'reserved']),
    );
  });

  it('needs no row of the wallet: the balance may never have been read', async () => {
    const at = await aPlace(bench.owner);
    await bench.owner.query('DELETE FROM wallet_asset WHERE workspace_id = $1', [at.workspaceId]);
    const walker = await opened(bench.store, at);
    await walker.must(adopt(1n));
    expect(await ledger(walker.operationId)).toHaveLength(1);
  });
});
