import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Lane } from './lane.js';

it('a lane takes one piece of work at a time, in the order of asking, and goes on after one that failed', async () => {
  const lane = new Lane();
  const seen: string[] = [];
  const work = (name: string, ms: number) => async (): Promise<string> => {
    seen.push(`${name} begins`);
    await sleep(ms);
    seen.push(`${name} ends`);
    if (name === 'b') throw new Error(name);
    return name;
  };
  const first = lane.run(work('a', 5));
  expect(seen).toEqual(['a begins']);
  const others = [lane.run(work('b', 1)), lane.run(work('c', 0))];
  // Asked for at the moment the lane is handed over: still behind those who wait.
  const last = first.then(() => lane.run(work('d', 0)));
  expect(await Promise.allSettled([first, ...others, last])).toMatchObject([
    { value: 'a' },
    { reason: { message: 'b' } },
    { value: 'c' },
    { value: 'd' },
  ]);
  expect(seen).toEqual(['a', 'b', 'c', 'd'].flatMap((it) => [`${it} begins`, `${it} ends`]));
});
