import { parseOperationId, type OperationId } from '#domain';
import type { Claimed, Ports } from '#engine';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DrivePool } from './drive-pool.js';

const id = (n: number): OperationId =>
  parseOperationId(`00000000-0000-4000-8000-${String(n).padStart(12, '0')}`);

/** A store whose operations have nothing left to do, or wait until `untilMs`; claims may be held back. */
function world(options: { untilMs?: (n: number) => number | null } = {}) {
  const claims: OperationId[] = [];
  const yielded: OperationId[] = [];
  const woken: OperationId[] = [];
  const gates = new Map<OperationId, Promise<void>>();
  let drives = 0;
  const claimed = (operationId: OperationId): Claimed => {
    const untilMs = options.untilMs?.((drives += 1)) ?? null;
    const state =
      untilMs === null
        ? { status: 'settled' }
        : { status: 'awaiting_approval', approval: { decideByMs: untilMs } };
    return { operationId, leaseEpoch: 1, attempts: 0, state } as unknown as Claimed;
  };
  const ports = {
    clock: { nowMs: () => Date.now() },
    operations: {
      claim: async (operationId: OperationId) => {
        claims.push(operationId);
        await gates.get(operationId);
        return claimed(operationId);
      },
      yieldLease: ({ operationId }: Claimed) => Promise.resolve(void yielded.push(operationId)),
      renew: () => Promise.resolve([]),
    },
    waker: { wake: (ids: readonly OperationId[]) => void woken.push(...ids) },
    adoption: { find: () => Promise.resolve({ kind: 'none' }), firstUsed: () => Promise.resolve(null) },
    derivation: { authorizationNonce: () => `0x${'00'.repeat(32)}` },
    logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    metrics: { stepTook: () => undefined, ended: () => undefined },
  } as unknown as Ports;
  const hold = (operationId: OperationId): (() => void) => {
    const open: { gate?: () => void } = {};
    gates.set(
      operationId,
      new Promise<void>((resolve) => {
        open.gate = resolve;
      }),
    );
    return () => open.gate?.();
  };
  return { ports, claims, yielded, woken, hold };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the drive pool', () => {
  it('drives one operation once at a time, and once more when it was woken meanwhile', async () => {
    const { ports, claims, hold } = world();
    const pool = new DrivePool({ ports, owner: 'w' });
    const open = hold(id(1));
    for (let wakes = 0; wakes < 50; wakes += 1) await pool.take(id(1));
    expect(claims).toHaveLength(1);
    open();
    await vi.advanceTimersByTimeAsync(100);
    expect(claims).toHaveLength(2);
    expect(pool.size).toBe(0);
  });

  it('lets jobs go at once while there is room, after a little when there is less, and not before the end when there is none', async () => {
    const { ports, hold } = world();
    const pool = new DrivePool({ ports, owner: 'w', eagerInHand: 2, maxInHand: 3, patienceMs: 1_000 });
    const opens = [1, 2, 3].map((n) => hold(id(n)));
    await pool.take(id(1));
    const second = vi.fn<() => void>();
    void pool.take(id(2)).then(second);
    await vi.advanceTimersByTimeAsync(900);
    expect(second).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(200);
    expect(second).toHaveBeenCalled();
    const third = vi.fn<() => void>();
    void pool.take(id(3)).then(third);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(third).not.toHaveBeenCalled();
    opens[2]?.();
    await vi.advanceTimersByTimeAsync(0);
    expect(third).toHaveBeenCalled();
  });

  it('comes back by itself after a short wait, and leaves long waits to the sweeper', async () => {
    const start = Date.now();
    const { ports, claims } = world({ untilMs: (n) => (n === 1 ? start + 4_000 : start + 3_600_000) });
    const pool = new DrivePool({ ports, owner: 'w' });
    await pool.take(id(1));
    await vi.advanceTimersByTimeAsync(3_900);
    expect(claims).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(claims).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(3_000_000);
    expect(claims).toHaveLength(2);
  });

  it('takes nothing more when it stops, lets drives end, and returns in time with those that do not', async () => {
    const { ports, claims, yielded, hold } = world();
    const pool = new DrivePool({ ports, owner: 'w' });
    const open = hold(id(1));
    hold(id(2));
    await pool.take(id(1));
    await pool.take(id(2));
    const stopped = pool.stop(12_000, 21_000);
    await pool.take(id(3));
    open();
    await vi.advanceTimersByTimeAsync(21_000);
    expect(await stopped).toBe(1);
    expect(yielded).toEqual([id(1)]);
    expect(claims).toEqual([id(1), id(2)]);
  });

  it('survives a store that is away: the wake-up is dropped and the next one works', async () => {
    const { ports, claims } = world();
    const claim = vi
      .spyOn(ports.operations, 'claim')
      .mockRejectedValueOnce(Object.assign(new Error('gone'), { code: 'ECONNREFUSED' }));
    const pool = new DrivePool({ ports, owner: 'w' });
    await pool.take(id(1));
    await vi.advanceTimersByTimeAsync(0);
    expect(pool.size).toBe(0);
    await pool.take(id(1));
    await vi.advanceTimersByTimeAsync(0);
    expect(claim).toHaveBeenCalledTimes(2);
    expect(claims).toEqual([id(1)]);
  });
});
