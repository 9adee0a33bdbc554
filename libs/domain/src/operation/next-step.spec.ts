import { describe, expect, it } from 'vitest';
import {
  aDelivery,
  aRequest,
  eventsFrom,
  NOON,
  OPEN,
  stateIn,
  WAYS,
} from '../../../../test/support/builders.js';
import type { OperationCommand } from './commands.js';
import { fold } from './evolve.js';
import { isAnswerable, nextStep } from './next-step.js';
import type { Delivery } from './terms.js';

const DECIDE_BY = NOON + 60_000;
const USE_BY = NOON + 600_000;

const withDelivery = (
  over: Partial<Delivery>,
  way: 'signed' | 'provisional' | 'settled_undelivered' = 'signed',
) => fold(eventsFrom([...WAYS[way], { type: 'RecordDelivery', delivery: aDelivery(over), seen: null }]));

const authorize = (way: 'authorized' | 'signed' | 'provisional' | 'settled_undelivered') => {
  const [, ...rest] = WAYS[way];
  const open = { ...OPEN, request: aRequest({ kind: 'authorize' }) } as OperationCommand;
  return fold(eventsFrom([open, ...rest]));
};

describe('the next step follows from the state and the time alone', () => {
  it.each([
    ['absent', NOON, { kind: 'stop' }],
    ['opened', NOON, { kind: 'quote' }],
    ['judged', NOON, { kind: 'reserve' }],
    ['reserved', NOON, { kind: 'prepare' }],
    ['reserved_needing_approval', NOON, { kind: 'request_approval' }],
    ['awaiting_approval', NOON, { kind: 'wait', untilMs: DECIDE_BY }],
    ['awaiting_approval', DECIDE_BY, { kind: 'expire_approval' }],
    ['approved', NOON, { kind: 'confirm_terms' }],
    ['approved', USE_BY, { kind: 'expire_approval' }],
    ['confirmed', NOON, { kind: 'prepare' }],
    ['confirmed', USE_BY, { kind: 'expire_approval' }],
    ['authorized', NOON, { kind: 'sign' }],
    ['signed', NOON, { kind: 'present', attempt: 1 }],
    ['provisional', NOON, { kind: 'present', attempt: 1 }],
    ['settled_undelivered', NOON, { kind: 'present', attempt: 1 }],
    ['settled', NOON, { kind: 'stop' }],
    ['failed', NOON, { kind: 'stop' }],
    ['refused', NOON, { kind: 'stop' }],
    ['rejected', NOON, { kind: 'stop' }],
    ['expired', NOON, { kind: 'stop' }],
    ['cancelled', NOON, { kind: 'stop' }],
    ['needs_attention', NOON, { kind: 'stop' }],
  ] as const)('%s at %i', (way, nowMs, step) => {
    expect(nextStep(stateIn(way), nowMs)).toEqual(step);
  });

  it('a delivery that may be repeated waits for its time, then shows the same payment again', () => {
    const failed = withDelivery({ outcome: 'timeout', retryAtMs: NOON + 1_000 });
    expect(nextStep(failed, NOON)).toEqual({ kind: 'wait', untilMs: NOON + 1_000 });
    expect(nextStep(failed, NOON + 1_000)).toEqual({ kind: 'present', attempt: 2 });
  });

  it('a delivery that may not be repeated waits for the chain', () => {
    expect(nextStep(withDelivery({ outcome: 'timeout' }), NOON)).toEqual({ kind: 'wait', untilMs: null });
  });

  it('nothing is left to do once the payment is final and the delivery is decided', () => {
    const delivered = withDelivery({ outcome: 'delivered' }, 'settled_undelivered');
    expect(nextStep(delivered, NOON)).toEqual({ kind: 'stop' });
    expect(nextStep(authorize('settled_undelivered'), NOON)).toEqual({ kind: 'stop' });
  });

  it('an authorization for the caller is never presented by us', () => {
    expect(nextStep(authorize('authorized'), NOON)).toEqual({ kind: 'sign' });
    expect(nextStep(authorize('signed'), NOON)).toEqual({ kind: 'wait', untilMs: null });
    expect(nextStep(authorize('provisional'), NOON)).toEqual({ kind: 'wait', untilMs: null });
  });
});

describe('the caller is answered (ruling 1)', () => {
  it.each([
    ['absent', false],
    ['opened', false],
    ['judged', false],
    ['reserved', false],
    ['awaiting_approval', true],
    ['approved', false],
    ['confirmed', false],
    ['authorized', false],
    ['signed', false],
    ['provisional', false],
    ['settled_undelivered', false],
    ['settled', true],
    ['failed', true],
    ['refused', true],
    ['rejected', true],
    ['expired', true],
    ['cancelled', true],
    ['needs_attention', true],
  ] as const)('in %s: %s', (way, answerable) => {
    expect(isAnswerable(stateIn(way))).toBe(answerable);
  });

  it.each(['signed', 'provisional', 'settled_undelivered'] as const)(
    'once the delivery is decided (%s)',
    (way) => {
      expect(isAnswerable(withDelivery({ outcome: 'delivered' }, way))).toBe(true);
      expect(isAnswerable(withDelivery({ outcome: 'timeout', retryAtMs: null }, way))).toBe(true);
      expect(isAnswerable(withDelivery({ outcome: 'timeout', retryAtMs: NOON }, way))).toBe(false);
    },
  );

  it('with the signature, when that is what was asked for', () => {
    expect(isAnswerable(authorize('authorized'))).toBe(false);
    expect(isAnswerable(authorize('signed'))).toBe(true);
    expect(isAnswerable(authorize('provisional'))).toBe(true);
    expect(isAnswerable(authorize('settled_undelivered'))).toBe(true);
  });
});
