// What became of an EIP-2612 permit. The token logs an Approval that names neither the permit nor its nonce: it is the permit's when the transaction
// carries the permit's own words, deadline included, whoever sent it (ADR 13). Costs reads only where an allowance is under way.
import { parseHex32, permitNonceOf, type Authorization, type EvmAddress, type Hex32 } from '#domain';
import type { AllowanceSeen, AuthorizationFate } from '#engine';
import { logsInRange, type BlockRange } from './chain-watcher.js';
import { RpcError } from './json-rpc.js';
import { padded, type BlockRef, type EvmRpc, type RawLog } from './rpc.js';
import { uintOf } from './rpc-answers.js';
import { TOPICS } from './settlement-logs.js';

/** Function selector: nonces(address). */
const NONCES = '7ecebe00';

/** All of a permit that its call and its log tell. */
export type PermitWords = Pick<Authorization, 'token' | 'from' | 'to' | 'value' | 'validBeforeSec' | 'nonce'>;

/** The token's count of the owner's permits; the next permit has this number. @throws RpcError when the token keeps none. */
export async function permitNonceAt(
  rpc: Pick<EvmRpc, 'call'>,
  { token, from }: Pick<Authorization, 'token' | 'from'>,
  at: BlockRef = 'latest',
): Promise<bigint> {
  const count = uintOf(await rpc.call({ to: token, data: `0x${NONCES}${padded(from)}` }, at));
  if (count === undefined) throw new RpcError('bad_response', 'eth_call');
  return count;
}

/** Has the token passed the permit's number? */
export async function isPermitUsed(
  rpc: Pick<EvmRpc, 'call'>,
  permit: Pick<Authorization, 'token' | 'from' | 'nonce'>,
  at: BlockRef = 'latest',
): Promise<boolean> {
  return (await permitNonceAt(rpc, permit, at)) > permitNonceOf(permit.nonce);
}

/** The approvals among the logs, exactly in their shape. */
export function decodeApprovals(logs: readonly RawLog[]): readonly AllowanceSeen[] {
  return logs.flatMap(({ topics: [topic, owner, spender, ...rest], data, ...log }) => {
    if (topic !== TOPICS.approval || rest.length > 0 || data.length !== 66) return [];
    const [from, to] = [addressIn(owner), addressIn(spender)];
    if (from === undefined || to === undefined) return [];
    const { txHash, blockNumber, blockHash, logIndex, address: token } = log;
    return [{ token, from, to, value: BigInt(data), txHash, blockNumber, blockHash, logIndex }];
  });
}

const addressIn = (topic: Hex32 | undefined): EvmAddress | undefined =>
  topic?.startsWith(`0x${'0'.repeat(24)}`) === true ? (`0x${topic.slice(26)}` as EvmAddress) : undefined;

/** What logs of one transaction, whose call is known to be the permit's, say of it. */
export function allowanceIn(
  logs: readonly RawLog[],
  permit: Pick<PermitWords, 'token' | 'from' | 'to' | 'value'>,
): AuthorizationFate {
  const found = decodeApprovals(logs).find((it) => isOf(it, permit));
  if (found === undefined) return { kind: 'unused' };
  const { txHash, blockNumber, blockHash, logIndex } = found;
  return { kind: 'settled', settlement: { txHash, blockNumber, blockHash, logIndex } };
}

/** What logs of any transactions say of the permit: only those count whose call carries its words, once the token has passed its number. @throws RpcError */
export async function allowanceAmong(
  rpc: Pick<EvmRpc, 'transaction' | 'call'>,
  permit: PermitWords,
  logs: readonly RawLog[],
): Promise<AuthorizationFate> {
  const approvals = decodeApprovals(logs).filter((it) => isOf(it, permit));
  if (approvals.length === 0 || !(await isPermitUsed(rpc, permit))) return { kind: 'unused' };
  const hashes = [...new Set(approvals.map((it) => it.txHash))];
  for (const hash of hashes.toReversed()) {
    const transaction = await rpc.transaction(hash);
    // Its log was there a moment ago: this node lags, or the chain moves.
    if (transaction === undefined) throw new RpcError('bad_response', 'eth_getTransactionByHash');
    if (!transaction.input.includes(wordsOf(permit))) continue;
    return allowanceIn(
      logs.filter((it) => it.txHash === hash),
      permit,
    );
  }
  return { kind: 'unused' };
}

/** What became of a permit whose number is used, by the approvals of its owner in the range. @throws RpcError */
export async function findAllowance(
  rpc: EvmRpc,
  permit: PermitWords,
  range: BlockRange,
): Promise<AuthorizationFate> {
  const topics = [[TOPICS.approval], [topicFor(permit.from)], [topicFor(permit.to)]];
  return allowanceAmong(rpc, permit, await logsInRange(rpc, { ...range, addresses: [permit.token], topics }));
}

const topicFor = (address: EvmAddress): Hex32 => parseHex32(`0x${padded(address)}`);

/** owner, spender, value and deadline, as every encoding of the call has them side by side. */
function wordsOf({ from, to, value, validBeforeSec }: PermitWords): string {
  const numbers = [value, BigInt(validBeforeSec)].map((it) => it.toString(16).padStart(64, '0'));
  return [padded(from), padded(to), ...numbers].join('');
}

const isOf = (
  seen: AllowanceSeen,
  { token, from, to, value }: Pick<PermitWords, 'token' | 'from' | 'to' | 'value'>,
): boolean => seen.token === token && seen.from === from && seen.to === to && seen.value === value;
