// The history of one agent's payments by page number, as some vendors' callers ask for it. Which, how it ended and how much: from the rows that guard it.
import type { OperationId, WorkspaceId } from '#domain';
import type { TransactionFilter, TransactionPage } from '#engine';
import { readOperationsById } from './operations.js';
import type { Read } from './reader.js';

interface FigureRow {
  readonly total: string;
  readonly succeeded: string;
  readonly failed: string;
  readonly spent: string;
  readonly ids: readonly OperationId[] | null;
}

const TRANSACTIONS = `WITH history AS (
  SELECT o.operation_id, o.opened_at_ms,
    CASE WHEN o.status IN ('provisional', 'settled') THEN 'success'
         WHEN o.status IN ('failed', 'refused', 'rejected', 'expired', 'cancelled') THEN 'failed' ELSE 'pending' END AS outcome,
    coalesce(l.network, p.network) AS network, p.resource_url AS url,
    CASE WHEN r.unit = 'USD6' THEN coalesce(l.charged, l.value) ELSE 0 END AS amount
  FROM operations o
  LEFT JOIN authorization_ledger l ON l.workspace_id = o.workspace_id AND l.operation_id = o.operation_id AND l.epoch = 0
  LEFT JOIN reservation r ON r.workspace_id = o.workspace_id AND r.operation_id = o.operation_id
  LEFT JOIN projection_operations p ON p.workspace_id = o.workspace_id AND p.operation_id = o.operation_id
  WHERE o.workspace_id = $1 AND o.agent_id = $2 AND o.kind IN ('purchase', 'authorize', 'settle')
    AND p.error_code IS DISTINCT FROM 'payment_not_required'
    AND ($3::bigint IS NULL OR o.opened_at_ms >= $3) AND ($4::bigint IS NULL OR o.opened_at_ms <= $4)
), wanted AS (
  SELECT * FROM history h WHERE ($5::text IS NULL OR h.outcome = $5) AND ($6::text IS NULL OR h.network = $6)
    AND ($7::text IS NULL OR strpos(lower(h.url), lower($7)) > 0)
)
SELECT count(*)::text AS total, count(*) FILTER (WHERE outcome = 'success')::text AS succeeded,
  count(*) FILTER (WHERE outcome = 'failed')::text AS failed,
  coalesce(sum(amount) FILTER (WHERE outcome = 'success'), 0)::text AS spent,
  (SELECT json_agg(x.operation_id ORDER BY x.opened_at_ms DESC, x.operation_id)
     FROM (SELECT operation_id, opened_at_ms FROM wanted ORDER BY opened_at_ms DESC, operation_id LIMIT $8 OFFSET $9) x) AS ids
FROM wanted`;

export async function readTransactions(
  read: Read,
  workspaceId: WorkspaceId,
  {
    filter,
    page,
    limit,
  }: { readonly filter: TransactionFilter; readonly page: number; readonly limit: number },
): Promise<TransactionPage> {
  const { agentId, fromMs, toMs, outcome, network, search } = filter;
  const [row] = await read<FigureRow>(workspaceId, {
    text: TRANSACTIONS,
    values: [
      workspaceId,
      agentId,
      fromMs ?? null,
      toMs ?? null,
      outcome ?? null,
      network ?? null,
      search ?? null,
      limit,
      (page - 1) * limit,
    ],
  });
  if (!row) throw new Error('an aggregate without a row');
  return {
    items: await readOperationsById(read, workspaceId, row.ids ?? []),
    total: Number(row.total),
    succeeded: Number(row.succeeded),
    failed: Number(row.failed),
    spent: BigInt(row.spent),
  };
}
