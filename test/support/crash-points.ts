// The points between two steps of a broadcast at which a process may die.
import type { BroadcastChain, Broadcaster, BroadcastStore } from '#engine';
import type { Settling } from './settling.js';

interface Parts {
  readonly store?: Partial<BroadcastStore>;
  readonly chain?: Partial<BroadcastChain>;
}

type Breaking = (settling: Settling, crash: () => Error) => Parts;

export const CRASH_POINTS: readonly [string, Breaking][] = [
  ['before the intent', (_, crash) => ({ store: { intend: () => Promise.reject(crash()) } })],
  [
    'after the intent',
    (settling, crash) => ({
      store: {
        intend: async (...args) => {
          await settling.store.intend(...args);
          throw crash();
        },
      },
    }),
  ],
  ['before the bytes are stored', (_, crash) => ({ store: { attempted: () => Promise.reject(crash()) } })],
  [
    'after the bytes are stored',
    (settling, crash) => ({
      store: {
        attempted: async (...args) => {
          await settling.store.attempted(...args);
          throw crash();
        },
      },
    }),
  ],
  ['before the bytes leave', (_, crash) => ({ chain: { send: () => Promise.reject(crash()) } })],
  [
    'after the bytes left',
    (settling, crash) => ({
      chain: {
        send: async (raw, again) => {
          await settling.chain.send(raw, again);
          throw crash();
        },
      },
    }),
  ],
  ['before the receipt', (_, crash) => ({ chain: { receipts: () => Promise.reject(crash()) } })],
  ['before the outcome is stored', (_, crash) => ({ store: { mined: () => Promise.reject(crash()) } })],
  [
    'after the outcome is stored',
    (settling, crash) => ({
      store: {
        mined: async (...args) => {
          await settling.store.mined(...args);
          throw crash();
        },
      },
    }),
  ],
];

/** A turn of it throws `killed` at that point. */
export function dyingBroadcaster(settling: Settling, breaking: Breaking): Broadcaster {
  const parts = breaking(settling, () => new Error('killed'));
  return settling.broadcaster({
    store: { ...settling.store, ...parts.store },
    chain: { ...settling.chain, ...parts.chain },
  });
}
