// A copy of the database and back: every row, the order of the log, and the quarantine that follows (rulings 9, 19, 20).
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from 'vitest';
import { declareRestored, dumpDatabase, Projector, rebuildProjection, restoreDatabase } from '#postgres';
import { aDelivery, aSettlement } from '../support/builders.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import {
  acceptTerms,
  aPlace,
  opened,
  prepare,
  RESERVE,
  storeBench,
  Walker,
  type Bench,
} from '../support/postgres-store.js';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

let bench: Bench;
let target: TestDatabase;
let restored: pg.Pool;
beforeAll(async () => {
  bench = await storeBench();
});
afterAll(() => bench?.close());
beforeEach(async () => {
  target = await createDatabase();
  restored = new pg.Pool({ connectionString: target.url, max: 2 });
});
afterEach(async () => {
  await restored?.end();
  await target?.drop();
});

async function dumped(): Promise<string[]> {
  const lines: string[] = [];
  await dumpDatabase(bench.database.url, (line) => Promise.resolve(void lines.push(line)));
  return lines;
}

async function* each(lines: readonly string[]): AsyncIterable<string> {
  yield* lines;
}

const project = (pool: pg.Pool): Promise<number> =>
  new Projector({ pool, owner: 'test', logger: silent }).catchUp();

/** Every row of every table as text, but for what a restore changes on purpose. */
async function contents(pool: pg.Pool): Promise<ReadonlyMap<string, readonly string[]>> {
  const { rows: tables } = await pool.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition`,
  );
  const found = new Map<string, readonly string[]>();
  for (const { name } of tables) {
    if (name === 'applied_migration' || name === 'singleton_lease') continue;
    const { rows } = await pool.query<{ row: Record<string, unknown> }>(
      `SELECT to_jsonb(t) - '{epoch,quarantined_until,lease_epoch,lease_owner,lease_until}'::text[] AS row FROM "${name}" t`,
    );
    found.set(name, rows.map(({ row }) => JSON.stringify(row)).sort());
  }
  return found;
}

async function bought(amount: bigint): Promise<Walker> {
  const walker = await opened(bench.store, await aPlace(bench.owner));
  await walker.must(acceptTerms(amount), RESERVE, prepare(amount));
  await walker.must(
    { type: 'RecordSigned', signatureHash: 's' },
    { type: 'RecordDelivery', delivery: aDelivery(), seen: aSettlement() },
  );
  return walker;
}

describe('a restored database', () => {
  it('holds every row of the dumped one, with numbers of any size', async () => {
    await bought(999_999_999_999n);
    await project(bench.owner);
    await restoreDatabase(target.url, each(await dumped()));
    expect(await contents(restored)).toEqual(await contents(bench.owner));
  });

  it('reads the log in its old order although its transaction numbers start anew, and new events come after it', async () => {
    await bought(10n);
    await project(bench.owner);
    const after = await bought(20n); // Not projected yet when the dump is made.
    await restoreDatabase(target.url, each(await dumped()));
    expect(await project(restored)).toBeGreaterThan(0);
    const { rows } = await restored.query(
      `SELECT count(*)::integer AS missing FROM events e WHERE NOT EXISTS
         (SELECT FROM projection_audit a WHERE a.operation_id = e.operation_id AND a.version = e.version)`,
    );
    expect(rows).toEqual([{ missing: 0 }]);
    for (const name of ['operations', 'balances', 'audit'])
      expect(await rebuildProjection(target.url, name)).toMatchObject({ equal: true });
    const { rows: epochs } = await restored.query('SELECT DISTINCT cluster_epoch FROM events');
    expect(epochs).toEqual([{ cluster_epoch: 1 }]);
    expect(after.loaded.state.status).toBe('provisional');
  });

  it('projects events of its new life, whose transaction numbers are lower than those of the old', async () => {
    const walker = await bought(30n);
    // The old server's counter was far ahead of the new one's.
    const raised = (await dumped()).map((line) =>
      line.replaceAll(/"txid\\":\\"(\d+)/g, String.raw`"txid\":\"9$1`),
    );
    await restoreDatabase(target.url, each(raised));
    const { rows: ahead } = await restored.query(
      'SELECT bool_and(txid > pg_snapshot_xmax(pg_current_snapshot())) AS ahead FROM events',
    );
    expect(ahead).toEqual([{ ahead: true }]);
    await project(restored);
    await restored.query('UPDATE cluster SET quarantined_until = NULL');
    await restored.query(
      `INSERT INTO events (workspace_id, opened_month, operation_id, version, type, schema, data, actor, occurred_at_ms, prev_hash, hash, cluster_epoch)
       SELECT workspace_id, opened_month, operation_id, $2, 'SettlementReorged', 1, '{"blockNumber":1,"blockHash":"0x00"}', actor, occurred_at_ms, hash, hash, 2
         FROM events WHERE operation_id = $1 ORDER BY version DESC LIMIT 1`,
      [walker.operationId, walker.loaded.version + 1],
    );
    expect(await project(restored)).toBeGreaterThan(0);
    const { rows } = await restored.query(
      `SELECT type FROM projection_audit WHERE operation_id = $1 ORDER BY cluster_epoch DESC, txid DESC, position DESC LIMIT 1`,
      [walker.operationId],
    );
    expect(rows).toEqual([{ type: 'SettlementReorged' }]);
  });

  it('begins its next life: quarantined for the time asked, with every old lease worthless', async () => {
    await restoreDatabase(target.url, each(await dumped()), { quarantineSec: 60 });
    const { rows } = await restored.query(
      `SELECT epoch, extract(epoch FROM quarantined_until - clock_timestamp())::integer BETWEEN 55 AND 60 AS soon FROM cluster`,
    );
    expect(rows).toEqual([{ epoch: 2, soon: true }]);
    const { rows: fences } = await restored.query(
      'SELECT count(*)::integer AS low FROM operations WHERE lease_epoch < 1000 OR lease_until IS NOT NULL',
    );
    expect(fences).toEqual([{ low: 0 }]);
    await declareRestored(target.url, { epochAbove: 6 });
    const { rows: again } = await restored.query(
      `SELECT epoch, quarantined_until > clock_timestamp() + interval '590 s' AS long FROM cluster`,
    );
    expect(again).toEqual([{ epoch: 7, long: true }]);
  });

  it('goes on numbering above what was restored', async () => {
    await bought(40n);
    await restoreDatabase(target.url, each(await dumped()));
    const { rows } = await restored.query(
      `SELECT nextval(pg_get_serial_sequence('events', 'position')) > (SELECT max(position) FROM events) AS above`,
    );
    expect(rows).toEqual([{ above: true }]);
  });

  it('is never written over one that is in use, and never half filled', async () => {
    await bought(50n);
    const lines = await dumped();
    await expect(restoreDatabase(bench.database.url, each(lines))).rejects.toThrow('not empty');
    await expect(
      restoreDatabase(target.url, each([...lines, '{"table":"no_such","rows":[]}'])),
    ).rejects.toThrow('unknown table');
    const older = [(lines[0] ?? '').replace(/,"[^"]*"\]\}$/, ']}'), ...lines.slice(1)];
    await expect(restoreDatabase(target.url, each(older))).rejects.toThrow('another version');
    const { rows } = await restored.query('SELECT count(*)::integer AS n FROM events');
    expect(rows).toEqual([{ n: 0 }]);
  });
});
