// The rows behind float policies. Each method is one statement; what decides is decided on the row it changes, so two watchers at once, or one that
// comes back late, cannot send twice for one lack.
import type { AgentId, Caip2, EvmAddress, WalletId, WorkspaceId } from '#domain';
import type { FloatClaim, FloatRow, FloatStore } from '#engine';
import type pg from 'pg';

type Text = Readonly<Record<string, string | null>>;

const SAME =
  'workspace_id = f.workspace_id AND wallet_id = f.wallet_id AND network = f.network AND token = f.token';
const CLAIMED = `f.workspace_id, f.wallet_id, f.network, f.token, f.serial::text, f.amount::text, f.person, w.agent_id, w.address`;

// A settled one is over once the wallet's balance shows it; until then it would look as empty as before.
const ENDED = `UPDATE wallet_float f
  SET amount = NULL, operation_id = NULL, last_operation_id = o.operation_id, since_block = coalesce(l.seen_block, f.since_block),
    day_sent = f.day_sent - CASE o.status WHEN 'settled' THEN 0 ELSE f.amount END, problem = nullif(o.status, 'settled'),
    not_before = CASE o.status WHEN 'settled' THEN f.not_before ELSE clock_timestamp() + interval '5 minutes' END
  FROM operations o
  LEFT JOIN authorization_ledger l ON l.workspace_id = o.workspace_id AND l.operation_id = o.operation_id AND o.status = 'settled'
  WHERE f.network = $1 AND f.amount IS NOT NULL AND o.workspace_id = f.workspace_id AND o.operation_id = f.operation_id
    AND (o.status IN ('refused', 'rejected', 'expired', 'cancelled', 'failed')
      OR o.status = 'settled' AND (SELECT balance_block FROM wallet_asset WHERE ${SAME}) >= l.seen_block)
  RETURNING f.workspace_id, f.wallet_id, f.network, f.token, f.problem, (new.problem IS DISTINCT FROM old.problem)::text AS is_new`;

const LOOK_AT_NEW = `UPDATE wallet_float SET looked_at = true WHERE network = $1 AND NOT looked_at RETURNING wallet_id`;

// Left behind by a crash: the same key opens the same operation.
const UNOPENED = `SELECT ${CLAIMED} FROM wallet_float f JOIN wallet w ON w.workspace_id = f.workspace_id AND w.wallet_id = f.wallet_id
  WHERE f.network = $1 AND f.amount IS NOT NULL AND f.operation_id IS NULL`;

// Every bound is compared with the row as it is under its lock; the balance must be one that shows the last top-up.
const SENT = `CASE WHEN f.day = t.today THEN f.day_sent ELSE 0 END`;
const AMOUNT = `least(f.target - (a.balance - a.committed), f.cap_per_day - ${SENT})`;
const CLAIM = `UPDATE wallet_float f
  SET serial = f.serial + 1, amount = ${AMOUNT}, day = t.today, day_sent = ${SENT} + ${AMOUNT}
  FROM wallet_asset a, wallet w, (SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS today) t
  WHERE f.network = $1 AND ($2::text[] IS NULL OR f.wallet_id = ANY($2)) AND f.enabled AND f.amount IS NULL AND f.not_before <= clock_timestamp()
    AND a.workspace_id = f.workspace_id AND a.wallet_id = f.wallet_id AND a.network = f.network AND a.token = f.token
    AND w.workspace_id = f.workspace_id AND w.wallet_id = f.wallet_id AND w.status = 'active' AND w.role = 'payments' AND w.agent_id IS NOT NULL
    AND a.balance_block >= f.since_block AND a.balance - a.committed < f.min AND f.cap_per_day > ${SENT}
  RETURNING ${CLAIMED}`;

const OPENED = `UPDATE wallet_float SET operation_id = $5 WHERE workspace_id = $1 AND wallet_id = $2 AND network = $3 AND token = $4
  AND serial = $6 AND amount IS NOT NULL`;
const GIVE_BACK = `UPDATE wallet_float f
  SET amount = NULL, operation_id = NULL, day_sent = day_sent - amount, problem = $5, not_before = clock_timestamp() + interval '1 minute'
  WHERE f.workspace_id = $1 AND f.wallet_id = $2 AND f.network = $3 AND f.token = $4 AND f.serial = $6 AND f.amount IS NOT NULL
  RETURNING (new.problem IS DISTINCT FROM old.problem)::text AS is_new`;

export function createFloatStore(pool: pg.Pool): FloatStore {
  return {
    async ended(network) {
      const { rows } = await pool.query<Text>(ENDED, [network]);
      return rows.map((row) => ({
        ...placeOf(row),
        problem: row['problem'] ?? null,
        isNew: row['is_new'] === 'true',
      }));
    },
    async claim(network, wallets) {
      const unopened = await pool.query<Text>(UNOPENED, [network]);
      const fresh = await pool.query<Text>(LOOK_AT_NEW, [network]);
      const named = wallets && [...wallets, ...fresh.rows.map((row) => row['wallet_id'])];
      const claimed = named?.length === 0 ? [] : (await pool.query<Text>(CLAIM, [network, named])).rows;
      return [...unopened.rows, ...claimed].map(toClaim);
    },
    async opened(claim, operationId) {
      await pool.query(OPENED, [...keyOf(claim), operationId, claim.serial]);
    },
    async giveBack(claim, problem) {
      const { rows } = await pool.query<Text>(GIVE_BACK, [...keyOf(claim), problem, claim.serial]);
      return rows[0]?.['is_new'] === 'true';
    },
  };
}

const keyOf = ({ workspaceId, walletId, network, token }: FloatRow): readonly string[] => [
  workspaceId,
  walletId,
  network,
  token,
];

function placeOf(row: Text): FloatRow {
  return {
    workspaceId: row['workspace_id'] as WorkspaceId,
    walletId: row['wallet_id'] as WalletId,
    network: row['network'] as Caip2,
    token: row['token'] as EvmAddress,
  };
}

function toClaim(row: Text): FloatClaim {
  return {
    ...placeOf(row),
    serial: Number(row['serial']),
    amount: BigInt(row['amount'] ?? '0'),
    person: row['person'] ?? '',
    agentId: row['agent_id'] as AgentId,
    address: row['address'] as EvmAddress,
  };
}
