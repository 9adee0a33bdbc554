// The watcher's view of one chain over all its RPCs: the first that answers serves ordinary reads; whatever releases money is asked of every one.
import type { Authorization, EvmAddress, Hex32 } from '#domain';
import type { AuthorizationFate, ChainSource, NonceSeen, Scan, TransferSeen, WatchedBlock } from '#engine';
import { findForkPoint, logsInRange, scanRange, type BlockRange } from './chain-watcher.js';
import type { NetworkProfile } from './chains.js';
import { finalityWitnesses, finalizedBlock } from './finality.js';
import { RpcError } from './json-rpc.js';
import { padded, type BlockHeader, type EvmRpc } from './rpc.js';
import {
  decodeTokenEvents,
  fateInLogs,
  fateOf,
  indexTokenEvents,
  TOPICS,
  type NonceUse,
  type TransferEvent,
} from './settlement-logs.js';

/** An authorization lives 600 s at most (ruling 13); its use is looked for over twice that, at the fastest block time we know. */
const LOOK_BACK_BLOCKS = 5_000;
const WALLETS_PER_QUERY = 500;

export interface ChainSourceOptions {
  readonly profile: NetworkProfile;
  readonly rpcs: readonly EvmRpc[];
  readonly tokens: readonly EvmAddress[];
}

/** @throws RpcError from every method when there is no trustworthy answer. */
export function createChainSource({ profile, rpcs, tokens }: ChainSourceOptions): ChainSource {
  const first = failover(rpcs);
  return {
    network: profile.network,
    witnessesNeeded: rpcs.length,
    async genesisHash() {
      return (await first((rpc) => existing(rpc.block(0)))).hash;
    },
    latest: () => first((rpc) => existing(rpc.block('latest'))),
    finalized: () => lowestFinal(rpcs, profile),
    header: (number) => first((rpc) => rpc.block(number)),
    scan: (wallets, range) => first((rpc) => scan(rpc, { tokens, wallets }, range)),
    forkPoint: (stored) => first((rpc) => findForkPoint(stored, rpc)),
    witnesses: (block) => finalityWitnesses(rpcs, profile.finality, block),
    unusedAt: (queries, block) => unusedAt(rpcs, queries, block.hash),
    findUse: (authorization, upTo) => first((rpc) => findUse(rpc, authorization, upTo.number)),
    balances: (queries, block) => first((rpc) => rpc.balances(queries, { blockHash: block.hash })),
  };
}

/** Reads through the RPC that answered last; on a fault through the others, each once. */
export function failover(rpcs: readonly EvmRpc[]): <T>(read: (rpc: EvmRpc) => Promise<T>) => Promise<T> {
  let preferred = 0;
  return async (read) => {
    let fault: unknown = new RpcError('wrong_chain', 'configuration: no RPC');
    for (let tried = 0; tried < rpcs.length; tried += 1) {
      const index = (preferred + tried) % rpcs.length;
      try {
        const answer = await read(rpcs[index] as EvmRpc);
        preferred = index;
        return answer;
      } catch (error) {
        fault = error;
      }
    }
    throw fault;
  };
}

/**
 * The final block of whichever RPC is furthest behind: all of them can agree on that one, while the newest is always unknown to somebody.
 * Undefined while any of them has none. @throws RpcError when any gives no answer: nothing is released without its word.
 */
async function lowestFinal(
  rpcs: readonly EvmRpc[],
  profile: NetworkProfile,
): Promise<BlockHeader | undefined> {
  const blocks = await Promise.all(rpcs.map((rpc) => finalizedBlock(rpc, profile.finality)));
  return blocks.reduce((lowest, block) =>
    lowest === undefined || block === undefined || lowest.number <= block.number ? block && lowest : block,
  );
}

async function existing(block: Promise<BlockHeader | undefined>): Promise<WatchedBlock> {
  const header = await block;
  if (header === undefined) throw new RpcError('bad_response', 'eth_getBlockByNumber');
  return header;
}

async function scan(
  rpc: EvmRpc,
  watched: { readonly tokens: readonly EvmAddress[]; readonly wallets: readonly EvmAddress[] },
  range: BlockRange,
): Promise<Scan> {
  if (watched.wallets.length === 0)
    return { uses: [], otherTransfers: [], incoming: [], fateOf: () => ({ kind: 'unused' }) };
  const [events, incoming] = await Promise.all([
    scanRange(rpc, watched, range),
    incomingTransfers(rpc, watched, range),
  ]);
  const index = indexTokenEvents(events);
  return {
    uses: index.uses.map(nonceSeen),
    otherTransfers: index.otherTransfers.map(transferSeen),
    incoming,
    fateOf: (authorization) => fateOf(authorization, index),
  };
}

async function incomingTransfers(
  rpc: EvmRpc,
  { tokens, wallets }: { readonly tokens: readonly EvmAddress[]; readonly wallets: readonly EvmAddress[] },
  range: BlockRange,
): Promise<readonly TransferSeen[]> {
  const queries: Promise<readonly TransferSeen[]>[] = [];
  for (let start = 0; start < wallets.length; start += WALLETS_PER_QUERY) {
    const receivers = wallets
      .slice(start, start + WALLETS_PER_QUERY)
      .map((wallet) => `0x${padded(wallet)}` as Hex32);
    const filter = { ...range, addresses: tokens, topics: [[TOPICS.transfer], null, receivers] };
    queries.push(
      logsInRange(rpc, filter).then((logs) =>
        decodeTokenEvents(logs)
          .filter((event) => event.kind === 'transfer')
          .map(transferSeen),
      ),
    );
  }
  return (await Promise.all(queries)).flat();
}

/** `used` by the word of any RPC weighs more than `unused` by all others; no answer counts for neither. */
async function unusedAt(
  rpcs: readonly EvmRpc[],
  queries: readonly Pick<Authorization, 'token' | 'from' | 'nonce'>[],
  blockHash: Hex32,
): Promise<readonly number[]> {
  const answers = await Promise.all(rpcs.map((rpc) => rpc.authorizationStates(queries, { blockHash })));
  return queries.map((_, index) => {
    const states = answers.map((answer) => answer[index]);
    return states.includes(true) ? -1 : states.filter((state) => state === false).length;
  });
}

async function findUse(
  rpc: EvmRpc,
  authorization: Parameters<ChainSource['findUse']>[0],
  upTo: number,
): Promise<AuthorizationFate> {
  const range = { fromBlock: Math.max(0, upTo - LOOK_BACK_BLOCKS), toBlock: upTo };
  const payer = `0x${padded(authorization.from)}` as Hex32;
  const uses = await logsInRange(rpc, {
    ...range,
    addresses: [authorization.token],
    topics: [[TOPICS.authorizationUsed, TOPICS.authorizationCanceled], [payer], [authorization.nonce]],
  });
  const use = uses[0];
  if (use === undefined) return { kind: 'unused' };
  const receipt = await rpc.receipt(use.txHash);
  return receipt?.succeeded === true ? fateInLogs(authorization, receipt.logs) : { kind: 'unused' };
}

function nonceSeen({ event, transfer }: NonceUse): NonceSeen {
  const { token, from, nonce, txHash, blockNumber, blockHash } = event;
  return {
    token,
    from,
    nonce,
    txHash,
    blockNumber,
    blockHash,
    transfer: transfer ? transferSeen(transfer) : null,
  };
}

function transferSeen({
  token,
  from,
  to,
  value,
  txHash,
  blockNumber,
  blockHash,
  logIndex,
}: TransferEvent): TransferSeen {
  return { token, from, to, value, txHash, blockNumber, blockHash, logIndex };
}
