// How settlement rows read, and the keys by which they are found.
import type { Caip2, EvmAddress, Hex32, WorkspaceId } from '#domain';
import type { PlacedTransfer, SettlementStatus, SettlementView, TransferKey } from '#engine';
import type { Sealing } from './sealed.js';

export type Row = Readonly<Record<string, string | number | boolean | Buffer | null>>;

/** Joined to `asked(network, token, payer, nonce, ordinal)`, which `ASKED` makes of four lists. */
export const BY_KEY = `s.network = asked.network AND s.token = asked.token AND s.payer = asked.payer AND s.nonce = asked.nonce`;
export const ASKED = `unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS asked(network, token, payer, nonce, ordinal)`;

export const VIEW = `s.network, s.token, s.payer, s.nonce, s.settlement_id, s.payee, s.value::text, s.workspace_id, s.asked_by, s.request_key, s.status, s.reason, s.final,
  coalesce(s.tx_hash, (SELECT a.tx_hash FROM broadcast_attempt a WHERE a.network = s.network AND a.sender = s.sender
    AND a.account_nonce = s.account_nonce ORDER BY a.attempt DESC LIMIT 1)) AS tx_hash`;

export const PLACED = `s.network, s.token, s.payer, s.nonce, s.settlement_id, s.payee, s.value::text, s.valid_after::text, s.valid_before::text, s.signature_sealed`;

export function keyLists(keys: readonly TransferKey[]): readonly [string[], string[], string[], string[]] {
  return [
    keys.map((it) => it.network),
    keys.map((it) => it.token),
    keys.map((it) => it.from),
    keys.map((it) => it.nonce),
  ];
}

export function keyText({ network, token, from, nonce }: TransferKey): string {
  return [network, token, from, nonce].join('/');
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
    status: row['status'] as SettlementStatus,
    txHash: row['tx_hash'] as Hex32 | null,
    reason: row['reason'] as string | null,
    final: row['final'] as boolean,
  };
}

export function placedOfRow(row: Row, sealing: Sealing): PlacedTransfer {
  return {
    ...keyOfRow(row),
    settlementId: row['settlement_id'] as string,
    to: row['payee'] as EvmAddress,
    value: BigInt(row['value'] as string),
    validAfterSec: Number(row['valid_after']),
    validBeforeSec: Number(row['valid_before']),
    signature: sealing.open(row['signature_sealed'] as Buffer),
  };
}

export function keyOfRow(row: Row): TransferKey {
  return {
    network: row['network'] as Caip2,
    token: row['token'] as EvmAddress,
    from: row['payer'] as EvmAddress,
    nonce: row['nonce'] as Hex32,
  };
}
