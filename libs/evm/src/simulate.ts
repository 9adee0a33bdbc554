// Signed transfers tried out at the latest block, as the transaction that would carry them.
import type { EvmAddress } from '#domain';
import type { SignedTransfer } from '#engine';
import { successesIn } from './aggregate-answer.js';
import { RpcError } from './json-rpc.js';
import { toHex } from './keccak.js';
import type { EvmRpc } from './rpc.js';
import { encodeTransfers } from './transfer-calls.js';

/** What came of trying a transfer out. `code`: the payer has code, which may answer otherwise in a transaction. */
export type Tried = 'succeeds' | 'fails' | 'code';

export interface Trial {
  /** Who would send it. */
  readonly from?: EvmAddress;
  /** All that so many may use, as in their transaction; without it whatever the node allows. */
  readonly gasOf?: (transfers: readonly SignedTransfer[]) => bigint;
}

/**
 * Each after those before it, in the order asked, without those whose payers have code: they could use up the gas of all.
 * @throws RpcError when there is no trustworthy answer.
 */
export async function tryOut(
  rpc: EvmRpc,
  transfers: readonly SignedTransfer[],
  trial: Trial = {},
): Promise<readonly Tried[]> {
  if (transfers.length === 0) return [];
  // Asked together, so that it is one exchange; code is rare, and then what it may have spoiled is asked again without it.
  const payers = [...new Set(transfers.map((it) => it.from))];
  const [codes, hopeful] = await Promise.all([rpc.hasCode(payers), simulate(rpc, transfers, trial)]);
  const contracts = new Set(payers.filter((_, index) => codes[index]));
  const plain = transfers.filter((it) => !contracts.has(it.from));
  const succeeds = plain.length === transfers.length ? hopeful : await simulate(rpc, plain, trial);
  if (succeeds === undefined) throw new RpcError('out_of_gas', 'eth_call');
  const known = new Map(
    plain.map((it, index) => [it, succeeds[index] === true ? 'succeeds' : 'fails'] as const),
  );
  return transfers.map((it) => known.get(it) ?? 'code');
}

/** By itself, whoever its payer is. @throws RpcError when there is no trustworthy answer. */
export async function succeedsAlone(
  rpc: EvmRpc,
  transfer: SignedTransfer,
  trial: Trial = {},
): Promise<boolean> {
  return (await simulate(rpc, [transfer], trial))?.[0] === true;
}

/** Undefined: the whole came to no end. */
async function simulate(
  rpc: EvmRpc,
  transfers: readonly SignedTransfer[],
  { from, gasOf }: Trial,
): Promise<readonly boolean[] | undefined> {
  if (transfers.length === 0) return [];
  const { target, data } = encodeTransfers(transfers);
  const call = {
    to: target,
    data: toHex(data),
    ...(from && { from }),
    ...(gasOf && { gas: `0x${gasOf(transfers).toString(16)}` as const }),
  };
  const outcome = await rpc.call(call).then(
    (answer) => ({ answer }),
    (error: unknown) => {
      // Any other trouble says nothing of the transfers.
      if (error instanceof RpcError && error.fault === 'out_of_gas') return { answer: undefined };
      throw error;
    },
  );
  if (transfers.length === 1) return [outcome.answer !== undefined];
  if (outcome.answer !== undefined && outcome.answer !== '0x')
    return successesIn(outcome.answer, transfers.length);
  return undefined;
}
