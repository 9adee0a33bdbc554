// What the signer knows of one account nonce it is asked to sign for, all of it read from committed rows in one round trip.
import type pg from 'pg';
import type { BroadcastCall, Fees } from '#engine';
import type { Row } from './subject.js';

/** A settlement row as it must appear in the call. Text and numbers as stored; nothing is trusted, everything is compared. */
export interface StoredTransfer {
  readonly method: string;
  readonly token: string;
  readonly from: string;
  readonly to: string;
  readonly value: bigint;
  readonly validAfterSec: number;
  readonly validBeforeSec: number;
  readonly nonce: string;
  /** Of the method `upto`. */
  readonly ceiling: bigint | null;
  readonly facilitator: string | null;
}

export interface StoredBroadcast {
  readonly kind: string;
  readonly target: string;
  readonly callHash: string;
  readonly gasLimit: bigint;
  readonly status: string;
}

export interface BroadcastRows {
  /** Database time, unix milliseconds. */
  readonly nowMs: number;
  readonly clusterEpoch: number;
  readonly broadcast: StoredBroadcast | null;
  /** In the order of their places. */
  readonly transfers: readonly StoredTransfer[];
  /** The highest of each among what was signed and stored for this nonce. */
  readonly highestFees: Fees | null;
  readonly ledger: { readonly digest: string | null } | null;
}

const READ = `
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint::text AS now_ms, c.epoch::text AS cluster_epoch,
  b.kind, b.target, b.call_hash, b.gas_limit::text AS gas_limit, b.status, a.max_fee, a.max_priority_fee,
  l.subject IS NOT NULL AS in_ledger, l.digest AS ledger_digest,
  (SELECT jsonb_agg(jsonb_build_array(s.method, s.token, s.payer, s.payee, s.value::text, s.valid_after, s.valid_before, s.nonce, s.ceiling::text, s.facilitator) ORDER BY s.place)
    FROM settlement s WHERE s.network = $1 AND s.sender = $2 AND s.account_nonce = $3::bigint) AS transfers
FROM cluster c
LEFT JOIN broadcast b ON b.network = $1 AND b.sender = $2 AND b.account_nonce = $3::bigint
LEFT JOIN LATERAL (SELECT max(max_fee_per_gas)::text AS max_fee, max(max_priority_fee_per_gas)::text AS max_priority_fee
  FROM broadcast_attempt WHERE network = $1 AND sender = $2 AND account_nonce = $3::bigint) a ON true
LEFT JOIN signer_ledger l ON l.purpose = 'broadcast' AND l.epoch = 0 AND l.subject = $4`;

export async function readBroadcast(
  pool: pg.Pool,
  call: Pick<BroadcastCall, 'network' | 'sender' | 'accountNonce'>,
  subject: string,
): Promise<BroadcastRows> {
  const { rows } = await pool.query<Row & { transfers: readonly StoredTuple[] | null }>({
    name: 'purser_signer_broadcast',
    text: READ,
    values: [call.network, call.sender, call.accountNonce, subject],
  });
  const [row] = rows;
  if (row === undefined) throw new Error('the cluster row is missing');
  return {
    nowMs: Number(row['now_ms']),
    clusterEpoch: Number(row['cluster_epoch']),
    broadcast: broadcastOf(row),
    transfers: (row.transfers ?? []).map(transferOf),
    highestFees:
      row['max_fee'] == null
        ? null
        : {
            maxFeePerGas: BigInt(row['max_fee']),
            maxPriorityFeePerGas: BigInt(row['max_priority_fee'] ?? '0'),
          },
    ledger: (row['in_ledger'] as unknown) === true ? { digest: row['ledger_digest'] ?? null } : null,
  };
}

type StoredTuple = readonly [
  string,
  string,
  string,
  string,
  string,
  number,
  number,
  string,
  string | null,
  string | null,
];

function broadcastOf(row: Row): StoredBroadcast | null {
  if (row['kind'] == null) return null;
  return {
    kind: row['kind'],
    target: row['target'] ?? '',
    callHash: row['call_hash'] ?? '',
    gasLimit: BigInt(row['gas_limit'] ?? '0'),
    status: row['status'] ?? '',
  };
}

function transferOf(tuple: StoredTuple): StoredTransfer {
  const [method, token, from, to, value, validAfterSec, validBeforeSec, nonce, ceiling, facilitator] = tuple;
  const times = { validAfterSec, validBeforeSec };
  const limits = { ceiling: ceiling === null ? null : BigInt(ceiling), facilitator };
  return { method, token, from, to, value: BigInt(value), ...times, nonce, ...limits };
}
