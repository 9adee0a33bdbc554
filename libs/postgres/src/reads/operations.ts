// Operations as of now: the row says which, the events say what. Folding them at reading time means that a list can never show a state that
// the write model has left.
import { refuse, upcast, type AgentId, type Json, type OperationId, type WorkspaceId } from '#domain';
import {
  foldWithTimes,
  viewOf,
  type OperationEventView,
  type OperationFilter,
  type Page,
  type PageRequest,
  type RecordedOperation,
} from '#engine';
import { CURSOR_PARTS, pageSize, readCursor, toPage } from '../admin/page.js';
import type { Read } from './reader.js';

interface StoredEvent {
  readonly type: string;
  readonly schema: number;
  readonly data: Json;
  /** Unix ms. */
  readonly at: number;
}

interface OperationRow {
  readonly workspace_id: string;
  readonly operation_id: string;
  readonly agent_id: string;
  readonly version: number;
  readonly last_hash: string;
  readonly opened_at: string;
  readonly idempotency_key_hash: string;
  readonly fingerprint: string;
  readonly attempts: number;
  readonly updated_at: string;
  readonly events: readonly StoredEvent[];
}

/** The month an operation opened in is part of its events' key (ruling 19): it leads to one partition. */
export const OPENED_MONTH = `(date_trunc('month', to_timestamp(o.opened_at_ms / 1000.0) AT TIME ZONE 'UTC'))::date`;

const SELECT = `SELECT o.workspace_id, o.operation_id, o.agent_id, o.version, encode(o.last_hash, 'hex') AS last_hash,
    o.opened_at_ms::text AS opened_at, o.idempotency_key_hash, o.fingerprint, o.attempts,
    (extract(epoch FROM o.updated_at) * 1000)::bigint::text AS updated_at, history.events
  FROM operations o CROSS JOIN LATERAL (
    SELECT json_agg(json_build_object('type', e.type, 'schema', e.schema, 'data', e.data, 'at', e.occurred_at_ms) ORDER BY e.version) AS events
    FROM events e WHERE e.workspace_id = o.workspace_id AND e.opened_month = ${OPENED_MONTH}
      AND e.operation_id = o.operation_id AND e.version <= o.version) history`;
const SPEND = `o.kind IN ('purchase', 'authorize', 'settle') AND o.status IN ('authorized', 'provisional', 'settled', 'needs_attention')`;
const ONE = `${SELECT} WHERE o.workspace_id = $1 AND o.operation_id = $2 AND ($3::uuid IS NULL OR o.agent_id = $3)`;
const EVENTS = `SELECT e.version, e.type, e.data, e.actor, e.occurred_at_ms::text AS at, encode(e.hash, 'hex') AS hash
  FROM operations o JOIN events e ON e.workspace_id = o.workspace_id AND e.opened_month = ${OPENED_MONTH} AND e.operation_id = o.operation_id
  WHERE o.workspace_id = $1 AND o.operation_id = $2 AND ($3::uuid IS NULL OR o.agent_id = $3) ORDER BY e.version`;

export async function readOperation(
  read: Read,
  workspaceId: WorkspaceId,
  { operationId, agentId }: { readonly operationId: OperationId; readonly agentId: AgentId | undefined },
): Promise<RecordedOperation> {
  const rows = await read<OperationRow>(workspaceId, {
    name: 'purser_read_operation',
    text: ONE,
    values: [workspaceId, operationId, agentId ?? null],
  });
  if (!rows[0]) throw refuse('not_found', { object: 'operation' });
  return toView(rows[0]);
}

export async function readOperations(
  read: Read,
  workspaceId: WorkspaceId,
  { filter, page }: { readonly filter: OperationFilter; readonly page: PageRequest },
): Promise<Page<RecordedOperation>> {
  const size = pageSize(page);
  const after = readCursor(page.cursor, [CURSOR_PARTS.integer, CURSOR_PARTS.uuid]);
  const values: unknown[] = [workspaceId, size + 1];
  const conditions = ['o.workspace_id = $1'];
  const where = (text: (parameter: string) => string, value: unknown): void => {
    if (value === undefined) return;
    values.push(value);
    conditions.push(text(`$${values.length}`));
  };
  where((it) => `o.agent_id = ${it}::uuid`, filter.agentId);
  where((it) => `o.status = ${it}`, filter.status);
  where((it) => `o.kind = ${it}`, filter.kind);
  if (filter.spend) conditions.push(SPEND);
  // Two conditions instead of a row comparison: the key is descending in time and ascending in id, as the index is.
  where((it) => `o.opened_at_ms <= ${it}::bigint`, after?.[0]);
  if (after) {
    values.push(after[0], after[1]);
    conditions.push(
      `(o.opened_at_ms < $${values.length - 1}::bigint OR o.operation_id > $${values.length}::uuid)`,
    );
  }
  const rows = await read<OperationRow>(workspaceId, {
    text: `${SELECT} WHERE ${conditions.join(' AND ')} ORDER BY o.opened_at_ms DESC, o.operation_id LIMIT $2`,
    values,
  });
  return toPage(rows, size, { item: toView, key: (row) => [row.opened_at, row.operation_id] });
}

/** Newest first. */
export async function readOperationsById(
  read: Read,
  workspaceId: WorkspaceId,
  ids: readonly OperationId[],
): Promise<readonly RecordedOperation[]> {
  if (ids.length === 0) return [];
  const rows = await read<OperationRow>(workspaceId, {
    text: `${SELECT} WHERE o.workspace_id = $1 AND o.operation_id = ANY ($2::uuid[]) ORDER BY o.opened_at_ms DESC, o.operation_id`,
    values: [workspaceId, ids],
  });
  return rows.map(toView);
}

interface EventRow {
  readonly version: number;
  readonly type: string;
  readonly data: Json;
  readonly actor: Json;
  readonly at: string;
  readonly hash: string;
}

export async function readEvents(
  read: Read,
  workspaceId: WorkspaceId,
  { operationId, agentId }: { readonly operationId: OperationId; readonly agentId: AgentId | undefined },
): Promise<readonly OperationEventView[]> {
  const rows = await read<EventRow>(workspaceId, {
    name: 'purser_read_events',
    text: EVENTS,
    values: [workspaceId, operationId, agentId ?? null],
  });
  if (rows.length === 0) throw refuse('not_found', { object: 'operation' });
  return rows.map(({ at, ...row }) => ({ ...row, occurredAtMs: Number(at) }));
}

function toView(row: OperationRow): RecordedOperation {
  const { state, times } = foldWithTimes(
    row.events.map((stored) => ({ event: upcast(stored), atMs: stored.at })),
  );
  const view = viewOf({
    workspaceId: row.workspace_id as WorkspaceId,
    operationId: row.operation_id as OperationId,
    agentId: row.agent_id as AgentId,
    state,
    version: row.version,
    lastHash: row.last_hash,
    openedAtMs: Number(row.opened_at),
    idempotencyKeyHash: row.idempotency_key_hash,
    fingerprint: row.fingerprint,
    attempts: row.attempts,
    updatedAtMs: Number(row.updated_at),
  });
  return { ...view, ...times };
}
