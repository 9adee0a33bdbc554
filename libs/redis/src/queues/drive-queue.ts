// The queue that drives operations. A job says "look at this operation now" and nothing else: state, retries and delays live in
// Postgres (S16), so a forged, repeated, lost or reordered job changes nothing but timing.
//
// `attempts: 1`: `drive` never fails a job; it writes when to come again to the operation's row. A retry of BullMQ's own would be
// a second schedule that disagrees with it.
// Removed when completed or failed: BullMQ ignores an add whose id it still remembers, so a kept job would swallow later wake-ups.
// Job id `<operationId>-<suffix>`, the suffix new for every add: for the same reason a wake-up that arrives while its operation
// runs must not be taken for the job that is running. Nothing relies on the queue to drop duplicates; `claim` does that.
import { parseOperationId, type OperationId } from '#domain';
import type { BulkJobOptions } from 'bullmq';

export const DRIVE_QUEUE = 'drive';
export const DRIVE_JOB = 'drive';

export interface DriveJob {
  readonly operationId: OperationId;
}

export const DRIVE_JOB_OPTIONS = {
  attempts: 1,
  removeOnComplete: true,
  removeOnFail: true,
  stackTraceLimit: 0,
} as const satisfies BulkJobOptions;

export function driveJob(
  operationId: OperationId,
  suffix: string,
): { name: string; data: DriveJob; opts: BulkJobOptions } {
  return {
    name: DRIVE_JOB,
    data: { operationId },
    opts: { ...DRIVE_JOB_OPTIONS, jobId: `${operationId}-${suffix}` },
  };
}

/** Anybody who reaches Redis can write jobs; whatever is not exactly ours is undefined, never an error. */
export function parseDriveJob(data: unknown): OperationId | undefined {
  if (typeof data !== 'object' || data === null || !('operationId' in data)) return undefined;
  try {
    return parseOperationId(data.operationId);
  } catch {
    return undefined;
  }
}
