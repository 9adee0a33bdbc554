import { describe, expect, it } from 'vitest';
import { CEILING_MUTANTS } from '../mutants/ceilings.js';
import { MUTANTS as MOST } from '../mutants/list.js';
import { simulate } from './run.js';

const MUTANTS = [...MOST, ...CEILING_MUTANTS];
const OPS = 200;
const SEEDS = 40;
const FIRST_SEED = 1;

describe('a deliberately broken build is caught by the simulation', () => {
  it.each(MUTANTS)('$name', async ({ caughtBy, mutation }) => {
    const reported = new Set<string>();
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
      const { violations } = await simulate({ seed, ops: OPS, mutation });
      for (const { rule } of violations) reported.add(rule);
      if (caughtBy.some((rule) => reported.has(rule))) break;
    }
    expect([...reported]).toEqual(expect.arrayContaining([expect.toBeOneOf([...caughtBy])]));
  });

  it('and the list holds at least ten of them, each with a name of its own', () => {
    expect(MUTANTS.length).toBeGreaterThanOrEqual(10);
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });
});
