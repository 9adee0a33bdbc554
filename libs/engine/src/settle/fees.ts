// What a transaction may pay (EIP-1559). Pure. All amounts in wei per gas.
import type { Fees } from './ports.js';

/** A node replaces a pending transaction only when both fees rise by a tenth; an eighth leaves no doubt about rounding. */
const BUMP_NUMERATOR = 9n;
const BUMP_DENOMINATOR = 8n;

/** Twice the base fee outlasts six full blocks in a row, each of which raises it by an eighth at most. */
export function firstFees(baseFeePerGas: bigint, priorityFee: bigint, cap: bigint): Fees {
  const maxPriorityFeePerGas = least(priorityFee, cap);
  return { maxFeePerGas: least(2n * baseFeePerGas + maxPriorityFeePerGas, cap), maxPriorityFeePerGas };
}

/** Fees of a replacement, or undefined when the cap leaves no room for one that a node takes and a block can hold. */
export function bumpedFees(
  before: Fees,
  baseFeePerGas: bigint,
  priorityFee: bigint,
  cap: bigint,
): Fees | undefined {
  const wanted = firstFees(baseFeePerGas, priorityFee, cap);
  const maxPriorityFeePerGas = most(bump(before.maxPriorityFeePerGas), wanted.maxPriorityFeePerGas);
  const maxFeePerGas = most(bump(before.maxFeePerGas), wanted.maxFeePerGas);
  if (maxFeePerGas > cap || maxPriorityFeePerGas > maxFeePerGas || baseFeePerGas > cap) return undefined;
  return { maxFeePerGas, maxPriorityFeePerGas };
}

function bump(fee: bigint): bigint {
  return (fee * BUMP_NUMERATOR) / BUMP_DENOMINATOR + 1n;
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function most(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/** Wei per gas that a call may pay: the cap per gas, or what the cap per transaction leaves. */
export function capOf(
  { gasLimit }: { readonly gasLimit: bigint },
  { feeCap, costCap }: { readonly feeCap: bigint; readonly costCap: bigint },
): bigint {
  return least(costCap / gasLimit, feeCap);
}

/** The most it can cost, in wei. */
export function costOf({ gasLimit }: { readonly gasLimit: bigint }, fees: Fees | undefined): bigint {
  return gasLimit * (fees?.maxFeePerGas ?? 0n);
}
