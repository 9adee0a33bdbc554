// One chain as the broadcaster sees it (design.md 8), over one RPC endpoint: composing, sending, and what became of what was sent.
import { parseHex32, type Caip2, type Hex32 } from '#domain';
import type { AttemptReceipt, BroadcastChain, SendOutcome, SignedTransfer } from '#engine';
import { decodeFunctionResult, multicall3Abi, type Hex } from 'viem';
import type { FinalityRule } from './chains.js';
import { finalizedBlock } from './finality.js';
import { RpcError } from './json-rpc.js';
import { keccak256, toHex } from './keccak.js';
import { padded, type EvmRpc, type Receipt } from './rpc.js';
import { fateInLogs, TOPICS } from './settlement-logs.js';
import { encodeTransfers } from './transfer-calls.js';

/** Gas of a transaction before its calls, of one call, and of the contract that judges the signature of a contract account. */
const GAS_BASE = 60_000n;
const GAS_PER_TRANSFER = 80_000n;
const GAS_PER_CONTRACT_SIGNATURE = 100_000n;
/** How far back somebody else's transaction is looked for; an authorization lives ten minutes at most (ruling 13). */
const LOOK_BACK_BLOCKS = 2_000;

export interface BroadcastChainOptions {
  readonly network: Caip2;
  readonly rpc: EvmRpc;
  readonly finality: FinalityRule;
}

/** Every method throws RpcError when there is no trustworthy answer. */
export function createBroadcastChain({ network, rpc, finality }: BroadcastChainOptions): BroadcastChain {
  return {
    network,
    async latest() {
      const block = await rpc.block('latest');
      if (block === undefined) throw new RpcError('bad_response', 'eth_getBlockByNumber');
      return block;
    },
    finalized: () => finalizedBlock(rpc, finality),
    blockHash: async (number) => (await rpc.block(number))?.hash,
    priorityFee: () => rpc.priorityFee(),
    accountNonce: (sender) => rpc.transactionCount(sender),
    balance: (sender) => rpc.etherBalance(sender),
    compose(transfers) {
      const { target, data } = encodeTransfers(transfers);
      return { target, data, callHash: hashOf(data), gasLimit: gasFor(transfers) };
    },
    async simulate(from, transfers) {
      const { target, data } = encodeTransfers(transfers);
      const answer = await rpc.call({ from, to: target, data: hexOf(data) });
      if (transfers.length === 1) return [answer !== undefined];
      if (answer === undefined) throw new RpcError('reverted', 'eth_call');
      return successes(answer, transfers.length);
    },
    async send(raw) {
      try {
        await rpc.sendRaw(hexOf(raw));
        return 'sent';
      } catch (error) {
        return outcomeOf(error);
      }
    },
    async receipts(txHashes) {
      const receipts = await Promise.all(txHashes.map((txHash) => rpc.receipt(txHash)));
      return receipts.map((receipt) => receipt && attemptReceipt(receipt));
    },
    whyNot: (transfer) => whyNot(rpc, transfer),
  };
}

function gasFor(transfers: readonly SignedTransfer[]): bigint {
  const contracts = transfers.filter((it) => it.signature.length !== 65).length;
  return (
    GAS_BASE + GAS_PER_TRANSFER * BigInt(transfers.length) + GAS_PER_CONTRACT_SIGNATURE * BigInt(contracts)
  );
}

function attemptReceipt(receipt: Receipt): AttemptReceipt {
  const { txHash, blockNumber, blockHash, succeeded, logs } = receipt;
  const fateOf: AttemptReceipt['fateOf'] = (transfer) =>
    succeeded ? fateInLogs(transfer, logs) : { kind: 'unused' };
  return { txHash, blockNumber, blockHash, fateOf };
}

function outcomeOf(error: unknown): SendOutcome {
  if (!(error instanceof RpcError)) throw error;
  const { fault } = error;
  if (fault === 'already_known') return 'sent';
  if (fault === 'nonce_too_low') return 'nonce_used';
  if (fault === 'underpriced' || fault === 'no_gas_money') return fault;
  // Silence, and anything else that leaves open whether the node has it: it is sent again, the same bytes.
  return 'rejected';
}

/** Which of the calls succeeded, from Multicall3's answer. */
function successes(answer: Hex, count: number): readonly boolean[] {
  try {
    const results = decodeFunctionResult({ abi: multicall3Abi, functionName: 'aggregate3', data: answer });
    if (results.length === count) return results.map((result) => result.success);
  } catch {
    // viem's errors quote the data.
  }
  throw new RpcError('bad_response', 'eth_call');
}

const unused = (reason: string) => ({ kind: 'unused' as const, reason });

async function whyNot(rpc: EvmRpc, transfer: SignedTransfer): ReturnType<BroadcastChain['whyNot']> {
  const { token, from, nonce, value } = transfer;
  const [[used], [balance], head] = await Promise.all([
    rpc.authorizationStates([{ token, from, nonce }], 'latest'),
    rpc.balances([{ token, owner: from }], 'latest'),
    rpc.block('latest'),
  ]);
  if (head === undefined || used === undefined) throw new RpcError('bad_response', 'eth_call');
  if (used) return useOf(rpc, transfer, head.number);
  // The next block's time is at least one second later, and both bounds are strict.
  if (head.timestampSec + 1 >= transfer.validBeforeSec)
    return unused('invalid_exact_evm_payload_authorization_valid_before');
  if (head.timestampSec + 1 <= transfer.validAfterSec)
    return unused('invalid_exact_evm_payload_authorization_valid_after');
  if (balance !== undefined && balance < value) return unused('invalid_exact_evm_insufficient_balance');
  return unused('invalid_exact_evm_transaction_failed');
}

/** The transaction that used or cancelled the nonce, and what its logs say. */
async function useOf(
  rpc: EvmRpc,
  transfer: SignedTransfer,
  latest: number,
): ReturnType<BroadcastChain['whyNot']> {
  const [use] = await rpc.logs({
    fromBlock: Math.max(0, latest - LOOK_BACK_BLOCKS),
    toBlock: latest,
    addresses: [transfer.token],
    topics: [
      [TOPICS.authorizationUsed, TOPICS.authorizationCanceled],
      [parseHex32(`0x${padded(transfer.from)}`)],
      [transfer.nonce],
    ],
  });
  const receipt = use && (await rpc.receipt(use.txHash));
  const fate = receipt?.succeeded === true ? fateInLogs(transfer, receipt.logs) : undefined;
  // Used longer ago than we look back: a transfer that we cannot show is none that we may claim.
  if (fate === undefined || fate.kind === 'unused')
    return { kind: 'unused', reason: 'invalid_exact_evm_nonce_already_used' };
  return fate;
}

function hashOf(data: Uint8Array): Hex32 {
  return parseHex32(toHex(keccak256(data)));
}

function hexOf(bytes: Uint8Array): Hex {
  return `0x${Buffer.from(bytes).toString('hex')}`;
}
