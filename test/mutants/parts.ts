// What mutants are made of.
import { evolve, type OperationEvent } from '#domain';
import type { Commit, Ports } from '#engine';
import { hex32 } from '../support/builders.js';
import { decodePayment, digestOf, encodePayment, fakeSignature } from '../support/memory-basics.js';
import type { Mutation, World } from '../simulation/world.js';

export interface Mutant {
  readonly name: string;
  /** What was done to the build. */
  readonly breaks: string;
  /** Rules of the checker of which at least one must be reported. */
  readonly caughtBy: readonly string[];
  readonly mutation: Mutation;
}

/** The same object with some methods replaced. */
export function over<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, { get: (it, key) => Reflect.get(key in methods ? methods : it, key) as unknown });
}

type Append = Ports['operations']['append'];

export const appending =
  (change: (append: Append, world: World) => Append): NonNullable<Mutation['ports']> =>
  (ports, world) => {
    const append: Append = (commit) => ports.operations.append(commit);
    return { ...ports, operations: over(ports.operations, { append: change(append, world) }) };
  };

export const withEvents = (commit: Commit, events: readonly OperationEvent[]): Commit => ({
  ...commit,
  events: [...commit.events, ...events],
  state: events.reduce(evolve, commit.state),
});

function freshPayment(header: Parameters<typeof decodePayment>[0], world: World) {
  const { signature: _old, operationId, ...tuple } = decodePayment(header);
  const fresh = { ...tuple, nonce: hex32(0xf00000 + world.random.int(1e9)) };
  return encodePayment({ ...fresh, operationId, signature: fakeSignature(digestOf(fresh), fresh.from) });
}

export const paidAgain =
  (when: (presentations: number, outcome: string | null) => boolean): NonNullable<Mutation['ports']> =>
  (ports, world) => {
    const presented = new Map<string, number>();
    return {
      ...ports,
      seller: over(ports.seller, {
        async present(request, header) {
          const { operationId } = decodePayment(header);
          const times = (presented.get(operationId) ?? 0) + 1;
          presented.set(operationId, times);
          if (when(times, null)) return ports.seller.present(request, freshPayment(header, world));
          const answer = await ports.seller.present(request, header);
          return when(times, answer.outcome)
            ? ports.seller.present(request, freshPayment(header, world))
            : answer;
        },
      }),
    };
  };

export const skipping = (guard: 'budget' | 'stopped' | 'deadline'): NonNullable<Mutation['flaws']> => ({
  skippedGuards: new Set([guard] as const),
});
