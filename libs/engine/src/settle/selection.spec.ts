import { describe, expect, it } from 'vitest';
import { address, hex32, NETWORK, TOKEN, uuid } from '../../../../test/support/builders.js';
import { silentLogger } from '../../../../test/support/memory-basics.js';
import type { BroadcastChain, BroadcastStore, WaitingTransfer } from './broadcast-ports.js';
import { Selection } from './selection.js';

const waitingOf = (nonce: number, triedOut: boolean): WaitingTransfer => ({
  method: 'eip3009',
  network: NETWORK,
  token: TOKEN,
  from: address(0xaa),
  to: address(0xbb),
  value: 1n,
  validAfterSec: 0,
  validBeforeSec: 4_000_000_000,
  nonce: hex32(nonce),
  signature: new Uint8Array(65),
  settlementId: uuid(nonce, 7),
  triedOut,
});

/** A chain on which everything succeeds, and that counts how often it was asked. */
function selection() {
  let asked = 0;
  const chain: Partial<BroadcastChain> = {
    network: NETWORK,
    outlook: (_, transfers) => {
      asked += 1;
      return Promise.resolve(transfers.map(() => 'succeeds' as const));
    },
    compose: () => ({ target: TOKEN, data: new Uint8Array(4), callHash: hex32(1), gasLimit: 1n }),
  };
  const store: Partial<BroadcastStore> = { end: () => Promise.resolve() };
  const deps = { chain: chain as BroadcastChain, store: store as BroadcastStore, logger: silentLogger };
  const chosen = new Selection({ ...deps, clock: { nowMs: () => 0 } });
  return { choose: chosen.choose.bind(chosen), asked: () => asked };
}

describe('whether a transfer is tried out before it is broadcast', () => {
  it.each([
    ['a lone one that just was is not', [waitingOf(1, true)], 0],
    ['a lone one that was not is', [waitingOf(1, false)], 1],
    [
      'several are, together: each may have passed only without the others',
      [1, 2].map((n) => waitingOf(n, true)),
      1,
    ],
  ])('%s', async (_, waiting, asked) => {
    const { choose, asked: askedNow } = selection();
    expect((await choose(address(0x5e), waiting))?.transfers).toEqual(waiting);
    expect(askedNow()).toBe(asked);
  });
});
