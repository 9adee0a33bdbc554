// The read store on a database of one's own, with operations written for it to find.
import type pg from 'pg';
import type { ReadStore } from '#engine';
import { createReaderPool, createReadStore } from '#postgres';
import { historyOf, writeOperation, type History, type HistoryOf } from './history.js';
import { adminBench, type AdminBench } from './postgres-admin.js';
import type { Place } from './postgres-store.js';

export interface ReadBench extends AdminBench {
  /** Connections with the reader's rights. */
  readonly readers: pg.Pool;
  readonly reads: ReadStore;
  readonly anOperation: (place: Place, way: HistoryOf['way'], over?: Partial<HistoryOf>) => Promise<History>;
}

export async function readBench(): Promise<ReadBench> {
  const bench = await adminBench();
  const readers = createReaderPool({ connectionString: bench.urlAs('purser_reader'), max: 4 });
  return {
    ...bench,
    readers,
    reads: createReadStore(readers),
    async anOperation(place, way, over = {}) {
      const history = historyOf({ ...place, way, ...over });
      await writeOperation(bench.owner, history);
      return history;
    },
    async close() {
      await readers.end();
      await bench.close();
    },
  };
}
