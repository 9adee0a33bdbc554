// What became of a permit: the token's Approval of it, in our transaction or in another that carries the same words.
import type { AllowancePermit } from '#engine';
import { allowanceIn, findAllowance, isPermitUsed } from '../allowance-fates.js';
import { RpcError } from '../json-rpc.js';
import type { EvmRpc } from '../rpc.js';
import { LOOK_BACK_BLOCKS, unused, type MethodFate, type WhyNot } from './method.js';

/** Blocks after which logs are believed to show what the state shows. */
const LAG_BLOCKS = 2;

/** A transaction of ours carries a permit once, and no wallet has two of one amount under way. */
export const allowanceFate: MethodFate<AllowancePermit> = {
  inLogs: (logs) => ({ fateOf: (permit) => allowanceIn(logs, permit) }),
  whyNot,
};

async function whyNot(rpc: EvmRpc, permit: AllowancePermit): Promise<WhyNot> {
  const [used, head] = await Promise.all([isPermitUsed(rpc, permit), rpc.block('latest')]);
  if (head === undefined) throw new RpcError('bad_response', 'eth_call');
  // The next block's time is at least one second later, and the deadline is inside.
  if (!used)
    return unused(
      head.timestampSec + 1 > permit.validBeforeSec
        ? 'permit2_deadline_expired'
        : 'invalid_exact_evm_transaction_failed',
    );
  const fate = await findAllowance(rpc, permit, {
    fromBlock: Math.max(0, head.number - LOOK_BACK_BLOCKS),
    toBlock: head.number,
  });
  if (fate.kind !== 'unused') return fate;
  // Logs may lag behind the state, but not for long. After that another permit had the number, or a call that cannot be read.
  const before = await isPermitUsed(rpc, permit, Math.max(0, head.number - LAG_BLOCKS));
  if (!before && head.timestampSec <= permit.validBeforeSec)
    throw new RpcError('bad_response', 'eth_getLogs');
  return unused('permit2_invalid_nonce');
}
