import { describe, expect, it } from 'vitest';
import {
  aDelivery,
  anAuthorization,
  aProof,
  APPROVE,
  aSettlement,
  aVerdict,
  eventsFrom,
  FINALIZE,
  NOON,
  PREPARE,
  REJECT,
  someTerms,
  stateIn,
  WAYS,
} from '../../../../test/support/builders.js';
import type { OperationCommand } from './commands.js';
import { decide } from './decide.js';
import { fold } from './evolve.js';

describe('S2: one authorization, ever', () => {
  it('a second tuple is not taken, whatever it says', () => {
    for (const way of ['authorized', 'signed', 'provisional', 'settled', 'failed'] as const)
      expect(decide(stateIn(way), PREPARE)).toEqual({ ok: true, events: [] });
  });
});

describe('S8: only the chain ends what may have been sent', () => {
  it.each([
    'timeout',
    'upstream_error',
    'refused',
    'redirected',
    'unreachable',
    'too_large',
    'interrupted',
  ] as const)('not the outcome %s', (outcome) => {
    const state = fold(
      eventsFrom([...WAYS.signed, { type: 'RecordDelivery', delivery: aDelivery({ outcome }), seen: null }]),
    );
    expect(state.status).toBe('authorized');
  });

  it('a proof from before the expiry is a bug', () => {
    const early: OperationCommand = {
      type: 'RecordExpiredUnused',
      proof: aProof({ blockTimeSec: anAuthorization().validBeforeSec }),
    };
    expect(() => decide(stateIn('signed'), early)).toThrow('older than the expiry');
  });

  it('a reorganized payment is waited for again, and may settle in another block', () => {
    const moved = aSettlement({ blockNumber: 101 });
    const state = fold(
      eventsFrom([
        ...WAYS.provisional,
        { type: 'ReorgSettlement' },
        { type: 'ObserveSettlement', settlement: moved },
        { type: 'FinalizeSettlement', settlement: moved },
      ]),
    );
    expect(state).toMatchObject({ status: 'settled', settlement: moved });
  });

  it('attention is looked through: the chain still settles it', () => {
    const state = fold(eventsFrom([...WAYS.needs_attention, FINALIZE]));
    expect(state.status).toBe('settled');
  });
});

describe('S9: what is signed is what was judged', () => {
  it.each([
    ['payee', { to: anAuthorization().from }],
    ['amount', { value: 10_001n }],
    ['token', { token: anAuthorization().to }],
    ['network', { network: 'eip155:1' as never }],
  ])('another %s is a bug', (_what, over) => {
    const command = { ...PREPARE, authorization: anAuthorization(over) } as OperationCommand;
    expect(() => decide(stateIn('reserved'), command)).toThrow('differs from the judged terms');
  });

  it('an intent without the approval it needs is a bug', () => {
    expect(() => decide(stateIn('reserved_needing_approval'), PREPARE)).toThrow('without the approval');
  });

  it('an authorization may not outlive its approval, nor be made after it', () => {
    const long = {
      ...PREPARE,
      authorization: anAuthorization({ validBeforeSec: NOON / 1000 + 601 }),
    } as OperationCommand;
    expect(() => decide(stateIn('confirmed'), long)).toThrow('outlives its approval');
    const late = { ...PREPARE, nowMs: NOON + 600_000 } as OperationCommand;
    expect(decide(stateIn('confirmed'), late)).toMatchObject({ ok: false, code: 'approval_expired' });
  });

  it('changed terms give the hold back and are judged anew', () => {
    const changed: OperationCommand = {
      type: 'ConfirmTerms',
      terms: someTerms({ amount: 20_000n }),
      verdict: aVerdict({ needsApproval: true }),
      termsDigest: 't2',
    };
    const state = fold(eventsFrom([...WAYS.approved, changed]));
    expect(state).toMatchObject({ status: 'judged', terms: { amount: 20_000n }, termsDigest: 't2' });
    expect(state).not.toHaveProperty('grant');
  });
});

describe('an approval', () => {
  const waiting = stateIn('awaiting_approval');

  it('is not given at or after its time', () => {
    for (const command of [APPROVE, REJECT])
      expect(decide(waiting, { ...command, nowMs: NOON + 60_000 } as OperationCommand)).toMatchObject({
        code: 'approval_expired',
      });
  });

  it('is not given to other terms than were looked at', () => {
    expect(decide(waiting, { ...APPROVE, digest: 'other' } as OperationCommand)).toMatchObject({
      code: 'approval_digest_mismatch',
    });
  });

  it('has one outcome: the loser is told it', () => {
    expect(decide(stateIn('rejected'), APPROVE)).toMatchObject({
      code: 'already_decided',
      details: { decision: 'rejected' },
    });
    expect(decide(stateIn('approved'), REJECT)).toMatchObject({ details: { decision: 'approved' } });
    expect(decide(stateIn('approved'), { ...APPROVE, by: 'carol' } as OperationCommand)).toMatchObject({
      code: 'already_decided',
    });
  });
});

const delivered = (attempt: number, outcome: 'delivered' | 'timeout'): OperationCommand => ({
  type: 'RecordDelivery',
  delivery: aDelivery({ attempt, outcome }),
  seen: null,
});

describe('deliveries', () => {
  it('count upwards, and end with the goods', () => {
    const failed = fold(eventsFrom([...WAYS.signed, delivered(1, 'timeout')]));
    expect(decide(failed, delivered(1, 'delivered'))).toEqual({ ok: true, events: [] });
    const second = decide(failed, delivered(2, 'delivered'));
    expect(second.ok && second.events.map((event) => event.type)).toEqual(['ResourceDelivered']);
    const done = fold(eventsFrom([...WAYS.signed, delivered(1, 'delivered')]));
    expect(decide(done, delivered(2, 'timeout'))).toEqual({ ok: true, events: [] });
  });
});
