import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  APPROVE,
  ASK,
  aRoster,
  aVerdict,
  NOON,
  OPEN,
  REJECT,
  accept,
} from '../../../../test/support/builders.js';
import type { OperationCommand } from './commands.js';
import { decide } from './decide.js';
import { evolve } from './evolve.js';
import type { ApprovalRule } from './approval-rule.js';
import { isQuorate, whyNot, type Roster, type Vote } from './quorum.js';
import { ABSENT, type OperationState } from './state.js';

const verdictWith = (...approval: readonly ApprovalRule[]) =>
  aVerdict({ needsApproval: true, reasons: ['above_threshold'], approval });

function waitingFor(...approval: readonly ApprovalRule[]): OperationState {
  const accepted = { ...accept(true), verdict: verdictWith(...approval) };
  return [OPEN, accepted, { type: 'ReserveBudget' } as const, ASK].reduce(
    (state: OperationState, command) => run(state, command).state,
    ABSENT,
  );
}

function run(state: OperationState, command: OperationCommand) {
  const decision = decide(state, command);
  if (!decision.ok)
    return { state, types: [] as string[], refused: decision.details?.['reason'] ?? decision.code };
  return {
    state: decision.events.reduce(evolve, state),
    types: decision.events.map((event) => event.type),
    refused: null,
  };
}

const FINANCE = aRoster('bob:finance', 'carol:finance', 'dave:finance', 'erin', 'alice:finance');
const yes = (by: string, over: { roster?: Roster; onBehalfOf?: string } = {}): OperationCommand =>
  ({
    ...APPROVE,
    by,
    onBehalfOf: over.onBehalfOf ?? null,
    roster: over.roster ?? FINANCE,
  }) as OperationCommand;
const twoOfFinance = { quorum: 2, groups: ['finance'] };

describe('a quorum', () => {
  it('is complete with the last yes it takes, and not before', () => {
    const first = run(waitingFor(twoOfFinance), yes('bob'));
    expect(first.types).toEqual(['ApprovalVoted']);
    expect(run(first.state, yes('bob')).types).toEqual([]);
    const second = run(first.state, yes('carol'));
    expect(second.types).toEqual(['ApprovalVoted', 'ApprovalGranted']);
    expect(second.state).toMatchObject({ status: 'approved', grant: { by: 'carol' } });
    for (const again of ['bob', 'carol'])
      expect(run(second.state, yes(again))).toMatchObject({ types: [], refused: null });
    expect(run(second.state, yes('dave')).refused).toBe('already_decided');
  });

  it('of several rules needs each of them, and one person may count for more than one', () => {
    const roster = aRoster('bob:finance', 'carol:ops', 'dave:finance,ops');
    const both = waitingFor({ quorum: 1, groups: ['finance'] }, { quorum: 1, groups: ['ops'] });
    const first = run(both, yes('bob', { roster }));
    expect(first.types).toEqual(['ApprovalVoted']);
    expect(run(first.state, yes('carol', { roster })).types).toContain('ApprovalGranted');
    expect(run(both, yes('dave', { roster })).types).toContain('ApprovalGranted');
  });

  it('excludes whoever asked, operates the agent, is in no group or has lost every credential', () => {
    const state = waitingFor(twoOfFinance);
    const barred = (kind: 'operator' | 'without_credential'): Roster => ({
      ...FINANCE,
      people: FINANCE.people.map((it) => (it.person === 'bob' ? { ...it, barred: kind } : it)),
    });
    expect(run(state, yes('alice')).refused).toBe('requester');
    expect(run(state, yes('erin')).refused).toBe('not_in_group');
    expect(run(state, yes('stranger')).refused).toBe('without_credential');
    expect(run(state, yes('bob', { roster: barred('operator') })).refused).toBe('operator');
    expect(run(state, yes('bob', { roster: barred('without_credential') })).refused).toBe(
      'without_credential',
    );
    expect(run(state, { ...REJECT, by: 'alice', roster: FINANCE } as OperationCommand).refused).toBe(
      'requester',
    );
  });

  it('no longer counts who has left the group, and counts them again once they are back', () => {
    const left = aRoster('bob', 'carol:finance', 'dave:finance');
    const first = run(waitingFor(twoOfFinance), yes('bob'));
    const second = run(first.state, yes('carol', { roster: left }));
    expect(second.types).toEqual(['ApprovalVoted']);
    expect(run(second.state, yes('dave', { roster: left })).types).toEqual([
      'ApprovalVoted',
      'ApprovalGranted',
    ]);
    const back = run(second.state, yes('carol'));
    expect(back.types).toEqual(['ApprovalGranted']);
  });

  it('is ended by one no, also of somebody who had said yes', () => {
    const first = run(waitingFor(twoOfFinance), yes('bob'));
    const no = { ...REJECT, by: 'bob', roster: FINANCE } as OperationCommand;
    expect(run(first.state, no).types).toEqual(['ApprovalRejected', 'BudgetReleased']);
  });
});

describe('a delegation', () => {
  const roster: Roster = { ...FINANCE, delegations: [{ by: 'erin', onBehalfOf: 'bob' }] };

  it('lets the delegate take the place, and the two never count as two', () => {
    const first = run(waitingFor(twoOfFinance), yes('erin', { roster, onBehalfOf: 'bob' }));
    expect(first.types).toEqual(['ApprovalVoted']);
    expect(run(first.state, yes('bob', { roster })).refused).toBe('has_voted');
    expect(run(first.state, yes('erin', { roster })).refused).toBe('not_in_group');
    expect(run(first.state, yes('carol', { roster })).types).toContain('ApprovalGranted');
  });

  it('does not exist, is over, or is of somebody who may not: refused', () => {
    const state = waitingFor(twoOfFinance);
    expect(run(state, yes('erin', { onBehalfOf: 'bob' })).refused).toBe('no_delegation');
    expect(run(state, yes('erin', { roster, onBehalfOf: 'carol' })).refused).toBe('no_delegation');
    const ofAlice: Roster = {
      ...FINANCE,
      delegations: [
        { by: 'bob', onBehalfOf: 'alice' },
        { by: 'alice', onBehalfOf: 'carol' },
      ],
    };
    expect(run(state, yes('bob', { roster: ofAlice, onBehalfOf: 'alice' })).refused).toBe('requester');
    expect(run(state, yes('alice', { roster: ofAlice, onBehalfOf: 'carol' })).refused).toBe('requester');
  });

  it('that ended before the quorum was complete no longer counts', () => {
    const first = run(waitingFor(twoOfFinance), yes('erin', { roster, onBehalfOf: 'bob' }));
    expect(run(first.state, yes('carol')).types).toEqual(['ApprovalVoted']);
  });
});

describe('any votes whatever', () => {
  const person = fc.constantFrom('alice', 'bob', 'carol', 'dave', 'erin');
  const vote: fc.Arbitrary<Vote> = fc.record({ by: person, onBehalfOf: fc.option(person) });
  const group = fc.constantFrom('finance', 'ops');
  const roster: fc.Arbitrary<Roster> = fc.record({
    epoch: fc.constant(0),
    people: fc.uniqueArray(
      fc.record({
        person,
        groups: fc.uniqueArray(group),
        barred: fc.option(fc.constantFrom('operator' as const, 'without_credential' as const), { freq: 5 }),
      }),
      { selector: (it) => it.person },
    ),
    delegations: fc.array(fc.record({ by: person, onBehalfOf: person })),
  });
  const rule: fc.Arbitrary<ApprovalRule> = fc.record({
    quorum: fc.integer({ min: 1, max: 3 }),
    groups: fc.uniqueArray(group),
  });

  it('are a quorum only of so many distinct people, none of whom asked or is barred', () => {
    fc.assert(
      fc.property(
        fc.array(vote),
        roster,
        fc.array(rule, { minLength: 1, maxLength: 2 }),
        (votes, people, approval) => {
          const asked = { requester: 'alice', verdict: { approval } };
          if (!isQuorate(votes, people, asked)) return;
          const counting = votes.filter((it) => whyNot(it, people, asked) === null);
          for (const { quorum } of approval) {
            expect(new Set(counting.map((it) => it.by)).size).toBeGreaterThanOrEqual(quorum);
            expect(new Set(counting.map((it) => it.onBehalfOf ?? it.by)).size).toBeGreaterThanOrEqual(quorum);
          }
          for (const name of counting.flatMap((it) => [it.by, it.onBehalfOf ?? it.by])) {
            expect(name).not.toBe('alice');
            expect(people.people.find((it) => it.person === name)?.barred).toBeNull();
          }
        },
      ),
      { numRuns: 5_000 },
    );
  });

  it('in any order, with noes among them: granted at most once, and never by one person alone', () => {
    const command = fc.record({
      who: person,
      what: fc.constantFrom('yes', 'yes', 'yes', 'no', 'expire', 'cancel'),
    });
    fc.assert(
      fc.property(fc.array(command, { maxLength: 12 }), roster, (commands, people) => {
        let state = waitingFor({ quorum: 2, groups: [] });
        const types: string[] = [];
        const voters = new Set<string>();
        for (const { who, what } of commands) {
          const done = run(
            state,
            {
              yes: yes(who, { roster: people }),
              no: { ...REJECT, by: who, roster: people } as OperationCommand,
              expire: { type: 'ExpireApproval', nowMs: NOON + 60_000 } as const,
              cancel: { type: 'Cancel', by: who, reason: '' } as const,
            }[what],
          );
          if (done.types.includes('ApprovalVoted')) voters.add(who);
          types.push(...done.types);
          state = done.state;
        }
        const ends = types.filter((it) => /Granted|Rejected|Expired|Cancelled/.test(it));
        expect(ends.filter((it) => it === 'ApprovalGranted').length).toBeLessThanOrEqual(1);
        expect(ends.slice(0, -1).every((it) => it === 'ApprovalGranted')).toBe(true);
        if (types.includes('ApprovalGranted')) expect(voters.size).toBeGreaterThanOrEqual(2);
      }),
      { numRuns: 2_000 },
    );
  });
});
