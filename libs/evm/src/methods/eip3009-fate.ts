// What became of an EIP-3009 authorization: the token itself logs every nonce it takes.
import { parseHex32 } from '#domain';
import type { Eip3009Transfer } from '#engine';
import { logsInRange } from '../chain-watcher.js';
import { RpcError } from '../json-rpc.js';
import { padded, type BlockHeader, type EvmRpc } from '../rpc.js';
import { decodeTokenEvents, fateInLogs, fateOf, indexTokenEvents, TOPICS } from '../settlement-logs.js';
import { LOOK_BACK_BLOCKS, unused, type MethodFate, type WhyNot } from './method.js';

export const eip3009Fate: MethodFate<Eip3009Transfer> = {
  inLogs(logs) {
    const index = indexTokenEvents(decodeTokenEvents(logs));
    return { fateOf: (transfer) => fateOf(transfer, index) };
  },
  whyNot,
};

async function whyNot(rpc: EvmRpc, transfer: Eip3009Transfer): Promise<WhyNot> {
  const { token, from, nonce, value } = transfer;
  const [[used], [balance], head] = await Promise.all([
    rpc.authorizationStates([{ token, from, nonce }], 'latest'),
    rpc.balances([{ token, owner: from }], 'latest'),
    rpc.block('latest'),
  ]);
  if (head === undefined || used === undefined) throw new RpcError('bad_response', 'eth_call');
  if (used) return useOf(rpc, transfer, head);
  // The next block's time is at least one second later, and both bounds are strict.
  if (head.timestampSec + 1 >= transfer.validBeforeSec)
    return unused('invalid_exact_evm_payload_authorization_valid_before');
  if (head.timestampSec + 1 <= transfer.validAfterSec)
    return unused('invalid_exact_evm_payload_authorization_valid_after');
  if (balance !== undefined && balance < value) return unused('invalid_exact_evm_insufficient_balance');
  return unused('invalid_exact_evm_transaction_failed');
}

/** The transaction that used or cancelled the nonce, and what its logs say. */
async function useOf(rpc: EvmRpc, transfer: Eip3009Transfer, head: BlockHeader): Promise<WhyNot> {
  const [use] = await logsInRange(rpc, {
    fromBlock: Math.max(0, head.number - LOOK_BACK_BLOCKS),
    toBlock: head.number,
    addresses: [transfer.token],
    topics: [
      [TOPICS.authorizationUsed, TOPICS.authorizationCanceled],
      [parseHex32(`0x${padded(transfer.from)}`)],
      [transfer.nonce],
    ],
  });
  const receipt = use && (await rpc.receipt(use.txHash));
  const fate = receipt?.succeeded === true ? fateInLogs(transfer, receipt.logs) : undefined;
  if (fate !== undefined && fate.kind !== 'unused') return fate;
  // Logs may lag behind the state. A transfer that stays out of sight is none that we may call settled, but not before it could not be any more.
  if (head.timestampSec < transfer.validBeforeSec) throw new RpcError('bad_response', 'eth_getLogs');
  return unused('invalid_exact_evm_nonce_already_used');
}
