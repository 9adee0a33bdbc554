// How much a wallet signed for within the last hour, whatever budgets say: a hard stop on what a compromised worker could take (T39).
import type { WalletId } from '#domain';

const MINUTE_MS = 60_000;
const MINUTES = 60;

/** Sums by minute; the current minute and the sixty before it count, so the window is never shorter than an hour. */
export class WalletLimits {
  readonly #minutes = new Map<WalletId, Map<number, bigint>>();

  constructor(private readonly maxPerHour: bigint) {}

  /** Counts the value and answers true, or leaves it and answers false when the hour has no room. */
  take(walletId: WalletId, value: bigint, nowMs: number): boolean {
    const minute = Math.floor(nowMs / MINUTE_MS);
    const sums = this.#minutes.get(walletId) ?? new Map<number, bigint>();
    let total = value;
    for (const [at, sum] of sums) {
      if (at < minute - MINUTES) sums.delete(at);
      else total += sum;
    }
    if (total > this.maxPerHour) return false;
    this.count(walletId, value, nowMs);
    return true;
  }

  /** Counts what has been signed already, whether there is room or not. */
  count(walletId: WalletId, value: bigint, nowMs: number): void {
    const minute = Math.floor(nowMs / MINUTE_MS);
    const sums = this.#minutes.get(walletId) ?? new Map<number, bigint>();
    sums.set(minute, (sums.get(minute) ?? 0n) + value);
    this.#minutes.set(walletId, sums);
  }
}
