import { describe, expect, it } from 'vitest';
import {
  address,
  anAuthorization,
  aSettlement,
  aVerdict,
  hex32,
  NOON,
  OPEN,
  someTerms,
} from '../../../../test/support/builders.js';
import type { OperationCommand } from './commands.js';
import { decide } from './decide.js';
import { evolve } from './evolve.js';
import { ABSENT, type OperationState } from './state.js';
import type { Authorization, Terms, TransferMethod } from './terms.js';

const FACILITATOR = address(0xfac1);

function authorized(
  terms: Partial<Terms>,
  authorization: Partial<Authorization>,
): { state: OperationState; events: readonly string[] } {
  const commands: readonly OperationCommand[] = [
    OPEN,
    { type: 'AcceptTerms', terms: someTerms(terms), verdict: aVerdict(), termsDigest: 't1' },
    { type: 'ReserveBudget' },
    { type: 'PrepareAuthorization', authorization: anAuthorization(authorization), nowMs: NOON },
  ];
  return commands.reduce(apply, { state: ABSENT, events: [] as readonly string[] });
}

interface Told {
  readonly state: OperationState;
  readonly events: readonly string[];
}

/** Events in short: their type and amount. */
function apply({ state }: Told, command: OperationCommand): Told {
  const decision = decide(state, command);
  if (!decision.ok) throw new Error(decision.code);
  return {
    state: decision.events.reduce(evolve, state),
    events: decision.events.map(({ type, data }) => ('amount' in data ? `${type} ${data.amount}` : type)),
  };
}

const upto = () =>
  authorized(
    { transferMethod: 'upto', facilitator: FACILITATOR },
    { method: 'upto', facilitator: FACILITATOR },
  );
const finalize = (amount?: bigint): OperationCommand => ({
  type: 'FinalizeSettlement',
  settlement: aSettlement(amount === undefined ? {} : { amount }),
});

describe('a ceiling', () => {
  it.each<[string, bigint | undefined, readonly string[]]>([
    ['in part', 7_000n, ['SettlementFinalized', 'BudgetCaptured 7000', 'BudgetReleased 3000']],
    ['in whole', 10_000n, ['SettlementFinalized', 'BudgetCaptured 10000']],
    ['in whole, unsaid', undefined, ['SettlementFinalized', 'BudgetCaptured 10000']],
    ['almost with nothing', 1n, ['SettlementFinalized', 'BudgetCaptured 1', 'BudgetReleased 9999']],
  ])('charged %s is captured as charged, and the rest goes back', (_what, amount, expected) => {
    expect(apply(upto(), finalize(amount)).events).toEqual(expected);
  });

  it('gives nothing back while the charge is not final', () => {
    const observed = apply(upto(), { type: 'ObserveSettlement', settlement: aSettlement({ amount: 1n }) });
    expect(observed.events).toEqual(['SettlementObserved']);
    expect(observed.state).toMatchObject({ status: 'provisional', settlement: { amount: 1n } });
    const reorged = apply(observed, { type: 'ReorgSettlement' });
    expect(reorged.events).toEqual(['SettlementReorged']);
    expect(apply(reorged, finalize(9_999n)).events).toContain('BudgetReleased 1');
  });

  it.each([10_001n, 0n, -1n])('is never captured as %s', (amount) => {
    expect(() => apply(upto(), finalize(amount))).toThrow('another amount');
  });
});

const seen = () => apply(upto(), { type: 'ObserveSettlement', settlement: aSettlement({ amount: 7n }) });
const observe = (told: Told, over: Parameters<typeof aSettlement>[0]) =>
  apply(told, { type: 'ObserveSettlement', settlement: aSettlement({ amount: 7n, ...over }) });

describe('a payment that was seen', () => {
  it.each<[string, Parameters<typeof aSettlement>[0]]>([
    ['in another transaction', { txHash: hex32(0xbad) }],
    ['with another amount', { amount: 10_000n }],
  ])('needs attention when it is seen %s', (_what, over) => {
    const told = observe(seen(), over);
    expect(told.events).toEqual(['AttentionRequired']);
    expect(told.state).toMatchObject({ status: 'needs_attention', before: { settlement: { amount: 7n } } });
    expect(observe(told, over).events).toEqual([]);
  });

  it('is the same in another block, and again once its block is gone', () => {
    expect(observe(seen(), { blockHash: hex32(0xb10c) }).events).toEqual([]);
    const gone = apply(seen(), { type: 'ReorgSettlement' });
    expect(observe(gone, { txHash: hex32(0xbad), amount: 9n }).events).toEqual(['SettlementObserved']);
  });
});

describe('an exact authorization', () => {
  it.each<TransferMethod>(['eip3009', 'permit2'])('by %s is never captured in part', (method) => {
    const exact = authorized({ transferMethod: method }, { method });
    expect(() => apply(exact, finalize(9_999n))).toThrow('another amount');
    expect(apply(exact, finalize()).events).toEqual(['SettlementFinalized', 'BudgetCaptured 10000']);
  });
});

describe('the intent', () => {
  it.each<[string, Partial<Terms>, Partial<Authorization>]>([
    ['another method', { transferMethod: 'permit2' }, {}],
    ['a method nobody judged', {}, { method: 'permit2' }],
    [
      'another facilitator',
      { transferMethod: 'upto', facilitator: FACILITATOR },
      { method: 'upto', facilitator: address(0xbad) },
    ],
  ])('never has %s', (_what, terms, authorization) => {
    expect(() => authorized(terms, authorization)).toThrow('differs from the judged terms');
  });
});
