import { describe, expect, it } from 'vitest';
import {
  anAuthorization,
  APPROVE,
  ASK,
  aPolicy,
  aProof,
  aRequest,
  aSettlement,
  aVerdict,
  hex32,
  NETWORK,
  NOON,
  OPEN,
  REJECT,
  someTerms,
  WALLET,
  walletId,
} from '../../../../test/support/builders.js';
import { parseHex32 } from '../ids.js';
import { PERMIT2 } from '../permit2.js';
import { judgeAllowance } from '../judge.js';
import { allowanceNonce, allowanceResource, permitNonceOf } from './allowance.js';
import type { OperationCommand } from './commands.js';
import { decide } from './decide.js';
import type { EventType } from './events.js';
import { evolve } from './evolve.js';
import { nextStep } from './next-step.js';
import { ABSENT, type OperationState } from './state.js';

const TERMS = someTerms({
  payTo: PERMIT2,
  transferMethod: 'allowance',
  resourceUrl: allowanceResource(WALLET),
});
const VERDICT = aVerdict({ needsApproval: true, reasons: ['allowance'] });
const PERMIT = anAuthorization({ method: 'allowance', to: PERMIT2 });
const OPENED: OperationCommand = {
  ...(OPEN as Extract<OperationCommand, { type: 'Open' }>),
  request: aRequest({ kind: 'allowance' }),
};
const JUDGED: readonly OperationCommand[] = [
  OPENED,
  { type: 'AcceptTerms', terms: TERMS, verdict: VERDICT, termsDigest: 't1' },
];
const CONFIRMED: readonly OperationCommand[] = [
  ...JUDGED,
  ASK,
  APPROVE,
  { type: 'ConfirmTerms', terms: TERMS, verdict: VERDICT, termsDigest: 't1' },
];
const PREPARED: readonly OperationCommand[] = [
  ...CONFIRMED,
  { type: 'PrepareAuthorization', authorization: PERMIT, nowMs: NOON },
];

function after(commands: readonly OperationCommand[]): {
  readonly state: OperationState;
  readonly events: readonly EventType[];
} {
  const events: EventType[] = [];
  const state = commands.reduce<OperationState>((current, command) => {
    const decision = decide(current, command);
    if (!decision.ok) throw new Error(decision.code);
    events.push(...decision.events.map((it) => it.type));
    return decision.events.reduce(evolve, current);
  }, ABSENT);
  return { state, events };
}

describe('an allowance', () => {
  it('asks a person at once, holds no budget, and is signed after the yes alone', () => {
    const judged = after(JUDGED);
    expect(nextStep(judged.state, NOON)).toEqual({ kind: 'request_approval' });
    expect(decide(judged.state, { type: 'ReserveBudget' })).toEqual({ ok: true, events: [] });
    const early = decide(judged.state, { type: 'PrepareAuthorization', authorization: PERMIT, nowMs: NOON });
    expect(early).toEqual({ ok: true, events: [] });
    expect(nextStep(after(CONFIRMED).state, NOON)).toEqual({ kind: 'prepare' });
    expect(nextStep(after(PREPARED).state, NOON)).toEqual({ kind: 'sign' });
    const signed = after([...PREPARED, { type: 'RecordSigned', signatureHash: 's1' }]);
    expect(nextStep(signed.state, NOON)).toEqual({ kind: 'settle', attempt: 1 });
  });

  it.each<[string, readonly OperationCommand[], readonly EventType[]]>([
    ['rejected', [...JUDGED, ASK, REJECT], ['ApprovalRejected']],
    ['refused', [...CONFIRMED, { type: 'Refuse', code: 'agent_paused', details: {} }], ['OperationRefused']],
    ['cancelled', [...JUDGED, ASK, { type: 'Cancel', by: 'a', reason: '' }], ['OperationCancelled']],
    ['burned', [...PREPARED, { type: 'RecordBurned', reason: 'no' }], ['AuthorizationBurned']],
    [
      'given',
      [...PREPARED, { type: 'FinalizeSettlement', settlement: aSettlement() }],
      ['SettlementFinalized'],
    ],
    ['dead', [...PREPARED, { type: 'RecordExpiredUnused', proof: aProof() }], ['AuthorizationExpiredUnused']],
  ])('that is %s moves no budget', (_how, commands, last) => {
    const { events } = after(commands);
    expect(events.slice(-1)).toEqual(last);
    expect(events.filter((it) => it.startsWith('Budget'))).toEqual([]);
  });

  it('of nothing is given like any other', () => {
    const nothing = { ...TERMS, amount: 0n };
    const judged = { terms: nothing, verdict: VERDICT, termsDigest: 't1' } as const;
    const { events } = after([
      OPENED,
      { type: 'AcceptTerms', ...judged },
      ASK,
      APPROVE,
      { type: 'ConfirmTerms', ...judged },
      { type: 'PrepareAuthorization', authorization: { ...PERMIT, value: 0n }, nowMs: NOON },
      { type: 'ObserveSettlement', settlement: aSettlement() },
      { type: 'FinalizeSettlement', settlement: aSettlement() },
    ]);
    expect(events.slice(-2)).toEqual(['SettlementObserved', 'SettlementFinalized']);
  });

  it.each([
    ['another wallet', { walletId: walletId(9) }],
    ['another amount', { value: 1n }],
    ['another method', { method: 'eip3009' as const }],
  ])('is never signed for %s than was approved of', (_what, over) => {
    const { state } = after(CONFIRMED);
    const authorization = { ...PERMIT, ...over };
    expect(() => decide(state, { type: 'PrepareAuthorization', authorization, nowMs: NOON })).toThrow(
      'differs',
    );
  });

  it('cannot be killed as a payment can', () => {
    const signed = after([...PREPARED, { type: 'RecordSigned', signatureHash: 's1' }]);
    const kill = decide(signed.state, { type: 'RequestCancellation', by: 'a', reason: '' });
    expect(kill).toMatchObject({ ok: false, code: 'too_late' });
  });

  it('needs a person whatever its amount, and an allowed network', () => {
    const verdict = { policyVersion: 3, needsApproval: true, reasons: ['allowance'] };
    expect(judgeAllowance({ ...TERMS, amount: 0n }, NOON, [aPolicy({ version: 3 })])).toMatchObject({
      ok: true,
      verdict,
    });
    expect(judgeAllowance(TERMS, NOON, [aPolicy({ allowedNetworks: [] })])).toMatchObject({
      code: 'policy_refused',
      details: { rule: 'network_not_allowed', network: NETWORK },
    });
  });

  it("has the operation's nonce and the token's number in one", () => {
    const derived = parseHex32(`0x${'ab'.repeat(32)}`);
    const nonce = allowanceNonce(derived, 7n);
    expect(nonce).toBe(`0x${'ab'.repeat(24)}${'7'.padStart(16, '0')}`);
    expect(permitNonceOf(nonce)).toBe(7n);
    expect(permitNonceOf(allowanceNonce(hex32(1), (1n << 64n) - 1n))).toBe((1n << 64n) - 1n);
    for (const outside of [-1n, 1n << 64n])
      expect(() => allowanceNonce(derived, outside)).toThrow(RangeError);
  });
});
