// Signed transfers tried out at the latest block, as the transaction that would carry them.
import type { EvmAddress } from '#domain';
import type { SignedTransfer } from '#engine';
import { successesIn } from './aggregate-answer.js';
import { RpcError } from './json-rpc.js';
import { toHex } from './keccak.js';
import type { EvmRpc } from './rpc.js';
import { encodeTransfers } from './transfer-calls.js';

export interface Trial {
  /** Who would send it. */
  readonly from?: EvmAddress;
  /** All it may use, as in the transaction; without it whatever the node allows. */
  readonly gas?: bigint;
}

/**
 * Whether each would succeed after those before it, in the order asked; undefined: not even the whole came to an end.
 * @throws RpcError when there is no trustworthy answer.
 */
export async function simulate(
  rpc: EvmRpc,
  transfers: readonly SignedTransfer[],
  { from, gas }: Trial = {},
): Promise<readonly boolean[] | undefined> {
  if (transfers.length === 0) return [];
  const { target, data } = encodeTransfers(transfers);
  const call = {
    to: target,
    data: toHex(data),
    ...(from && { from }),
    ...(gas && { gas: `0x${gas.toString(16)}` as const }),
  };
  const answer = await rpc.call(call).catch((error: unknown) => {
    if (error instanceof RpcError && error.fault === 'rejected') return undefined;
    throw error;
  });
  if (transfers.length === 1) return [answer !== undefined];
  // No bytes: no Multicall3 lives there.
  return answer === undefined || answer === '0x' ? undefined : successesIn(answer, transfers.length);
}
