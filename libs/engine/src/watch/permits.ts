// Permit2 says nothing of its own in the logs. That a transfer is the one of an authorization is proven by the success of the call that names the
// authorization's nonce: x402's proxy makes the transfer and says `Settled` directly after it, and every call in the transaction that could have made
// the two is known. Call data alone proves nothing, whoever sent it, and a transfer of nothing can be made by anybody. Where a call's success cannot
// be told from another's a person looks (ruling 12). Pure.
import type { Authorization } from '#domain';
import type { AuthorizationFate } from '../chain-ports.js';
import type { NonceSeen, PermitSeen, TransferSeen } from './ports.js';

export interface Tied {
  /** One per spent nonce; without its transfer where it cannot be told which one that is. */
  readonly uses: readonly NonceSeen[];
  /** Transfers that no call explains. */
  readonly others: readonly TransferSeen[];
}

/**
 * Ties calls to the transfers of their own transactions, in chain order. `elsewhere`: the nonce was spent in another transaction, as far as the
 * books know; then what this call says of it may be an attempt that failed.
 */
export function tiePermits(
  permits: readonly PermitSeen[],
  transfers: readonly TransferSeen[],
  elsewhere: (permit: PermitSeen) => boolean,
): Tied {
  const uses: NonceSeen[] = [];
  const others: TransferSeen[] = transfers.filter((it) => !mayBeOfPermit(it));
  const tied = new Set<string>();
  const calls = groupBy(permits, placeOf);
  for (const [place, moved] of groupBy(transfers.filter(mayBeOfPermit), placeOf)) {
    const all = (calls.get(place) ?? []).filter((it) => !tied.has(nonceOf(it)));
    const distinct = [...new Map(all.map((it) => [nonceOf(it), it])).values()];
    // More calls than transfers: some of them failed. The books may know of a block that is gone, so they are asked only then.
    const open =
      distinct.length > moved.length ? distinct.filter((it) => it.spent && !elsewhere(it)) : distinct;
    const clear = open.length === moved.length;
    open.forEach((permit, index) => {
      uses.push(useOf(permit, moved[index] ?? (moved[0] as TransferSeen), clear));
      if (clear) tied.add(nonceOf(permit));
    });
    if (open.length === 0) others.push(...moved);
  }
  return { uses: uses.filter((it) => it.transfer !== null || !tied.has(nonceOf(it))), others };
}

/** A proxy made it, and it moved something. */
const mayBeOfPermit = ({ method, value }: TransferSeen): boolean => method !== undefined && value > 0n;

function useOf(permit: PermitSeen, transfer: TransferSeen, clear: boolean): NonceSeen {
  const { method, token, from, nonce, txHash, facilitator } = permit;
  const { blockNumber, blockHash } = transfer;
  const by = facilitator === undefined ? { method } : { method, facilitator };
  return {
    method,
    token,
    from,
    nonce,
    txHash,
    blockNumber,
    blockHash,
    transfer: clear ? { ...transfer, ...by } : null,
  };
}

/** What a use says became of the authorization whose nonce it spends. */
export function fateOfPermit(
  authorization: Pick<Authorization, 'method' | 'to' | 'value'>,
  { method, txHash, blockNumber, blockHash, transfer }: NonceSeen,
): AuthorizationFate {
  const { to, value } = authorization;
  const fits =
    transfer !== null &&
    transfer.value > 0n &&
    method === authorization.method &&
    transfer.to === to &&
    (method === 'upto' ? transfer.value <= value : transfer.value === value);
  if (!fits) return { kind: 'foreign', txHash };
  const amount = transfer.value === value ? {} : { amount: transfer.value };
  return {
    kind: 'settled',
    settlement: { txHash, blockNumber, blockHash, logIndex: transfer.logIndex, ...amount },
  };
}

type Placed = Pick<TransferSeen, 'method' | 'txHash' | 'token' | 'from' | 'to' | 'value'>;

/** Transfers that agree in all of this are alike; the transaction is part of it. */
const placeOf = ({ method, txHash, token, from, to, value }: Placed): string =>
  [method, txHash, token, from, to, value].join('/');

/** Permit2 keeps nonces per owner, whatever the token. */
const nonceOf = ({ from, nonce }: Pick<PermitSeen, 'from' | 'nonce'>): string => `${from}/${nonce}`;

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
