import { startDriveWorker, type DriveWorker } from '#redis';
import { DrivePool } from '../drive-pool.js';
import { fairFacilitators, fairSeller } from '../fair-seller.js';
import { Loop } from '../loop.js';
import type { WorkerCore, WorkerOptions } from '../worker-core.js';
import type { Role } from './role.js';

/** A third of a lease. */
const RENEW_EVERY_MS = 10_000;
/** Together below the 25 s that a process has to end (L9). */
const GRACE_MS = 12_000;
const DEADLINE_MS = 21_000;
const FETCHER_CLOSE_MS = 2_000;

/** Takes wake-ups from the queue and drives their operations. */
export class DriveRole implements Role {
  readonly name = 'drive';
  private readonly pool: DrivePool;
  private readonly leases: Loop;
  private worker: DriveWorker | undefined;

  constructor(
    private readonly core: WorkerCore,
    private readonly options: WorkerOptions,
  ) {
    const perHost = { perHost: options.perSeller };
    const ports = {
      ...core.ports,
      seller: fairSeller(core.ports.seller, perHost),
      facilitators: fairFacilitators(core.ports.facilitators, perHost),
    };
    this.pool = new DrivePool({ ports, owner: options.owner, eagerInHand: options.concurrency });
    this.leases = new Loop({
      name: 'leases',
      everyMs: RENEW_EVERY_MS,
      logger: core.ports.logger,
      turn: async () => {
        await this.pool.renewLeases();
        return false;
      },
    });
  }

  start(): Promise<void> {
    const { redisUrl: url } = this.options;
    const { logger } = this.core.ports;
    this.leases.start();
    this.worker = startDriveWorker((operationId) => this.pool.take(operationId), {
      url,
      logger,
      onForged: () => logger.warn({ queue: 'drive' }, 'a job that is not ours was dropped'),
    });
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    // Jobs in hand end with their drives, so the queue is let go beside the pool and not before it.
    const [left] = await Promise.all([
      this.pool.stop(GRACE_MS, DEADLINE_MS),
      this.worker?.close(DEADLINE_MS + FETCHER_CLOSE_MS),
    ]);
    if (left > 0)
      this.core.ports.logger.warn(
        { left },
        'stopping with drives in hand; their leases run out by themselves',
      );
    await this.leases.stop();
  }
}
