// Two ways to bring projections forward. Together: the log is read and folded once, and all rows and checkpoints commit as one. Alone: for one
// that others must not wait for, because it is far behind, failed, or is being rebuilt. Either way a batch's rows commit with its checkpoint.
import type { Database } from '../admin/change.js';
import { advance, lockCheckpoint, writeCheckpoint, type Standing } from './checkpoint.js';
import { readLog } from './event-log.js';
import { compareOrder, type Order, type ProjectedEvent, type Projection } from './projection.js';

export interface Pass {
  /** Events, counted once per projection that applied them. */
  readonly applied: number;
  /** There may be more to apply. */
  readonly more: boolean;
  /** Too far behind the others, or in somebody else's hands. */
  readonly left: readonly Projection[];
}

/** Checkpoints may differ by less than a batch: each projection takes what comes after its own, and all end at the same event. */
export async function applyTogether(
  db: Database,
  standings: readonly Standing[],
  limit: number,
): Promise<Pass> {
  const [first] = standings.map(({ at }) => at).sort(compareOrder);
  // Before the transaction: what is final reads the same at any time, and nobody's locks are held while it is folded.
  const events = first ? await readLog(db, first, { limit }) : [];
  const last = events.at(-1)?.order;
  if (!last) return { applied: 0, more: false, left: [] };
  const behind = standings.filter(({ at }) => compareOrder(at, last) < 0);
  // The foremost are beyond this batch: they would stand still until the hindmost have caught up.
  if (standings.some(({ at }) => compareOrder(at, last) > 0))
    return { applied: 0, more: true, left: behind.map(({ projection }) => projection) };
  return db.transaction().execute(async (trx) => {
    const moved = await advance(trx, behind, last);
    let applied = 0;
    for (const { projection, at } of behind) {
      if (!moved.has(projection.name)) continue;
      const own = eventsAfter(events, at);
      await projection.apply(own, { trx, table: (name) => name });
      applied += own.length;
    }
    const left = behind.map(({ projection }) => projection).filter(({ name }) => !moved.has(name));
    return { applied, more: events.length === limit, left };
  });
}

function eventsAfter(events: readonly ProjectedEvent[], at: Order): readonly ProjectedEvent[] {
  const start = events.findIndex(({ order }) => compareOrder(order, at) > 0);
  return start > 0 ? events.slice(start) : events;
}

/** Waits for the checkpoint's lock. Returns how many events it applied. */
export function applyAlone(db: Database, projection: Projection, limit: number): Promise<number> {
  return db.transaction().execute(async (trx) => {
    const { version, at } = await lockCheckpoint(trx, projection);
    if (version !== projection.version) {
      throw new Error(
        `projection ${projection.name} is at version ${version}: rebuild it for version ${projection.version}`,
      );
    }
    const events = await readLog(trx, at, { limit });
    const last = events.at(-1);
    if (!last) return 0;
    await projection.apply(events, { trx, table: (name) => name });
    await writeCheckpoint(trx, projection, last.order);
    return events.length;
  });
}
