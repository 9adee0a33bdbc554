import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAdministration } from '#postgres';
import {
  acceptTerms,
  aPlace,
  opened,
  prepare,
  RESERVE,
  storeBench,
  type Bench,
} from '../support/postgres-store.js';

const BY = { type: 'admin', id: 'test' } as const;

let bench: Bench;
beforeAll(async () => {
  bench = await storeBench();
});
afterAll(() => bench?.close());

/** Until `sessions` of this database wait for a lock. */
async function blocked(sessions: number): Promise<void> {
  for (;;) {
    const { rows } = await bench.owner.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    if (rows.length >= sessions) return;
  }
}

describe('a stop', () => {
  it.each(['workspace', 'global'] as const)(
    'of the %s is overtaken by no intent that asks while it waits (S17)',
    async (kind) => {
      const at = await aPlace(bench.owner);
      const { stops } = createAdministration(bench.poolOf('purser_system'), { keyEnvironment: 'test' });
      const [first, second] = await Promise.all([opened(bench.store, at), opened(bench.store, at)]);
      for (const walker of [first, second]) await walker.must(acceptTerms(10n), RESERVE);
      // An intent under way in another process: it holds what every intent holds until its commit.
      const intent = await bench.owner.connect();
      const scope = kind === 'global' ? 'global' : at.workspaceId;
      await intent.query('BEGIN');
      await intent.query('SELECT pg_advisory_xact_lock_shared(purser_stop_gate($1))', [scope]);
      await intent.query('SELECT FROM control WHERE scope = $1 FOR SHARE', [scope]);
      const paused = stops.pause(
        kind === 'global' ? { kind } : { kind, workspaceId: at.workspaceId },
        'drill',
        BY,
      );
      await blocked(1);
      const late = first.do(prepare(10n));
      await blocked(2);
      await intent.query('COMMIT');
      intent.release();
      await paused;
      expect(await late).toMatchObject({ guard: 'stopped', details: { scope: kind } });
      await stops.resume(kind === 'global' ? { kind } : { kind, workspaceId: at.workspaceId }, BY);
      await second.must(prepare(10n));
    },
  );
});
