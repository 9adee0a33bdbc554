import { describe, expect, it } from 'vitest';
import { aProof, eventsFrom, NOON, OBSERVE, stateIn, WAYS } from '../../../../test/support/builders.js';
import type { OperationCommand } from './commands.js';
import { decide } from './decide.js';
import { fold } from './evolve.js';
import { isAnswerable, nextStep } from './next-step.js';

const WISH: OperationCommand = { type: 'RequestCancellation', by: 'ann', reason: 'wrong shop' };
const ATTENTION: OperationCommand = { type: 'RequireAttention', code: 'needs_attention', details: {} };
const tried = (
  attempt: number,
  retryAtMs: number | null,
  reason: string | null = null,
): OperationCommand => ({
  type: 'RecordCancellation',
  submission: { attempt, retryAtMs, reason },
});
const looked = (...more: OperationCommand[]) => fold(eventsFrom([...WAYS.signed, ATTENTION, WISH, ...more]));
const after = (...commands: OperationCommand[]) => fold(eventsFrom([...WAYS.signed, ...commands]));

describe('an on-chain cancellation', () => {
  it('is a wish about a live authorization, noted once', () => {
    const wanted = after(WISH);
    expect(wanted).toMatchObject({ status: 'authorized', cancellation: { by: 'ann', submission: null } });
    expect(decide(wanted, { ...WISH, by: 'bob' })).toEqual({ ok: true, events: [] });
    expect(isAnswerable(wanted)).toBe(true);
    expect(fold(eventsFrom([...WAYS.needs_attention, WISH]))).toMatchObject({
      status: 'needs_attention',
      before: { cancellation: { by: 'ann' } },
    });
  });

  it.each(['provisional', 'settled', 'failed', 'cancelled', 'reserved'] as const)(
    'comes too late, or too early, for one that is %s',
    (way) => {
      expect(decide(stateIn(way), WISH)).toMatchObject({ ok: false, code: 'too_late' });
    },
  );

  it('comes before everything else that could still be done with the authorization', () => {
    expect(nextStep(fold(eventsFrom([...WAYS.authorized, WISH])), NOON)).toEqual({
      kind: 'cancel',
      attempt: 1,
    });
    expect(nextStep(after(WISH), NOON)).toEqual({ kind: 'cancel', attempt: 1 });
    expect(nextStep(after(WISH, tried(1, NOON + 5)), NOON)).toEqual({ kind: 'wait', untilMs: NOON + 5 });
    expect(nextStep(after(WISH, tried(1, NOON)), NOON)).toEqual({ kind: 'cancel', attempt: 2 });
    expect(nextStep(after(WISH, tried(1, null)), NOON)).toEqual({ kind: 'wait', untilMs: null });
    expect(decide(after(WISH, tried(2, NOON)), tried(1, null))).toEqual({ ok: true, events: [] });
  });

  it('is carried out also while somebody must look, and leaves the rest to them', () => {
    expect(nextStep(looked(), NOON)).toEqual({ kind: 'cancel', attempt: 1 });
    expect(nextStep(looked(tried(1, NOON + 5)), NOON)).toEqual({ kind: 'wait', untilMs: NOON + 5 });
    expect(nextStep(looked(tried(1, NOON)), NOON)).toEqual({ kind: 'cancel', attempt: 2 });
    expect(looked(tried(1, null)).status).toBe('needs_attention');
    expect(nextStep(looked(OBSERVE), NOON)).toEqual({ kind: 'stop' });
  });

  it('ends nothing: the chain does, one way or the other', () => {
    const { txHash: _none, ...proof } = { ...aProof(), txHash: undefined };
    const voided = after(WISH, tried(1, null), { type: 'RecordVoided', proof });
    expect(voided).toMatchObject({ status: 'failed', code: 'payment_voided' });
    const paid = after(WISH, OBSERVE, tried(1, null, 'invalid_exact_evm_nonce_already_used'));
    expect(paid).toMatchObject({ status: 'provisional', cancellation: { submission: { attempt: 1 } } });
    expect(nextStep(paid, NOON)).toEqual({ kind: 'present', attempt: 1 });
  });
});
