import type { AgentId, BudgetUnit, Hex32, Json, OperationId, WorkspaceId } from '#domain';
import type { AuditRow, Page, PageRequest } from '#engine';
import { CURSOR_PARTS, pageSize, readCursor, toPage } from '../admin/page.js';
import type { Read } from './reader.js';

interface Row {
  readonly operation_id: string;
  readonly version: number;
  readonly type: string;
  readonly actor: Json;
  readonly agent_id: string;
  readonly amount_text: string | null;
  readonly unit: string | null;
  readonly host: string | null;
  readonly tx_hash: string | null;
  readonly at_ms: string;
  readonly epoch_text: string;
  readonly txid_text: string;
  readonly position_text: string;
}

// No output name equals a column of the sort key: the order must be the numbers', not the texts'.
const AUDIT = `SELECT a.operation_id, a.version, a.type, a.actor, a.agent_id, a.amount::text AS amount_text, a.unit, a.host, a.tx_hash,
    a.occurred_at_ms::text AS at_ms, a.cluster_epoch::text AS epoch_text, a.txid::text AS txid_text, a.position::text AS position_text
  FROM projection_audit a
  WHERE a.workspace_id = $1 AND ($2::integer IS NULL OR (a.cluster_epoch, a.txid, a.position) < ($2, $3::xid8, $4::bigint))
  ORDER BY a.cluster_epoch DESC, a.txid DESC, a.position DESC LIMIT $5`;

export async function readAudit(
  read: Read,
  workspaceId: WorkspaceId,
  page: PageRequest,
): Promise<Page<AuditRow>> {
  const size = pageSize(page);
  const { integer } = CURSOR_PARTS;
  const after = readCursor(page.cursor, [integer, integer, integer]);
  const rows = await read<Row>(workspaceId, {
    name: 'purser_read_audit',
    text: AUDIT,
    values: [workspaceId, after?.[0] ?? null, after?.[1] ?? '0', after?.[2] ?? '0', size + 1],
  });
  return toPage(rows, size, {
    item: (row) => ({
      operationId: row.operation_id as OperationId,
      version: row.version,
      type: row.type,
      actor: row.actor,
      agentId: row.agent_id as AgentId,
      amount: row.amount_text === null ? null : BigInt(row.amount_text),
      unit: row.unit as BudgetUnit | null,
      host: row.host,
      txHash: row.tx_hash as Hex32 | null,
      occurredAtMs: Number(row.at_ms),
    }),
    key: (row) => [row.epoch_text, row.txid_text, row.position_text],
  });
}
