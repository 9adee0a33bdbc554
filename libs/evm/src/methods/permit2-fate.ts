// What became of a payment by Permit2 (ruling 12). Permit2 logs no nonce: the proxy says `Settled` right after the token's Transfer, whose it was only
// the call tells, and the bitmap tells that a nonce is gone. What these do not agree about is never called settled.
import { parseHex32, type EvmAddress } from '#domain';
import type { AuthorizationFate, Permit2Transfer, UptoTransfer } from '#engine';
import { logsInRange } from '../chain-watcher.js';
import { RpcError } from '../json-rpc.js';
import { bitOf, PERMIT2, PROXY_OF } from '../permit2.js';
import { permitCallsIn } from '../permit-calls.js';
import { settledTransfers } from '../permit-logs.js';
import { allowanceCall, hasBit, uintOf } from '../permit2-state.js';
import { padded, type BlockHeader, type BlockRef, type EvmRpc, type RawLog } from '../rpc.js';
import { topicOf, TOPICS, type TransferEvent } from '../settlement-logs.js';
import { LOOK_BACK_BLOCKS, unused, type MethodFate, type WhyNot } from './method.js';

type Payment = Permit2Transfer | UptoTransfer;
/** All of a payment that logs tell. */
type Tuple = Pick<Payment, 'method' | 'token' | 'from' | 'to' | 'value'>;

export const permit2Fate: MethodFate<Payment> = { inLogs, whyNot };

const INVALIDATED = topicOf('UnorderedNonceInvalidation(address,uint256,uint256)');
/** Blocks after which logs are believed to show what the state shows. */
const LAG_BLOCKS = 2;
/** Of one payer and token, the newest: the nonce was found used just now. */
const CANDIDATES = 40;
const FAILED = {
  permit2: 'invalid_exact_evm_transaction_failed',
  upto: 'invalid_upto_evm_transaction_failed',
} as const;

/** In a transaction of ours every payment stands alone with its token, payer, payee and amount: the broadcaster sees to that. */
function inLogs(logs: readonly RawLog[]): { fateOf(payment: Tuple): AuthorizationFate } {
  const settled = settledIn(logs);
  const fateOf = (payment: Tuple): AuthorizationFate => {
    const [transfer, ...more] = settled.get(tupleOf(payment)) ?? [];
    if (transfer === undefined) return { kind: 'unused' };
    const { txHash, blockNumber, blockHash, logIndex } = transfer;
    if (more.length > 0) return { kind: 'foreign', txHash };
    return { kind: 'settled', settlement: { txHash, blockNumber, blockHash, logIndex } };
  };
  return { fateOf };
}

/** Transfers that a proxy made, by what moved through which proxy. */
function settledIn(logs: readonly RawLog[]): ReadonlyMap<string, readonly TransferEvent[]> {
  const found = new Map<string, TransferEvent[]>();
  for (const { by, transfer } of settledTransfers(logs)) {
    const key = tupleText(by, transfer);
    found.set(key, [...(found.get(key) ?? []), transfer]);
  }
  return found;
}

function tupleText(proxy: EvmAddress, { token, from, to, value }: Omit<Tuple, 'method'>): string {
  return [proxy, token, from, to, value].join('/');
}

const tupleOf = (payment: Tuple): string => tupleText(PROXY_OF[payment.method], payment);

async function whyNot(rpc: EvmRpc, payment: Payment): Promise<WhyNot> {
  const { token, from, value } = payment;
  const [used, [balance], allowance, head] = await Promise.all([
    isUsed(rpc, payment, 'latest'),
    rpc.balances([{ token, owner: from }], 'latest'),
    rpc.call(allowanceCall(token, from)),
    rpc.block('latest'),
  ]);
  if (head === undefined || used === undefined) throw new RpcError('bad_response', 'eth_call');
  if (used) return useOf(rpc, payment, head);
  // The next block's time is at least one second later, and both bounds are inside.
  if (head.timestampSec + 1 > payment.validBeforeSec) return unused('permit2_deadline_expired');
  if (head.timestampSec + 1 < payment.validAfterSec) return unused('permit2_not_yet_valid');
  if (balance !== undefined && balance < value) return unused('permit2_insufficient_balance');
  if ((uintOf(allowance) ?? value) < value) return unused('permit2_allowance_required');
  return unused(FAILED[payment.method]);
}

/** The transaction that used the nonce, or the one that burned it. */
async function useOf(rpc: EvmRpc, payment: Payment, head: BlockHeader): Promise<WhyNot> {
  const payer = parseHex32(`0x${padded(payment.from)}`);
  const range = { fromBlock: Math.max(0, head.number - LOOK_BACK_BLOCKS), toBlock: head.number };
  const [transfers, burnings] = await Promise.all([
    logsInRange(rpc, { ...range, addresses: [payment.token], topics: [[TOPICS.transfer], [payer]] }),
    logsInRange(rpc, { ...range, addresses: [PERMIT2], topics: [[INVALIDATED], [payer]] }),
  ]);
  const hashes = [...new Set(transfers.map((it) => it.txHash))].slice(-CANDIDATES);
  const fates = (await Promise.all(hashes.map((hash) => fateIn(rpc, payment, hash)))).flatMap(
    (it) => it ?? [],
  );
  const [fate] = [...fates.filter((it) => it.kind === 'settled'), ...fates];
  if (fate !== undefined) return fate;
  const burning = burnings.find((it) => burns(it, payment));
  if (burning !== undefined) {
    const { txHash, blockNumber, blockHash } = burning;
    return { kind: 'cancelled', txHash, blockNumber, blockHash };
  }
  // Logs may lag behind the state, but not for long. After that it was used by a call that cannot be read, and nobody may say that it was this one.
  const before = await isUsed(rpc, payment, Math.max(0, head.number - LAG_BLOCKS));
  if (before !== true && head.timestampSec <= payment.validBeforeSec)
    throw new RpcError('bad_response', 'eth_getLogs');
  return unused('permit2_invalid_nonce');
}

/** Undefined: the transaction does not use the nonce, as far as its call can be read. */
async function fateIn(
  rpc: EvmRpc,
  payment: Payment,
  txHash: RawLog['txHash'],
): Promise<Exclude<AuthorizationFate, { kind: 'unused' }> | undefined> {
  const [transaction, receipt] = await Promise.all([rpc.transaction(txHash), rpc.receipt(txHash)]);
  if (transaction?.to === undefined || receipt?.succeeded !== true) return undefined;
  const carried = permitCallsIn(transaction.to, transaction.input, [payment.token]);
  const [ours, others] = [
    carried.filter((it) => isSame(it, payment)),
    carried.filter((it) => !isSame(it, payment)),
  ];
  const read = inLogs(receipt.logs);
  const fate = read.fateOf(payment);
  // Of several calls some may have failed: the logs count only where no other call could have made them.
  const alone = others.every((it) => tupleOf(it) !== tupleOf(payment));
  if (ours.some((it) => tupleOf(it) === tupleOf(payment)) && alone && fate.kind === 'settled') return fate;
  // The same nonce in another payment's call, or in one of several that are alike.
  return ours.some((it) => read.fateOf(it).kind !== 'unused') ? { kind: 'foreign', txHash } : undefined;
}

const isSame = (one: Pick<Payment, 'from' | 'nonce'>, other: Payment): boolean =>
  one.from === other.from && one.nonce === other.nonce;

/** The log's data is the word's number and the bits that were burned in it. */
function burns({ data }: RawLog, { nonce }: Payment): boolean {
  if (data.length !== 130) return false;
  return BigInt(data.slice(0, 66)) === bitOf(nonce).word && hasBit(BigInt(`0x${data.slice(66)}`), nonce);
}

async function isUsed(rpc: EvmRpc, { from, nonce }: Payment, at: BlockRef): Promise<boolean | undefined> {
  return (await rpc.permitStates([{ from, nonce }], at))[0];
}
