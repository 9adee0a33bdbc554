// The queue that drives operations. A job says "look at these operations now" and nothing else: state, retries and delays live in
// Postgres (S16), so a forged, repeated, lost or reordered job changes nothing but timing. A lone wake-up is a job of its own; those that
// gather while Redis is being talked to share one, because a job costs 200 us of three processes' time and an id in it nothing (ADR 0009).
//
// `attempts: 1`: `drive` never fails a job; it writes when to come again to the operation's row. A retry of BullMQ's own would be
// a second schedule that disagrees with it.
// Removed when completed or failed: BullMQ ignores an add whose id it still remembers, so a kept job would swallow later wake-ups.
// Job id `<first operationId>-<suffix>`, the suffix new for every add: for the same reason a wake-up that arrives while its operation
// runs must not be taken for the job that is running. Nothing relies on the queue to drop duplicates; `claim` does that.
import { parseOperationId, type OperationId } from '#domain';
import type { BulkJobOptions } from 'bullmq';

export const DRIVE_QUEUE = 'drive';
export const DRIVE_JOB = 'drive';

export type DriveJob =
  { readonly operationId: OperationId } | { readonly operationIds: readonly OperationId[] };

/** Few enough that a burst spreads over the workers, and that a job is small. */
export const MAX_IDS_PER_JOB = 32;

export const DRIVE_JOB_OPTIONS = {
  attempts: 1,
  removeOnComplete: true,
  removeOnFail: true,
  stackTraceLimit: 0,
} as const satisfies BulkJobOptions;

/** One job for 1 to `MAX_IDS_PER_JOB` operations. */
export function driveJob(
  operationIds: readonly [OperationId, ...OperationId[]],
  suffix: string,
): { name: string; data: DriveJob; opts: BulkJobOptions } {
  const [first] = operationIds;
  return {
    name: DRIVE_JOB,
    data: operationIds.length === 1 ? { operationId: first } : { operationIds },
    opts: { ...DRIVE_JOB_OPTIONS, jobId: `${first}-${suffix}` },
  };
}

/** Anybody who reaches Redis can write jobs; what is not exactly ours is empty, never an error. */
export function parseDriveJob(data: unknown): readonly OperationId[] {
  if (typeof data !== 'object' || data === null) return [];
  const asked = 'operationIds' in data ? data.operationIds : 'operationId' in data ? [data.operationId] : [];
  if (!Array.isArray(asked) || asked.length > MAX_IDS_PER_JOB) return [];
  try {
    return asked.map((id) => parseOperationId(id));
  } catch {
    return [];
  }
}
