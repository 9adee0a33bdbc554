// What became of Permit2 nonces, from transactions whose transfers no nonce of the token explains. Costs reads only where there are such transfers.
import type { Authorization, EvmAddress, Settlement } from '#domain';
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
import { settledTransfers } from './permit-logs.js';
import { EXACT_PROXY, UPTO_PROXY } from './permit2.js';
import type { BlockRef, EvmRpc, Receipt } from './rpc.js';
import {
  decodeTokenEvents,
  fateInLogs,
  indexTokenEvents,
  type TokenEventIndex,
  type TransferEvent,
} from './settlement-logs.js';

type Tuple = Pick<Authorization, 'method' | 'token' | 'from' | 'to' | 'value' | 'nonce'>;

/** What is needed to tell calls that can be read from such that cannot, and to read them. */
interface Looking {
  readonly tokens: readonly EvmAddress[];
  /** Where Permit2's bitmap is read. */
  readonly at: BlockRef;
  readonly receiptOf: EvmRpc['receipt'];
}

export function transferSeen(event: TransferEvent): TransferSeen {
  const { token, from, to, value, txHash, blockNumber, blockHash, logIndex } = event;
  return { token, from, to, value, txHash, blockNumber, blockHash, logIndex };
}

/** The calls behind these transfers, and the transfers with the method of the proxy that made them, where one did. @throws RpcError */
export async function permitsBehind(
  rpc: EvmRpc,
  transfers: readonly TransferSeen[],
  { tokens, at, receiptOf }: Looking,
): Promise<{ readonly permits: readonly PermitSeen[]; readonly transfers: readonly TransferSeen[] }> {
  const places = new Map(transfers.map((it) => [it.txHash, it]));
  const read = await Promise.all(
    [...places.values()].map(async ({ txHash, blockHash }) => {
      const [transaction, receipt] = await Promise.all([rpc.transaction(txHash), receiptOf(txHash)]);
      // Its log was there a moment ago: this node lags, or the chain moves.
      if (transaction?.blockHash !== blockHash || receipt?.blockHash !== blockHash)
        throw new RpcError('bad_response', 'eth_getTransactionByHash');
      const { to, input } = transaction;
      const calls = to === undefined ? [] : permitCallsIn(to, input, tokens);
      return { calls: calls.map((call) => ({ ...call, txHash })), settled: settledTransfers(receipt.logs) };
    }),
  );
  const methods = new Map(
    read.flatMap(({ settled }) =>
      settled.flatMap(({ by, transfer }) => {
        const method = METHOD_OF.get(by);
        return method === undefined ? [] : [[transferKey(transfer), method] as const];
      }),
    ),
  );
  const marked = transfers.map((it) => {
    const method = methods.get(transferKey(it));
    return method === undefined ? it : { ...it, method };
  });
  const payers = new Set(transfers.map((it) => it.from));
  const calls = read.flatMap((it) => it.calls.filter(({ from }) => payers.has(from)));
  return { permits: await withBits(rpc, calls, at), transfers: marked };
}

const METHOD_OF: ReadonlyMap<EvmAddress, PermitSeen['method']> = new Map([
  [EXACT_PROXY, 'permit2'],
  [UPTO_PROXY, 'upto'],
]);

const transferKey = ({ txHash, logIndex, token, from, to, value }: TransferSeen | TransferEvent): string =>
  [txHash, logIndex, token, from, to, value].join('/');

/** The bitmap is asked only where one call's success may be another's. */
async function withBits(
  rpc: EvmRpc,
  calls: readonly Omit<PermitSeen, 'spent'>[],
  at: BlockRef,
): Promise<readonly PermitSeen[]> {
  const several = calls.filter((it) => calls.some((other) => other !== it && other.txHash === it.txHash));
  if (several.length === 0) return calls.map((it) => ({ ...it, spent: true }));
  const bits = await rpc.permitStates(several, at);
  if (bits.includes(undefined)) throw new RpcError('bad_response', 'eth_call');
  const unspent = new Set(several.filter((_, index) => bits[index] === false));
  return calls.map((it) => ({ ...it, spent: !unspent.has(it) }));
}

/** What a transaction that succeeded did of the authorization; `unused` also where it cannot be told from others of its kind. @throws RpcError */
export async function permitFateIn(
  rpc: EvmRpc,
  authorization: Tuple,
  receipt: Receipt,
  tokens: readonly EvmAddress[],
): Promise<AuthorizationFate> {
  const { logs, blockHash } = receipt;
  const fate = await fateAmong(rpc, authorization, indexTokenEvents(decodeTokenEvents(logs)), {
    tokens,
    at: { blockHash },
    receiptOf: () => Promise.resolve(receipt),
  });
  return fate.kind === 'foreign' ? { kind: 'unused' } : fate;
}

/** What became of a nonce that is spent, by all that left the wallet in the range. @throws RpcError */
export async function findPermitUse(
  rpc: EvmRpc,
  authorization: Parameters<ChainSource['findUse']>[0],
  range: BlockRange,
  tokens: readonly EvmAddress[],
): Promise<AuthorizationFate> {
  const { token, from } = authorization;
  const events = await scanRange(rpc, { tokens: [token], wallets: [from] }, range);
  return fateAmong(rpc, authorization, indexTokenEvents(events), {
    tokens,
    at: range.toBlock,
    receiptOf: (txHash) => rpc.receipt(txHash),
  });
}

/** Whether the transaction settled it exactly as this says, at this place, and with this amount. @throws RpcError */
export async function isSettledAs(
  rpc: EvmRpc,
  authorization: Tuple,
  settlement: Settlement,
  tokens: readonly EvmAddress[],
): Promise<boolean> {
  const [receipt, block] = await Promise.all([
    rpc.receipt(settlement.txHash),
    rpc.block(settlement.blockNumber),
  ]);
  if (receipt?.succeeded !== true || block?.hash !== settlement.blockHash) return false;
  const fate =
    authorization.method === 'eip3009'
      ? fateInLogs(authorization, receipt.logs)
      : await permitFateIn(rpc, authorization, receipt, tokens);
  if (fate.kind !== 'settled') return false;
  const { amount = authorization.value, ...place } = settlement;
  const { amount: charged = authorization.value, ...at } = fate.settlement;
  return (
    charged === amount &&
    at.txHash === place.txHash &&
    at.blockNumber === place.blockNumber &&
    at.blockHash === place.blockHash &&
    at.logIndex === place.logIndex
  );
}

async function fateAmong(
  rpc: EvmRpc,
  authorization: Tuple,
  { otherTransfers }: TokenEventIndex,
  looking: Looking,
): Promise<AuthorizationFate> {
  const { token, from, nonce } = authorization;
  const moved = otherTransfers.filter((it) => it.token === token && it.from === from).map(transferSeen);
  const { permits, transfers } = await permitsBehind(rpc, moved, looking);
  const use = tiePermits(permits, transfers, () => false).uses.find((it) => it.nonce === nonce);
  return use ? fateOfPermit(authorization, use) : { kind: 'unused' };
}
