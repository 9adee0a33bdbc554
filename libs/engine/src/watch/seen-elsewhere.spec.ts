// Two transactions that are both said to be the payment: one is in a block that is gone, or one of the two is not true.
import { beforeEach, expect, it } from 'vitest';
import type { OperationId } from '#domain';
import { ChainWatcher } from '#engine';
import { aSettlement, hex32, NETWORK, TOKEN } from '../../../../test/support/builders.js';
import { fakeSignature } from '../../../../test/support/memory-basics.js';
import { MemoryChainSource } from '../../../../test/support/memory-chain-source.js';
import { MemoryInstallation } from '../../../../test/support/memory-installation.js';
import { MemoryWatchStore } from '../../../../test/support/memory-watch-store.js';
import { applyFact } from './apply.js';

let purser: MemoryInstallation;
let watcher: ChainWatcher;
let operationId: OperationId;
beforeEach(async () => {
  purser = new MemoryInstallation();
  const source = new MemoryChainSource(purser.chain);
  const store = new MemoryWatchStore(purser.database);
  watcher = new ChainWatcher({ ports: purser.ports, source, store, owner: 'watcher', tokens: [TOKEN] });
  operationId = await purser.submit('order-1');
  await purser.drive(operationId);
  await watcher.tick();
});

/** As a worker records what it was shown. */
async function shown(block: { readonly number: number; readonly hash: ReturnType<typeof hex32> }) {
  const settlement = aSettlement({ txHash: hex32(1), blockNumber: block.number, blockHash: block.hash });
  const ref = purser.database.ledger.get(operationId) ?? expect.fail('no authorization');
  await applyFact(purser.ports, ref, { type: 'ObserveSettlement', settlement });
}

async function paid() {
  const row = purser.database.ledger.get(operationId) ?? expect.fail('no authorization');
  const { walletId: _walletId, digest, ...tuple } = row.authorization;
  const txHash = purser.chain.submit({
    ...tuple,
    signature: fakeSignature(digest, tuple.from),
    operationId,
  });
  purser.chain.mine();
  await watcher.tick();
  return txHash;
}

const state = () => purser.database.stateOf(operationId);

it('is taken from where it is now, when the block is gone in which it was seen first', async () => {
  await shown({ number: 1, hash: hex32(0xbad) });
  const txHash = await paid();
  expect(state()).toMatchObject({ status: 'provisional', settlement: { txHash } });
  expect(purser.database.exceptions).toEqual([]);
});

it('is for a person, when the first still stands', async () => {
  await shown(purser.chain.head);
  const txHash = await paid();
  expect(state()).toMatchObject({
    status: 'needs_attention',
    details: { reason: 'paid_elsewhere', tx: txHash },
    before: { settlement: { txHash: hex32(1) } },
  });
  expect(purser.database.exceptions).toMatchObject([{ kind: 'foreign_use', network: NETWORK, txHash }]);
});
