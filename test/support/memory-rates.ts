// Rate counters in memory, on a test's own clock.
import type { RateCounters, RateLimit, RateState } from '#engine';
import { LIMIT_NAMES, rateLimitsOf, type RateLimitTable } from '#runtime';

/** So high that nobody notices. */
export const NO_LIMITS: RateLimitTable = rateLimitsOf(
  LIMIT_NAMES.map((name) => `${name}=1000000000/1000000`).join(','),
  [],
);

export function memoryRateCounters(nowMs: () => number): RateCounters {
  const calls = new Map<string, { count: number; resetsAtMs: number; second: number; inSecond: number }>();
  const found = (limit: RateLimit, key: string) => {
    const id = `${limit.name} ${key}`;
    const known = calls.get(id);
    if (known && nowMs() < known.resetsAtMs) return known;
    const fresh = { count: 0, resetsAtMs: nowMs() + limit.windowSec * 1000, second: 0, inSecond: 0 };
    calls.set(id, fresh);
    return fresh;
  };
  const state = (limit: RateLimit, key: string): RateState => {
    const { count, resetsAtMs, inSecond } = found(limit, key);
    const inWindow = count <= limit.most;
    return {
      limit,
      allowed: inWindow && inSecond <= limit.burst,
      count,
      remaining: Math.max(0, limit.most - count),
      resetsAtMs,
      retryAfterSec: inWindow ? 1 : Math.ceil((resetsAtMs - nowMs()) / 1000),
    };
  };
  return {
    take(limit, key) {
      const window = found(limit, key);
      const second = Math.floor(nowMs() / 1000);
      window.count += 1;
      window.inSecond = window.second === second ? window.inSecond + 1 : 1;
      window.second = second;
      return state(limit, key);
    },
    look: state,
  };
}
