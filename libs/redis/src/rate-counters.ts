// Calls are counted in memory, where the decision is made, and summed up over all processes in Redis behind the requests' backs: no request
// waits for Redis (design.md 2). So a caller who spreads calls over processes gets through with at most what a flush interval brings in more.
// Without Redis each process counts for itself and refuses as before.
import { RateLimiterRedis } from 'rate-limiter-flexible';
import type { Clock, Logger, RateCounters, RateLimit, RateState } from '#engine';
import { connectForRelay } from './redis.js';

export interface RateCountersOptions {
  readonly url: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly prefix?: string;
}

export interface SharedRateCounters extends RateCounters {
  close(): void;
}

interface Window {
  readonly limit: RateLimit;
  readonly key: string;
  count: number;
  /** Of those, not told to Redis yet. */
  unsent: number;
  resetsAtMs: number;
  second: number;
  inSecond: number;
}

const FLUSH_EVERY_MS = 20;
const ANSWER_WITHIN_MS = 500;
const AWAY_MS = 1_000;
const SWEEP_EVERY_MS = 60_000;
/** Redis hears of a window a little after it has begun here. */
const EDGE_MS = 1_000;

export function createRateCounters(options: RateCountersOptions): SharedRateCounters {
  return new MirroredCounters(options);
}

class MirroredCounters implements SharedRateCounters {
  private readonly windows = new Map<string, Window>();
  private readonly dirty = new Set<Window>();
  private readonly shared = new Map<string, RateLimiterRedis>();
  private readonly redis;
  private timer: NodeJS.Timeout | null = null;
  private flushing = false;
  private awayUntilMs = 0;
  private sweptAtMs = 0;
  private closed = false;

  constructor(private readonly options: RateCountersOptions) {
    this.redis = connectForRelay(
      { url: options.url, logger: options.logger, name: 'limits' },
      ANSWER_WITHIN_MS,
    );
  }

  take(limit: RateLimit, key: string): RateState {
    const nowMs = this.options.clock.nowMs();
    const window = this.windowOf(limit, key, nowMs);
    window.count += 1;
    window.unsent += 1;
    const second = Math.floor(nowMs / 1000);
    window.inSecond = window.second === second ? window.inSecond + 1 : 1;
    window.second = second;
    this.dirty.add(window);
    this.schedule(FLUSH_EVERY_MS);
    return stateOf(window, nowMs, window.inSecond <= limit.burst);
  }

  look(limit: RateLimit, key: string): RateState {
    const nowMs = this.options.clock.nowMs();
    const known = this.windows.get(idOf(limit, key));
    const window = known !== undefined && nowMs < known.resetsAtMs ? known : opened(limit, key, nowMs);
    return stateOf(window, nowMs, true);
  }

  close(): void {
    this.closed = true;
    if (this.timer) clearTimeout(this.timer);
    this.redis.disconnect();
  }

  private windowOf(limit: RateLimit, key: string, nowMs: number): Window {
    const id = idOf(limit, key);
    const known = this.windows.get(id);
    if (known !== undefined && nowMs < known.resetsAtMs) return known;
    if (nowMs - this.sweptAtMs > SWEEP_EVERY_MS) this.sweep(nowMs);
    const window = opened(limit, key, nowMs);
    this.windows.set(id, window);
    return window;
  }

  private sweep(nowMs: number): void {
    this.sweptAtMs = nowMs;
    for (const [id, window] of this.windows) if (nowMs >= window.resetsAtMs) this.windows.delete(id);
  }

  private schedule(ms: number): void {
    if (this.closed || this.flushing || this.timer) return;
    this.timer = setTimeout(() => void this.flush(), ms).unref();
  }

  /** One exchange at a time; what is counted meanwhile goes with the next. */
  private async flush(): Promise<void> {
    this.timer = null;
    this.flushing = true;
    const batch = [...this.dirty];
    this.dirty.clear();
    if (this.redis.status === 'ready' && this.options.clock.nowMs() >= this.awayUntilMs)
      await Promise.all(batch.map((window) => this.tell(window)));
    this.flushing = false;
    if (this.dirty.size > 0) this.schedule(FLUSH_EVERY_MS);
  }

  private async tell(window: Window): Promise<void> {
    const points = window.unsent;
    window.unsent = 0;
    try {
      const { consumedPoints, msBeforeNext } = await this.counterOf(window.limit).penalty(window.key, points);
      const endsAtMs = this.options.clock.nowMs() + msBeforeNext;
      // A later end: Redis has forgotten, or begun the next window already. What is known here counts until it ends.
      if (endsAtMs > window.resetsAtMs + EDGE_MS) return;
      window.count = Math.max(window.count, consumedPoints + window.unsent);
      window.resetsAtMs = endsAtMs;
    } catch {
      // Told with the next call, if there is one; until then each process counts for itself.
      window.unsent += points;
      this.awayUntilMs = this.options.clock.nowMs() + AWAY_MS;
    }
  }

  private counterOf({ name, most, windowSec }: RateLimit): RateLimiterRedis {
    const known = this.shared.get(name);
    if (known) return known;
    const made = new RateLimiterRedis({
      storeClient: this.redis,
      rejectIfRedisNotReady: true,
      points: most,
      duration: windowSec,
      keyPrefix: `${this.options.prefix ?? 'purser'}:limit:${name}`,
    });
    this.shared.set(name, made);
    return made;
  }
}

const idOf = (limit: RateLimit, key: string): string => `${limit.name} ${key}`;

function opened(limit: RateLimit, key: string, nowMs: number): Window {
  const resetsAtMs = nowMs + limit.windowSec * 1000;
  return { limit, key, count: 0, unsent: 0, resetsAtMs, second: 0, inSecond: 0 };
}

function stateOf({ limit, count, resetsAtMs }: Window, nowMs: number, inBurst: boolean): RateState {
  const inWindow = count <= limit.most;
  return {
    limit,
    allowed: inWindow && inBurst,
    count,
    remaining: Math.max(0, limit.most - count),
    resetsAtMs,
    retryAfterSec: inWindow ? 1 : Math.max(1, Math.ceil((resetsAtMs - nowMs) / 1000)),
  };
}
