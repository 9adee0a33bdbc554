// What a stop leaves to be done: in which order, and what holds it up.
import { beforeEach, describe, expect, it } from 'vitest';
import { UnreadableHistory, type OperationId } from '#domain';
import type { OperationStore } from '#engine';
import { AGENT, aPolicy, NETWORK, SELLER, TOKEN, WORKSPACE } from '../../../../test/support/builders.js';
import { MemoryInstallation } from '../../../../test/support/memory-installation.js';
import { MemoryStops } from '../../../../test/support/memory-stops.js';
import { carryOut, stopScope, unstop } from './stop.js';

const SCOPE = { kind: 'workspace', workspaceId: WORKSPACE } as const;
const BY = { actor: { type: 'admin', id: 'key of ann' }, person: 'ann' } as const;
const ORDER = { scope: SCOPE, reason: 'drill', by: BY, cancelOnChain: true };

let purser: MemoryInstallation;
let stops: MemoryStops;
beforeEach(() => {
  purser = new MemoryInstallation();
  stops = new MemoryStops(purser.database, [{ workspaceId: WORKSPACE, agentId: AGENT }]);
});

const status = (id: OperationId) => purser.database.stateOf(id)?.status;
const cancelled = (): OperationId[] =>
  purser.database.events.filter((it) => it.type === 'CancellationRequested').map((it) => it.operationId);
const FAR = Number.MAX_SAFE_INTEGER;

/** Signed and not used. */
async function live(key: string): Promise<OperationId> {
  purser.policies.policies.set(WORKSPACE, aPolicy());
  const named = { payTo: SELLER, amount: 10_000n, network: NETWORK, asset: TOKEN };
  const id = await purser.submit(key, { kind: 'authorize', expect: named, challenge: {} as never });
  await purser.drive(id);
  expect(status(id)).toBe('authorized');
  return id;
}

async function waiting(key: string): Promise<OperationId> {
  purser.policies.policies.set(WORKSPACE, aPolicy({ approvalThreshold: 1n }));
  const id = await purser.submit(key);
  await purser.drive(id);
  expect(status(id)).toBe('awaiting_approval');
  return id;
}

/** Reads of one operation fail. */
function failing(error: Error, bad: OperationId): OperationStore {
  const { operations } = purser.ports;
  return new Proxy(operations, {
    get(it, key) {
      if (key !== 'load') return (it as never as Record<PropertyKey, () => void>)[key]?.bind(it);
      return (ref: Parameters<OperationStore['load']>[0]) =>
        ref.operationId === bad ? Promise.reject(error) : it.load(ref);
    },
  });
}

describe('a stop that is carried out', () => {
  it('asks the chain first: what is live dies at its time, and can be used until then', async () => {
    const signed = await live('live');
    const asked = await waiting('asked');
    const stop = await stops.stop(ORDER);
    // The time is up when the chain has been asked.
    const clock = { nowMs: () => (cancelled().length > 0 ? 2 : 0) };
    const short = await carryOut({ ...purser.ports, clock }, stops, stop, 1);
    expect(short).toMatchObject({ finished: false, released: 0 });
    expect(short.asked).toEqual(new Map([[signed, 'requested']]));
    expect([cancelled(), status(asked)]).toEqual([[signed], 'awaiting_approval']);
    expect(await carryOut(purser.ports, stops, stop, FAR)).toMatchObject({ finished: true, released: 1 });
    expect(status(asked)).toBe('cancelled');
  });

  it('is held up by no operation whose history is unreadable: it is named, and the stop can be lifted', async () => {
    const [bad, fine] = [await waiting('a'), await waiting('b')];
    const signed = await live('live');
    const ports = { ...purser.ports, operations: failing(new UnreadableHistory(new Error('newer')), bad) };
    const report = await stopScope(ports, stops, ORDER);
    expect(report).toMatchObject({ finished: true, released: 1, unreadable: [bad] });
    expect([status(fine), cancelled()]).toEqual(['cancelled', [signed]]);
    await unstop(ports, stops, SCOPE, BY);
    expect(await stops.find(SCOPE)).toBeNull();
  });

  it('stops the others where one fails, and is not over before that one is stopped too', async () => {
    const [bad, fine] = [await waiting('a'), await waiting('b')];
    const ports = { ...purser.ports, operations: failing(new Error('no such column'), bad) };
    const report = await stopScope(ports, stops, ORDER);
    expect(report).toMatchObject({ finished: false, released: 1, unreadable: [] });
    expect(status(fine)).toBe('cancelled');
    await expect(unstop(ports, stops, SCOPE, BY)).rejects.toMatchObject({ code: 'stop_under_way' });
    await unstop(purser.ports, stops, SCOPE, BY);
    expect(status(bad)).toBe('cancelled');
  });

  it.each(['lifted', 'lifted and ordered again'])(
    'touches nothing that came to be after it was %s under a worker',
    async (how) => {
      const stop = await stops.stop(ORDER);
      const later: OperationId[] = [];
      // Somebody else has carried it out and lifted it; this worker looks again only then.
      const late = new Proxy(stops, {
        get(it, key) {
          if (key !== 'stillLive') return (it as never as Record<PropertyKey, () => void>)[key]?.bind(it);
          return async (...args: Parameters<MemoryStops['stillLive']>) => {
            await unstop(purser.ports, stops, SCOPE, BY);
            later.push(await live('live'), await waiting('asked'));
            if (how !== 'lifted') await stops.stop({ ...ORDER, reason: 'another' });
            return it.stillLive(...args);
          };
        },
      });
      expect(await carryOut(purser.ports, late, stop, FAR)).toMatchObject({ finished: true, released: 0 });
      expect([later.map(status), cancelled()]).toEqual([['authorized', 'awaiting_approval'], []]);
      expect((await stops.find(SCOPE))?.carriedOut).toBe(how === 'lifted' ? undefined : false);
    },
  );
});
