// The watcher's view of one chain over all its RPCs: what is recorded has to be the same at every one that is there; whatever releases money
// needs the word of all.
import type { EvmAddress, Hex32 } from '#domain';
import type { AuthorizationFate, ChainSource, NonceSeen, Scan, TransferSeen } from '#engine';
import { decodeApprovals, findAllowance, isPermitUsed } from './allowance-fates.js';
import { agreed, agreedByAll, agreedFinal } from './agreement.js';
import { findForkPoint, logsInRange, scanLogs, type BlockRange } from './chain-watcher.js';
import type { NetworkProfile } from './chains.js';
import { finalityWitnesses } from './finality.js';
import { findPermitUse, isSettledAs, permitsBehind, transferSeen } from './permit-fates.js';
import { padded, type BlockRef, type EvmRpc } from './rpc.js';
import type { RpcPanel } from './rpc-panel.js';
import {
  decodeTokenEvents,
  fateInLogs,
  fateOf,
  indexTokenEvents,
  TOPICS,
  type NonceUse,
} from './settlement-logs.js';

/** An authorization lives 600 s at most (ruling 13); its use is looked for over twice that, at the fastest block time we know. */
const LOOK_BACK_BLOCKS = 5_000;
const WALLETS_PER_QUERY = 500;

export interface ChainSourceOptions {
  readonly profile: NetworkProfile;
  readonly panel: RpcPanel;
  readonly tokens: readonly EvmAddress[];
}

/** @throws RpcError from every method when there is no trustworthy answer. */
export function createChainSource({ profile, panel, tokens }: ChainSourceOptions): ChainSource {
  const { finality } = profile;
  return {
    network: profile.network,
    witnessesNeeded: panel.size,
    genesisHash: (known) => panel.genesisHash(known),
    latest: () => panel.latest(),
    finalized: () => agreedFinal(panel, finality),
    header: (number) => agreed(panel, (rpc) => rpc.block(number)),
    scan: (wallets, range) => agreed(panel, (rpc) => scan(rpc, { tokens, wallets }, range)),
    forkPoint: (stored) => agreed(panel, (rpc) => findForkPoint(stored, rpc)),
    async witnesses(block) {
      const answers = await panel.all((rpc) => finalityWitnesses([rpc], finality, block));
      return answers?.filter((it) => it === 1).length ?? 0;
    },
    async unusedAt(queries, block) {
      const at = { blockHash: block.hash };
      const answers = await panel.all((rpc) => statesAt(rpc, queries, at));
      return tally(queries.length, answers ?? []);
    },
    findUse: (authorization, upTo) =>
      agreedByAll(panel, (rpc) => findUse(rpc, tokens, authorization, upTo.number)),
    async settlementWitnesses(authorization, settlement) {
      const shown = await panel.all((rpc) => isSettledAs(rpc, authorization, settlement, tokens));
      return shown?.filter((it) => it).length ?? 0;
    },
    async cancelWitnesses(authorization, upTo) {
      const fates = (await panel.all((rpc) => findUse(rpc, tokens, authorization, upTo.number))) ?? [];
      const cancelled = fates.flatMap((fate) => (fate.kind === 'cancelled' ? [fate] : []));
      return { witnesses: cancelled.length, txHash: cancelled[0]?.txHash ?? null };
    },
    balances: (queries, block) => panel.any((rpc) => rpc.balances(queries, { blockHash: block.hash })),
    permit2Allowances: (queries, block) =>
      panel.any((rpc) => rpc.permit2Allowances(queries, { blockHash: block.hash })),
  };
}

async function scan(
  rpc: EvmRpc,
  watched: { readonly tokens: readonly EvmAddress[]; readonly wallets: readonly EvmAddress[] },
  range: BlockRange,
): Promise<Scan> {
  if (watched.wallets.length === 0)
    return {
      uses: [],
      otherTransfers: [],
      permits: [],
      allowances: [],
      incoming: [],
      fateOf: () => ({ kind: 'unused' }),
    };
  const [logs, incoming] = await Promise.all([
    scanLogs(rpc, watched, range),
    incomingTransfers(rpc, watched, range),
  ]);
  const index = indexTokenEvents(decodeTokenEvents(logs));
  const { permits, transfers } = await permitsBehind(rpc, index.otherTransfers.map(transferSeen), {
    tokens: watched.tokens,
    // A spent nonce stays spent: the newest state tells it, also where the state of old blocks is not kept.
    at: 'latest',
    receiptOf: (txHash) => rpc.receipt(txHash),
  });
  return {
    uses: index.uses.map(nonceSeen),
    otherTransfers: transfers,
    permits,
    allowances: decodeApprovals(logs),
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
function tally(count: number, answers: readonly (readonly (boolean | undefined)[])[]): readonly number[] {
  return Array.from({ length: count }, (_, index) => {
    const states = answers.map((answer) => answer[index]);
    return states.includes(true) ? -1 : states.filter((state) => state === false).length;
  });
}

/** Spent or not, wherever the method keeps its nonces; in the order asked. */
async function statesAt(
  rpc: EvmRpc,
  queries: Parameters<ChainSource['unusedAt']>[0],
  at: BlockRef,
): Promise<readonly (boolean | undefined)[]> {
  const ofToken = queries.filter((it) => it.method === 'eip3009');
  const ofPermit2 = queries.filter((it) => it.method === 'permit2' || it.method === 'upto');
  const allowances = queries.filter((it) => it.method === 'allowance');
  const [token, permit2, permits] = await Promise.all([
    rpc.authorizationStates(ofToken, at),
    rpc.permitStates(ofPermit2, at),
    Promise.all(allowances.map((it) => isPermitUsed(rpc, it, at))),
  ]);
  const states = new Map([
    ...ofToken.map((it, index) => [it, token[index]] as const),
    ...ofPermit2.map((it, index) => [it, permit2[index]] as const),
    ...allowances.map((it, index) => [it, permits[index]] as const),
  ]);
  return queries.map((it) => states.get(it));
}

async function findUse(
  rpc: EvmRpc,
  tokens: readonly EvmAddress[],
  authorization: Parameters<ChainSource['findUse']>[0],
  upTo: number,
): Promise<AuthorizationFate> {
  const range = { fromBlock: Math.max(0, upTo - LOOK_BACK_BLOCKS), toBlock: upTo };
  if (authorization.method === 'allowance') return findAllowance(rpc, authorization, range);
  if (authorization.method !== 'eip3009') return findPermitUse(rpc, authorization, range, tokens);
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
