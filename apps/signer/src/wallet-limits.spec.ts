import { describe, expect, it } from 'vitest';
import { createIds } from '#runtime';
import { WalletLimits } from './wallet-limits.js';

const MINUTE = 60_000;
const [wallet, other] = [createIds().walletId(), createIds().walletId()];

describe('wallet limits', () => {
  it('let through exactly the limit within an hour, per wallet', () => {
    const limits = new WalletLimits(100n);
    expect(limits.take(wallet, 60n, 0)).toBe(true);
    expect(limits.take(wallet, 41n, 30 * MINUTE)).toBe(false);
    expect(limits.take(wallet, 40n, 30 * MINUTE)).toBe(true);
    expect(limits.take(wallet, 1n, 59 * MINUTE)).toBe(false);
    expect(limits.take(other, 100n, 59 * MINUTE)).toBe(true);
  });

  it('free what is older than an hour, never earlier', () => {
    const limits = new WalletLimits(100n);
    limits.count(wallet, 100n, 59_999);
    expect(limits.take(wallet, 1n, 60 * MINUTE + 59_999)).toBe(false);
    expect(limits.take(wallet, 100n, 61 * MINUTE)).toBe(true);
  });
});
