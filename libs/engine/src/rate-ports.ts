// How often somebody may call. Counting is no matter of money: it may be a little off, and must never hold up a request.

export interface RateLimit {
  /** Counters are apart by name and key. */
  readonly name: string;
  /** Calls per window. */
  readonly most: number;
  /** Of those, in any one second. */
  readonly burst: number;
  readonly windowSec: number;
}

/** Where a caller stands, this call counted. */
export interface RateState {
  readonly limit: RateLimit;
  readonly allowed: boolean;
  /** Calls in this window, refused ones too. */
  readonly count: number;
  readonly remaining: number;
  readonly resetsAtMs: number;
  /** Of a refused call: when the next one may pass. */
  readonly retryAfterSec: number;
}

export interface RateCounters {
  /** Counts a call and decides at once, from memory. What other processes counted is known a moment later. */
  take(limit: RateLimit, key: string): RateState;
  /** Without counting; what a call now would find before it. */
  look(limit: RateLimit, key: string): RateState;
}
