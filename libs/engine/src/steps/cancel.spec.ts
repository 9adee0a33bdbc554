// The early kill of a live authorization: asked for, brought on chain, and decided there, also when the seller is quicker.
import { beforeEach, describe, expect, it } from 'vitest';
import type { OperationId } from '#domain';
import { ChainWatcher, type TransferKey } from '#engine';
import { AGENT, NETWORK, SELLER, TOKEN, WORKSPACE } from '../../../../test/support/builders.js';
import { fakeSignature } from '../../../../test/support/memory-basics.js';
import { MemoryChainSource } from '../../../../test/support/memory-chain-source.js';
import { MemoryInstallation } from '../../../../test/support/memory-installation.js';
import { MemoryWatchStore } from '../../../../test/support/memory-watch-store.js';
import { cancelOnChain } from '../use-cases/decide-approval.js';
import { applyFact } from '../watch/apply.js';

const ANN = { workspaceId: WORKSPACE, keyId: 'key of ann', person: 'ann' };

let purser: MemoryInstallation;
let watcher: ChainWatcher;
let source: MemoryChainSource;
let operationId: OperationId;
beforeEach(async () => {
  purser = new MemoryInstallation();
  source = new MemoryChainSource(purser.chain);
  const store = new MemoryWatchStore(purser.database);
  watcher = new ChainWatcher({ ports: purser.ports, source, store, owner: 'watcher', tokens: [TOKEN] });
  const named = { payTo: SELLER, amount: 10_000n, network: NETWORK, asset: TOKEN };
  operationId = await purser.submit('order-1', { kind: 'authorize', expect: named, challenge: {} as never });
  await purser.drive(operationId);
  await watcher.tick();
});

const state = () => purser.database.stateOf(operationId);
const held = () => purser.database.budgets.reservations.get(operationId)?.state;
const wish = () => cancelOnChain(purser.ports, ANN, operationId, 'wrong shop');
const authorization = () => purser.database.ledger.get(operationId)?.authorization;
async function blocks(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    purser.chain.mine();
    await watcher.tick();
  }
}
/** The seller redeems what it was given. */
function redeem(): void {
  const it = authorization();
  if (!it) throw new Error('no authorization');
  const { walletId: _walletId, digest, ...tuple } = it;
  const signature = fakeSignature(digest, tuple.from);
  purser.chain.submit({ ...tuple, signature, operationId });
}

describe('an on-chain cancellation', () => {
  it('releases the budget when it is final, long before the authorization would have died', async () => {
    expect(await wish()).toMatchObject({
      status: 'authorized',
      cancellation: { by: 'ann' },
      answerable: true,
    });
    await purser.drive(operationId);
    expect(purser.desk.claims).toMatchObject([{ method: 'cancel', value: 0n }]);
    await blocks(1);
    expect([state()?.status, held()]).toEqual(['authorized', 'held']);
    await blocks(3);
    expect(state()).toMatchObject({ status: 'failed', code: 'payment_voided', proof: { witnesses: 2 } });
    expect([held(), purser.nowMs < (authorization()?.validBeforeSec ?? 0) * 1_000]).toEqual([
      'released',
      true,
    ]);
  });

  it('loses to a seller who is first, and says so', async () => {
    redeem();
    await wish();
    await purser.drive(operationId);
    await blocks(4);
    expect([state()?.status, held()]).toEqual(['settled', 'captured']);
    expect(purser.chain.balanceAt(SELLER, purser.chain.head.number)).toBe(10_000n);
    await expect(wish()).rejects.toMatchObject({ code: 'too_late', details: { status: 'settled' } });
  });

  it('beats a seller who is late', async () => {
    await wish();
    await purser.drive(operationId);
    redeem();
    await blocks(4);
    expect([state()?.status, held()]).toEqual(['failed', 'released']);
    expect(purser.chain.balanceAt(SELLER, purser.chain.head.number)).toBe(0n);
  });

  it('is brought once, however often it is asked for and driven, and presents nothing more', async () => {
    for (let times = 0; times < 4; times += 1) {
      await wish();
      await purser.drive(operationId);
      purser.nowMs += 16_000;
    }
    expect(purser.desk.claims).toHaveLength(1);
    const events = purser.database.events.filter((it) => it.type === 'CancellationRequested');
    expect(events).toHaveLength(1);
  });

  it('releases nothing on the word of fewer RPCs than must agree', async () => {
    source.cancelWitnesses = () => Promise.resolve({ witnesses: 1, txHash: null });
    await wish();
    await purser.drive(operationId);
    await blocks(4);
    expect([state()?.status, held()]).toEqual(['authorized', 'held']);
  });

  it('waits for a signer that is away, and is over for one that refuses', async () => {
    purser.signer.away = () => true;
    await wish();
    await purser.drive(operationId);
    expect(purser.desk.claims).toEqual([]);
    purser.signer.away = () => false;
    purser.signer.cancel = () => Promise.resolve({ kind: 'refused', reason: 'not_asked_for' });
    purser.nowMs += 2_000;
    await purser.drive(operationId);
    expect(state()).toMatchObject({
      cancellation: { submission: { reason: 'not_asked_for', retryAtMs: null } },
    });
  });

  it('reaches the chain also when a person must look at the operation', async () => {
    await applyFact(
      purser.ports,
      { workspaceId: WORKSPACE, operationId },
      { type: 'RequireAttention', code: 'needs_attention', details: { reason: 'too_many_attempts' } },
    );
    expect(await wish()).toMatchObject({ status: 'needs_attention', cancellation: { by: 'ann' } });
    expect(purser.database.operations.get(operationId)?.nextAttemptAtMs).toBe(purser.nowMs);
    await purser.drive(operationId);
    expect(purser.desk.claims).toMatchObject([{ method: 'cancel' }]);
    await blocks(4);
    expect([state()?.status, held()]).toEqual(['failed', 'released']);
  });

  it('is still tried after as many failures as bring a person in', async () => {
    await wish();
    const settlements = {
      claim: () => Promise.reject(new Error('no database')),
      find: () => Promise.resolve(undefined),
      ended: () => Promise.reject(new Error('no database')),
    };
    for (let times = 0; times < 20; times += 1) {
      await purser.drive(operationId, { settlements });
      purser.nowMs += 60_000 / 4;
    }
    expect(state()?.status).toBe('needs_attention');
    expect(purser.database.operations.get(operationId)?.nextAttemptAtMs).not.toBeNull();
    await purser.drive(operationId);
    expect(purser.desk.claims).toMatchObject([{ method: 'cancel' }]);
  });

  it('is brought again when it failed in a transaction of ours, with an alarm', async () => {
    const logged: Record<string, unknown>[] = [];
    const logger = { ...purser.ports.logger, error: (it: Record<string, unknown>) => void logged.push(it) };
    const { desk } = purser;
    let fails = true;
    const settlements = {
      claim: desk.claim.bind(desk),
      find: desk.find.bind(desk),
      ended: async (key: TransferKey, untilMs: number) => {
        const view = await desk.ended(key, untilMs);
        return fails
          ? { ...view, status: 'failed' as const, reason: 'invalid_exact_evm_transaction_failed' }
          : view;
      },
    };
    await wish();
    for (let times = 0; times < 2; times += 1) {
      await purser.drive(operationId, { settlements, logger });
      purser.nowMs += 16_000;
    }
    expect(logged).toMatchObject([{ alarm: 'cancellation_failed', operationId }]);
    fails = false;
    await purser.drive(operationId, { settlements, logger });
    expect(state()).toMatchObject({ cancellation: { submission: { attempt: 3, reason: null } } });
  });

  it('before the intent is an ordinary one, and needs accounts of ours after it', async () => {
    const waiting = await purser.submit('order-2');
    expect(await cancelOnChain(purser.ports, ANN, waiting, '')).toMatchObject({ status: 'cancelled' });
    const nobody = { ...purser.ports, broadcasts: false };
    await expect(cancelOnChain(nobody, ANN, operationId, '')).rejects.toMatchObject({
      details: { field: 'on_chain' },
    });
    const stranger = { ...ANN, agentId: `${AGENT.slice(0, -1)}9` as typeof AGENT };
    await expect(cancelOnChain(purser.ports, stranger, operationId, '')).rejects.toMatchObject({
      code: 'not_found',
    });
  });
});
