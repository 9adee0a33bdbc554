// What an approver decides on: facts of the server, read from the events that led to the request. The agent's own words are one field, named
// for what it is (T46).
import {
  formatDecimal,
  refuse,
  upcast,
  type AgentId,
  type ApprovalId,
  type Json,
  type OperationEvent,
  type OperationId,
  type OperationRequest,
  type Terms,
  type Verdict,
  type WorkspaceId,
} from '#domain';
import type { ApprovalFilter, ApprovalStatus, ApprovalView, BudgetEffect, Page, PageRequest } from '#engine';
import { SELECT_BUDGETS, toBudgetView, type BudgetRow } from '../admin/budget-view.js';
import { CURSOR_PARTS, pageSize, readCursor, toPage } from '../admin/page.js';
import { OPENED_MONTH } from './operations.js';
import type { Read } from './reader.js';

interface Row {
  readonly approval_id: string;
  readonly operation_id: string;
  readonly agent_id: string;
  readonly agent_name: string;
  readonly digest: string;
  readonly status: ApprovalStatus;
  readonly decide_by: Date;
  readonly decided_by: string | null;
  readonly reason: string | null;
  readonly requested_at: Date;
  readonly requested_text: string;
  readonly decided_at: Date | null;
  readonly rules: ApprovalView['rules'];
  readonly votes: ApprovalView['votes'] | null;
  readonly revision: number;
  readonly reservation_state: 'held' | 'captured' | 'released' | null;
  readonly events: readonly { readonly type: string; readonly schema: number; readonly data: Json }[];
  readonly budgets: readonly BudgetRow[] | null;
}

const SELECT = `SELECT a.approval_id, a.operation_id, a.agent_id, g.name AS agent_name, a.digest, a.status, a.decide_by, a.decided_by, a.reason,
    a.requested_at, (a.requested_at AT TIME ZONE 'UTC')::text || '+00' AS requested_text, a.decided_at, a.rules, a.revision, r.state AS reservation_state,
    (SELECT json_agg(json_build_object('by', v.voter, 'onBehalfOf', v.on_behalf_of, 'atMs', purser_ms(v.voted_at)) ORDER BY v.voted_at, v.voter)
      FROM approval_vote v WHERE v.workspace_id = a.workspace_id AND v.approval_id = a.approval_id) AS votes,
    (SELECT json_agg(json_build_object('type', e.type, 'schema', e.schema, 'data', e.data) ORDER BY e.version) FROM events e
      WHERE e.workspace_id = o.workspace_id AND e.opened_month = ${OPENED_MONTH} AND e.operation_id = o.operation_id
        AND e.type IN ('OperationOpened', 'TermsAccepted', 'TermsChanged', 'ApprovalRequested')) AS events,
    (SELECT json_agg(b) FROM (${SELECT_BUDGETS}
      WHERE n.workspace_id = a.workspace_id AND (n.node_id IN (a.workspace_id, a.agent_id) OR n.node_id = ANY (r.others)) AND n.layer = 'payments' ORDER BY n.depth) b) AS budgets
  FROM approval a
  JOIN operations o ON o.workspace_id = a.workspace_id AND o.operation_id = a.operation_id
  JOIN agent g ON g.workspace_id = a.workspace_id AND g.agent_id = a.agent_id
  LEFT JOIN reservation r ON r.workspace_id = a.workspace_id AND r.operation_id = a.operation_id`;

export async function readApproval(
  read: Read,
  workspaceId: WorkspaceId,
  approvalId: ApprovalId,
): Promise<ApprovalView> {
  const rows = await read<Row>(workspaceId, {
    name: 'purser_read_approval',
    text: `${SELECT} WHERE a.workspace_id = $1 AND a.approval_id = $2`,
    values: [workspaceId, approvalId],
  });
  if (!rows[0]) throw refuse('not_found', { object: 'approval' });
  return toView(rows[0]);
}

export interface ApprovalQuery {
  readonly filter: ApprovalFilter;
  readonly size: number;
  /** Sort key of the last one given out: requested at, id. */
  readonly after: readonly string[] | null;
}

export interface Keyed<View> {
  readonly view: View;
  readonly key: readonly [requestedAt: string, id: string];
}

// Rule by rule what the decision itself will ask: entitled by some rule, and neither requester, operator nor counted already.
const DECIDABLE = `a.status = 'pending' AND a.decide_by > clock_timestamp() AND a.requester IS DISTINCT FROM $9
    AND NOT EXISTS (SELECT FROM approval_vote v WHERE v.workspace_id = a.workspace_id AND v.approval_id = a.approval_id AND $9 IN (v.voter, v.on_behalf_of))
    AND NOT EXISTS (SELECT FROM api_key k WHERE k.workspace_id = a.workspace_id AND k.person = $9
      AND (k.agent_id = a.agent_id OR k.role = 'backend' AND 'agent:payments:write' = ANY (k.scopes))
      AND coalesce(least(k.revoked_at, k.expires_at), 'infinity') > a.requested_at)
    AND EXISTS (SELECT FROM jsonb_array_elements(a.rules) rule WHERE rule -> 'groups' = '[]' OR EXISTS (SELECT FROM approver_member m
      WHERE m.workspace_id = a.workspace_id AND m.person = $9 AND m.until IS NULL AND rule -> 'groups' ? m.group_name))`;

const LIST = `${SELECT} WHERE a.workspace_id = $1 AND ($2::text IS NULL OR a.status = $2) AND ($3::uuid IS NULL OR a.agent_id = $3)
  AND ($4::timestamptz IS NULL OR (a.requested_at, a.approval_id) < ($4, $5::text))
  AND ($6::text IS NULL OR a.host = $6) AND ($7::numeric IS NULL OR a.amount >= $7) AND ($8::numeric IS NULL OR a.amount <= $8)
  AND ($9::text IS NULL OR ${DECIDABLE}) AND ($10::bigint IS NULL OR a.decide_by < to_timestamp($10 / 1000.0))
  ORDER BY a.requested_at DESC, a.approval_id DESC LIMIT $11`;

export async function listApprovals(
  read: Read,
  workspaceId: WorkspaceId,
  { filter, size, after }: ApprovalQuery,
): Promise<readonly Keyed<ApprovalView>[]> {
  const { status, agentId, host, minAmount, maxAmount, decidableBy, dueBeforeMs } = filter;
  const rows = await read<Row>(workspaceId, {
    name: 'purser_read_approvals',
    text: LIST,
    values: [
      workspaceId,
      status ?? null,
      agentId ?? null,
      after?.[0] ?? null,
      after?.[1] ?? null,
      host ?? null,
      minAmount?.toString() ?? null,
      maxAmount?.toString() ?? null,
      decidableBy ?? null,
      dueBeforeMs ?? null,
      size,
    ],
  });
  return rows.map((row) => ({ view: toView(row), key: [row.requested_text, row.approval_id] }));
}

export const approvalCursor = (page: PageRequest) =>
  readCursor(page.cursor, [CURSOR_PARTS.time, CURSOR_PARTS.id]);

export async function readApprovals(
  read: Read,
  workspaceId: WorkspaceId,
  options: { readonly filter: ApprovalFilter; readonly page: PageRequest },
): Promise<Page<ApprovalView>> {
  const size = pageSize(options.page);
  const after = approvalCursor(options.page);
  const found = await listApprovals(read, workspaceId, { filter: options.filter, size: size + 1, after });
  return toPage(found, size, { item: (it) => it.view, key: (it) => it.key });
}

interface Asked {
  readonly request: OperationRequest;
  readonly requester: string;
  readonly terms: Terms;
  readonly verdict: Verdict;
}

/** The terms as they stood when this approval was asked for: a later change asks anew, under another id. */
function askedIn(events: readonly OperationEvent[], approvalId: string): Asked {
  let opened: Pick<Asked, 'request' | 'requester'> | null = null;
  let judged: Pick<Asked, 'terms' | 'verdict'> | null = null;
  for (const event of events) {
    if (event.type === 'OperationOpened') opened = event.data;
    if (event.type === 'TermsAccepted' || event.type === 'TermsChanged') judged = event.data;
    if (event.type === 'ApprovalRequested' && event.data.approvalId === approvalId) break;
  }
  if (!opened || !judged) throw new Error('an approval without terms');
  return { ...opened, ...judged };
}

function toView(row: Row): ApprovalView {
  const { request, requester, terms, verdict } = askedIn(row.events.map(upcast), row.approval_id);
  return {
    approvalId: row.approval_id as ApprovalId,
    operationId: row.operation_id as OperationId,
    status: row.status,
    digest: row.digest,
    agentId: row.agent_id as AgentId,
    agentName: row.agent_name,
    requester,
    payee: terms.payTo,
    host: new URL(terms.resourceUrl).host,
    resourceUrl: terms.resourceUrl,
    method: terms.method,
    network: terms.network,
    token: terms.token,
    unit: terms.unit,
    amount: terms.amount,
    amountDecimal: formatDecimal(terms.unit, terms.amount),
    paymentFlow: terms.paymentFlow ?? 'authorization',
    transferMethod: terms.transferMethod ?? 'eip3009',
    facilitator: terms.facilitator ?? null,
    reasons: verdict.reasons,
    policyVersion: verdict.policyVersion,
    budget: effects(row, terms),
    rules: row.rules,
    votes: row.votes ?? [],
    revision: row.revision,
    requestedAtMs: row.requested_at.getTime(),
    decideByMs: row.decide_by.getTime(),
    decidedAtMs: row.decided_at?.getTime() ?? null,
    decidedBy: row.decided_by,
    reason: row.reason,
    untrustedNote: request.note,
  };
}

/** A waiting operation already holds its amount, so what is left now is what is left after; "before" adds the hold back. */
function effects(row: Row, terms: Terms): readonly BudgetEffect[] {
  const counted = row.reservation_state === 'held' || row.reservation_state === 'captured';
  const views = (row.budgets ?? []).map(toBudgetView).filter((view) => view.unit === terms.unit);
  return views.flatMap((view) =>
    view.windows.flatMap(({ window, limit, spent }) => {
      if (limit === null || window === 'per_payment') return [];
      const left = limit - spent - view.held;
      const remainingBefore = counted ? left + terms.amount : left;
      return [
        { node: view.node, window, limit, remainingBefore, remainingAfter: remainingBefore - terms.amount },
      ];
    }),
  );
}
