import { describe, expect, it } from 'vitest';
import { bumpedFees, firstFees } from './fees.js';

const CAP = 1_000n;

describe('fees', () => {
  it('begin at twice the base fee and the tip, never above the cap', () => {
    expect(firstFees(100n, 7n, CAP)).toEqual({ maxFeePerGas: 207n, maxPriorityFeePerGas: 7n });
    expect(firstFees(600n, 7n, CAP)).toEqual({ maxFeePerGas: CAP, maxPriorityFeePerGas: 7n });
    expect(firstFees(0n, 5_000n, CAP)).toEqual({ maxFeePerGas: CAP, maxPriorityFeePerGas: CAP });
  });

  it('rise by more than a tenth, both of them, or to what the chain asks now', () => {
    const before = { maxFeePerGas: 200n, maxPriorityFeePerGas: 10n };
    expect(bumpedFees(before, 50n, 1n, CAP)).toEqual({ maxFeePerGas: 226n, maxPriorityFeePerGas: 12n });
    expect(bumpedFees(before, 300n, 20n, CAP)).toEqual({ maxFeePerGas: 620n, maxPriorityFeePerGas: 20n });
    expect(bumpedFees({ maxFeePerGas: 1n, maxPriorityFeePerGas: 0n }, 0n, 0n, CAP)).toEqual({
      maxFeePerGas: 2n,
      maxPriorityFeePerGas: 1n,
    });
  });

  it('stay as they are when the cap leaves no room, or the chain asks for more than the cap', () => {
    expect(bumpedFees({ maxFeePerGas: 950n, maxPriorityFeePerGas: 10n }, 50n, 1n, CAP)).toBeUndefined();
    expect(bumpedFees({ maxFeePerGas: 200n, maxPriorityFeePerGas: 10n }, 1_001n, 1n, CAP)).toBeUndefined();
  });
});
