// How settlement rows read, and the keys by which they are found.
import type { Caip2, EvmAddress, Hex32, WorkspaceId } from '#domain';
import { ASKED_BY_OPERATION } from '#engine';
import type {
  BroadcastRef,
  PlacedTransfer,
  SettlementMethod,
  SettlementStatus,
  SettlementView,
  TransferKey,
} from '#engine';
import type { Sealing } from './sealed.js';

export type Row = Readonly<Record<string, string | number | boolean | Buffer | null>>;
/** One prepared statement. */
export type Run = (name: string, text: string, values: readonly unknown[]) => Promise<readonly Row[]>;

/** The primary key: what a list of keys is unnested into, and joined by. Whoever locks several rows takes them in this order. */
export const KEY = `network, method, token, payer, nonce`;
const KEY_NAMES = KEY.split(', ');
export const KEY_LISTS = KEY_NAMES.map((_, index) => `$${index + 1}::text[]`).join(', ');

/** The key's columns of that table, for a list of columns or an order. */
export const keyOf = (table: string): string => KEY_NAMES.map((name) => `${table}.${name}`).join(', ');
export const sameKey = (one: string, other: string): string =>
  KEY_NAMES.map((name) => `${one}.${name} = ${other}.${name}`).join(' AND ');

/** Of two messages over one nonce the token takes one. */
export const sameNonce = (one: string, other: string): string =>
  ['network', 'token', 'payer', 'nonce'].map((name) => `${one}.${name} = ${other}.${name}`).join(' AND ');
/** What one of our own operations brings on chain. */
export const isOurTransfer = (of: string): string =>
  `${of}.method = 'eip3009' AND ${of}.asked_by = '${ASKED_BY_OPERATION}'`;
/** It is ours, and its kill was claimed. */
export const isKilled = (of: string): string =>
  `(${isOurTransfer(of)} AND EXISTS (SELECT FROM settlement kill WHERE kill.method = 'cancel' AND ${sameNonce('kill', of)}))`;
/** Why such a transfer has failed. */
export const CANCELLATION_REQUESTED = 'cancellation_requested';

/** Joined to `asked`, which `ASKED` makes of the key's lists. */
export const BY_KEY = sameKey('s', 'asked');
export const ASKED = `unnest(${KEY_LISTS}) WITH ORDINALITY AS asked(${KEY}, ordinal)`;

export const VIEW = `${keyOf('s')}, s.settlement_id, s.payee, s.value::text, s.workspace_id, s.asked_by, s.request_key, s.redemption, s.status, s.reason, s.final,
  coalesce(s.tx_hash, (SELECT a.tx_hash FROM broadcast_attempt a WHERE a.network = s.network AND a.sender = s.sender
    AND a.account_nonce = s.account_nonce ORDER BY a.attempt DESC LIMIT 1)) AS tx_hash`;

export const PLACED = `${keyOf('s')}, s.settlement_id, s.payee, s.value::text, s.valid_after::text, s.valid_before::text, s.signature_sealed, s.ceiling::text, s.facilitator`;

export function keyLists(keys: readonly TransferKey[]): readonly string[][] {
  return [
    keys.map((it) => it.network),
    keys.map((it) => it.method),
    keys.map((it) => it.token),
    keys.map((it) => it.from),
    keys.map((it) => it.nonce),
  ];
}

export function keyText({ network, method, token, from, nonce }: TransferKey): string {
  return [network, method, token, from, nonce].join('/');
}

export function viewOfRow(row: Row): SettlementView {
  return {
    ...keyOfRow(row),
    settlementId: row['settlement_id'] as string,
    to: row['payee'] as EvmAddress,
    value: BigInt(row['value'] as string),
    workspaceId: row['workspace_id'] as WorkspaceId | null,
    askedBy: row['asked_by'] as string,
    requestKey: row['request_key'] as string | null,
    redemption: row['redemption'] as string | null,
    status: row['status'] as SettlementStatus,
    txHash: row['tx_hash'] as Hex32 | null,
    reason: row['reason'] as string | null,
    final: row['final'] as boolean,
  };
}

export function placedOfRow(row: Row, sealing: Sealing): PlacedTransfer {
  const { method, ...key } = keyOfRow(row);
  const common = {
    ...key,
    settlementId: row['settlement_id'] as string,
    to: row['payee'] as EvmAddress,
    value: BigInt(row['value'] as string),
    validAfterSec: Number(row['valid_after']),
    validBeforeSec: Number(row['valid_before']),
    signature: sealing.open(row['signature_sealed'] as Buffer),
  };
  switch (method) {
    case 'eip3009':
    case 'permit2':
    case 'cancel':
    case 'allowance':
      return { ...common, method };
    case 'upto':
      return {
        ...common,
        method,
        ceiling: BigInt(row['ceiling'] as string),
        facilitator: row['facilitator'] as EvmAddress,
      };
  }
}

export function keyOfRow(row: Row): TransferKey {
  return {
    network: row['network'] as Caip2,
    method: row['method'] as SettlementMethod,
    token: row['token'] as EvmAddress,
    from: row['payer'] as EvmAddress,
    nonce: row['nonce'] as Hex32,
  };
}

export function placeOf({ network, sender, accountNonce }: BroadcastRef): readonly [string, string, number] {
  return [network, sender, accountNonce];
}
