import {
  fold,
  parseAgentId,
  parseOperationId,
  parseWorkspaceId,
  UnreadableHistory,
  upcast,
  type Json,
  type OperationId,
  type WorkspaceId,
} from '#domain';
import type { Loaded } from '#engine';

export interface StoredEvent {
  readonly type: string;
  readonly schema: number;
  readonly data: Json;
}

export interface LoadedRow {
  readonly operation_id: string;
  readonly agent_id: string;
  readonly version: number;
  readonly last_hash: string;
  readonly opened_at_ms: string;
  readonly key_hash: string;
  readonly fingerprint: string;
  readonly attempts: number;
  readonly updated_at_ms: string;
  readonly history: readonly StoredEvent[] | null;
}

/** Columns of a `LoadedRow` for an operations row called `o`. */
export const LOADED_COLUMNS = `o.operation_id, o.agent_id, o.version, encode(o.last_hash, 'hex') AS last_hash, o.opened_at_ms, o.idempotency_key_hash AS key_hash,
  o.fingerprint, o.attempts, floor(extract(epoch FROM o.updated_at) * 1000)::bigint AS updated_at_ms,
  (SELECT jsonb_agg(jsonb_build_object('type', e.type, 'schema', e.schema, 'data', e.data) ORDER BY e.version) FROM events e
    WHERE e.workspace_id = o.workspace_id AND e.operation_id = o.operation_id
      AND e.opened_month = date_trunc('month', to_timestamp(o.opened_at_ms / 1000.0) AT TIME ZONE 'UTC')::date) AS history`;

/** Folds the history into the state. `whole`: the history reaches the row's version. */
export function loadedOf(
  workspaceId: string,
  row: LoadedRow,
): { readonly loaded: Loaded; readonly whole: boolean } {
  const events = row.history ?? [];
  const loaded: Loaded = {
    workspaceId: parseWorkspaceId(workspaceId) satisfies WorkspaceId,
    operationId: parseOperationId(row.operation_id) satisfies OperationId,
    agentId: parseAgentId(row.agent_id),
    state: fold(events.map(upcast)),
    version: row.version,
    lastHash: row.last_hash,
    openedAtMs: Number(row.opened_at_ms),
    idempotencyKeyHash: row.key_hash,
    fingerprint: row.fingerprint,
    attempts: row.attempts,
    updatedAtMs: Number(row.updated_at_ms),
  };
  return { loaded, whole: events.length === row.version };
}

/** In place of a row whose history does not make sense. It concerns its own operation and no other. */
export class Unreadable {
  constructor(readonly error: unknown) {}
}

/** Like `loadedOf`, for one row of many. */
export function tryLoadedOf(workspaceId: string, row: LoadedRow): ReturnType<typeof loadedOf> | Unreadable {
  try {
    return loadedOf(workspaceId, row);
  } catch (error) {
    return new Unreadable(new UnreadableHistory(error));
  }
}

/** @throws `UnreadableHistory`, or what kept the row from being read again. */
export function readable<T>(it: T | Unreadable): T {
  if (it instanceof Unreadable) throw it.error;
  return it;
}
