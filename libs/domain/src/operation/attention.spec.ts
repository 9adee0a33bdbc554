import { describe, expect, it } from 'vitest';
import { stateIn, type WAYS } from '../../../../test/support/builders.js';
import { decide } from './decide.js';
import { evolve } from './evolve.js';
import { eventDataToJson } from './events.js';
import { nextStep } from './next-step.js';

const ATTENTION = { type: 'RequireAttention', code: 'needs_attention', details: { reason: 'test' } } as const;

function after(state: Parameters<typeof decide>[0], command: Parameters<typeof decide>[1]) {
  const decision = decide(state, command);
  if (!decision.ok) throw new Error(decision.code);
  return decision.events.reduce(evolve, state);
}

describe('attention', () => {
  it('stays while deliveries and chain sightings come in, and ends with the operation', () => {
    const looked = after(stateIn('authorized'), ATTENTION);
    const delivered = after(looked, { type: 'RecordDelivery', delivery: DELIVERY, seen: null });
    expect(delivered.status).toBe('needs_attention');
    const seen = after(delivered, { type: 'ObserveSettlement', settlement: SETTLEMENT });
    expect(seen.status).toBe('needs_attention');
    expect(after(seen, { type: 'FinalizeSettlement', settlement: SETTLEMENT }).status).toBe('settled');
  });

  it('is lifted by an operator, and the operation goes on from where it stood', () => {
    for (const way of ['opened', 'authorized'] as const satisfies readonly (keyof typeof WAYS)[]) {
      const stood = stateIn(way);
      const looked = after(stood, ATTENTION);
      expect(nextStep(looked, 0).kind).toBe('stop');
      expect(after(looked, { type: 'ResolveAttention', by: 'operator' })).toEqual(stood);
    }
    expect(decide(stateIn('opened'), { type: 'ResolveAttention', by: 'operator' })).toEqual({
      ok: true,
      events: [],
    });
  });
});

describe('text from outside', () => {
  it('is stored without what the database cannot hold', () => {
    const json = eventDataToJson({
      type: 'AttentionRequired',
      data: { code: 'internal', details: { reason: 'a\u0000b\ud800' } },
    });
    expect(json).toEqual({ code: 'internal', details: { reason: 'a\ufffdb\ufffd' } });
  });
});

const HASH = `0x${'ab'.repeat(32)}` as never;
const SETTLEMENT = { txHash: HASH, blockNumber: 7, blockHash: HASH, logIndex: 1 };
const DELIVERY = {
  outcome: 'timeout',
  attempt: 1,
  httpStatus: null,
  bodyHash: null,
  bodyBytes: 0,
  contentType: null,
  claimedTxHash: null,
  retryAtMs: null,
  checkedAtBlock: null,
} as const;
