export { startDriveWorker, type DriveWorker, type DriveWorkerOptions } from './drive-worker.js';
export {
  DRIVE_QUEUE,
  driveJob,
  MAX_IDS_PER_JOB,
  parseDriveJob,
  type DriveJob,
} from './queues/drive-queue.js';
export { checkEvictionPolicy, connectForRelay, connectForWorker, KEY_PREFIX } from './redis.js';
export { createRateCounters, type RateCountersOptions, type SharedRateCounters } from './rate-counters.js';
export { createRelay, type DropReason, type Relay, type RelayOptions } from './relay.js';
