// Broken on purpose in the ways that only a ceiling allows: what is charged is less than what was authorized.
import type { OperationEvent } from '#domain';
import type { Commit, Ports } from '#engine';
import type { Mutation } from '../simulation/world.js';
import type { Mutant } from './parts.js';

const recording =
  (
    change: (events: readonly OperationEvent[], commit: Commit) => readonly OperationEvent[],
  ): NonNullable<Mutation['ports']> =>
  (ports) => {
    const { operations } = ports;
    const append: Ports['operations']['append'] = (commit) =>
      operations.append({ ...commit, events: change(commit.events, commit) });
    const broken = new Proxy(operations, {
      get: (it, key) => Reflect.get(key === 'append' ? { append } : it, key) as unknown,
    });
    return { ...ports, operations: broken };
  };

export const CEILING_MUTANTS: readonly Mutant[] = [
  {
    name: 'ceiling captured',
    breaks: 'What was authorized is captured, whatever was charged.',
    caughtBy: ['S6'],
    mutation: {
      ports: recording((events) => {
        const rest = events.find((it) => it.type === 'BudgetReleased' && it.data.reason === 'not_charged') as
          Extract<OperationEvent, { type: 'BudgetReleased' }> | undefined;
        if (rest === undefined) return events;
        return events
          .filter((it) => it !== rest)
          .map((it) =>
            it.type === 'BudgetCaptured'
              ? { type: it.type, data: { amount: it.data.amount + rest.data.amount } }
              : it,
          );
      }),
    },
  },
  {
    name: 'rest released when seen',
    breaks: 'What was not charged is given back before the charge is final.',
    caughtBy: ['S5', 'S6'],
    mutation: {
      ports: recording((events, { state }) => {
        const [seen] = events.filter((it) => it.type === 'SettlementObserved');
        const charged = seen?.data.settlement.amount;
        if (charged === undefined || !('terms' in state) || state.terms === null) return events;
        const data = { amount: state.terms.amount - charged, reason: 'not_charged' };
        return [...events, { type: 'BudgetReleased', data }];
      }),
    },
  },
];
