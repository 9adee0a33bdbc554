import { expect, it } from 'vitest';
import { Turnstile } from './turnstile.js';

it('lets so many through per caller and minute', () => {
  let nowMs = 0;
  const turnstile = new Turnstile(2, () => nowMs);
  expect(['a', 'a', 'a', 'b'].map((caller) => turnstile.lets(caller))).toEqual([true, true, false, true]);
  nowMs = 60_000;
  expect(turnstile.lets('a')).toBe(true);
});
