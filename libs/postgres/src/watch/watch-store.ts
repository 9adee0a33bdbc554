// The chain watcher's rows. It serves every workspace of a network at once, so its role is not bound to one; its cost grows with blocks.
import type {
  AuthorizationMethod,
  Caip2,
  EvmAddress,
  Hex32,
  OperationId,
  WalletId,
  WorkspaceId,
} from '#domain';
import type {
  ChainException,
  LowBalance,
  ManagedWallet,
  TrackedAuthorization,
  WalletBalance,
  WatchedBlock,
  WatchStore,
} from '#engine';
import type pg from 'pg';
import { createSingletonLeases } from './singleton-leases.js';

/** Blocks remembered per network, to find the fork point after a reorganization. */
const KEPT_BLOCKS = 256;

type Text = Readonly<Record<string, string | null>>;

const TRACKED = `a.workspace_id, a.operation_id, a.network, a.token, a.from_address, a.to_address, coalesce(a.allowance, a.value)::text AS value, a.method, a.charged::text, a.nonce,
  a.valid_before::text, a.status, a.seen_block::text, a.seen_block_hash, a.tx_hash, a.log_index::text`;

const MATCH = `SELECT ${TRACKED} FROM unnest($2::text[], $3::text[], $4::text[]) AS asked(token, from_address, nonce)
  JOIN authorization_ledger a ON a.network = $1 AND a.token = asked.token AND a.from_address = asked.from_address AND a.nonce = asked.nonce`;
const ALLOWANCES = `SELECT ${TRACKED} FROM (SELECT DISTINCT * FROM unnest($2::text[], $3::text[]) AS it(token, from_address)) asked
  JOIN authorization_ledger a ON a.network = $1 AND a.token = asked.token AND a.from_address = asked.from_address
   AND a.method = 'allowance' AND a.status = 'live'`;
const EXPIRED = `SELECT ${TRACKED} FROM authorization_ledger a
  WHERE a.network = $1 AND a.status = 'live' AND a.valid_before < $2 AND (a.valid_before, a.operation_id) > ($4, $5)
  ORDER BY a.valid_before, a.operation_id LIMIT $3`;
const PROVISIONAL = `SELECT ${TRACKED} FROM authorization_ledger a
  WHERE a.network = $1 AND a.status = 'provisional' AND a.seen_block <= $2 AND (a.seen_block, a.operation_id) > ($4, $5)
  ORDER BY a.seen_block, a.operation_id LIMIT $3`;
// Ours alone can be cancelled by us, and few are: those of the time an authorization can live.
const CANCELLED = `SELECT ${TRACKED} FROM settlement s
  JOIN authorization_ledger a ON a.network = s.network AND a.token = s.token AND a.from_address = s.payer AND a.nonce = s.nonce AND a.status = 'live'
  WHERE s.network = $1 AND s.method = 'cancel' AND s.status = 'settled' AND s.block_number BETWEEN $2::bigint - 5000 AND $2::bigint`;
const SEEN_ABOVE = `SELECT ${TRACKED} FROM authorization_ledger a
  WHERE a.network = $1 AND a.seen_block > $2 AND a.status IN ('provisional', 'settled') ORDER BY a.seen_block`;

// An older reading never overwrites a newer one. A payment that a worker saw in a later block than the reading is not committed any more and
// not yet gone from it, so it is taken off here (ruling 17). Sorted, so that two writers lock rows in one order.
const BALANCES = `INSERT INTO wallet_asset AS held (workspace_id, wallet_id, network, token, balance, balance_block, permit2_allowance)
  SELECT read.workspace_id, read.wallet_id, read.network, read.token, greatest(read.balance - coalesce(later.value, 0), 0), read.block, read.allowance
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::numeric[], $6::bigint[], $7::numeric[])
      AS read(workspace_id, wallet_id, network, token, balance, block, allowance)
   CROSS JOIN LATERAL (SELECT sum(coalesce(a.charged, a.value)) AS value FROM authorization_ledger a
      WHERE a.network = read.network AND a.seen_block > read.block AND a.workspace_id = read.workspace_id
        AND a.wallet_id = read.wallet_id AND a.token = read.token AND a.status IN ('provisional', 'settled')) later
   ORDER BY 1, 2, 3, 4
  ON CONFLICT (workspace_id, wallet_id, network, token) DO UPDATE
    SET balance = excluded.balance, balance_block = excluded.balance_block,
      permit2_allowance = coalesce(excluded.permit2_allowance, held.permit2_allowance)
  WHERE held.balance_block <= excluded.balance_block
    AND (held.balance, held.balance_block, held.permit2_allowance)
      IS DISTINCT FROM (excluded.balance, excluded.balance_block, excluded.permit2_allowance)`;

// The first new reading of a block replaces it, whatever its number.
const REREAD = `UPDATE wallet_asset SET balance_block = $2 WHERE network = $1 AND balance_block > $2 RETURNING wallet_id`;
const LOW = `UPDATE wallet_asset SET low = NOT low
  WHERE network = $1 AND low_below IS NOT NULL AND ($2::text[] IS NULL OR wallet_id = ANY($2)) AND low <> (balance - committed < low_below)
  RETURNING workspace_id, wallet_id, token, greatest(balance - committed, 0)::text AS available, low_below::text, low::text`;

const EXCEPTIONS = `INSERT INTO chain_exception (network, kind, fact, workspace_id, address, nonce, transfer, tx_hash, block_number)
  SELECT it.network, it.kind, it.fact, w.workspace_id, it.address, it.nonce, it.transfer, it.tx_hash, it.block_number
  FROM jsonb_to_recordset($1::jsonb)
    AS it(network text, kind text, fact text, address text, nonce text, transfer jsonb, tx_hash text, block_number bigint)
  LEFT JOIN wallet w ON w.address = it.address
  ON CONFLICT DO NOTHING`;

export function createWatchStore(pool: pg.Pool): WatchStore {
  const leases = createSingletonLeases(pool);
  const tracked = async (
    text: string,
    values: readonly unknown[],
  ): Promise<readonly TrackedAuthorization[]> =>
    (await pool.query<Text>(text, [...values])).rows.map(toTracked);
  return {
    holdLease: async (name, owner, seconds) => (await leases.hold(name, owner, seconds)) !== null,
    cursor: (network) => readCursor(pool, network),
    recentBlocks: (network, limit) => readBlocks(pool, network, limit),
    advance: (network, genesisHash, blocks, cursor) =>
      advance(pool, { network, genesisHash, blocks, ...cursor }),
    managedWallets: walletReader(pool),
    match: (network, nonces) =>
      tracked(MATCH, [
        network,
        nonces.map((it) => it.token),
        nonces.map((it) => it.from),
        nonces.map((it) => it.nonce),
      ]),
    allowancesUnderWay: (network, seen) =>
      tracked(ALLOWANCES, [network, seen.map((it) => it.token), seen.map((it) => it.from)]),
    expiredLive: (network, beforeSec, { limit, after }) =>
      tracked(EXPIRED, [
        network,
        beforeSec,
        limit,
        after?.authorization.validBeforeSec ?? -1,
        placeOf(after),
      ]),
    cancelledUpTo: (network, block) => tracked(CANCELLED, [network, block]),
    provisionalUpTo: (network, block, { limit, after }) =>
      tracked(PROVISIONAL, [network, block, limit, after?.settlement?.blockNumber ?? -1, placeOf(after)]),
    seenAbove: (network, block) => tracked(SEEN_ABOVE, [network, block]),
    updateBalances: (balances) => updateBalances(pool, balances),
    rereadAbove: async (network, block) => {
      const { rows } = await pool.query<Text>(REREAD, [network, block]);
      return rows.map((row) => row['wallet_id'] as WalletId);
    },
    lowBalances: async (network, wallets) => {
      const { rows } = await pool.query<Text>(LOW, [network, wallets]);
      return rows.map((row) => ({ network, ...toLowBalance(row) }));
    },
    recordExceptions: (exceptions) => recordExceptions(pool, exceptions),
  };
}

async function readCursor(pool: pg.Pool, network: Caip2) {
  const { rows } = await pool.query<Text>(
    'SELECT genesis_hash, scanned_to::text, finalized_to::text FROM chain_cursor WHERE network = $1',
    [network],
  );
  const row = rows[0];
  return (
    row && {
      genesisHash: row['genesis_hash'] as Hex32,
      scannedTo: Number(row['scanned_to']),
      finalizedTo: Number(row['finalized_to']),
    }
  );
}

async function readBlocks(pool: pg.Pool, network: Caip2, limit: number): Promise<readonly WatchedBlock[]> {
  const { rows } = await pool.query<Text>(
    `SELECT b.number::text AS height, b.hash, b.parent_hash, b.timestamp_sec::text AS time_sec FROM chain_block b
      WHERE b.network = $1 ORDER BY b.number DESC LIMIT $2`,
    [network, limit],
  );
  return rows.map((row) => ({
    number: Number(row['height']),
    hash: row['hash'] as Hex32,
    parentHash: row['parent_hash'] as Hex32,
    timestampSec: Number(row['time_sec']),
  }));
}

interface Advance {
  readonly network: Caip2;
  readonly genesisHash: Hex32;
  readonly blocks: readonly WatchedBlock[];
  readonly scannedTo: number;
  readonly finalizedTo: number;
}

/** One statement, so one transaction: what is scanned and how far are never seen apart. The main query's delete and insert touch disjoint rows. */
const ADVANCE = `WITH moved AS (
    INSERT INTO chain_cursor (network, genesis_hash, scanned_to, finalized_to) VALUES ($1, $2, $3, $4)
    ON CONFLICT (network) DO UPDATE SET scanned_to = excluded.scanned_to, finalized_to = excluded.finalized_to
  ), kept AS (
    INSERT INTO chain_block (network, number, hash, parent_hash, timestamp_sec)
    SELECT $1, * FROM unnest($5::bigint[], $6::text[], $7::text[], $8::bigint[])
    ON CONFLICT (network, number) DO UPDATE
      SET hash = excluded.hash, parent_hash = excluded.parent_hash, timestamp_sec = excluded.timestamp_sec
  )
  DELETE FROM chain_block WHERE network = $1 AND NOT (number = ANY($5::bigint[])) AND number <> $4
    AND (number > $9 OR number <= $9 - $10)`;

async function advance(pool: pg.Pool, step: Advance): Promise<void> {
  const last = Math.max(step.scannedTo, ...step.blocks.map((block) => block.number));
  await pool.query(ADVANCE, [
    step.network,
    step.genesisHash,
    step.scannedTo,
    step.finalizedTo,
    step.blocks.map((block) => block.number),
    step.blocks.map((block) => block.hash),
    step.blocks.map((block) => block.parentHash),
    step.blocks.map((block) => block.timestampSec),
    last,
    KEPT_BLOCKS,
  ]);
}

// A wallet's time of making is its transaction's start, so one may appear a little behind the newest we know.
const WALLETS_SINCE = `SELECT workspace_id, wallet_id, address, (max(created_at) OVER () - interval '1 minute')::text AS mark
  FROM wallet WHERE created_at >= $1`;
const EVERYTHING_AFTER_READS = 600;

/**
 * Wallets are never deleted and keep their address, so each read asks only for the new ones; now and then for all, in case one took its time
 * to commit. Retired ones stay in: what they have signed may still move, and what moves without us must be seen.
 */
function walletReader(pool: pg.Pool): () => Promise<readonly ManagedWallet[]> {
  const known = new Map<string, ManagedWallet>();
  let mark = '-infinity';
  let reads = 0;
  return async () => {
    reads += 1;
    if (reads % EVERYTHING_AFTER_READS === 0) mark = '-infinity';
    const { rows } = await pool.query<Text>({
      name: 'purser_managed_wallets',
      text: WALLETS_SINCE,
      values: [mark],
    });
    for (const row of rows) {
      mark = row['mark'] ?? mark;
      known.set(String(row['wallet_id']), {
        workspaceId: row['workspace_id'] as WorkspaceId,
        walletId: row['wallet_id'] as WalletId,
        address: row['address'] as EvmAddress,
      });
    }
    return [...known.values()];
  };
}

async function updateBalances(pool: pg.Pool, balances: readonly WalletBalance[]): Promise<void> {
  if (balances.length === 0) return;
  await pool.query(BALANCES, [
    balances.map((it) => it.workspaceId),
    balances.map((it) => it.walletId),
    balances.map((it) => it.network),
    balances.map((it) => it.token),
    balances.map((it) => it.balance.toString()),
    balances.map((it) => it.block),
    balances.map((it) => it.permit2Allowance?.toString() ?? null),
  ]);
}

async function recordExceptions(pool: pg.Pool, exceptions: readonly ChainException[]): Promise<void> {
  if (exceptions.length === 0) return;
  const rows = exceptions.map((it) => ({
    network: it.network,
    kind: it.kind,
    fact: `${it.txHash ?? it.blockNumber}/${it.transfer?.logIndex ?? it.nonce ?? ''}`,
    address: it.address,
    nonce: it.nonce,
    transfer: it.transfer && { ...it.transfer, value: it.transfer.value.toString() },
    tx_hash: it.txHash,
    block_number: it.blockNumber,
  }));
  await pool.query(EXCEPTIONS, [JSON.stringify(rows)]);
}

function toLowBalance(row: Text): Omit<LowBalance, 'network'> {
  return {
    workspaceId: row['workspace_id'] as WorkspaceId,
    walletId: row['wallet_id'] as WalletId,
    token: row['token'] as EvmAddress,
    available: BigInt(row['available'] ?? '0'),
    below: BigInt(row['low_below'] ?? '0'),
    low: row['low'] === 'true',
  };
}

function toTracked(row: Text): TrackedAuthorization {
  const seen = row['tx_hash'] !== null && row['seen_block'] !== null;
  return {
    workspaceId: row['workspace_id'] as WorkspaceId,
    operationId: row['operation_id'] as OperationId,
    authorization: {
      method: row['method'] as AuthorizationMethod,
      network: row['network'] as Caip2,
      token: row['token'] as EvmAddress,
      from: row['from_address'] as EvmAddress,
      to: row['to_address'] as EvmAddress,
      value: BigInt(row['value'] ?? ''),
      nonce: row['nonce'] as Hex32,
      validBeforeSec: Number(row['valid_before']),
    },
    status: row['status'] as TrackedAuthorization['status'],
    settlement: seen
      ? {
          txHash: row['tx_hash'] as Hex32,
          blockNumber: Number(row['seen_block']),
          blockHash: row['seen_block_hash'] as Hex32,
          logIndex: Number(row['log_index']),
          ...(row['charged'] == null ? {} : { amount: BigInt(row['charged']) }),
        }
      : null,
  };
}

/** Rows of one block or second are in the order of their operations. */
function placeOf(after: TrackedAuthorization | null): string {
  return after?.operationId ?? '00000000-0000-0000-0000-000000000000';
}
