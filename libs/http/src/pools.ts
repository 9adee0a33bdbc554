// Keep-alive connections, apart by tenant and origin so that nothing is shared between tenants; the least recently used idle
// pool is closed when there are too many.
import { isIPv6, type LookupFunction } from 'node:net';
import { buildConnector, Pool, type Dispatcher } from 'undici';
import type { Target } from './target.js';

export interface PoolOptions {
  readonly maxPools: number;
  readonly connectTimeoutMs: number;
  readonly maxHeaderBytes: number;
  readonly connectionsPerPool: number;
  /** Additional certificate authorities, PEM. */
  readonly ca?: string;
  /** Seam for tests: opens sockets. */
  readonly connector?: (lookup: LookupFunction) => buildConnector.connector;
}

interface Entry {
  readonly pool: Pool;
  /** Addresses of the latest judgement; new connections go to these only. */
  addresses: readonly string[];
  inUse: number;
}

export class Pools {
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly options: PoolOptions) {}

  /** Runs `work` with the pool of this tenant and origin, new connections pinned to the target's addresses. */
  async use<T>(tenant: string, target: Target, work: (pool: Dispatcher) => Promise<T>): Promise<T> {
    const key = `${tenant} ${target.url.origin}`;
    const entry = this.entries.get(key) ?? this.open(target);
    this.entries.delete(key);
    this.entries.set(key, entry);
    entry.addresses = target.addresses;
    entry.inUse += 1;
    this.evict();
    try {
      return await work(entry.pool);
    } finally {
      entry.inUse -= 1;
    }
  }

  get size(): number {
    return this.entries.size;
  }

  async close(): Promise<void> {
    const pools = [...this.entries.values()].map(({ pool }) => pool.destroy());
    this.entries.clear();
    await Promise.all(pools);
  }

  private open(target: Target): Entry {
    const { connectTimeoutMs, ca, connector } = this.options;
    const lookup = pinnedLookup(() => entry.addresses);
    const pool = new Pool(target.url.origin, {
      connections: this.options.connectionsPerPool,
      pipelining: 1,
      allowH2: false,
      maxHeaderSize: this.options.maxHeaderBytes,
      headersTimeout: 0, // The deadline of the request covers it.
      keepAliveTimeout: 4_000,
      keepAliveMaxTimeout: 60_000,
      connect: connector
        ? connector(lookup)
        : { lookup, timeout: connectTimeoutMs, rejectUnauthorized: true, ...(ca ? { ca } : {}) },
    });
    const entry: Entry = { pool, addresses: target.addresses, inUse: 0 };
    return entry;
  }

  private evict(): void {
    for (const [key, entry] of this.entries) {
      if (this.entries.size <= this.options.maxPools) return;
      if (entry.inUse > 0) continue;
      this.entries.delete(key);
      void entry.pool.destroy();
    }
  }
}

/** A `lookup` that answers with checked addresses and never asks anybody: no second resolution, so no rebinding (T21). */
export function pinnedLookup(addresses: () => readonly string[]): LookupFunction {
  return (_hostname, options, callback) => {
    const all = addresses().map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
    const wanted = options.family === 4 || options.family === 6 ? options.family : undefined;
    const usable = wanted ? all.filter(({ family }) => family === wanted) : all;
    const [first] = usable;
    if (!first) return callback(Object.assign(new Error('no checked address'), { code: 'ENOTFOUND' }), '', 0);
    if (options.all) callback(null, usable);
    else callback(null, first.address, first.family);
  };
}
