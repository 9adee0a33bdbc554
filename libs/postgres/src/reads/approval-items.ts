// Payments and changes that wait for people, in one list. Both are read by the same sort key, and so is the page made of them.
import type { ApprovalId, WorkspaceId } from '#domain';
import type { ApprovalItem, ChangeView, Page, PageRequest } from '#engine';
import { CHANGE_COLUMNS, toChangeView, type ChangeRow } from '../admin/change-rows.js';
import { pageSize, toPage } from '../admin/page.js';
import { approvalCursor, listApprovals, readApproval, type ApprovalQuery, type Keyed } from './approvals.js';
import type { Read } from './reader.js';

const FROM = `SELECT ${CHANGE_COLUMNS} FROM change_request c WHERE c.workspace_id = $1`;
// A change that is past its time is over without anybody ending it.
const LIST = `${FROM} AND ($2::text IS NULL OR $2 = CASE WHEN c.status = 'pending' AND c.decide_by <= clock_timestamp() THEN 'expired' ELSE c.status END)
  AND ($3::uuid IS NULL OR c.agent_id = $3) AND ($4::timestamptz IS NULL OR (c.requested_at, c.approval_id) < ($4, $5::text))
  AND ($6::text IS NULL OR c.status = 'pending' AND c.decide_by > clock_timestamp() AND c.requester <> $6)
  AND ($7::bigint IS NULL OR c.decide_by < to_timestamp($7 / 1000.0))
  ORDER BY c.requested_at DESC, c.approval_id DESC LIMIT $8`;

export async function readApprovalItem(
  read: Read,
  workspaceId: WorkspaceId,
  approvalId: ApprovalId,
): Promise<ApprovalItem> {
  const rows = await read<ChangeRow>(workspaceId, {
    name: 'purser_read_change',
    text: `${FROM} AND c.approval_id = $2`,
    values: [workspaceId, approvalId],
  });
  if (rows[0]) return { kind: 'change', view: toChangeView(rows[0]) };
  return { kind: 'operation', view: await readApproval(read, workspaceId, approvalId) };
}

export async function readApprovalItems(
  read: Read,
  workspaceId: WorkspaceId,
  { filter, page }: Pick<ApprovalQuery, 'filter'> & { readonly page: PageRequest },
): Promise<Page<ApprovalItem>> {
  const size = pageSize(page);
  const query = { filter, size: size + 1, after: approvalCursor(page) };
  const [operations, changes] = await Promise.all([
    filter.kind === 'change' ? [] : listApprovals(read, workspaceId, query),
    filter.kind === 'operation' ? [] : listChanges(read, workspaceId, query),
  ]);
  const items: readonly Keyed<ApprovalItem>[] = [
    ...operations.map(({ view, key }) => ({ view: { kind: 'operation', view } as const, key })),
    ...changes.map(({ view, key }) => ({ view: { kind: 'change', view } as const, key })),
  ];
  const newestFirst = items.toSorted((a, b) => (isNewer(a.key, b.key) ? -1 : 1));
  return toPage(newestFirst, size, { item: (it) => it.view, key: (it) => it.key });
}

const isNewer = (one: readonly string[], other: readonly string[]): boolean =>
  one[0] === other[0] ? String(one[1]) > String(other[1]) : String(one[0]) > String(other[0]);

async function listChanges(
  read: Read,
  workspaceId: WorkspaceId,
  { filter, size, after }: ApprovalQuery,
): Promise<readonly Keyed<ChangeView>[]> {
  const { status, agentId, host, minAmount, maxAmount, decidableBy, dueBeforeMs } = filter;
  // A change has neither.
  if (host !== undefined || minAmount !== undefined || maxAmount !== undefined) return [];
  const rows = await read<ChangeRow>(workspaceId, {
    name: 'purser_read_changes',
    text: LIST,
    values: [
      workspaceId,
      status ?? null,
      agentId ?? null,
      after?.[0] ?? null,
      after?.[1] ?? null,
      decidableBy ?? null,
      dueBeforeMs ?? null,
      size,
    ],
  });
  return rows.map((row) => ({ view: toChangeView(row), key: [row.requested_text, row.approval_id] }));
}
