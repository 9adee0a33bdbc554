import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Loop } from './loop.js';

const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function looping(turn: () => Promise<boolean | number>, everyMs = 1_000) {
  let turns = 0;
  const loop = new Loop({
    name: 'test',
    everyMs,
    logger,
    turn: () => {
      turns += 1;
      return turn();
    },
  });
  loop.start();
  return { loop, turns: () => turns, pass: (ms: number) => vi.advanceTimersByTimeAsync(ms) };
}

describe('a loop', () => {
  it('pauses as long as its turn says, or as long as it always does', async () => {
    const pauses: (boolean | number)[] = [50, false, true, 200];
    const { turns, pass, loop } = looping(() => Promise.resolve(pauses.shift() ?? 10_000));
    await pass(49);
    expect(turns()).toBe(1);
    await pass(1);
    expect(turns()).toBe(2);
    await pass(999);
    expect(turns()).toBe(2);
    await pass(2);
    // The third had more to do, so that the fourth followed at once.
    expect(turns()).toBe(4);
    await pass(200);
    expect(turns()).toBe(5);
    await loop.stop();
  });

  it('takes the next turn at once when it is woken, and then pauses as ever', async () => {
    const { loop, turns, pass } = looping(() => Promise.resolve(false));
    await pass(10);
    loop.wake();
    await pass(0);
    expect(turns()).toBe(2);
    await pass(999);
    expect(turns()).toBe(2);
    await pass(1);
    expect(turns()).toBe(3);
    await loop.stop();
  });

  it('woken during a turn takes another right after it, and never two at once', async () => {
    const ends: (() => void)[] = [];
    const { loop, turns, pass } = looping(() => new Promise((resolve) => ends.push(() => resolve(5_000))));
    loop.wake();
    loop.wake();
    await pass(0);
    expect(turns()).toBe(1);
    ends.pop()?.();
    await pass(0);
    expect(turns()).toBe(2);
    ends.pop()?.();
    await pass(4_999);
    expect(turns()).toBe(2);
    await loop.stop();
  });

  it('stopped takes no more turns, also when it is woken', async () => {
    const { loop, turns, pass } = looping(() => Promise.resolve(false));
    await pass(10);
    await loop.stop();
    loop.wake();
    await pass(10_000);
    expect(turns()).toBe(1);
  });
});
