import type { ChainWatcher, Ports } from '#engine';

/** What a worker process needs of the composed core. */
export interface WorkerCore {
  readonly ports: Ports;
  /** One per network, in every worker: a lease row elects which of them looks. */
  readonly watchers: readonly ChainWatcher[];
  readonly projections: {
    /** Applies the next events to every projection; true when there may be more. */
    catchUp(): Promise<boolean>;
  };
  /** Deletes sealed bytes whose time to live is over; returns how many. */
  purgeExpiredBlobs(): Promise<number>;
  /** Prometheus text. */
  metricsText(): Promise<string>;
  close(): Promise<void>;
}

export type RoleName = 'drive' | 'sweep' | 'watch' | 'project';

export interface WorkerOptions {
  /** Name of this process in leases; unique among running processes. */
  readonly owner: string;
  readonly roles: readonly RoleName[];
  readonly redisUrl: string;
  /** Operations driven at once before the queue is drawn on more slowly. */
  readonly concurrency: number;
  readonly sweepEveryMs: number;
  /** How often to look for a new block. */
  readonly watchEveryMs: number;
  readonly projectEveryMs: number;
  /** Loopback port of /metrics and /health; null: none. */
  readonly metricsPort: number | null;
}
