import { networkOf } from '#runtime';

/** Lets so many through per minute and caller, told apart by the network that is theirs. Kept in memory: what a restart forgives is worth nothing. */
export class Turnstile {
  private minute = 0;
  private readonly passed = new Map<string, number>();

  constructor(
    private readonly perMinute: number,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  lets(ip: string): boolean {
    const caller = networkOf(ip);
    const minute = Math.floor(this.nowMs() / 60_000);
    if (minute !== this.minute) this.passed.clear();
    this.minute = minute;
    const count = (this.passed.get(caller) ?? 0) + 1;
    this.passed.set(caller, count);
    return count <= this.perMinute;
  }
}
