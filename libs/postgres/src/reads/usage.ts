import type { AgentId, Json, UsageLayer, WorkspaceId } from '#domain';
import type { Page, PageRequest, UsageView } from '#engine';
import { CURSOR_PARTS, pageSize, readCursor, toPage } from '../admin/page.js';
import type { Read } from './reader.js';

interface Row {
  readonly event_id: string;
  readonly layer: UsageLayer;
  readonly kind: string;
  readonly amount_text: string;
  readonly metadata: Json;
  readonly recorded_at: Date;
  readonly recorded_text: string;
}

const USAGE = `SELECT u.event_id, u.layer, u.kind, u.amount::text AS amount_text, u.metadata, u.recorded_at,
    (u.recorded_at AT TIME ZONE 'UTC')::text || '+00' AS recorded_text
  FROM usage_event u
  WHERE u.workspace_id = $1 AND u.agent_id = $2 AND ($3::timestamptz IS NULL OR (u.recorded_at, u.event_id) < ($3, $4::text))
  ORDER BY u.recorded_at DESC, u.event_id DESC LIMIT $5`;

export async function readUsage(
  read: Read,
  { workspaceId, agentId }: { readonly workspaceId: WorkspaceId; readonly agentId: AgentId },
  page: PageRequest,
): Promise<Page<UsageView>> {
  const size = pageSize(page);
  const after = readCursor(page.cursor, [CURSOR_PARTS.time, CURSOR_PARTS.word]);
  const rows = await read<Row>(workspaceId, {
    name: 'purser_read_usage',
    text: USAGE,
    values: [workspaceId, agentId, after?.[0] ?? null, after?.[1] ?? null, size + 1],
  });
  return toPage(rows, size, {
    item: (row) => ({
      id: row.event_id,
      agentId,
      layer: row.layer,
      kind: row.kind,
      amount: BigInt(row.amount_text),
      metadata: row.metadata,
      recordedAtMs: row.recorded_at.getTime(),
    }),
    key: (row) => [row.recorded_text, row.event_id],
  });
}
