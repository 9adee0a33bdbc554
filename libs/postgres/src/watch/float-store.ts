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

// What is on its way to the wallet, whoever asked for it, counts as there already; the balance must be one that shows the last top-up. Every bound is
// compared with the row as it is under its lock.
const UNDER_WAY = `coalesce((SELECT sum(g.value) FROM operations o
    JOIN authorization_ledger g ON g.workspace_id = o.workspace_id AND g.operation_id = o.operation_id
   WHERE o.workspace_id = w.workspace_id AND o.agent_id = w.agent_id AND o.kind = 'top_up'
     AND o.opened_at_ms > (extract(epoch FROM clock_timestamp()) - 7 * 86400) * 1000
     AND g.network = a.network AND g.token = a.token AND g.to_address = w.address
     AND (g.status = 'live' OR g.status IN ('provisional', 'settled') AND g.seen_block > a.balance_block)), 0)`;
const HAS = `(a.balance - a.committed + ${UNDER_WAY})`;
const SENT = `CASE WHEN f.day = t.today THEN f.day_sent ELSE 0 END`;
const AMOUNT = `least(f.target - ${HAS}, f.cap_per_day - ${SENT})`;
const OF_FLOAT = `wallet_asset a, wallet w, (SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS today) t`;
const FILLABLE = `f.network = $1 AND f.enabled
    AND a.workspace_id = f.workspace_id AND a.wallet_id = f.wallet_id AND a.network = f.network AND a.token = f.token
    AND w.workspace_id = f.workspace_id AND w.wallet_id = f.wallet_id AND w.status = 'active' AND w.role = 'payments' AND w.agent_id IS NOT NULL`;
const PLACE = `(f.workspace_id, f.wallet_id, f.network, f.token)`;
/** At most so many of those; the conditions hold again for the row as it is when it is locked. */
const some = (which: string, limit: string, order: string): string =>
  `${which} AND ${PLACE} IN (SELECT f.workspace_id, f.wallet_id, f.network, f.token FROM wallet_float f, ${OF_FLOAT} WHERE ${which} ORDER BY ${order} LIMIT ${limit})`;

const LACKING = `${FILLABLE} AND ($2::text[] IS NULL OR f.wallet_id = ANY($2)) AND f.amount IS NULL AND f.not_before <= clock_timestamp()
    AND a.balance_block >= f.since_block AND ${HAS} < f.min AND f.cap_per_day > ${SENT}`;
const CLAIM = `UPDATE wallet_float f
  SET serial = f.serial + 1, amount = ${AMOUNT}, day = t.today, day_sent = ${SENT} + ${AMOUNT}, operation_id = NULL
  FROM ${OF_FLOAT} WHERE ${some(LACKING, '$3', 'f.wallet_id, f.token')}
  RETURNING ${CLAIMED}`;

// A claim whose operation does not exist. It may be opened at any time by a watcher that stood still meanwhile, so it is never uncounted: it is tried again
// with the same key and amount, counted in the day of its newest try; and one that does not fit any more is left behind, counted in its day.
const UNOPENED = `f.amount IS NOT NULL
    AND NOT EXISTS (SELECT FROM operations o WHERE o.workspace_id = f.workspace_id AND o.operation_id = f.operation_id)`;
const COUNTED_BESIDE = `CASE WHEN f.day = t.today THEN f.day_sent - f.amount ELSE 0 END`;
const FITS = `(${HAS} < f.min AND f.amount <= f.target - ${HAS} AND f.amount <= f.cap_per_day - ${COUNTED_BESIDE})`;
const LEAVE_BEHIND = `UPDATE wallet_float f SET amount = NULL, operation_id = NULL FROM ${OF_FLOAT} WHERE ${FILLABLE} AND ${UNOPENED} AND NOT ${FITS}`;
const TRY_AGAIN = `UPDATE wallet_float f SET day = t.today, day_sent = ${COUNTED_BESIDE} + f.amount
  FROM ${OF_FLOAT} WHERE ${some(`${FILLABLE} AND ${UNOPENED} AND ${FITS} AND f.not_before <= clock_timestamp()`, '$2', 'f.not_before')}
  RETURNING ${CLAIMED}`;

const BEGIN = `UPDATE wallet_float f SET operation_id = $5 FROM wallet w
  WHERE f.workspace_id = $1 AND f.wallet_id = $2 AND f.network = $3 AND f.token = $4 AND f.serial = $6 AND f.amount IS NOT NULL AND f.enabled
    AND (f.operation_id IS NULL OR f.operation_id = $5) AND w.workspace_id = f.workspace_id AND w.wallet_id = f.wallet_id AND w.status = 'active'`;
const PUT_OFF = `UPDATE wallet_float f SET problem = $5, not_before = clock_timestamp() + interval '1 minute'
  WHERE f.workspace_id = $1 AND f.wallet_id = $2 AND f.network = $3 AND f.token = $4 AND f.serial = $6 AND ${UNOPENED}
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
    async fresh(network) {
      const { rows } = await pool.query<Text>(LOOK_AT_NEW, [network]);
      return rows.map((row) => row['wallet_id'] as WalletId);
    },
    async claim(network, wallets, limit) {
      await pool.query(LEAVE_BEHIND, [network]);
      const again = (await pool.query<Text>(TRY_AGAIN, [network, limit])).rows;
      const rest = limit - again.length;
      const claimed =
        rest === 0 || wallets?.length === 0
          ? []
          : (await pool.query<Text>(CLAIM, [network, wallets, rest])).rows;
      return [...again, ...claimed].map(toClaim);
    },
    async begin(claim, operationId) {
      const { rowCount } = await pool.query(BEGIN, [...keyOf(claim), operationId, claim.serial]);
      return rowCount === 1;
    },
    async putOff(claim, problem) {
      const { rows } = await pool.query<Text>(PUT_OFF, [...keyOf(claim), problem, claim.serial]);
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
