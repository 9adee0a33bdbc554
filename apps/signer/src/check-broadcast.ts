// What the signer demands before it signs a transaction, from rows it read itself (ruling 8). Pure. The call must be the one of the committed
// row, and carry exactly the transfers that were put into it: gas is spent on nothing else, and nobody's money moves by another call.
import { chainIdOf } from '#domain';
import { soleSender, type BroadcastCall, type Fees } from '#engine';
import {
  decodeTransfers,
  FILL_GAS,
  findAsset,
  identityHash,
  keccak256,
  toHex,
  type TransferCall,
} from '#evm';
import type { BroadcastRows, StoredBroadcast, StoredTransfer } from './broadcast-rows.js';

/** Wei; the signer's own, whatever the chain asks. */
export interface GasLimits {
  readonly maxFeePerGas: bigint;
  /** Of one transaction: gas limit times maxFeePerGas. */
  readonly maxGasCost: bigint;
}

/** `sign` only after the ledger has taken the digest; `again` when it holds it already. */
export type BroadcastCheck =
  | { readonly kind: 'sign'; readonly digest: string; readonly again: boolean }
  | { readonly kind: 'refused'; readonly reason: string };

/** The ledger's name for an account nonce. */
export function broadcastSubject(call: Pick<BroadcastCall, 'network' | 'sender' | 'accountNonce'>): string {
  return `${chainIdOf(call.network)}/${call.sender}/${call.accountNonce}`;
}

export function checkBroadcast(
  call: BroadcastCall,
  fees: Fees,
  rows: BroadcastRows,
  limits: GasLimits,
): BroadcastCheck {
  const digest = identityHash(call);
  // Before all else: with a signature over the ledger's digest in the world, no row makes another one right.
  if (rows.ledger !== null && rows.ledger.digest !== digest) return { kind: 'refused', reason: 'conflict' };
  const reason =
    wrongRow(call, rows.broadcast) ??
    (rows.broadcast?.kind === 'fill' ? wrongFill(call) : wrongTransfers(call, rows)) ??
    wrongFees(call, fees, rows, limits);
  if (reason !== undefined) return { kind: 'refused', reason };
  return { kind: 'sign', digest, again: rows.ledger !== null };
}

function wrongRow(call: BroadcastCall, row: StoredBroadcast | null): string | undefined {
  if (row === null) return 'unknown_broadcast';
  if (row.status !== 'open') return 'broadcast_not_open';
  if (row.target !== call.target) return 'target_mismatch';
  if (row.gasLimit !== call.gasLimit) return 'gas_limit_mismatch';
  if (row.callHash !== toHex(keccak256(call.data))) return 'call_mismatch';
  return undefined;
}

/** Transfers may still stand with its row: they leave it when this is signed, since then no other call of the nonce ever will be. */
function wrongFill(call: BroadcastCall): string | undefined {
  const fills = call.target === call.sender && call.data.length === 0 && call.gasLimit <= FILL_GAS;
  return fills ? undefined : 'not_a_fill';
}

function wrongTransfers(call: BroadcastCall, { transfers: stored }: BroadcastRows): string | undefined {
  const transfers = decodeTransfers(call.target, call.data);
  if (transfers === undefined) return 'call_not_decoded';
  if (!transfers.every((it) => findAsset(call.network, it.token))) return 'token_not_registered';
  // Anybody else's transaction would only burn gas.
  if (!transfers.every((it) => (soleSender(it) ?? call.sender) === call.sender)) return 'not_the_facilitator';
  const same =
    transfers.length === stored.length && transfers.every((it, index) => equals(it, stored[index]));
  return same ? undefined : 'transfers_mismatch';
}

const NO_CEILING = { ceiling: null, facilitator: null };

/** The signature is not compared: it is sealed, and without the right one the token refuses by itself. */
function equals(transfer: TransferCall, row: StoredTransfer | undefined): boolean {
  const { ceiling, facilitator } = transfer.method === 'upto' ? transfer : NO_CEILING;
  return (
    row !== undefined &&
    transfer.method === row.method &&
    transfer.token === row.token &&
    transfer.from === row.from &&
    transfer.to === row.to &&
    transfer.value === row.value &&
    transfer.validAfterSec === row.validAfterSec &&
    transfer.validBeforeSec === row.validBeforeSec &&
    transfer.nonce === row.nonce &&
    ceiling === row.ceiling &&
    facilitator === row.facilitator
  );
}

/** Upward only: nodes drop a replacement that pays less, and a cap keeps a fault from burning the account. */
function wrongFees(
  call: BroadcastCall,
  { maxFeePerGas, maxPriorityFeePerGas }: Fees,
  { highestFees }: BroadcastRows,
  limits: GasLimits,
): string | undefined {
  if (maxPriorityFeePerGas > maxFeePerGas) return 'priority_above_max_fee';
  if (maxFeePerGas > limits.maxFeePerGas) return 'limit_fee_per_gas';
  if (maxFeePerGas * call.gasLimit > limits.maxGasCost) return 'limit_gas_cost';
  const lower =
    highestFees !== null &&
    (maxFeePerGas < highestFees.maxFeePerGas || maxPriorityFeePerGas < highestFees.maxPriorityFeePerGas);
  return lower ? 'fee_below_earlier_one' : undefined;
}
