// The broadcaster's rows. Each method is one statement, so each is all or nothing by itself.
import type { Caip2, EvmAddress, Hex32 } from '#domain';
import type {
  Attempt,
  Broadcast,
  BroadcastStore,
  PlacedTransfer,
  SettlementOutcome,
  TransferKey,
  Vault,
} from '#engine';
import type pg from 'pg';
import { failures } from './failures.js';
import { fills } from './fills.js';
import { retried } from '../pool.js';
import { createSingletonLeases } from '../watch/singleton-leases.js';
import { SETTLED_CHANNEL } from './desk.js';
import {
  ASKED,
  BY_KEY,
  isKilled,
  KEY,
  KEY_LISTS,
  keyLists,
  keyOf,
  keyOfRow,
  PLACED,
  placedOfRow,
  sameKey,
  type Row,
  placeOf,
  type Run,
} from './rows.js';
import { sealingOf, type Sealing } from './sealed.js';

const KNOWN_CHAIN = 'SELECT genesis_hash, finalized_to::text FROM chain_cursor WHERE network = $1';
// Blocks come every second or two: what was seen that long ago need not hold any more.
const WAITING = `SELECT ${PLACED}, s.tried_out AND s.asked_at > clock_timestamp() - interval '1 second' AS tried_out
  FROM settlement s WHERE s.network = $1 AND s.status = 'waiting' AND s.settlement_id <> ALL($4::uuid[])
   AND NOT ${isKilled('s')}
   AND (s.facilitator IS NULL OR s.facilitator = ANY($3::text[])) ORDER BY s.asked_at LIMIT $2`;
// Locked first: a transfer that left the queue meanwhile, or a nonce that was taken, leaves everything as it was.
const INTEND = `WITH locked AS MATERIALIZED (
    SELECT asked.ordinal, ${keyOf('s')} FROM ${ASKED} JOIN settlement s ON ${BY_KEY}
     WHERE s.status = 'waiting' AND NOT ${isKilled('s')} ORDER BY ${keyOf('s')} FOR UPDATE OF s),
  account AS (
    UPDATE broadcast_account SET next_nonce = next_nonce + 1
     WHERE network = $6::text AND address = $7::text AND next_nonce = $8::bigint AND (SELECT count(*) FROM locked) = cardinality($1::text[]) RETURNING 1),
  made AS (
    INSERT INTO broadcast (network, sender, account_nonce, kind, target, call_hash, call_sealed, gas_limit)
    SELECT $6::text, $7::text, $8::bigint, $9::text, $10::text, $11::text, $12::bytea, $13::bigint FROM account RETURNING 1),
  moved AS (
    UPDATE settlement s SET status = 'broadcast', sender = $7::text, account_nonce = $8::bigint, place = asked.ordinal - 1
      FROM locked asked, made WHERE ${BY_KEY} RETURNING 1)
SELECT count(*)::int AS made FROM made`;

const ATTEMPTED = `INSERT INTO broadcast_attempt (network, sender, account_nonce, attempt, max_fee_per_gas, max_priority_fee_per_gas, tx_hash, raw_sealed, signed_at)
  SELECT b.network, b.sender, b.account_nonce, $4::smallint, $5::numeric, $6::numeric, $7::text, $8::bytea, to_timestamp($9::numeric / 1000)
    FROM broadcast b WHERE b.network = $1 AND b.sender = $2 AND b.account_nonce = $3 AND b.kind = $10 FOR SHARE
  ON CONFLICT DO NOTHING RETURNING attempt`;

const OUTCOME = `status = o.status, reason = o.reason, tx_hash = o.tx_hash, block_number = o.block_number, block_hash = o.block_hash, log_index = o.log_index,
  ended_at = clock_timestamp()`;
const OUTCOMES = `unnest(${KEY_LISTS}, $6::text[], $7::text[], $8::text[], $9::bigint[], $10::text[], $11::int[])
  AS o(${KEY}, status, reason, tx_hash, block_number, block_hash, log_index)`;
const ENDS = sameKey('s', 'o');
/** Taken in the order of the claims, of which one may hold several: counted, so that all are taken before the first is changed. */
const LOCKED = `locked AS MATERIALIZED (SELECT FROM ${OUTCOMES} JOIN settlement s ON ${ENDS} ORDER BY ${keyOf('s')} FOR UPDATE OF s)`;
const ALL_LOCKED = `(SELECT count(*) FROM locked) > 0`;
const TELL = `SELECT pg_notify('${SETTLED_CHANNEL}', string_agg(settlement_id::text, ',')) FROM ended HAVING count(*) > 0`;

const END = `WITH ${LOCKED},
  ended AS (UPDATE settlement s SET ${OUTCOME} FROM ${OUTCOMES}
     WHERE ${ALL_LOCKED} AND ${ENDS} AND s.status = 'waiting' RETURNING s.settlement_id) ${TELL}`;
const MINED = `WITH ${LOCKED}, b AS (
    UPDATE broadcast SET status = 'mined', tx_hash = $15, block_number = $16, block_hash = $17
     WHERE network = $12 AND sender = $13 AND account_nonce = $14 AND status = 'open' RETURNING 1),
  ended AS (UPDATE settlement s SET ${OUTCOME} FROM ${OUTCOMES}, b
     WHERE ${ALL_LOCKED} AND ${ENDS} AND s.sender = $13 AND s.account_nonce = $14 RETURNING s.settlement_id) ${TELL}`;
const REOPENED = `WITH b AS (
    UPDATE broadcast SET status = 'open', tx_hash = NULL, block_number = NULL, block_hash = NULL
     WHERE network = $1 AND sender = $2 AND account_nonce = $3 AND status = 'mined' AND NOT final RETURNING 1)
  UPDATE settlement s SET status = 'broadcast', reason = NULL, tx_hash = NULL, block_number = NULL, block_hash = NULL, log_index = NULL, ended_at = NULL
    FROM b WHERE s.network = $1 AND s.sender = $2 AND s.account_nonce = $3`;
const TAKEN = `WITH b AS (
    UPDATE broadcast SET status = 'taken', final = true WHERE network = $1 AND sender = $2 AND account_nonce = $3 AND status = 'open' RETURNING 1)
  UPDATE settlement s SET status = 'waiting', sender = NULL, account_nonce = NULL, place = NULL
    FROM b WHERE s.network = $1 AND s.sender = $2 AND s.account_nonce = $3`;
const FINAL = `WITH b AS (
    UPDATE broadcast it SET final = true FROM unnest($1::text[], $2::text[], $3::bigint[]) AS asked(network, sender, account_nonce)
     WHERE it.network = asked.network AND it.sender = asked.sender AND it.account_nonce = asked.account_nonce AND it.status = 'mined'
    RETURNING it.network, it.sender, it.account_nonce)
  UPDATE settlement s SET final = (s.status = 'settled' OR s.method = 'cancel') FROM b WHERE s.network = b.network AND s.sender = b.sender AND s.account_nonce = b.account_nonce`;

const ELSEWHERE = `SELECT ${keyOf('s')}, s.block_number::text, s.block_hash FROM settlement s
  WHERE s.network = $1 AND s.status = 'settled' AND NOT s.final AND s.sender IS NULL AND s.block_number <= $2 ORDER BY s.block_number LIMIT $3`;
const CONFIRM = `UPDATE settlement s SET final = true FROM ${ASKED} WHERE ${BY_KEY} AND s.status = 'settled' AND s.sender IS NULL`;
const ORPHAN = `UPDATE settlement s SET status = 'waiting', tx_hash = NULL, block_number = NULL, block_hash = NULL, log_index = NULL, ended_at = NULL
  FROM ${ASKED} WHERE ${BY_KEY} AND s.status = 'settled' AND NOT s.final AND s.sender IS NULL`;

const UNFINISHED = `SELECT network, sender, account_nonce::text, kind, target, call_sealed, gas_limit::text, tx_hash, block_number::text, block_hash
  FROM broadcast WHERE network = $1 AND NOT final ORDER BY sender, account_nonce`;
const ATTEMPTS = `SELECT a.sender, a.account_nonce::text, a.attempt, a.max_fee_per_gas::text, a.max_priority_fee_per_gas::text, a.tx_hash, a.raw_sealed,
    (extract(epoch FROM a.signed_at) * 1000)::bigint::text AS signed_at_ms
  FROM broadcast_attempt a JOIN broadcast b USING (network, sender, account_nonce) WHERE a.network = $1 AND NOT b.final
  ORDER BY a.sender, a.account_nonce, a.attempt`;
const CARRIED = `SELECT s.sender, s.account_nonce::text, ${PLACED} FROM settlement s JOIN broadcast b USING (network, sender, account_nonce)
  WHERE s.network = $1 AND NOT b.final ORDER BY s.sender, s.account_nonce, s.place`;

export function createBroadcastStore(pool: pg.Pool, vault: Vault): BroadcastStore {
  const sealing = sealingOf(vault);
  const leases = createSingletonLeases(pool);
  const run = async (name: string, text: string, values: readonly unknown[]): Promise<readonly Row[]> =>
    (await retried(() => pool.query<Row>({ name: `purser_broadcast_${name}`, text, values: [...values] })))
      .rows;
  return {
    holdLease: async (name, owner, seconds) => (await leases.hold(name, owner, seconds)) !== null,
    async knownChain(network) {
      const [row] = await run('known_chain', KNOWN_CHAIN, [network]);
      return row && { genesisHash: row['genesis_hash'] as Hex32, finalizedTo: Number(row['finalized_to']) };
    },
    async accounts(network) {
      const rows = await run(
        'accounts',
        'SELECT address, next_nonce::text FROM broadcast_account WHERE network = $1',
        [network],
      );
      return rows.map((row) => ({
        address: row['address'] as EvmAddress,
        nextNonce: Number(row['next_nonce']),
      }));
    },
    async addAccount(network, address, nextNonce) {
      await run(
        'add',
        'INSERT INTO broadcast_account (network, address, next_nonce) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
        [network, address, nextNonce],
      );
    },
    async raiseNonce(network, address, nextNonce) {
      await run(
        'raise',
        'UPDATE broadcast_account SET next_nonce = $3 WHERE network = $1 AND address = $2 AND next_nonce < $3',
        [network, address, nextNonce],
      );
    },
    waiting: async (network, limit, senders, except) =>
      (await run('waiting', WAITING, [network, limit, senders, except])).map((row) => ({
        ...placedOfRow(row, sealing),
        triedOut: row['tried_out'] as boolean,
      })),
    unfinished: (network) => readUnfinished(run, network, sealing),
    async intend(call, callHash, kind, transfers) {
      const { network, sender, accountNonce, target, gasLimit } = call;
      const [row] = await run('intend', INTEND, [
        ...keyLists(transfers),
        network,
        sender,
        accountNonce,
        kind,
        target,
        callHash,
        sealing.seal(call.data),
        gasLimit.toString(),
      ]);
      return row?.['made'] === 1;
    },
    async attempted(ref, attempt) {
      const stored = await run('attempted', ATTEMPTED, [
        ...placeOf(ref),
        attempt.attempt,
        attempt.maxFeePerGas.toString(),
        attempt.maxPriorityFeePerGas.toString(),
        attempt.txHash,
        sealing.seal(attempt.raw),
        attempt.signedAtMs,
        ref.kind,
      ]);
      return stored.length === 1;
    },
    ...fills(run, sealing),
    ...failures(run, sealing),
    async end(transfers) {
      if (transfers.length === 0) return;
      const keys = transfers.map((it) => it.key);
      await run(
        'end',
        END,
        outcomeLists(
          keys,
          transfers.map((it) => it.outcome),
        ),
      );
    },
    async mined(broadcast, { txHash, blockNumber, blockHash }, outcomes) {
      const lists = outcomeLists(broadcast.transfers, outcomes);
      await run('mined', MINED, [...lists, ...placeOf(broadcast), txHash, blockNumber, blockHash]);
    },
    async reopened(ref) {
      await run('reopened', REOPENED, placeOf(ref));
    },
    async finalized(refs) {
      if (refs.length === 0) return;
      await run('final', FINAL, [
        refs.map((it) => it.network),
        refs.map((it) => it.sender),
        refs.map((it) => it.accountNonce),
      ]);
    },
    settledElsewhere: async (network, upToBlock, limit) =>
      (await run('elsewhere', ELSEWHERE, [network, upToBlock, limit])).map((row) => ({
        ...keyOfRow(row),
        blockNumber: Number(row['block_number']),
        blockHash: row['block_hash'] as Hex32,
      })),
    async confirmElsewhere(final, orphaned) {
      if (final.length > 0) await run('confirm', CONFIRM, [...keyLists(final)]);
      if (orphaned.length > 0) await run('orphan', ORPHAN, [...keyLists(orphaned)]);
    },
    async taken(ref) {
      await run('taken', TAKEN, placeOf(ref));
    },
  };
}

async function readUnfinished(run: Run, network: Caip2, sealing: Sealing): Promise<readonly Broadcast[]> {
  const broadcasts = await run('unfinished', UNFINISHED, [network]);
  if (broadcasts.length === 0) return [];
  const [attempts, carried] = await Promise.all([
    run('attempts', ATTEMPTS, [network]),
    run('carried_all', CARRIED, [network]),
  ]);
  const attemptsOf = byRef(attempts);
  const transfersOf = byRef(carried);
  return broadcasts.map((row): Broadcast => {
    const transfers: readonly PlacedTransfer[] = (transfersOf.get(refOf(row)) ?? []).map((it) =>
      placedOfRow(it, sealing),
    );
    return {
      network,
      sender: row['sender'] as EvmAddress,
      accountNonce: Number(row['account_nonce']),
      kind: row['kind'] as Broadcast['kind'],
      target: row['target'] as EvmAddress,
      data: sealing.open(row['call_sealed'] as Buffer),
      gasLimit: BigInt(row['gas_limit'] as string),
      transfers,
      attempts: (attemptsOf.get(refOf(row)) ?? []).map((it) => attemptOf(it, sealing)),
      mined:
        row['tx_hash'] === null
          ? null
          : {
              txHash: row['tx_hash'] as Hex32,
              blockNumber: Number(row['block_number']),
              blockHash: row['block_hash'] as Hex32,
            },
    };
  });
}

function byRef(rows: readonly Row[]): ReadonlyMap<string, readonly Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(refOf(row));
    if (group === undefined) groups.set(refOf(row), [row]);
    else group.push(row);
  }
  return groups;
}

function attemptOf(row: Row, sealing: Sealing): Attempt {
  return {
    attempt: row['attempt'] as number,
    maxFeePerGas: BigInt(row['max_fee_per_gas'] as string),
    maxPriorityFeePerGas: BigInt(row['max_priority_fee_per_gas'] as string),
    txHash: row['tx_hash'] as Hex32,
    raw: sealing.open(row['raw_sealed'] as Buffer),
    signedAtMs: Number(row['signed_at_ms']),
  };
}

function refOf(row: Row): string {
  return `${String(row['sender'])}/${String(row['account_nonce'])}`;
}

function outcomeLists(
  keys: readonly TransferKey[],
  outcomes: readonly SettlementOutcome[],
): readonly unknown[] {
  const at = outcomes.map((it) => (it.kind === 'settled' ? it.settlement : null));
  return [
    ...keyLists(keys),
    outcomes.map((it) => it.kind),
    outcomes.map((it) => (it.kind === 'failed' ? it.reason : null)),
    at.map((it) => it?.txHash ?? null),
    at.map((it) => it?.blockNumber ?? null),
    at.map((it) => it?.blockHash ?? null),
    at.map((it) => it?.logIndex ?? null),
  ];
}
