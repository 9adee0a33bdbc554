import { describe, expect, it } from 'vitest';
import { ChainWatcher, type OperationStore } from '#engine';
import type { ChainSource } from './ports.js';
import type { OperationId } from '#domain';
import { aSettlement, hex32, PAYER, TOKEN } from '../../../../test/support/builders.js';
import { MemoryChainSource } from '../../../../test/support/memory-chain-source.js';
import { MemoryInstallation } from '../../../../test/support/memory-installation.js';
import { MemoryWatchStore } from '../../../../test/support/memory-watch-store.js';
import { PATIENCE } from './apply.js';

async function installation() {
  const purser = new MemoryInstallation();
  const signed = async (key: string): Promise<OperationId> => {
    const operationId = await purser.submit(key);
    await purser.drive(operationId);
    return operationId;
  };
  const ids = [await signed('order-1'), await signed('order-2')] as const;
  return { purser, ids };
}

function watcherOf(purser: MemoryInstallation, operations: OperationStore = purser.ports.operations) {
  return new ChainWatcher({
    ports: { ...purser.ports, operations },
    source: new MemoryChainSource(purser.chain),
    store: new MemoryWatchStore(purser.database),
    owner: 'watcher',
    tokens: [TOKEN],
  });
}

/** Reads of one operation fail for ever: an event of a newer version, a corrupt row. */
function broken(operations: OperationStore, bad: OperationId): OperationStore {
  return new Proxy(operations, {
    get(it, key) {
      if (key !== 'load') return (it as never as Record<PropertyKey, () => void>)[key]?.bind(it);
      return (ref: Parameters<OperationStore['load']>[0]) =>
        ref.operationId === bad ? Promise.reject(new Error('unknown event')) : it.load(ref);
    },
  });
}

describe('the chain watcher', () => {
  it('is held up by one unreadable operation for a few looks only, and releases the others (L5)', async () => {
    const { purser, ids } = await installation();
    const watcher = watcherOf(purser, broken(purser.ports.operations, ids[0]));
    await watcher.tick();
    for (let looks = 0; looks <= PATIENCE; looks += 1) {
      purser.nowMs += 400_000;
      for (let n = 0; n < 4; n += 1) purser.chain.mine();
      await watcher.tick().catch(() => undefined);
    }
    expect(ids.map((id) => purser.database.stateOf(id)?.status)).toEqual(['authorized', 'failed']);
    const before = purser.database.cursor?.scannedTo ?? 0;
    purser.chain.mine();
    await watcher.tick();
    expect(purser.database.cursor?.scannedTo).toBe(before + 1);
  });

  it('comes to rest over a full batch that the chain has nothing new to say about', async () => {
    const { purser, ids } = await installation();
    const watcher = watcherOf(purser);
    await watcher.tick();
    const row = purser.database.ledger.get(ids[0]);
    if (!row) throw new Error('no authorization');
    // 600 rows that say provisional while their operation is already where the chain wants it.
    for (let n = 0; n < 600; n += 1)
      purser.database.ledger.set(`row-${n}` as OperationId, {
        ...row,
        authorization: { ...row.authorization, nonce: hex32(n + 1) },
        status: 'provisional',
        settlement: null,
      });
    for (let n = 0; n < 4; n += 1) purser.chain.mine();
    await expect(watcher.tick()).resolves.toBe(true);
  });

  it('releases what expired later than more rows than one part holds that nobody can judge', async () => {
    const { purser, ids } = await installation();
    const store = new MemoryWatchStore(purser.database);
    const row = purser.database.ledger.get(ids[0]);
    if (!row) throw new Error('no authorization');
    for (let n = 0; n < 600; n += 1) {
      const operationId = `row-${n}` as OperationId;
      const validBeforeSec = row.authorization.validBeforeSec - 1;
      const authorization = { ...row.authorization, nonce: hex32(n + 1), validBeforeSec };
      purser.database.ledger.set(operationId, { ...row, operationId, authorization });
    }
    // No RPC can say anything about those, for as long as one looks.
    const unusedAt: ChainSource['unusedAt'] = (queries) =>
      Promise.resolve(queries.map((it) => (it.nonce === row.authorization.nonce ? 9 : 0)));
    const source: ChainSource = Object.assign(new MemoryChainSource(purser.chain), { unusedAt });
    const watcher = new ChainWatcher({
      ports: purser.ports,
      source,
      store,
      owner: 'watcher',
      tokens: [TOKEN],
    });
    await watcher.tick();
    purser.nowMs += 400_000;
    for (let n = 0; n < 4; n += 1) purser.chain.mine();
    await watcher.tick();
    expect(purser.database.stateOf(ids[0])?.status).toBe('failed');
  });

  it('raises an alarm when an authorization that was proven dead is used all the same', async () => {
    const { purser, ids } = await installation();
    const watcher = watcherOf(purser);
    await watcher.tick();
    const row = purser.database.ledger.get(ids[0]);
    if (!row) throw new Error('no authorization');
    row.status = 'burned';
    const { to, value, nonce } = row.authorization;
    const at = { txHash: hex32(0x99), blockNumber: 1, blockHash: hex32(0xb1), token: TOKEN, from: PAYER };
    const source = new MemoryChainSource(purser.chain);
    source.scan = () =>
      Promise.resolve({
        uses: [{ ...at, nonce, transfer: { ...at, to, value, logIndex: 1 } }],
        otherTransfers: [],
        permits: [],
        allowances: [],
        incoming: [],
        fateOf: () => ({ kind: 'settled', settlement: aSettlement() }),
      });
    const { ports } = purser;
    const store = new MemoryWatchStore(purser.database);
    purser.chain.mine();
    await new ChainWatcher({ ports, source, store, owner: 'watcher', tokens: [TOKEN] }).tick();
    expect(purser.database.exceptions).toMatchObject([{ kind: 'foreign_use', nonce }]);
  });
});
