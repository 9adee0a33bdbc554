// What became of a cancellation: the token logs it, or the transfer that was first.
import { parseHex32 } from '#domain';
import type { AuthorizationFate, Eip3009Cancel } from '#engine';
import { logsInRange } from '../chain-watcher.js';
import { RpcError } from '../json-rpc.js';
import { padded, type BlockHeader, type EvmRpc, type RawLog } from '../rpc.js';
import { decodeTokenEvents, indexTokenEvents, TOPICS, type TokenEventIndex } from '../settlement-logs.js';
import { LOOK_BACK_BLOCKS, unused, type MethodFate, type WhyNot } from './method.js';

export const cancelFate: MethodFate<Eip3009Cancel> = {
  inLogs(logs) {
    const index = indexTokenEvents(decodeTokenEvents(logs));
    return { fateOf: (message) => fateOf(message, index) };
  },
  async whyNot(rpc, message) {
    const { token, from, nonce } = message;
    const [[used], head] = await Promise.all([
      rpc.authorizationStates([{ token, from, nonce }], 'latest'),
      rpc.block('latest'),
    ]);
    if (head === undefined || used === undefined) throw new RpcError('bad_response', 'eth_call');
    if (!used) return unused('invalid_exact_evm_transaction_failed');
    return useOf(rpc, message, head);
  },
};

/** `settled`: cancelled, by whoever brought it. `cancelled`: the other way round, the transfer has the nonce. */
function fateOf(message: Eip3009Cancel, index: TokenEventIndex): AuthorizationFate {
  const [use] = index.usesOf(message);
  if (use === undefined) return { kind: 'unused' };
  const { txHash, blockNumber, blockHash, logIndex } = use.event;
  if (use.event.kind === 'authorization_used') return { kind: 'cancelled', txHash, blockNumber, blockHash };
  return { kind: 'settled', settlement: { txHash, blockNumber, blockHash, logIndex } };
}

async function useOf(rpc: EvmRpc, message: Eip3009Cancel, head: BlockHeader): Promise<WhyNot> {
  const logs: readonly RawLog[] = await logsInRange(rpc, {
    fromBlock: Math.max(0, head.number - LOOK_BACK_BLOCKS),
    toBlock: head.number,
    addresses: [message.token],
    topics: [
      [TOPICS.authorizationUsed, TOPICS.authorizationCanceled],
      [parseHex32(`0x${padded(message.from)}`)],
      [message.nonce],
    ],
  });
  const fate = fateOf(message, indexTokenEvents(decodeTokenEvents(logs)));
  // Logs may lag behind the state.
  if (fate.kind === 'unused') throw new RpcError('bad_response', 'eth_getLogs');
  return fate;
}
