// One agent's trail: the events of its payments (from a projection) and the changes of its administration, as one list.
import type { AgentId, Json, OperationId, WorkspaceId } from '#domain';
import {
  AUDIT_CATEGORIES,
  FAILURES,
  type AgentAuditFilter,
  type AgentAuditRow,
  type Page,
  type PageRequest,
} from '#engine';
import { CURSOR_PARTS, pageSize, readCursor, toPage } from '../admin/page.js';
import type { Read } from './reader.js';

interface Row {
  readonly at_ms: string;
  readonly source: string;
  readonly position_text: string;
  readonly type: string;
  readonly actor: Json;
  readonly operation_id: string | null;
  readonly amount_text: string | null;
  readonly host: string | null;
  readonly tx_hash: string | null;
  readonly data: Json;
}

// $3: only these types, null for all. $4: only those that failed, or only those that did not. $5: not before.
const BOTH = `SELECT occurred_at_ms AS at, 1 AS source, position AS place, type, actor, operation_id, amount, host, tx_hash, NULL::jsonb AS data
    FROM projection_audit WHERE workspace_id = $1 AND agent_id = $2::uuid AND occurred_at_ms >= $5
  UNION ALL
  SELECT (extract(epoch FROM occurred_at) * 1000)::bigint, 0, position, type, actor, NULL, NULL, NULL, NULL, data
    FROM admin_event WHERE workspace_id = $1 AND coalesce(data->>'agent_id', data->>'node_id', data->>'scope') = $2::text
     AND occurred_at >= to_timestamp($5::bigint / 1000.0)`;
const MATCHING = `FROM (${BOTH}) b WHERE ($3::text[] IS NULL OR type = ANY ($3)) AND ($4::boolean IS NULL OR (type = ANY ($6::text[])) = $4)`;

const PAGE = `SELECT at::text AS at_ms, source::text, place::text AS position_text, type, actor, operation_id, amount::text AS amount_text, host, tx_hash, data
  ${MATCHING} AND ($7::bigint IS NULL OR (at, source, place) < ($7, $8::integer, $9::bigint))
  ORDER BY at DESC, b.source DESC, place DESC LIMIT $10`;
const COUNT = `SELECT count(*)::text AS total ${MATCHING}`;

function matching(workspaceId: WorkspaceId, agentId: AgentId, filter: AgentAuditFilter): readonly unknown[] {
  const types = filter.category === undefined ? null : [...AUDIT_CATEGORIES[filter.category]];
  return [workspaceId, agentId, types, filter.failed ?? null, filter.sinceMs ?? 0, [...FAILURES]];
}

export async function readAgentAudit(
  read: Read,
  { workspaceId, agentId }: { readonly workspaceId: WorkspaceId; readonly agentId: AgentId },
  { filter, page }: { readonly filter: AgentAuditFilter; readonly page: PageRequest },
): Promise<Page<AgentAuditRow>> {
  const size = pageSize(page);
  const { integer } = CURSOR_PARTS;
  const after = readCursor(page.cursor, [integer, integer, integer]);
  const rows = await read<Row>(workspaceId, {
    name: 'purser_read_agent_audit',
    text: PAGE,
    values: [
      ...matching(workspaceId, agentId, filter),
      after?.[0] ?? null,
      after?.[1] ?? null,
      after?.[2] ?? null,
      size + 1,
    ],
  });
  return toPage(rows, size, {
    item: (row) => ({
      type: row.type,
      actor: row.actor,
      operationId: row.operation_id as OperationId | null,
      amount: row.amount_text === null ? null : BigInt(row.amount_text),
      host: row.host,
      txHash: row.tx_hash,
      data: row.data,
      occurredAtMs: Number(row.at_ms),
    }),
    key: (row) => [row.at_ms, row.source, row.position_text],
  });
}

export async function countAgentAudit(
  read: Read,
  { workspaceId, agentId }: { readonly workspaceId: WorkspaceId; readonly agentId: AgentId },
  filter: AgentAuditFilter,
): Promise<number> {
  const [row] = await read<{ total: string }>(workspaceId, {
    name: 'purser_count_agent_audit',
    text: COUNT,
    values: matching(workspaceId, agentId, filter),
  });
  return Number(row?.total ?? '0');
}
