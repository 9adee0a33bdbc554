// Reading the log in an order in which nothing can appear behind us. Positions are handed out before commit, so "position above the last"
// skips events of slower transactions (measured: 22 %). Ordered by (cluster epoch, transaction id, position) and cut below the oldest
// transaction still running, everything at or before what we have read is final (safety.md M3).
import {
  ABSENT,
  evolve,
  upcast,
  type Json,
  type OperationEvent,
  type OperationId,
  type OperationState,
  type WorkspaceId,
} from '#domain';
import { sql, type Kysely } from 'kysely';
import type { Order, ProjectedEvent } from './projection.js';

/** What a fold needs of an event. */
interface Past {
  readonly operation_id: string;
  readonly version: number;
  readonly type: string;
  readonly schema: number;
  readonly data: Json;
  readonly at_ms: string;
}

interface Row extends Past {
  readonly workspace_id: string;
  readonly opened_month: string;
  readonly actor: Json;
  readonly hash: Buffer;
  readonly epoch_text: string;
  readonly txid_text: string;
  readonly position_text: string;
}

// No output name equals a column: ORDER BY would take the text for the number, and 10 would come before 9.
const PAST = sql`e.operation_id, e.version, e.type, e.schema, e.data, e.occurred_at_ms::text AS at_ms`;
const COLUMNS = sql`${PAST}, e.workspace_id, e.opened_month::text AS opened_month, e.actor, e.hash, e.cluster_epoch::text AS epoch_text,
  e.txid::text AS txid_text, e.position::text AS position_text`;

/** Events of an earlier life of the database came with its restore, all of them; their transaction ids say nothing about ours. */
export const FINAL = sql`(e.cluster_epoch < (SELECT c.epoch FROM cluster c) OR e.txid < (SELECT pg_snapshot_xmin(pg_current_snapshot())))`;

/** The next events after `from`, at most `limit`, not beyond `to` when it is given, each with its operation's state around it. */
export async function readLog(
  db: Kysely<unknown>,
  from: Order,
  { limit, to }: { readonly limit: number; readonly to?: Order },
): Promise<readonly ProjectedEvent[]> {
  const until = to ? sql`AND (e.cluster_epoch, e.txid, e.position) <= ${orderOf(to)}` : sql``;
  const { rows } = await sql<Row>`SELECT ${COLUMNS} FROM events e
    WHERE (e.cluster_epoch, e.txid, e.position) > ${orderOf(from)} AND ${FINAL} ${until}
    ORDER BY e.cluster_epoch, e.txid, e.position LIMIT ${limit}`.execute(db);
  return withStates(rows, await earlier(db, rows));
}

/** How far behind the newest final event a checkpoint is. */
export async function measureLag(
  db: Kysely<unknown>,
  from: Order,
): Promise<{ readonly events: number; readonly lagMs: number }> {
  const { rows } = await sql<{ events: string; lag_ms: string }>`SELECT count(*)::text AS events,
      coalesce(extract(epoch FROM clock_timestamp() - min(e.recorded_at)) * 1000, 0)::bigint::text AS lag_ms
    FROM (SELECT e.recorded_at FROM events e WHERE (e.cluster_epoch, e.txid, e.position) > ${orderOf(from)}
      ORDER BY e.cluster_epoch, e.txid, e.position LIMIT 10000) e`.execute(db);
  return { events: Number(rows[0]?.events ?? 0), lagMs: Number(rows[0]?.lag_ms ?? 0) };
}

function orderOf({ clusterEpoch, txid, position }: Order) {
  return sql`(${clusterEpoch}::integer, ${txid}::xid8, ${position}::bigint)`;
}

/** What happened to the batch's operations before the batch. Their history is read rather than kept: an operation has a dozen events. */
async function earlier(db: Kysely<unknown>, batch: readonly Row[]): Promise<readonly Past[]> {
  const first = new Map<string, Row>();
  for (const row of batch) if (!first.has(row.operation_id)) first.set(row.operation_id, row);
  const asked = [...first.values()].filter((row) => row.version > 1);
  if (asked.length === 0) return [];
  const { rows } = await sql<Past>`SELECT ${PAST} FROM unnest(${asked.map((it) => it.workspace_id)}::uuid[],
      ${asked.map((it) => it.opened_month)}::date[], ${asked.map((it) => it.operation_id)}::uuid[],
      ${asked.map((it) => it.version)}::integer[]) AS asked(workspace_id, opened_month, operation_id, version)
    JOIN events e ON e.workspace_id = asked.workspace_id AND e.opened_month = asked.opened_month
      AND e.operation_id = asked.operation_id AND e.version < asked.version
    ORDER BY e.operation_id, e.version`.execute(db);
  return rows;
}

interface Known {
  readonly state: OperationState;
  readonly version: number;
  readonly openedAtMs: number;
  readonly intentAtMs: number | null;
}

interface Step {
  readonly event: OperationEvent;
  readonly before: Known;
  readonly after: Known;
}

function withStates(batch: readonly Row[], history: readonly Past[]): readonly ProjectedEvent[] {
  const known = new Map<string, Known>();
  const step = (row: Past): Step => {
    const atMs = Number(row.at_ms);
    const before = known.get(row.operation_id) ?? {
      state: ABSENT,
      version: 0,
      openedAtMs: atMs,
      intentAtMs: null,
    };
    // A gap here would mean that the order of the log is broken; a projection must stop rather than go on without an event.
    if (row.version !== before.version + 1)
      throw new Error(`event ${row.version} of an operation follows ${before.version}`);
    const event = upcast(row);
    const after: Known = {
      state: evolve(before.state, event),
      version: row.version,
      openedAtMs: before.openedAtMs,
      intentAtMs: row.type === 'AuthorizationPrepared' ? atMs : before.intentAtMs,
    };
    known.set(row.operation_id, after);
    return { event, before, after };
  };
  for (const row of history) step(row);
  return batch.map((row) => {
    const { event, before, after } = step(row);
    if (after.state.status === 'absent') throw new Error('an event left its operation absent');
    return {
      workspaceId: row.workspace_id as WorkspaceId,
      operationId: row.operation_id as OperationId,
      agentId: after.state.request.agentId,
      version: row.version,
      event,
      actor: row.actor,
      occurredAtMs: Number(row.at_ms),
      openedAtMs: after.openedAtMs,
      intentAtMs: after.intentAtMs,
      hash: row.hash,
      order: { clusterEpoch: Number(row.epoch_text), txid: row.txid_text, position: row.position_text },
      before: before.state,
      after: after.state,
    };
  });
}
