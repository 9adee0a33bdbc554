import type { Caip2 } from '#domain';
import type { Broadcaster, ChainWatcher, Ports, StopStore } from '#engine';

/** What a worker process needs of the composed core. */
export interface WorkerCore {
  readonly ports: Ports;
  readonly admin: { readonly stops: StopStore };
  /** One per network, in every worker: a lease row elects which of them looks. */
  readonly watchers: readonly ChainWatcher[];
  /** One per network that has broadcast accounts, in every worker: a lease row elects which of them sends. */
  readonly broadcasters: readonly Broadcaster[];
  /** Calls back with the network on which a transfer begins to wait, or null when some may have been missed. */
  onWaitingTransfers(heard: (network: Caip2 | null) => void): { close(): Promise<void> };
  /** Calls back with the network of which an RPC announces a block. A hint: it may be late, false, or never come. Returns what ends it. */
  onNewHead(heard: (network: Caip2) => void): () => void;
  readonly projections: {
    /** Follows the log in the background; of all workers the holder of a projection's lease row does the work. */
    start(): void;
    stop(): Promise<void>;
  };
  /** Deletes sealed bytes whose time to live is over; returns how many. */
  purgeExpiredBlobs(): Promise<number>;
  readonly metrics: {
    readonly contentType: string;
    scrape(): Promise<string>;
  };
  close(): Promise<void>;
}

/** `webhooks` has no work yet; it may already be configured. */
export type RoleName = 'drive' | 'sweep' | 'watch' | 'broadcast' | 'project' | 'webhooks';

export interface WorkerOptions {
  /** Name of this process in leases; unique among running processes. */
  readonly owner: string;
  readonly roles: readonly RoleName[];
  readonly redisUrl: string;
  /** Operations driven at once before the queue is drawn on more slowly. */
  readonly concurrency: number;
  /** Requests at one seller at once. */
  readonly perSeller: number;
  readonly sweepEveryMs: number;
  /** How often to look for a new block. */
  readonly watchEveryMs: number;
  /** Loopback port of /metrics and /health; 0: any free one. */
  readonly port: number;
}
