// Builds that are broken on purpose, each in one of the ways in which systems like this one have lost money. The simulation must catch every one of
// them, by the rule that it breaks; the spec beside the simulation proves it. The list is the test.
import type { DeathProof } from '#domain';
import { hex32 } from '../support/builders.js';
import { appending, over, paidAgain, skipping, withEvents, type Mutant } from './parts.js';

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'fresh nonce on retry',
    breaks: 'The second presentation carries a new authorization instead of the same bytes.',
    caughtBy: ['S6'],
    mutation: { ports: paidAgain((times, outcome) => outcome === null && times > 1) },
  },
  {
    name: 'second authorization on 402',
    breaks: 'A 402 after paying is answered with another payment.',
    caughtBy: ['S6'],
    mutation: { ports: paidAgain((_times, outcome) => outcome === 'refused') },
  },
  {
    name: 'release on timeout',
    breaks: 'A seller that does not answer counts as proof that it was not paid.',
    caughtBy: ['S5', 'S7', 'S8'],
    mutation: {
      ports: appending((append, world) => (commit) => {
        const timedOut = commit.events.some(
          (event) => event.type === 'DeliveryFailed' && event.data.delivery.outcome === 'timeout',
        );
        if (!timedOut || commit.state.status !== 'authorized') return append(commit);
        const { number, hash } = world.chain.head;
        const proof: DeathProof = { blockNumber: number, blockHash: hash, blockTimeSec: 1e12, witnesses: 2 };
        const { amount } = commit.state.terms;
        return append(
          withEvents(commit, [
            { type: 'AuthorizationExpiredUnused', data: { proof } },
            { type: 'BudgetReleased', data: { amount, reason: 'timeout' } },
          ]),
        );
      }),
    },
  },
  {
    name: 'no fence',
    breaks: 'The store takes writes of a worker whose lease somebody else has taken over.',
    caughtBy: ['fence'],
    mutation: { flaws: { ignoresLease: true } },
  },
  {
    name: 'read-then-insert cap',
    breaks: 'The cap is read first and the hold written later, not in one guarded step.',
    caughtBy: ['S4'],
    mutation: {
      flaws: skipping('budget'),
      ports: appending((append, world) => async (commit) => {
        const reserved = commit.events.find((event) => event.type === 'BudgetReserved');
        if (reserved?.type !== 'BudgetReserved') return append(commit);
        const { budgets } = world.database;
        const { amount, unit } = reserved.data;
        const path = budgets.path(commit.workspaceId, commit.agentId, unit);
        const obstacle = budgets.obstacle(path, world.scheduler.nowMs, {
          extra: amount,
          payment: amount,
          more: 1n,
        });
        if (obstacle) return { ok: false, reason: 'guard', guard: 'budget', details: obstacle };
        await world.scheduler.sleep(world.random.between(0, 400));
        return append(commit);
      }),
    },
  },
  {
    name: 'trust success:true',
    breaks: "The seller's word and hash count as the payment; the receipt is not read.",
    caughtBy: ['S7'],
    mutation: {
      ports: (ports, world) => ({
        ...ports,
        chain: over(ports.chain, {
          fateInTransaction(_authorization, txHash) {
            const { number, hash } = world.chain.head;
            const settlement = { txHash, blockNumber: number, blockHash: hash, logIndex: 1 };
            return Promise.resolve({ kind: 'settled', settlement });
          },
        }),
      }),
    },
  },
  {
    name: 'sweeper off',
    breaks: 'Nobody looks for operations whose wake-up was lost.',
    caughtBy: ['L1'],
    mutation: {
      ports: (ports) => ({
        ...ports,
        operations: over(ports.operations, { due: () => Promise.resolve([]) }),
      }),
    },
  },
  {
    name: 'no lock before the expiry check',
    breaks:
      "A decision is checked against the process's clock before the commit, not by the database inside it.",
    caughtBy: ['S10'],
    mutation: { flaws: skipping('deadline') },
  },
  {
    name: 'self-approval',
    breaks: 'The requester is read as unknown, so the person who asked may approve.',
    caughtBy: ['S10'],
    mutation: {
      ports: (ports) => ({
        ...ports,
        operations: over(ports.operations, {
          async load(ref) {
            const loaded = await ports.operations.load(ref);
            if (loaded?.state.status !== 'awaiting_approval') return loaded;
            return { ...loaded, state: { ...loaded.state, requester: 'unknown' } };
          },
        }),
      }),
    },
  },
  {
    name: 'changed terms accepted after approval',
    breaks: 'The digest of the terms leaves out amount and payee.',
    caughtBy: ['S9'],
    mutation: {
      ports: (ports) => ({
        ...ports,
        hashing: {
          sha256(text) {
            const terms =
              typeof text === 'string' && text.includes('"pay_to"') && !text.includes('"operation_id"');
            return ports.hashing.sha256(terms ? text.replaceAll(/"(amount|pay_to)":"\w+",?/g, '') : text);
          },
        },
      }),
    },
  },
  {
    name: 'capture twice',
    breaks: 'Finality is booked twice.',
    caughtBy: ['S6'],
    mutation: {
      ports: appending((append) => (commit) => {
        const captured = commit.events.filter((event) => event.type === 'BudgetCaptured');
        return append(captured.length > 0 ? withEvents(commit, captured) : commit);
      }),
    },
  },
  {
    name: 'believes unused before expiry',
    breaks:
      "An authorization counts as dead by our clock, before the chain's own time has passed validBefore.",
    caughtBy: ['S7', 'S8'],
    mutation: {
      source: (source) =>
        over(source, {
          async finalized() {
            const block = await source.finalized();
            return block && { ...block, timestampSec: block.timestampSec + 45 };
          },
        }),
    },
  },
  {
    name: 'a wish counts as a cancellation',
    breaks:
      'The budget is free as soon as somebody wants the authorization dead, before the chain has killed it.',
    caughtBy: ['S7', 'S8'],
    mutation: {
      source: (source) =>
        over(source, {
          cancelWitnesses: () => Promise.resolve({ witnesses: 2, txHash: hex32(0xdead) }),
        }),
    },
  },
  {
    name: 'final at latest',
    breaks: 'The newest block counts as final.',
    caughtBy: ['S6', 'S7', 'S8'],
    mutation: {
      source: (source) =>
        over(source, { finalized: () => source.latest(), witnesses: () => Promise.resolve(2) }),
    },
  },
  {
    name: 'reorganizations ignored',
    breaks: 'A block that was seen once is believed to be there for ever.',
    caughtBy: ['S7', 'S6'],
    mutation: {
      source: (source) => {
        const seen = new Map<number, Awaited<ReturnType<typeof source.header>>>();
        return over(source, {
          async scan(wallets, range) {
            const scan = await source.scan(wallets, range);
            for (let number = range.fromBlock; number <= range.toBlock; number += 1)
              seen.set(number, await source.header(number));
            return scan;
          },
          header: async (number) => seen.get(number) ?? source.header(number),
        });
      },
    },
  },
  {
    name: 'an operation per request',
    breaks: 'The operation id is random and the key is not claimed.',
    caughtBy: ['S13'],
    mutation: {
      ports: (ports, world) => ({
        ...ports,
        derivation: {
          ...ports.derivation,
          operationId: (workspaceId, agentId) =>
            ports.derivation.operationId(workspaceId, agentId, String(world.random.next())),
        },
        operations: over(ports.operations, {
          open: (commit) => ports.operations.open({ ...commit, idempotencyKeyHash: commit.operationId }),
        }),
      }),
    },
  },
  {
    name: 'a stop that stops nothing',
    breaks: 'The intent does not look at the control rows.',
    caughtBy: ['S17'],
    mutation: { flaws: skipping('stopped') },
  },
  {
    name: 'paid POST repeated',
    breaks: 'Every seller is taken to recognize a repeated payment.',
    caughtBy: ['R22'],
    mutation: {
      ports: (ports) => ({ ...ports, headers: { ...ports.headers, supportsPaymentIdentifier: () => true } }),
    },
  },
  {
    name: 'lost signature counts as burned',
    breaks: 'No answer from the signer is taken for its refusal, and the budget is released.',
    caughtBy: ['S8', 'S7'],
    mutation: {
      ports: (ports) => ({
        ...ports,
        signer: {
          cancel: (ref) => ports.signer.cancel(ref),
          sign: (ref) =>
            ports.signer.sign(ref).catch(() => ({ kind: 'burned' as const, reason: 'no answer' })),
        },
      }),
    },
  },
];
