// Building blocks of the one watcher per chain: token events of a block range by one log query, whatever the number of
// operations, and the newest block that two views of the chain share.
import { parseHex32, type EvmAddress, type Hex32 } from '#domain';
import { RpcError } from './json-rpc.js';
import { inChainOrder, padded, type BlockHeader, type EvmRpc, type LogFilter, type RawLog } from './rpc.js';
import { decodeTokenEvents, TOPICS, type TokenEvent } from './settlement-logs.js';

/** Providers bound the length of a topic list; 500 wallets are far below what was seen refused. */
const WALLETS_PER_QUERY = 500;
/** Headers asked for in one go while looking back for a common block. */
const FORK_STEP = 8;

export interface WatchedSet {
  readonly tokens: readonly EvmAddress[];
  readonly wallets: readonly EvmAddress[];
}

export interface BlockRange {
  readonly fromBlock: number;
  readonly toBlock: number;
}

/**
 * AuthorizationUsed, AuthorizationCanceled and outgoing Transfer events of the wallets in the blocks, both ends
 * included, in chain order. One `eth_getLogs` per 500 wallets; halves the range where a provider finds it too large.
 * Each event carries its block's hash: the caller compares it with the headers it follows.
 * @throws RpcError also when the node answers outside the question.
 */
export async function scanRange(
  rpc: EvmRpc,
  watched: WatchedSet,
  range: BlockRange,
): Promise<readonly TokenEvent[]> {
  return decodeTokenEvents(await scanLogs(rpc, watched, range));
}

/** The logs of {@link scanRange}, and with them those of allowances that the wallets gave, which tell of no payment. */
export async function scanLogs(
  rpc: EvmRpc,
  watched: WatchedSet,
  range: BlockRange,
): Promise<readonly RawLog[]> {
  if (watched.tokens.length === 0 || range.fromBlock > range.toBlock) return [];
  const queries: Promise<readonly RawLog[]>[] = [];
  for (let start = 0; start < watched.wallets.length; start += WALLETS_PER_QUERY) {
    const wallets = watched.wallets.slice(start, start + WALLETS_PER_QUERY);
    queries.push(logsOf(rpc, { tokens: watched.tokens, wallets }, range));
  }
  return (await Promise.all(queries)).flat().toSorted(inChainOrder);
}

async function logsOf(rpc: EvmRpc, watched: WatchedSet, range: BlockRange): Promise<readonly RawLog[]> {
  const topics = [
    [TOPICS.authorizationUsed, TOPICS.authorizationCanceled, TOPICS.transfer, TOPICS.approval],
    watched.wallets.map((wallet) => parseHex32(`0x${padded(wallet)}`)),
  ];
  return logsInRange(rpc, { ...range, addresses: watched.tokens, topics });
}

/** Logs of a range that a provider may find too large: then of its halves. @throws RpcError also when the node answers outside the question. */
export async function logsInRange(rpc: Pick<EvmRpc, 'logs'>, filter: LogFilter): Promise<readonly RawLog[]> {
  const { fromBlock, toBlock, addresses } = filter;
  try {
    const logs = await rpc.logs(filter);
    const outside = logs.some(
      (log) => log.blockNumber < fromBlock || log.blockNumber > toBlock || !addresses.includes(log.address),
    );
    if (outside) throw new RpcError('bad_response', 'eth_getLogs');
    return logs;
  } catch (error) {
    if (!asksForLess(error) || fromBlock === toBlock) throw error;
    const middle = Math.floor((fromBlock + toBlock) / 2);
    const older = await logsInRange(rpc, { ...filter, toBlock: middle });
    const newer = await logsInRange(rpc, { ...filter, fromBlock: middle + 1 });
    return [...older, ...newer];
  }
}

function asksForLess(error: unknown): boolean {
  return error instanceof RpcError && (error.fault === 'range_too_large' || error.fault === 'too_large');
}

/** A block the caller once followed. */
export interface StoredBlock {
  readonly number: number;
  readonly hash: Hex32;
}

/**
 * The newest stored block that is still on the node's chain: everything above it was reorganized away. Undefined when
 * none is: a reorg deeper than the caller's memory, or another chain; that is an alarm, not something to catch up with.
 * The stored blocks are one chain, in any order.
 */
export async function findForkPoint(
  stored: readonly StoredBlock[],
  rpc: Pick<EvmRpc, 'block'>,
): Promise<StoredBlock | undefined> {
  const newestFirst = stored.toSorted((a, b) => b.number - a.number);
  for (let start = 0; start < newestFirst.length; start += FORK_STEP) {
    const step = newestFirst.slice(start, start + FORK_STEP);
    const headers: readonly (BlockHeader | undefined)[] = await Promise.all(
      step.map((block) => rpc.block(block.number)),
    );
    const common = step.find((block, index) => headers[index]?.hash === block.hash);
    if (common !== undefined) return common;
  }
  return undefined;
}
