import { beforeAll, describe, expect, it } from 'vitest';
import { FACILITATOR_CONDUCTS } from '../support/memory-facilitators.js';
import { MODES } from '../support/memory-seller.js';
import { Counters, CRASH_POINTS, FAULTS } from './faults.js';
import { simulate, type SimResult } from './run.js';

const SEEDS = 100;
const OPS = 200;

/** Things that happen to an installation or that people do; a run that never met one of them proves nothing about it. */
const EVENTS = [
  'approval:approve',
  'approval:approve_too',
  'approval:cancel',
  'approval:other_terms',
  'approval:reject',
  'approval:self',
  'died:api',
  'died:watcher',
  'died:worker',
  'duplicate:late',
  'duplicate:other_bytes',
  'duplicate:parallel',
  'fault:chain_reads_fail',
  'fault:clock_jump',
  'fault:job_late',
  'fault:job_lost',
  'fault:job_twice',
  'fault:redis_lost',
  'fault:redis_down',
  'fault:reorg_depth_1',
  'fault:reorg_depth_2',
  'fault:reorg_depth_3',
  'fault:signer_away',
  'fault:signer_burns',
  'people:authorization_used',
  'people:cancel',
  'people:kill',
  'people:cap_moved',
  'people:stop_agent',
  'people:stop_global',
  'people:stop_workspace',
];

describe(`the real engine under ${SEEDS} seeds of ${OPS} operations`, () => {
  const counters = new Counters();
  const ends = new Map<string, number>();
  const failed: string[] = [];

  beforeAll(async () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const result: SimResult = await simulate({ seed, ops: OPS });
      counters.addAll(result.counters);
      for (const [status, count] of result.ends) ends.set(status, (ends.get(status) ?? 0) + count);
      for (const { rule, where, what } of result.violations)
        failed.push(`${rule} ${where}: ${what} (npm run sim -- --seed ${seed} --ops ${OPS})`);
    }
    console.log(counters.toString());
  }, 600_000);

  it('pays at most once, within caps and approvals, and brings every operation to its end', () => {
    expect(failed).toEqual([]);
  });

  it('ends operations in every way there is', () => {
    for (const status of ['settled', 'failed', 'refused', 'rejected', 'expired', 'cancelled'])
      expect(ends.get(status), status).toBeGreaterThan(100);
    expect(ends.get('needs_attention') ?? 0).toBeLessThan((SEEDS * OPS) / 200);
  });

  it.each(CRASH_POINTS)('has died before and after %s, lost its answer and its request', (point) => {
    for (const fault of FAULTS.filter((it) => it !== 'freeze'))
      expect(counters.counts.get(`${fault}:${point}`) ?? 0, fault).toBeGreaterThan(0);
  });

  it.each(FAULTS)('has met %s', (fault) => {
    expect(counters.counts.get(`fault:${fault}`) ?? 0).toBeGreaterThan(0);
  });

  it.each(EVENTS)('has met %s', (event) => {
    expect(counters.counts.get(event) ?? 0).toBeGreaterThan(0);
  });

  it.each(FACILITATOR_CONDUCTS)('has met a facilitator that %s', (conduct) => {
    expect(counters.counts.get(`facilitator:${conduct}`) ?? 0).toBeGreaterThan(0);
  });

  it.each(MODES)('has met the seller %s', (mode) => {
    expect(counters.counts.get(`seller:${mode}`) ?? 0).toBeGreaterThan(0);
  });
});

describe('a seed', () => {
  it('gives the same run every time', async () => {
    const [first, second] = [await simulate({ seed: 7, ops: 100 }), await simulate({ seed: 7, ops: 100 })];
    expect([...second.counters.counts]).toEqual([...first.counters.counts]);
    expect({ events: second.events, transfers: second.transfers }).toEqual({
      events: first.events,
      transfers: first.transfers,
    });
  });
});
