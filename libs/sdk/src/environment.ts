// Time, chance and the network as the client sees them, so that a test can hold them still. Web globals only.

export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

export interface Environment {
  /** To Purser. */
  readonly fetch: Fetch;
  readonly nowMs: () => number;
  /** At least 0, below 1. */
  readonly random: () => number;
  /** Runs it later; the answer calls it off. */
  readonly after: (ms: number, run: () => void) => () => void;
}

/** setTimeout would take a longer one for none at all. */
const LONGEST_TIMER_MS = 2_147_483_647;

export const webEnvironment: Environment = {
  fetch: (input, init) => globalThis.fetch(input, init),
  nowMs: () => Date.now(),
  random: () => Math.random(),
  after: (ms, run) => {
    const timer = setTimeout(run, Math.min(ms, LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  },
};

/** @throws the signal's reason, at once, when it is aborted */
export function sleep({ after }: Environment, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const over = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = after(ms, () => {
      signal?.removeEventListener('abort', over);
      resolve();
    });
    signal?.addEventListener('abort', over, { once: true });
  });
}

/**
 * Runs it with a signal that aborts with the caller's, or after `ms` with `late`, and waits no longer than that, whatever it heeds.
 * @throws whatever it throws; the caller's reason or `late` once aborted
 */
export async function within<T>(
  { after }: Environment,
  limit: { readonly ms: number; readonly late: Error; readonly signal: AbortSignal | undefined },
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal } = limit;
  signal?.throwIfAborted();
  const inner = new AbortController();
  const passOn = (): void => inner.abort(signal?.reason);
  signal?.addEventListener('abort', passOn, { once: true });
  const cancel = after(limit.ms, () => inner.abort(limit.late));
  try {
    return await unless(inner.signal, run(inner.signal));
  } finally {
    cancel();
    signal?.removeEventListener('abort', passOn);
  }
}

/** Waits for it, but no longer than until the signal aborts, whether it heeds the signal or not. @throws the signal's reason */
export function unless<T>(signal: AbortSignal | undefined, running: Promise<T>): Promise<T> {
  if (signal === undefined) return running;
  return new Promise((resolve, reject) => {
    const over = (): void => reject(signal.reason as Error);
    if (signal.aborted) over();
    signal.addEventListener('abort', over, { once: true });
    running.then(resolve, reject).finally(() => signal.removeEventListener('abort', over));
  });
}
