// S10 over the write model itself: approve, reject and expire at once from two processes, around the very moment of expiry.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommitOutcome } from '#engine';
import {
  acceptTerms,
  aPlace,
  approve,
  opened,
  reject,
  RESERVE,
  requestApproval,
  storeBench,
  type Bench,
  type Place,
} from '../support/postgres-store.js';

const ROUNDS = 2_000;
const AT_ONCE = 100;
/** Long enough to ask and decide, short enough that some rounds are late. */
const DECIDE_WITHIN_MS = 150;

let bench: Bench;
let place: Place;

beforeAll(async () => {
  bench = await storeBench();
  place = await aPlace(bench.owner);
});
afterAll(() => bench.close());

describe('approve, reject and expire at once', () => {
  it(
    `have one outcome in each of ${ROUNDS} rounds, and no approval after its time`,
    { timeout: 300_000 },
    async () => {
      const other = bench.otherStore();
      const won = { approve: 0, reject: 0, expire: 0, nobody: 0 };
      for (let start = 0; start < ROUNDS; start += AT_ONCE) {
        await Promise.all(
          Array.from({ length: AT_ONCE }, async (_, index) => {
            const walker = await opened(bench.store, place);
            await walker.must(acceptTerms(1n, {}, true), RESERVE);
            const decideByMs = Date.now() + DECIDE_WITHIN_MS;
            await walker.must(requestApproval(decideByMs));
            // Spread over the time before and after expiry, so that every order happens.
            const waitMs = decideByMs - Date.now() + (index % 20) * 3 - 30;
            await new Promise((done) => setTimeout(done, Math.max(0, waitMs)));
            const commits = [
              walker.commitOf([approve()]),
              walker.commitOf([reject('carol')]),
              walker.commitOf([{ type: 'ExpireApproval', nowMs: decideByMs + 1 }]),
            ] as const;
            const outcomes = await Promise.all([
              bench.store.append(commits[0]),
              other.append(commits[1]),
              (index % 2 === 0 ? bench.store : other).append(commits[2]),
            ]);
            won[winner(outcomes)] += 1;
          }),
        );
      }
      expect(won.approve + won.reject + won.expire + won.nobody).toBe(ROUNDS);
      expect(won.expire).toBeGreaterThan(0);
      expect(won.approve + won.reject).toBeGreaterThan(0);
      const { rows } = await bench.owner.query<{ late: string; twice: string }>(
        `SELECT (SELECT count(*) FROM approval WHERE status IN ('approved', 'rejected') AND decided_at >= decide_by) AS late,
              (SELECT count(*) FROM (SELECT operation_id FROM events WHERE type IN ('ApprovalGranted', 'ApprovalRejected', 'ApprovalExpired')
                                      GROUP BY operation_id HAVING count(*) > 1) doubled) AS twice`,
      );
      expect(rows[0]).toEqual({ late: '0', twice: '0' });
    },
  );
});

function winner(outcomes: readonly CommitOutcome[]): 'approve' | 'reject' | 'expire' | 'nobody' {
  const winners = (['approve', 'reject', 'expire'] as const).filter((_, index) => outcomes[index]?.ok);
  expect(winners.length, 'one outcome').toBeLessThanOrEqual(1);
  // A decision that came too late loses to an expiry that came a moment too early: the next look decides.
  for (const outcome of outcomes) if (!outcome.ok) expect(['conflict', 'guard']).toContain(outcome.reason);
  return winners[0] ?? 'nobody';
}
