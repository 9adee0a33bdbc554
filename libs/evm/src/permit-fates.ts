// What became of Permit2 nonces, from transactions whose transfers no nonce of the token explains. Costs reads only where there are such transfers.
import type { Authorization } from '#domain';
import {
  fateOfPermit,
  tiePermits,
  type AuthorizationFate,
  type ChainSource,
  type PermitSeen,
  type TransferSeen,
} from '#engine';
import { scanRange, type BlockRange } from './chain-watcher.js';
import { RpcError } from './json-rpc.js';
import { permitCallsIn } from './permit-calls.js';
import type { BlockRef, EvmRpc, Receipt } from './rpc.js';
import {
  decodeTokenEvents,
  indexTokenEvents,
  type TokenEventIndex,
  type TransferEvent,
} from './settlement-logs.js';

export function transferSeen(event: TransferEvent): TransferSeen {
  const { token, from, to, value, txHash, blockNumber, blockHash, logIndex } = event;
  return { token, from, to, value, txHash, blockNumber, blockHash, logIndex };
}

/** The calls behind these transfers, and which of their nonces are spent at `at`. @throws RpcError */
export async function permitsBehind(
  rpc: EvmRpc,
  transfers: readonly TransferSeen[],
  at: BlockRef,
): Promise<readonly PermitSeen[]> {
  const places = new Map(transfers.map((it) => [it.txHash, it]));
  const found = await Promise.all([...places.values()].map((it) => callsBehind(rpc, it)));
  const payers = new Set(transfers.map((it) => it.from));
  const calls = found.flat().filter((it) => payers.has(it.from));
  if (calls.length === 0) return [];
  const spent = await rpc.permitStates(calls, at);
  return calls.map((call, index) => {
    const state = spent[index];
    if (state === undefined) throw new RpcError('bad_response', 'eth_call');
    return { ...call, spent: state };
  });
}

async function callsBehind(rpc: EvmRpc, { txHash, blockHash }: TransferSeen) {
  const transaction = await rpc.transaction(txHash);
  // Its log was there a moment ago: this node lags, or the chain moves.
  if (transaction?.blockHash !== blockHash) throw new RpcError('bad_response', 'eth_getTransactionByHash');
  const { to, input } = transaction;
  return to === undefined ? [] : permitCallsIn(to, input).map((call) => ({ ...call, txHash }));
}

/** What a transaction did of the authorization; `unused` also where it cannot be told from others of its kind. @throws RpcError */
export async function permitFateIn(
  rpc: EvmRpc,
  authorization: Authorization,
  { logs, blockHash }: Receipt,
): Promise<AuthorizationFate> {
  const fate = await fateAmong(rpc, authorization, {
    index: indexTokenEvents(decodeTokenEvents(logs)),
    at: { blockHash },
  });
  return fate.kind === 'foreign' ? { kind: 'unused' } : fate;
}

/** What became of a nonce that is spent, by all that left the wallet in the range. @throws RpcError */
export async function findPermitUse(
  rpc: EvmRpc,
  authorization: Parameters<ChainSource['findUse']>[0],
  range: BlockRange,
): Promise<AuthorizationFate> {
  const { token, from } = authorization;
  const events = await scanRange(rpc, { tokens: [token], wallets: [from] }, range);
  return fateAmong(rpc, authorization, { index: indexTokenEvents(events), at: range.toBlock });
}

async function fateAmong(
  rpc: EvmRpc,
  authorization: Pick<Authorization, 'method' | 'token' | 'from' | 'to' | 'value' | 'nonce'>,
  { index, at }: { readonly index: TokenEventIndex; readonly at: BlockRef },
): Promise<AuthorizationFate> {
  const { token, from, nonce } = authorization;
  const moved = index.otherTransfers.filter((it) => it.token === token && it.from === from).map(transferSeen);
  const permits = await permitsBehind(rpc, moved, at);
  const use = tiePermits(permits, moved, () => false).uses.find((it) => it.nonce === nonce);
  return use ? fateOfPermit(authorization, use) : { kind: 'unused' };
}
