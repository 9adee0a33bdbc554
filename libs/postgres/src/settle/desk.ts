// Claims: one row per transfer, whoever asks. Requests that arrive together share one statement and one commit, and whoever waits for an
// outcome hears of it from one listening connection per process.
import { randomUUID } from 'node:crypto';
import {
  coalesce,
  type Clock,
  type SettlementDesk,
  type SettlementRequest,
  type SettlementView,
  type TransferKey,
  type Vault,
} from '#engine';
import type pg from 'pg';
import type { ListeningAnswers } from '../answers.js';
import { retried } from '../pool.js';
import {
  ASKED,
  BY_KEY,
  CANCELLATION_REQUESTED,
  isKilled,
  isOurTransfer,
  KEY,
  KEY_LISTS,
  keyLists,
  keyOf,
  keyOfRow,
  keyText,
  sameKey,
  sameNonce,
  VIEW,
  viewOfRow,
  type Row,
} from './rows.js';
import { takeWithClaim } from './answer-rights.js';
import { sealingOf } from './sealed.js';

/** Settlement ids that ended, comma-separated, or nothing, meaning "look". */
export const SETTLED_CHANNEL = 'purser_settled';
/** A network on which something waits to be broadcast. */
export const WAITING_CHANNEL = 'purser_settle';

/** SQL for the poll of whoever waits: $1 is uuid[]. */
export const ENDED_SQL = `SELECT settlement_id AS id FROM settlement
  WHERE settlement_id = ANY($1::uuid[]) AND status IN ('settled', 'failed')`;

const HOLDERS = `unnest(${KEY_LISTS}, $15::uuid[], $16::float8[], $12::uuid[], $14::text[]) AS asked(${KEY}, holder, for_ms, workspace_id, request_key)`;
const ROW = `${KEY}, settlement_id, payee, value, valid_after, valid_before, signature_sealed, workspace_id, asked_by, request_key, tried_out, ceiling, facilitator, redemption`;
const KILLED = `'${CANCELLATION_REQUESTED}'`;
// Only a failure that never reached a transaction makes room for another try, and that of a cancellation whose transaction is final: it cannot come to
// pass any more. A row is locked also where it stays as it is, so all are taken in the order of the broadcaster's intents. Whoever makes the claim has
// the right to be told of its outcome (ruling 11). What an operation of ours brings is not brought any more once its kill is claimed.
const CLAIM = `WITH killed AS (
  UPDATE settlement s SET status = 'failed', reason = ${KILLED}, ended_at = clock_timestamp()
    FROM ${ASKED} WHERE asked.method = 'cancel' AND ${sameNonce('s', 'asked')} AND ${isOurTransfer('s')} AND s.status = 'waiting'
  RETURNING pg_notify('${SETTLED_CHANNEL}', s.settlement_id::text)),
made AS (
  INSERT INTO settlement AS s (${ROW}, status, reason, ended_at)
  SELECT asked.*, CASE WHEN k.killed THEN 'failed' ELSE 'waiting' END, CASE WHEN k.killed THEN ${KILLED} END, CASE WHEN k.killed THEN clock_timestamp() END
    FROM unnest(${KEY_LISTS}, $6::uuid[], $7::text[], $8::numeric[], $9::bigint[], $10::bigint[], $11::bytea[], $12::uuid[],
      $13::text[], $14::text[], $17::bool[], $18::numeric[], $19::text[], $20::text[]) AS asked(${ROW}),
      LATERAL (SELECT ${isKilled('asked')} AS killed) k ORDER BY 1, 2, 3, 4, 5
  ON CONFLICT (${KEY}) DO UPDATE
    SET status = 'waiting', reason = NULL, ended_at = NULL, asked_at = clock_timestamp(), payee = excluded.payee, value = excluded.value,
      valid_after = excluded.valid_after, valid_before = excluded.valid_before, signature_sealed = excluded.signature_sealed,
      workspace_id = excluded.workspace_id, asked_by = excluded.asked_by, request_key = excluded.request_key, tried_out = excluded.tried_out,
      ceiling = excluded.ceiling, facilitator = excluded.facilitator, redemption = excluded.redemption,
      sender = NULL, account_nonce = NULL, place = NULL, final = false
    WHERE s.status = 'failed' AND (s.sender IS NULL OR s.method = 'cancel' AND s.final) AND excluded.status <> 'failed'
  RETURNING ${keyOf('s')}, s.settlement_id, s.status, s.reason),
taken AS (${takeWithClaim(`made JOIN ${HOLDERS} ON ${sameKey('made', 'asked')} AND asked.for_ms IS NOT NULL`)})
SELECT made.*, asked.holder, asked.holder IN (SELECT holder FROM taken) AS holds, pg_notify('${WAITING_CHANNEL}', made.network)
  FROM made JOIN ${HOLDERS} ON ${sameKey('made', 'asked')}`;
const FIND = `SELECT asked.ordinal, ${VIEW} FROM ${ASKED} JOIN settlement s ON ${BY_KEY}`;

export interface DeskOptions {
  readonly pool: pg.Pool;
  readonly vault: Vault;
  readonly clock: Clock;
  /** Listens on `SETTLED_CHANNEL`, for settlement ids. */
  readonly endings: Pick<ListeningAnswers<string>, 'changed'>;
}

export function createSettlementDesk({ pool, vault, clock, endings }: DeskOptions): SettlementDesk {
  const sealing = sealingOf(vault);
  const find = coalesce(
    async (keys: readonly TransferKey[]): Promise<readonly (SettlementView | undefined)[]> => {
      const { rows } = await pool.query<Row>({
        name: 'purser_settlement_find',
        text: FIND,
        values: [...keyLists(keys)],
      });
      const found = new Map(rows.map((row) => [Number(row['ordinal']), viewOfRow(row)]));
      return keys.map((_, index) => found.get(index + 1));
    },
  );
  /** What was made by each request; undefined: somebody else was first. */
  const claim = coalesce(async (requests: readonly Claiming[]): Promise<readonly (Claimed | undefined)[]> => {
    // Of equal ones in this batch the first asks; the others find what it made.
    const first = new Map<string, number>();
    requests.forEach(({ transfer }, index) => {
      if (!first.has(keyText(transfer))) first.set(keyText(transfer), index);
    });
    const asking = [...first.values()].map((index) => requests[index] as Claiming);
    const claiming = {
      name: 'purser_settlement_claim',
      text: CLAIM,
      values: [
        ...keyLists(asking.map((it) => it.transfer)),
        asking.map(() => randomUUID()),
        asking.map((it) => it.transfer.to),
        asking.map((it) => it.transfer.value.toString()),
        asking.map((it) => it.transfer.validAfterSec),
        asking.map((it) => it.transfer.validBeforeSec),
        asking.map((it) => sealing.seal(it.transfer.signature)),
        asking.map((it) => it.workspaceId),
        asking.map((it) => it.askedBy),
        asking.map((it) => it.requestKey),
        asking.map(() => randomUUID()),
        asking.map((it) => it.holdMs),
        asking.map((it) => it.triedOut ?? false),
        asking.map(({ transfer: it }) => (it.method === 'upto' ? it.ceiling.toString() : null)),
        asking.map(({ transfer: it }) => (it.method === 'upto' ? it.facilitator : null)),
        asking.map((it) => it.redemption ?? null),
      ],
    };
    const { rows } = await retried(() => pool.query<Row>(claiming));
    const made = new Map(rows.map((row) => [keyText(keyOfRow(row)), row]));
    return requests.map((request, index) => {
      const key = keyText(request.transfer);
      const row = made.get(key);
      return row !== undefined && first.get(key) === index ? claimedOf(request, row) : undefined;
    });
  });
  const known = async (key: TransferKey): Promise<SettlementView> => {
    const view = await find(key);
    if (view === undefined) throw new Error('a claimed settlement is missing');
    return view;
  };
  return {
    find,
    async claim(request, holdMs) {
      const made = await claim({ ...request, holdMs: holdMs ?? null });
      return made ?? { claimed: false, settlement: await known(request.transfer), holder: null };
    },
    async ended(key, deadlineMs, last) {
      let view = last ?? (await known(key));
      while (view.status !== 'settled' && view.status !== 'failed' && clock.nowMs() < deadlineMs) {
        await endings.changed(view.settlementId, deadlineMs);
        view = await known(key);
      }
      return view;
    },
  };
}

interface Claiming extends SettlementRequest {
  readonly holdMs: number | null;
}

type Claimed = Awaited<ReturnType<SettlementDesk['claim']>>;

function claimedOf({ transfer, ...asking }: Claiming, row: Row): Claimed {
  const { network, method, token, from, nonce, to, value } = transfer;
  const { workspaceId, askedBy, requestKey, redemption = null } = asking;
  const key = { network, method, token, from, nonce };
  const asked = { ...key, to, value, workspaceId, askedBy, requestKey, redemption };
  const settlementId = row['settlement_id'] as string;
  const status = row['status'] as SettlementView['status'];
  const reason = row['reason'] as string | null;
  return {
    claimed: true,
    settlement: { ...asked, settlementId, status, txHash: null, reason, final: false },
    holder: row['holds'] === true ? (row['holder'] as string) : null,
  };
}
