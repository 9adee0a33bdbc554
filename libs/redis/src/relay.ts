// Carries wake-ups from commits to Redis behind the requests' backs. It may lose them (Redis away, too many): the operations row
// says when an operation is due, and the sweeper finds it (L2, L3). It may not block, throw, or grow without limit.
import type { OperationId } from '#domain';
import type { Logger, Waker } from '#engine';
import { Queue } from 'bullmq';
import { DRIVE_QUEUE, driveJob, MAX_IDS_PER_JOB, type DriveJob } from './queues/drive-queue.js';
import { connectForRelay, KEY_PREFIX, rarely, reasonOf } from './redis.js';

export type DropReason = 'overflow' | 'redis_away' | 'deadline' | 'closed';

export interface RelayOptions {
  readonly url: string;
  readonly logger: Logger;
  /** Wake-ups held in memory at most; default 20,000. */
  readonly capacity?: number;
  /** How long one bulk add may take; default 2,000 ms. */
  readonly deadlineMs?: number;
  readonly onRelayed?: (count: number) => void;
  readonly onDropped?: (count: number, reason: DropReason) => void;
  readonly prefix?: string;
}

export interface Relay extends Waker {
  /** Wake-ups not yet given to Redis. */
  readonly pending: number;
  /** Waits for what is pending, at most one deadline, then disconnects. */
  close(): Promise<void>;
}

const BULK = 500;

export function createRelay(options: RelayOptions): Relay {
  return new QueueRelay(options);
}

class QueueRelay implements Relay {
  /** A set: an operation woken twice before the next bulk add is one job. */
  private readonly waiting = new Set<OperationId>();
  private readonly connection;
  private readonly queue: Queue<DriveJob>;
  private readonly capacity: number;
  private readonly deadlineMs: number;
  private readonly process = `${process.pid.toString(36)}${Date.now().toString(36)}`;
  private added = 0;
  private flushing: Promise<void> | null = null;
  private closed = false;

  constructor(private readonly options: RelayOptions) {
    this.capacity = options.capacity ?? 20_000;
    this.deadlineMs = options.deadlineMs ?? 2_000;
    const heard = { url: options.url, logger: options.logger, name: 'relay' };
    this.connection = connectForRelay(heard, this.deadlineMs);
    this.queue = new Queue<DriveJob>(DRIVE_QUEUE, {
      connection: this.connection,
      prefix: options.prefix ?? KEY_PREFIX,
      // Both ask Redis something at start and stay broken for ever when it is away just then.
      skipVersionCheck: true,
      skipWaitingForReady: true,
      skipMetasUpdate: true,
    });
    this.queue.on('error', rarely(heard));
  }

  get pending(): number {
    return this.waiting.size;
  }

  wake(operationIds: readonly OperationId[]): void {
    if (this.closed) return this.drop(operationIds.length, 'closed');
    for (const [index, operationId] of operationIds.entries()) {
      if (this.waiting.size >= this.capacity && !this.waiting.has(operationId))
        return this.drop(operationIds.length - index, 'overflow');
      this.waiting.add(operationId);
    }
    // One bulk add at a time: what gathers while it is away is the next batch, and a lone wake-up does not wait for company.
    this.flushing ??= this.flush();
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.flushing;
    this.connection.disconnect();
    // Ends what BullMQ holds; the connection is ours and gone, so there is nothing left that could fail usefully.
    await this.queue.close().catch(() => undefined);
  }

  private async flush(): Promise<void> {
    await Promise.resolve(); // Lets the caller's other wake-ups of this tick join.
    while (this.waiting.size > 0) {
      const batch: OperationId[] = [];
      for (const operationId of this.waiting) {
        if (batch.length >= BULK) break;
        batch.push(operationId);
        this.waiting.delete(operationId);
      }
      await this.add(batch);
    }
    this.flushing = null;
  }

  private async add(batch: readonly OperationId[]): Promise<void> {
    if (
      this.connection.status !== 'ready' &&
      this.connection.status !== 'connecting' &&
      this.connection.status !== 'connect'
    )
      return this.drop(batch.length, 'redis_away');
    try {
      const jobs = this.jobsOf(batch);
      const done = await within(
        this.deadlineMs,
        this.ready().then(() => this.hand(jobs)),
      );
      if (done) this.options.onRelayed?.(batch.length);
      else this.drop(batch.length, 'deadline');
    } catch (error) {
      this.options.logger.warn({ count: batch.length, reason: reasonOf(error) }, 'wake-ups were not relayed');
      this.drop(batch.length, 'redis_away');
    }
  }

  /**
   * Mostly it is one job, and BullMQ builds a pipeline with all its scripts for every bulk add: with it a wake-up cost 100 us of Node instead
   * of 50 (November 2026, one after another).
   */
  private hand(jobs: readonly ReturnType<typeof driveJob>[]): Promise<unknown> {
    const [only, ...more] = jobs;
    if (only !== undefined && more.length === 0) return this.queue.add(only.name, only.data, only.opts);
    return this.queue.addBulk([...jobs]);
  }

  /** A process that has just begun may still be connecting; its first wake-ups wait for that, within the deadline. */
  private async ready(): Promise<void> {
    if (this.connection.status === 'ready') return;
    await new Promise<void>((resolve, reject) => {
      this.connection.once('ready', resolve);
      this.connection.once('close', () => reject(new Error('connection closed')));
    });
  }

  private jobsOf(batch: readonly OperationId[]) {
    const jobs = [];
    for (let start = 0; start < batch.length; start += MAX_IDS_PER_JOB) {
      const [first, ...rest] = batch.slice(start, start + MAX_IDS_PER_JOB);
      if (first !== undefined) jobs.push(driveJob([first, ...rest], this.suffix()));
    }
    return jobs;
  }

  private suffix(): string {
    this.added += 1;
    return `${this.process}${this.added.toString(36)}`;
  }

  private drop(count: number, reason: DropReason): void {
    if (count > 0) this.options.onDropped?.(count, reason);
  }
}

/** True when the work ended in time. Its late outcome, good or bad, no longer matters. */
async function within(deadlineMs: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), deadlineMs);
  });
  try {
    return await Promise.race([work.then(() => true as const), late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}
