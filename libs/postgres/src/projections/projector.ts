// Keeps read models up to date, all of them in one pass over the log. A batch's rows and its checkpoint commit together under the checkpoint
// row's lock, so every event is applied exactly once whatever dies and however many projectors run; the lease only spares the others the work.
import type { Logger } from '#engine';
import type pg from 'pg';
import { databaseOn, type Database } from '../admin/change.js';
import { createSingletonLeases, type SingletonLeases } from '../watch/singleton-leases.js';
import { PROJECTIONS } from './all.js';
import { readPlaces, readStandings } from './checkpoint.js';
import { measureLag } from './event-log.js';
import { applyAlone, applyTogether } from './passes.js';
import { BEGINNING, type Projection } from './projection.js';

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
  /** How old the oldest event is before it is applied, milliseconds. */
  readonly gatherMs?: number;
}

export interface ProjectionLag {
  readonly name: string;
  /** Capped at 10,000. */
  readonly events: number;
  /** Age of the oldest event not yet applied; 0 when there is none. */
  readonly lagMs: number;
}

const LEASE = 'projector';
const LEASE_SEC = 15;
const RENEW_MS = 5_000;
const MAX_BACKOFF_MS = 10_000;
const POLL_MS = 500;
/**
 * A purchase is answered within this time, and then all its events go in one pass instead of several that would run beside it on the same
 * processors. An event waits at most for the next look or for this, whichever is later, and for one pass: far from the 2 s of L6.
 */
const GATHER_MS = 200;

export class Projector {
  private readonly db: Database;
  private readonly leases: SingletonLeases;
  private running: Promise<void> | undefined;
  private held = false;
  /** Those that catch up on their own; the others do not wait for them. */
  private readonly apart = new Map<Projection, Promise<void>>();
  private readonly sleepers = new Set<() => void>();
  /** Those whom news do not concern. */
  private readonly idlers = new Set<() => void>();
  private stopping = false;
  /** Rises with every wake-up, so that one which comes during a batch is not lost. */
  private wakes = 0;

  constructor(private readonly options: ProjectorOptions) {
    this.db = databaseOn(options.pool);
    this.leases = createSingletonLeases(options.pool);
  }

  start(): void {
    this.running ??= this.run();
  }

  /** New events may be there. Call it as often as you like. */
  wake(): void {
    this.wakes += 1;
    for (const rouse of this.sleepers) rouse();
  }

  /** Finishes the batches under way and gives the lease back. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.wake();
    for (const rouse of this.idlers) rouse();
    await this.running;
  }

  /** Applies everything that is final now, with or without the lease; for tests and commands. Returns how many events were applied. */
  async catchUp(): Promise<number> {
    let applied = 0;
    for (let more = true; more;) {
      const fit = (await readStandings(this.db, this.projections)).filter(
        ({ version, projection }) => version === projection.version,
      );
      const pass = await applyTogether(this.db, fit, this.batchSize).catch(() => null);
      applied += pass?.applied ?? 0;
      more = pass !== null && pass.more && pass.left.length === 0;
    }
    // Whoever could not go with the others, and what is wrong with one of them.
    for (const projection of this.projections) {
      for (;;) {
        const count = await applyAlone(this.db, projection, this.batchSize);
        applied += count;
        if (count < this.batchSize) break;
      }
    }
    return applied;
  }

  async lag(): Promise<readonly ProjectionLag[]> {
    const places = await readPlaces(this.db, this.projections);
    // They mostly stand at the same place, which then is measured once.
    const measured = new Map<string, ReturnType<typeof measureLag>>();
    return Promise.all(
      this.projections.map(async ({ name }) => {
        const at = places.get(name) ?? BEGINNING;
        const place = JSON.stringify(at);
        const lag = measured.get(place) ?? measureLag(this.db, at);
        measured.set(place, lag);
        return { name, ...(await lag) };
      }),
    );
  }

  private get projections(): readonly Projection[] {
    return this.options.projections ?? PROJECTIONS;
  }

  private get batchSize(): number {
    return this.options.batchSize ?? 1_000;
  }

  private async run(): Promise<void> {
    const { pollMs = POLL_MS, gatherMs = GATHER_MS } = this.options;
    let renewAt = 0;
    let failures = 0;
    while (!this.stopping) {
      const { wakes } = this;
      try {
        if (performance.now() >= renewAt) {
          this.held = (await this.leases.hold(LEASE, this.options.owner, LEASE_SEC)) !== null;
          if (!this.held) {
            await this.sleep(RENEW_MS, this.idlers);
            continue;
          }
          renewAt = performance.now() + RENEW_MS;
        }
        const more = await this.pass(gatherMs);
        failures = 0;
        if (more) continue;
        if (wakes === this.wakes) await this.sleep(pollMs);
        if (wakes !== this.wakes) await this.sleep(gatherMs, this.idlers);
      } catch (error) {
        failures += 1;
        this.options.logger.error({ error }, 'projections stand still');
        await this.sleep(backoffMs(failures), this.idlers);
      }
    }
    await Promise.all(this.apart.values());
    await this.leases.release(LEASE, this.options.owner).catch(() => undefined);
  }

  /** True: there may be more to do at once. */
  private async pass(gatherMs: number): Promise<boolean> {
    const together = this.projections.filter((projection) => !this.apart.has(projection));
    const standings = await readStandings(this.db, together);
    const fit = standings.filter(({ version, projection }) => version === projection.version);
    for (const standing of standings) if (!fit.includes(standing)) this.goAlone(standing.projection);
    const ages = fit.flatMap(({ waitingMs }) => waitingMs ?? []);
    if (ages.length === 0) return false;
    // A backlog is old, so it is worked off back to back.
    const restMs = gatherMs - Math.max(...ages);
    if (restMs > 0) await this.sleep(restMs, this.idlers);
    try {
      const { more, left } = await applyTogether(this.db, fit, this.batchSize);
      for (const projection of left) this.goAlone(projection);
      return more;
    } catch (error) {
      // One of them is at fault, and nothing was written. Each alone: the others lose nothing by it, and the one that fails says so.
      this.options.logger.warn({ error }, 'projecting one by one');
      for (const { projection } of fit) this.goAlone(projection);
      return false;
    }
  }

  private goAlone(projection: Projection): void {
    if (this.apart.has(projection)) return;
    this.apart.set(
      projection,
      this.follow(projection).finally(() => this.apart.delete(projection)),
    );
  }

  /** Until it has caught up with the log, and so with the others. */
  private async follow(projection: Projection): Promise<void> {
    let failures = 0;
    while (!this.stopping && this.held) {
      try {
        const count = await applyAlone(this.db, projection, this.batchSize);
        if (count < this.batchSize) return;
        failures = 0;
      } catch (error) {
        failures += 1;
        this.options.logger.error({ projection: projection.name, error }, 'a projection stands still');
        await this.sleep(backoffMs(failures), this.idlers);
      }
    }
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

function backoffMs(failures: number): number {
  return Math.min(MAX_BACKOFF_MS, 100 * 2 ** failures);
}
