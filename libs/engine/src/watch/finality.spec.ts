// What gives money back needs the word of every RPC, however many of them are there.
import { beforeEach, describe, expect, it } from 'vitest';
import type { OperationId, Terms } from '#domain';
import { ChainWatcher } from '#engine';
import { address, aPolicy, hex32, someTerms, TOKEN, WORKSPACE } from '../../../../test/support/builders.js';
import { fakeSignature } from '../../../../test/support/memory-basics.js';
import { MemoryChainSource } from '../../../../test/support/memory-chain-source.js';
import { MemoryInstallation } from '../../../../test/support/memory-installation.js';
import { MemoryWatchStore } from '../../../../test/support/memory-watch-store.js';

const CEILING = { transferMethod: 'upto', facilitator: address(0xfac1) } as const;

let purser: MemoryInstallation;
let source: MemoryChainSource;
let watcher: ChainWatcher;
let operationId: OperationId;

async function signed(terms: Partial<Terms>): Promise<void> {
  purser.price = { kind: 'terms', terms: someTerms(terms) };
  operationId = await purser.submit('order-1');
  await purser.drive(operationId);
  await watcher.tick();
}

beforeEach(() => {
  purser = new MemoryInstallation();
  purser.policies.policies.set(WORKSPACE, aPolicy({ allowUpto: true }));
  source = new MemoryChainSource(purser.chain);
  const store = new MemoryWatchStore(purser.database);
  watcher = new ChainWatcher({ ports: purser.ports, source, store, owner: 'watcher', tokens: [TOKEN] });
});

const state = () => purser.database.stateOf(operationId);
const held = () => purser.database.budgets.reservations.get(operationId)?.state;
const released = () =>
  purser.database.events
    .filter((it) => it.type === 'BudgetReleased')
    .map(({ data }) => Object.values(data as Record<string, string>).join(' '));
function charge(amount: bigint): void {
  const row = purser.database.ledger.get(operationId);
  if (!row) throw new Error('no authorization');
  const { walletId: _walletId, digest, ...tuple } = row.authorization;
  purser.chain.submit({ ...tuple, signature: fakeSignature(digest, tuple.from), operationId }, amount);
}
async function blocks(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    purser.chain.mine();
    await watcher.tick().catch(() => undefined);
  }
}

describe('the rest of a ceiling', () => {
  beforeEach(async () => {
    await signed(CEILING);
    charge(3_000n);
  });

  it('goes back when every RPC shows the charge as it was recorded', async () => {
    await blocks(5);
    expect([state()?.status, held(), released()]).toEqual(['settled', 'captured', ['7000 not_charged']]);
  });

  it('stays held while one RPC does not, and nobody can be asked what else there is', async () => {
    source.settlementWitnesses = () => Promise.resolve(1);
    source.findUse = () => Promise.resolve(undefined);
    await blocks(5);
    expect([state()?.status, held(), released()]).toEqual(['provisional', 'held', []]);
  });

  it('stays held while the RPCs contradict each other', async () => {
    source.settlementWitnesses = () => Promise.resolve(1);
    source.findUse = () => Promise.reject(new Error('disagreement'));
    await blocks(8);
    expect([state()?.status, held(), released()]).toEqual(['provisional', 'held', []]);
  });

  it('is what all of them say, where what was recorded is not what there is', async () => {
    source.settlementWitnesses = () => Promise.resolve(0);
    const settlement = { txHash: hex32(7), blockNumber: 1, blockHash: hex32(8), logIndex: 1, amount: 9_000n };
    source.findUse = () => Promise.resolve({ kind: 'settled', settlement });
    await blocks(5);
    expect([state()?.status, held(), released()]).toEqual(['settled', 'captured', ['1000 not_charged']]);
  });
});

it('a payment in full needs no second look: nothing goes back', async () => {
  await signed(CEILING);
  source.settlementWitnesses = () => Promise.reject(new Error('asked for nothing'));
  charge(10_000n);
  await blocks(5);
  expect([state()?.status, released()]).toEqual(['settled', []]);
});

describe('an authorization that expired and is not unused', () => {
  beforeEach(async () => {
    await signed({});
    purser.nowMs += 700_000;
    source.unusedAt = (queries) => Promise.resolve(queries.map(() => -1));
    const { number: blockNumber, hash: blockHash } = purser.chain.head;
    source.findUse = () =>
      Promise.resolve({ kind: 'cancelled', txHash: hex32(0xcc), blockNumber, blockHash });
  });

  it('is held while not every RPC says that it was cancelled', async () => {
    source.cancelWitnesses = () => Promise.resolve({ witnesses: 1, txHash: hex32(0xcc) });
    await blocks(6);
    expect([state()?.status, held(), released()]).toEqual(['authorized', 'held', []]);
  });

  it('is held while one RPC does not say what became of it', async () => {
    source.findUse = () => Promise.resolve(undefined);
    await blocks(6);
    expect([state()?.status, held(), released()]).toEqual(['authorized', 'held', []]);
  });

  it('is released with the word of all of them in the proof', async () => {
    source.cancelWitnesses = () => Promise.resolve({ witnesses: 2, txHash: hex32(0xcc) });
    await blocks(6);
    expect(state()).toMatchObject({ status: 'failed', proof: { witnesses: 2, txHash: hex32(0xcc) } });
    expect(released()).toEqual(['10000 voided']);
  });
});
