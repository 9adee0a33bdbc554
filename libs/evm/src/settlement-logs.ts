// What token logs prove about one authorization (safety.md d.6). Pure. A FiatToken emits AuthorizationUsed and, as the
// very next log of the transaction, the Transfer it stands for. So each authorization owns exactly one Transfer even
// when many settle in one transaction, and anything else next to it is not our payment.
import { parseEvmAddress, parseHex32, type Authorization, type EvmAddress, type Hex32 } from '#domain';
import type { AuthorizationFate } from '#engine';
import { keccak256OfText, toHex } from './keccak.js';
import { inChainOrder, type RawLog } from './rpc.js';

/** Topic 0 of the events that tell the fate of an authorization; an allowance's is told by `approval` alone. */
export const TOPICS = {
  authorizationUsed: topicOf('AuthorizationUsed(address,bytes32)'),
  authorizationCanceled: topicOf('AuthorizationCanceled(address,bytes32)'),
  transfer: topicOf('Transfer(address,address,uint256)'),
  approval: topicOf('Approval(address,address,uint256)'),
} as const;

/** Where a log is. */
export interface LogPosition {
  readonly token: EvmAddress;
  readonly txHash: Hex32;
  readonly blockNumber: number;
  readonly blockHash: Hex32;
  readonly logIndex: number;
}

export interface NonceEvent extends LogPosition {
  readonly kind: 'authorization_used' | 'authorization_canceled';
  readonly from: EvmAddress;
  readonly nonce: Hex32;
}

export interface TransferEvent extends LogPosition {
  readonly kind: 'transfer';
  readonly from: EvmAddress;
  readonly to: EvmAddress;
  readonly value: bigint;
}

export type TokenEvent = NonceEvent | TransferEvent;

/** One nonce that was consumed, with the Transfer that belongs to it, if there is one. */
export interface NonceUse {
  readonly event: NonceEvent;
  readonly transfer: TransferEvent | undefined;
}

export interface TokenEventIndex {
  /** Every consumed nonce, in chain order. */
  readonly uses: readonly NonceUse[];
  /** Transfers that belong to no authorization: an allowance, or a key that is used elsewhere. Those of nothing are left out: anybody can make them. */
  readonly otherTransfers: readonly TransferEvent[];
  /** Uses of that nonce. Canonical logs hold at most one. */
  usesOf(authorization: Pick<Authorization, 'token' | 'from' | 'nonce'>): readonly NonceUse[];
}

/** The event in a log, or undefined when it is none of the three or not exactly in their shape. */
export function decodeTokenEvent(log: RawLog): TokenEvent | undefined {
  const [topic, first, second, ...rest] = log.topics;
  const from = first === undefined ? undefined : addressOfTopic(first);
  if (from === undefined || second === undefined || rest.length > 0) return undefined;
  const position: LogPosition = {
    token: log.address,
    txHash: log.txHash,
    blockNumber: log.blockNumber,
    blockHash: log.blockHash,
    logIndex: log.logIndex,
  };
  if (topic === TOPICS.transfer) {
    const to = addressOfTopic(second);
    if (to === undefined || log.data.length !== 66) return undefined;
    return { ...position, kind: 'transfer', from, to, value: BigInt(log.data) };
  }
  if (log.data !== '0x') return undefined;
  if (topic === TOPICS.authorizationUsed) {
    return { ...position, kind: 'authorization_used', from, nonce: second };
  }
  if (topic === TOPICS.authorizationCanceled) {
    return { ...position, kind: 'authorization_canceled', from, nonce: second };
  }
  return undefined;
}

/** Matches uses with transfers. The events may overlap and come in any order; they should be of one chain of blocks. */
export function indexTokenEvents(events: readonly TokenEvent[]): TokenEventIndex {
  const byPosition = new Map(events.map((event) => [positionKey(event, event.logIndex), event]));
  const ordered = [...byPosition.values()].toSorted(inChainOrder);
  const uses: NonceUse[] = [];
  const byNonce = new Map<string, NonceUse[]>();
  const owned = new Set<TransferEvent>();
  for (const event of ordered) {
    if (event.kind === 'transfer') continue;
    const transfer = event.kind === 'authorization_used' ? transferAfter(event, byPosition) : undefined;
    if (transfer !== undefined) owned.add(transfer);
    const use = { event, transfer };
    uses.push(use);
    const key = nonceKey(event);
    const known = byNonce.get(key);
    if (known === undefined) byNonce.set(key, [use]);
    else known.push(use);
  }
  return {
    uses,
    otherTransfers: ordered
      .filter((event) => event.kind === 'transfer')
      .filter((event) => !owned.has(event) && event.value > 0n),
    usesOf: (authorization) => byNonce.get(nonceKey(authorization)) ?? [],
  };
}

/**
 * What the logs say became of the authorization. `unused` means only that these logs do not mention it: proof of
 * "never" needs `authorizationStates` at a finalized block after validBefore.
 */
export function fateOf(
  authorization: Pick<Authorization, 'token' | 'from' | 'to' | 'value' | 'nonce'>,
  index: TokenEventIndex,
): AuthorizationFate {
  const [use, ...more] = index.usesOf(authorization);
  if (use === undefined) return { kind: 'unused' };
  const { txHash, blockNumber, blockHash } = use.event;
  // Two uses of one nonce: logs of two forks were mixed, or the token does not do what its registry row says.
  if (more.length > 0) return { kind: 'foreign', txHash };
  if (use.event.kind === 'authorization_canceled')
    return { kind: 'cancelled', txHash, blockNumber, blockHash };
  const { transfer } = use;
  if (transfer === undefined || transfer.to !== authorization.to || transfer.value !== authorization.value) {
    return { kind: 'foreign', txHash };
  }
  return { kind: 'settled', settlement: { txHash, blockNumber, blockHash, logIndex: transfer.logIndex } };
}

/** {@link fateOf} straight from logs, for instance those of one receipt. */
export function fateInLogs(
  authorization: Pick<Authorization, 'token' | 'from' | 'to' | 'value' | 'nonce'>,
  logs: readonly RawLog[],
): AuthorizationFate {
  return fateOf(authorization, indexTokenEvents(decodeTokenEvents(logs)));
}

/** The token events among the logs; other logs are left out. */
export function decodeTokenEvents(logs: readonly RawLog[]): readonly TokenEvent[] {
  return logs.map(decodeTokenEvent).filter((event) => event !== undefined);
}

/** The Transfer of the same token and payer in the very next log of the same transaction. */
function transferAfter(used: NonceEvent, events: ReadonlyMap<string, TokenEvent>): TransferEvent | undefined {
  const next = events.get(positionKey(used, used.logIndex + 1));
  const belongs =
    next?.kind === 'transfer' &&
    next.token === used.token &&
    next.from === used.from &&
    next.txHash === used.txHash;
  return belongs ? next : undefined;
}

function positionKey(at: LogPosition, logIndex: number): string {
  return `${at.blockHash}/${logIndex}`;
}

function nonceKey(at: Pick<Authorization, 'token' | 'from' | 'nonce'>): string {
  return `${at.token}/${at.from}/${at.nonce}`;
}

/** Topic 0 of an event such as `Transfer(address,address,uint256)`. */
export function topicOf(signature: string): Hex32 {
  return parseHex32(toHex(keccak256OfText(signature)));
}

/** An indexed address is a word whose upper 12 bytes are zero; anything else is another event's argument. */
function addressOfTopic(topic: Hex32): EvmAddress | undefined {
  return topic.startsWith('0x000000000000000000000000') ? parseEvmAddress(`0x${topic.slice(26)}`) : undefined;
}
