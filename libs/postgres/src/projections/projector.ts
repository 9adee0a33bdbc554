// Keeps read models up to date. A batch's rows and its checkpoint commit together under the checkpoint row's lock, so every event is applied
// exactly once whatever dies and however many projectors run; the lease only spares the others the work.
import type { Logger } from '#engine';
import type pg from 'pg';
import { databaseOn, type Database } from '../admin/change.js';
import { createSingletonLeases, type SingletonLeases } from '../watch/singleton-leases.js';
import { PROJECTIONS } from './all.js';
import { lockCheckpoint, readCheckpoint, writeCheckpoint } from './checkpoint.js';
import { measureLag, readLog } from './event-log.js';
import type { Projection } from './projection.js';

export interface ProjectorOptions {
  /** Logs in as the system role. */
  readonly pool: pg.Pool;
  /** Unique per process. */
  readonly owner: string;
  readonly logger: Logger;
  readonly projections?: readonly Projection[];
  readonly batchSize?: number;
  /** How often to look without being woken, milliseconds. */
  readonly pollMs?: number;
}

export interface ProjectionLag {
  readonly name: string;
  /** Capped at 10,000. */
  readonly events: number;
  /** Age of the oldest event not yet applied; 0 when there is none. */
  readonly lagMs: number;
}

const LEASE_SEC = 15;
const RENEW_MS = 5_000;
const MAX_BACKOFF_MS = 10_000;

export class Projector {
  private readonly db: Database;
  private readonly leases: SingletonLeases;
  private readonly loops: Promise<void>[] = [];
  private readonly sleepers = new Set<() => void>();
  /** Those without the lease: news do not concern them. */
  private readonly idlers = new Set<() => void>();
  private stopping = false;
  /** Rises with every wake-up, so that one which comes during a batch is not lost. */
  private wakes = 0;

  constructor(private readonly options: ProjectorOptions) {
    this.db = databaseOn(options.pool);
    this.leases = createSingletonLeases(options.pool);
  }

  start(): void {
    for (const projection of this.projections) this.loops.push(this.loop(projection));
  }

  /** New events may be there. Call it as often as you like. */
  wake(): void {
    this.wakes += 1;
    for (const rouse of this.sleepers) rouse();
  }

  /** Finishes the batches under way and gives the leases back. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.wake();
    for (const rouse of this.idlers) rouse();
    await Promise.all(this.loops);
  }

  /** Applies everything that is final now, with or without the lease; for tests and commands. Returns how many events were applied. */
  async catchUp(): Promise<number> {
    let applied = 0;
    for (const projection of this.projections) {
      for (;;) {
        const count = await this.batch(projection);
        applied += count;
        if (count < this.batchSize) break;
      }
    }
    return applied;
  }

  async lag(): Promise<readonly ProjectionLag[]> {
    return Promise.all(
      this.projections.map(async (projection) => ({
        name: projection.name,
        ...(await measureLag(this.db, await readCheckpoint(this.db, projection))),
      })),
    );
  }

  private get projections(): readonly Projection[] {
    return this.options.projections ?? PROJECTIONS;
  }

  private get batchSize(): number {
    return this.options.batchSize ?? 1_000;
  }

  private async loop(projection: Projection): Promise<void> {
    const lease = `projector:${projection.name}`;
    const pollMs = this.options.pollMs ?? 500;
    let renewAt = 0;
    let failures = 0;
    while (!this.stopping) {
      const { wakes } = this;
      try {
        if (performance.now() >= renewAt) {
          const held = (await this.leases.hold(lease, this.options.owner, LEASE_SEC)) !== null;
          if (!held) {
            await this.sleep(RENEW_MS, this.idlers);
            continue;
          }
          renewAt = performance.now() + RENEW_MS;
        }
        const count = await this.batch(projection);
        failures = 0;
        if (count < this.batchSize && wakes === this.wakes) await this.sleep(pollMs);
      } catch (error) {
        failures += 1;
        this.options.logger.error({ projection: projection.name, error }, 'a projection stands still');
        await this.sleep(Math.min(MAX_BACKOFF_MS, 100 * 2 ** failures), this.idlers);
      }
    }
    await this.leases.release(lease, this.options.owner).catch(() => undefined);
  }

  private batch(projection: Projection): Promise<number> {
    return this.db.transaction().execute(async (trx) => {
      const { version, at } = await lockCheckpoint(trx, projection);
      if (version !== projection.version) {
        throw new Error(
          `projection ${projection.name} is at version ${version}: rebuild it for version ${projection.version}`,
        );
      }
      const events = await readLog(trx, at, { limit: this.batchSize });
      const last = events.at(-1);
      if (!last) return 0;
      await projection.apply(events, { trx, table: (name) => name });
      await writeCheckpoint(trx, projection, last.order);
      return events.length;
    });
  }

  private sleep(ms: number, among = this.sleepers): Promise<void> {
    if (this.stopping) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        among.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      among.add(done);
    });
  }
}
