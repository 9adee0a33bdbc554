/** Bounded concurrency per key with a bounded queue, so that a slow seller uses up its own share only (safety.md L7). */
export class HostSlots {
  private readonly hosts = new Map<string, { running: number; readonly waiting: Set<() => void> }>();

  constructor(
    private readonly concurrency: number,
    private readonly queue: number,
  ) {}

  /** Waits for a slot. Undefined when the queue is full or the signal fires first; otherwise the function that gives it back. */
  async take(key: string, signal: AbortSignal): Promise<(() => void) | undefined> {
    const host = this.hosts.get(key) ?? { running: 0, waiting: new Set<() => void>() };
    this.hosts.set(key, host);
    if (host.running < this.concurrency) host.running += 1;
    else if (host.waiting.size >= this.queue || !(await this.wait(host.waiting, signal))) return undefined;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.giveBack(key, host);
    };
  }

  /** Hosts with work; for tests and metrics. */
  get size(): number {
    return this.hosts.size;
  }

  private wait(waiting: Set<() => void>, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve(false);
      const go = (): void => {
        signal.removeEventListener('abort', leave);
        resolve(true);
      };
      const leave = (): void => {
        waiting.delete(go);
        resolve(false);
      };
      waiting.add(go);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  /** The slot passes straight to whoever waits longest. */
  private giveBack(key: string, host: { running: number; readonly waiting: Set<() => void> }): void {
    const [next] = host.waiting;
    if (next) {
      host.waiting.delete(next);
      next();
      return;
    }
    host.running -= 1;
    if (host.running === 0) this.hosts.delete(key);
  }
}
