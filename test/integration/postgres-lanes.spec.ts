import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  acceptTerms,
  aPlace,
  opened,
  RESERVE,
  storeBench,
  Walker,
  type Bench,
} from '../support/postgres-store.js';

let bench: Bench;
beforeAll(async () => {
  bench = await storeBench();
});
afterAll(() => bench?.close());

async function blocked(): Promise<void> {
  for (;;) {
    const { rows } = await bench.owner.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    if (rows.length > 0) return;
  }
}

describe('a workspace whose budget row is locked', () => {
  it('still accepts operations, and keeps no key of theirs from other processes (ruling 18)', async () => {
    const at = await aPlace(bench.owner);
    const [first, second] = await Promise.all([opened(bench.store, at), opened(bench.store, at)]);
    const holder = await bench.owner.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT FROM budget_node WHERE workspace_id = $1 FOR UPDATE', [at.workspaceId]);
    const waits = Promise.allSettled([first.do(acceptTerms(1n), RESERVE)]);
    await blocked();
    // Both queue in the workspace's lane, behind the one that waits.
    const fresh = new Walker(bench.store, at);
    const accepted = fresh.open();
    const alsoWaits = Promise.allSettled([second.do(acceptTerms(1n), RESERVE)]);
    expect(await accepted).toEqual({ ok: true, outcome: 'opened' });
    expect(await new Walker(bench.otherStore(), at, fresh.operationId).open()).toMatchObject({
      ok: true,
      outcome: 'existing',
    });
    await holder.query('COMMIT');
    holder.release();
    await Promise.all([waits, alsoWaits]);
  });
});
