// The connection that reads go through: one workspace at a time, in one round trip.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import type pg from 'pg';
import type { WorkspaceId } from '#domain';
import { createReaderPool, createReadStore } from '#postgres';
import { createReader } from '../../libs/postgres/src/reads/reader.js';
import { readBench, type ReadBench } from '../support/postgres-reads.js';
import type { Place } from '../support/postgres-store.js';

let bench: ReadBench;
let readers: pg.Pool;

beforeAll(async () => {
  bench = await readBench();
  ({ readers } = bench);
});

afterAll(() => bench?.close());

const aWorkspace = () => bench.aWorkspace();
const anOperation: ReadBench['anOperation'] = (...wanted) => bench.anOperation(...wanted);

describe('the reader', () => {
  it('shows nothing without a workspace, and never another one’s rows, whatever was read or failed before on the connection', async () => {
    const places = await Promise.all(Array.from({ length: 10 }, aWorkspace));
    await Promise.all(places.map((place) => anOperation(place, 'settled')));
    const read = createReader(readers);
    const all = { text: 'SELECT workspace_id::text AS id FROM operations', values: [] };
    let failures = 0;
    await Promise.all(
      Array.from({ length: 2_000 }, async (_, n) => {
        const { workspaceId } = places[(n * 7) % places.length] as Place;
        if (n % 9 === 0) {
          await read(workspaceId, { text: 'SELECT 1 / $1::int', values: [0] }).catch(() => (failures += 1));
        } else {
          const rows = await read<{ id: string }>(workspaceId, all);
          expect(rows.map((row) => row.id)).toEqual([workspaceId]);
        }
      }),
    );
    expect(failures).toBe(223);
    expect((await readers.query(all.text)).rows).toEqual([]);
    const write = read(places[0]?.workspaceId as WorkspaceId, { text: 'DELETE FROM operations', values: [] });
    await expect(write).rejects.toThrow('read-only');
  });

  it('costs one round trip', async () => {
    const place = await aWorkspace();
    const delayMs = 150;
    const proxy = await delayingProxy(new URL(bench.urlAs('purser_reader')), delayMs);
    const url = new URL(bench.urlAs('purser_reader'));
    url.port = String((proxy.address() as AddressInfo).port);
    const far = createReaderPool({ connectionString: url.href, max: 1 });
    try {
      const store = createReadStore(far);
      await store.budgets(place.workspaceId);
      const startedAt = performance.now();
      await store.budgets(place.workspaceId);
      const took = performance.now() - startedAt;
      expect(took).toBeGreaterThanOrEqual(delayMs);
      // A second round trip alone would make it twice the delay.
      expect(took).toBeLessThan(2 * delayMs);
    } finally {
      await far.end();
      proxy.close();
    }
  });
});

/** Passes bytes on to the database, each answer late by `delayMs`. */
async function delayingProxy(target: URL, delayMs: number): Promise<Server> {
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    near.on('data', (bytes) => far.write(bytes));
    far.on('data', (bytes) => setTimeout(() => near.writable && near.write(bytes), delayMs));
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('close', () => other.destroy());
      one.on('error', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return server;
}
