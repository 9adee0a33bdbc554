// The consuming side of the drive queue, set up to cost as little as BullMQ can per job. The lease in Postgres is what protects an
// operation; BullMQ's own lock only decides how soon a job of a dead worker is handed out again.
import type { OperationId } from '#domain';
import type { Logger } from '#engine';
import { Worker } from 'bullmq';
import { DRIVE_QUEUE, parseDriveJob } from './queues/drive-queue.js';
import { checkEvictionPolicy, connectForWorker, KEY_PREFIX, rarely } from './redis.js';

/**
 * While jobs are waiting, finishing one fetches the next in the same round trip; slots that find the queue empty cost a round trip
 * each. So few slots whose handler returns soon beat many: 10,000 to 12,500 jobs/s with 16 to 64, 5,000 with 256 (add and process
 * in one process, 256 in flight). How many operations are driven at once is the handler's own matter.
 */
const FETCH_SLOTS = 64;

export interface DriveWorkerOptions {
  readonly url: string;
  readonly logger: Logger;
  /** Jobs fetched and not yet handled; default 64. See `FETCH_SLOTS`. */
  readonly slots?: number;
  /** A job that is not ours to the letter; it is dropped. */
  readonly onForged?: () => void;
  readonly prefix?: string;
}

export interface DriveWorker {
  /** Stops fetching; jobs in hand are waited for, at most so long, then left to the sweeper. */
  close(timeoutMs: number): Promise<void>;
}

/** `handle` is called for every operation of every well-formed job and should resolve as soon as another may come; what it throws is logged and ends the job: the operation's row knows what is next. */
export function startDriveWorker(
  handle: (operationId: OperationId) => Promise<void>,
  options: DriveWorkerOptions,
): DriveWorker {
  const { logger } = options;
  const heard = { url: options.url, logger, name: 'worker' };
  const connection = connectForWorker(heard);
  const worker = new Worker<unknown, void>(
    DRIVE_QUEUE,
    async (job) => {
      const operationIds = parseDriveJob(job.data);
      if (operationIds.length === 0) return options.onForged?.();
      await Promise.all(
        operationIds.map((operationId) =>
          handle(operationId).catch((error: unknown) =>
            logger.error({ operationId, error }, 'drive job failed'),
          ),
        ),
      );
    },
    {
      connection,
      prefix: options.prefix ?? KEY_PREFIX,
      concurrency: options.slots ?? FETCH_SLOTS,
      lockDuration: 30_000,
      stalledInterval: 30_000,
      // How long a worker pauses after Redis or one unreadable job failed a fetch; the default of 15 s would eat the bound of L2.
      runRetryDelay: 500,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
      skipVersionCheck: true,
    },
  );
  worker.on('error', rarely(heard));
  // Not awaited: while Redis is away this waits, and the rest of the process has other work to do.
  void checkEvictionPolicy(connection, logger);
  return { close: (timeoutMs) => close(worker, connection, timeoutMs) };
}

async function close(
  worker: Worker<unknown, void>,
  connection: ReturnType<typeof connectForWorker>,
  timeoutMs: number,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs); // `Worker.close` waits for its jobs without limit.
  });
  await Promise.race([worker.close().catch(() => undefined), late]);
  clearTimeout(timer);
  connection.disconnect();
}
