// Connections. Redis carries wake-ups and nothing that money depends on, so its absence must cost a request nothing: the relay's
// connection refuses at once when Redis is away, the worker's waits for it to come back.
import { Redis, type RedisOptions } from 'ioredis';
import type { Logger } from '#engine';

/** Hash-tagged, so that on Redis Cluster all keys of all queues live in one slot and BullMQ's scripts may touch them together. */
export const KEY_PREFIX = '{purser}';

const MAX_RECONNECT_DELAY_MS = 1_000;
const ERROR_LOG_INTERVAL_MS = 10_000;

export interface RedisConnectionOptions {
  readonly url: string;
  readonly logger: Logger;
  /** Shown by CLIENT LIST. */
  readonly name: string;
}

/** Fails at once while Redis is away and never queues commands in memory: for producers that a request may be behind. */
export function connectForRelay(options: RedisConnectionOptions, commandTimeoutMs: number): Redis {
  return connect(options, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: commandTimeoutMs,
  });
}

/** Waits for Redis to come back, as BullMQ demands of a worker's connection. */
export function connectForWorker(options: RedisConnectionOptions): Redis {
  return connect(options, { maxRetriesPerRequest: null });
}

function connect(options: RedisConnectionOptions, behaviour: RedisOptions): Redis {
  const redis = new Redis(options.url, {
    connectTimeout: 2_000,
    connectionName: `purser-${options.name}`,
    // No auto-pipelining: it made a job cost 110 us of Node instead of 80 (November 2026, 64 slots, 256 in flight).
    retryStrategy: (times) => Math.min(MAX_RECONNECT_DELAY_MS, 50 * 2 ** Math.min(times, 5)),
    ...behaviour,
  });
  redis.on('error', rarely(options));
  return redis;
}

/** An unheard 'error' event ends the process; a heard one for every reconnect floods the log. */
export function rarely({
  logger,
  name,
}: Pick<RedisConnectionOptions, 'logger' | 'name'>): (error: Error) => void {
  let saidAt = 0;
  return (error) => {
    if (Date.now() - saidAt < ERROR_LOG_INTERVAL_MS) return;
    saidAt = Date.now();
    logger.warn({ connection: name, reason: reasonOf(error) }, 'redis is not reachable');
  };
}

/** A code, not a message: messages may hold the URL and with it a password. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const { code } = error as NodeJS.ErrnoException;
  return code ?? error.name;
}

/**
 * Warns loudly when Redis may evict keys: BullMQ then loses parts of a queue. Nothing is paid twice or lost by that, but operations
 * wait for the sweeper. Returns whether the policy is right; undefined when Redis does not say.
 */
export async function checkEvictionPolicy(redis: Redis, logger: Logger): Promise<boolean | undefined> {
  try {
    const policy = /^maxmemory_policy:(.+)$/m.exec(await redis.info('memory'))?.[1]?.trim();
    if (policy === undefined) return undefined;
    if (policy !== 'noeviction')
      logger.error({ policy }, 'REDIS MAY EVICT KEYS: set maxmemory-policy noeviction, or queues lose jobs');
    return policy === 'noeviction';
  } catch {
    return undefined; // Away for now; the connection's own listener has said so.
  }
}
