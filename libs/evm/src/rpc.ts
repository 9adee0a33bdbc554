// Typed reads of one chain through one RPC endpoint. Everything that comes back is parsed strictly: a malformed answer
// is `bad_response`, never a value. Many small reads at one block become one Multicall3 call.
import type { EvmAddress, Hex32 } from '#domain';
import { decodeFunctionResult, encodeFunctionData, multicall3Abi, type Hex } from 'viem';
import { codesIn, codeSizesData } from './code-sizes.js';
import { createJsonRpc, RpcError, type JsonRpc, type JsonRpcOptions } from './json-rpc.js';
import { MULTICALL3 } from './multicall3.js';
import { bitOf, PERMIT2 } from './permit2.js';
import {
  amountOf,
  blockOf,
  boolOf,
  bytesOf,
  hash32,
  logsOf,
  orAbsent,
  quantity,
  receiptOf,
  transactionOf,
  uintOf,
  inChainOrder,
  type BlockHeader,
  type RawLog,
  type Receipt,
  type SentTransaction,
} from './rpc-answers.js';

export { inChainOrder, type BlockHeader, type RawLog, type Receipt, type SentTransaction };

export type BlockTag = 'latest' | 'safe' | 'finalized';
/** Reading by hash ties the answer to one block: after a reorg the node refuses instead of answering for another. */
export type BlockRef = BlockTag | number | { readonly blockHash: Hex32 };

export interface LogFilter {
  readonly fromBlock: number;
  readonly toBlock: number;
  readonly addresses: readonly EvmAddress[];
  /** One entry per topic position: null is anything, a list is any of. */
  readonly topics: readonly (readonly Hex32[] | null)[];
}

/** Every method throws {@link RpcError} when there is no trustworthy answer. */
export interface EvmRpc {
  chainId(): Promise<number>;
  /** Undefined when the node has no such block (yet). */
  block(at: BlockTag | number): Promise<BlockHeader | undefined>;
  /** In chain order. `range_too_large` and `too_large` ask for a smaller range. */
  logs(filter: LogFilter): Promise<readonly RawLog[]>;
  /** Undefined when the transaction is unknown or not in a block. */
  receipt(txHash: Hex32): Promise<Receipt | undefined>;
  /** Undefined when the node does not know it. */
  transaction(txHash: Hex32): Promise<SentTransaction | undefined>;
  /** True: used or cancelled. False: unused. Undefined: the token gave no answer. In the order asked. */
  authorizationStates(
    queries: readonly { readonly token: EvmAddress; readonly from: EvmAddress; readonly nonce: Hex32 }[],
    at: BlockRef,
  ): Promise<readonly (boolean | undefined)[]>;
  /** As authorizationStates, for nonces of Permit2. */
  permitStates(
    queries: readonly { readonly from: EvmAddress; readonly nonce: Hex32 }[],
    at: BlockRef,
  ): Promise<readonly (boolean | undefined)[]>;
  /** Base units; undefined: the token gave no answer. In the order asked. */
  balances(
    queries: readonly { readonly token: EvmAddress; readonly owner: EvmAddress }[],
    at: BlockRef,
  ): Promise<readonly (bigint | undefined)[]>;
  /** What Permit2 may move of each owner's tokens, base units; otherwise as balances. */
  permit2Allowances(
    queries: readonly { readonly token: EvmAddress; readonly owner: EvmAddress }[],
    at: BlockRef,
  ): Promise<readonly (bigint | undefined)[]>;
  /** Runtime bytecode as `0x` hex, `0x` where there is none. */
  code(address: EvmAddress, at?: BlockRef): Promise<Hex>;
  /** Whether there is code at each address, in the order asked. */
  hasCode(addresses: readonly EvmAddress[]): Promise<readonly boolean[]>;
  /** What a call would return at that block, sent by `from`; undefined: it reverts. */
  call(
    call: { readonly from?: EvmAddress; readonly to?: EvmAddress; readonly data: Hex; readonly gas?: Hex },
    at?: BlockRef,
  ): Promise<Hex | undefined>;
  /** Gas that the call would use if it were sent now; undefined: it reverts. */
  estimateGas(call: {
    readonly from: EvmAddress;
    readonly to: EvmAddress;
    readonly data: Hex;
  }): Promise<bigint | undefined>;
  /** Account nonce after that block. */
  transactionCount(account: EvmAddress, at: BlockRef): Promise<number>;
  /** Wei. */
  etherBalance(account: EvmAddress): Promise<bigint>;
  /** Wei per gas that the node suggests as a tip. */
  priorityFee(): Promise<bigint>;
  /** Gives signed bytes to the node. Faults: `already_known`, `nonce_too_low`, `underpriced`, `no_gas_money`, `rejected`. */
  sendRaw(raw: Hex): Promise<Hex32>;
  /**
   * What calls of one moment would return, made one after another so that each sees what those before it changed; undefined: that one
   * reverts. Where no Multicall3 lives each stands alone.
   */
  callInOrder(
    calls: readonly { readonly to: EvmAddress; readonly data: Hex }[],
    at: BlockRef,
  ): Promise<readonly (Hex | undefined)[]>;
  readonly onNewHead: JsonRpc['onNewHead'];
  stats(): { readonly httpRequests: number; readonly calls: number };
  close(): void;
}

const CALLS_PER_MULTICALL = 250;
/** Function selectors: authorizationState(address,bytes32), nonceBitmap(address,uint256), balanceOf(address) and allowance(address,address). */
const AUTHORIZATION_STATE = 'e94a0102';
const NONCE_BITMAP = '4fe02b44';
const BALANCE_OF = '70a08231';
const ALLOWANCE = 'dd62ed3e';

interface ContractCall {
  readonly to: EvmAddress;
  readonly data: Hex;
}

/** @throws RpcError when the URL is malformed; nothing is sent yet. */
export function createEvmRpc(options: JsonRpcOptions): EvmRpc {
  const rpc = createJsonRpc(options);

  const call: EvmRpc['call'] = async (request, at = 'latest') => {
    const method = 'eth_call';
    try {
      return bytesOf(method, await rpc.call(method, [request, blockParam(at)]));
    } catch (error) {
      if (error instanceof RpcError && error.fault === 'reverted') return undefined;
      throw error;
    }
  };

  const callMany = async (
    calls: readonly ContractCall[],
    at: BlockRef,
  ): Promise<readonly (Hex | undefined)[]> => {
    if (calls.length > 1) {
      const answer = await call({ to: MULTICALL3, data: aggregateData(calls) }, at);
      if (answer === undefined) throw new RpcError('reverted', 'eth_call');
      // No bytes: no contract lives there at that block. Then the calls travel one by one, in one HTTP batch.
      if (answer !== '0x') return aggregateResults(answer, calls.length);
    }
    return Promise.all(calls.map((it) => call(it, at)));
  };

  const readAll = async (
    calls: readonly ContractCall[],
    at: BlockRef,
  ): Promise<readonly (Hex | undefined)[]> => {
    const chunks: Promise<readonly (Hex | undefined)[]>[] = [];
    for (let start = 0; start < calls.length; start += CALLS_PER_MULTICALL) {
      chunks.push(callMany(calls.slice(start, start + CALLS_PER_MULTICALL), at));
    }
    return (await Promise.all(chunks)).flat();
  };

  return {
    async chainId() {
      return quantity('eth_chainId', await rpc.call('eth_chainId', []));
    },
    async block(at) {
      const method = 'eth_getBlockByNumber';
      const block = orAbsent(await rpc.call(method, [blockParam(at), false]), (raw) => blockOf(method, raw));
      if (typeof at === 'number' && block !== undefined && block.number !== at) {
        throw new RpcError('bad_response', method);
      }
      return block;
    },
    async logs(filter) {
      const method = 'eth_getLogs';
      const range = { fromBlock: hexOf(filter.fromBlock), toBlock: hexOf(filter.toBlock) };
      const raw = await rpc.call(method, [{ ...range, address: filter.addresses, topics: filter.topics }]);
      return logsOf(method, raw).toSorted(inChainOrder);
    },
    async receipt(txHash) {
      const raw = await rpc.call('eth_getTransactionReceipt', [txHash]);
      return orAbsent(raw, (found) => receiptOf(txHash, found));
    },
    async authorizationStates(queries, at) {
      const calls = queries.map(({ token, from, nonce }) => ({
        to: token,
        data: `0x${AUTHORIZATION_STATE}${padded(from)}${nonce.slice(2)}` as const,
      }));
      return (await readAll(calls, at)).map(boolOf);
    },
    async transaction(txHash) {
      const raw = await rpc.call('eth_getTransactionByHash', [txHash]);
      return orAbsent(raw, (found) => transactionOf(txHash, found));
    },
    async permitStates(queries, at) {
      const bits = queries.map(({ from, nonce }) => ({ from, ...bitOf(nonce) }));
      const calls = bits.map(({ from, word }) => ({
        to: PERMIT2,
        data: `0x${NONCE_BITMAP}${padded(from)}${word.toString(16).padStart(64, '0')}` as const,
      }));
      const words = (await readAll(calls, at)).map(uintOf);
      return words.map((word, index) =>
        word === undefined ? undefined : ((word >> (bits[index]?.bit ?? 0n)) & 1n) === 1n,
      );
    },
    async balances(queries, at) {
      const calls = queries.map(({ token, owner }) => ({
        to: token,
        data: `0x${BALANCE_OF}${padded(owner)}` as const,
      }));
      return (await readAll(calls, at)).map(uintOf);
    },
    async permit2Allowances(queries, at) {
      const calls = queries.map(({ token, owner }) => ({
        to: token,
        data: `0x${ALLOWANCE}${padded(owner)}${padded(PERMIT2)}` as const,
      }));
      return (await readAll(calls, at)).map(uintOf);
    },
    async code(address, at = 'latest') {
      return bytesOf('eth_getCode', await rpc.call('eth_getCode', [address, blockParam(at)]));
    },
    async hasCode(addresses) {
      if (addresses.length === 0) return [];
      const found = codesIn(await call({ data: codeSizesData(addresses) }), addresses.length);
      if (found !== undefined) return found;
      const codes = await Promise.all(
        addresses.map((address) => rpc.call('eth_getCode', [address, 'latest'])),
      );
      return codes.map((code) => bytesOf('eth_getCode', code) !== '0x');
    },
    call,
    async estimateGas(call) {
      const method = 'eth_estimateGas';
      try {
        return amountOf(method, await rpc.call(method, [call]));
      } catch (error) {
        if (error instanceof RpcError && error.fault === 'reverted') return undefined;
        throw error;
      }
    },
    async transactionCount(account, at) {
      const method = 'eth_getTransactionCount';
      return quantity(method, await rpc.call(method, [account, blockParam(at)]));
    },
    async etherBalance(account) {
      return amountOf('eth_getBalance', await rpc.call('eth_getBalance', [account, 'latest']));
    },
    async priorityFee() {
      const method = 'eth_maxPriorityFeePerGas';
      return amountOf(method, await rpc.call(method, []));
    },
    async sendRaw(raw) {
      const method = 'eth_sendRawTransaction';
      return hash32(method, await rpc.call(method, [raw]));
    },
    callInOrder: callMany,
    onNewHead: (heard) => rpc.onNewHead(heard),
    stats: () => rpc.stats(),
    close: () => rpc.close(),
  };
}

/** An address as the 32-byte word that calls and topics use, without `0x`. */
export function padded(address: EvmAddress): string {
  return address.slice(2).padStart(64, '0');
}

function hexOf(block: number): Hex {
  return `0x${block.toString(16)}`;
}

function blockParam(at: BlockRef): unknown {
  if (typeof at === 'object') return { blockHash: at.blockHash, requireCanonical: true };
  return typeof at === 'number' ? hexOf(at) : at;
}

function aggregateData(calls: readonly ContractCall[]): Hex {
  const args = calls.map(({ to, data }) => ({ target: to, allowFailure: true, callData: data }));
  return encodeFunctionData({ abi: multicall3Abi, functionName: 'aggregate3', args: [args] });
}

/** viem's decoding errors quote the data: they end here. */
function aggregateResults(answer: Hex, count: number): readonly (Hex | undefined)[] {
  let results: readonly { readonly success: boolean; readonly returnData: Hex }[];
  try {
    results = decodeFunctionResult({ abi: multicall3Abi, functionName: 'aggregate3', data: answer });
  } catch {
    throw new RpcError('bad_response', 'eth_call');
  }
  if (results.length !== count) throw new RpcError('bad_response', 'eth_call');
  return results.map((result) => (result.success ? result.returnData : undefined));
}
