import { sql } from 'kysely';
import { hostOf } from './operations.js';
import { underneath, type ProjectedEvent, type Projection, type Target } from './projection.js';

/** Every approval ever asked for and how it ended; for reports. The approver's queue reads the write model. */
export const approvalsProjection: Projection = {
  name: 'approvals',
  version: 1,
  tables: ['projection_approvals'],
  async apply(events, target) {
    // Asked for first: an approval may be requested and decided in one batch, and a decision never comes before its request.
    await insert(events.flatMap(requestIn), target);
    await decide(events.flatMap(decisionIn), target);
  },
};

function requestIn({ event, after, ...at }: ProjectedEvent) {
  const state = underneath(after);
  if (event.type !== 'ApprovalRequested' || state.status !== 'awaiting_approval') return [];
  const { terms, requester } = state;
  return [
    {
      workspace_id: at.workspaceId,
      approval_id: event.data.approvalId,
      operation_id: at.operationId,
      agent_id: at.agentId,
      requester,
      status: 'pending',
      digest: event.data.digest,
      payee: terms.payTo,
      host: hostOf(terms.resourceUrl),
      unit: terms.unit,
      amount: terms.amount.toString(),
      requested_at_ms: at.occurredAtMs,
      decide_by_ms: event.data.decideByMs,
    },
  ];
}

function decisionIn({ event, before, ...at }: ProjectedEvent) {
  const decision = {
    workspace_id: at.workspaceId,
    decided_at_ms: at.occurredAtMs,
    decided_by: null as string | null,
    reason: null as string | null,
  };
  const state = underneath(before);
  switch (event.type) {
    case 'ApprovalGranted':
      return [
        { ...decision, approval_id: event.data.approvalId, status: 'approved', decided_by: event.data.by },
      ];
    case 'ApprovalRejected': {
      const { approvalId, by, reason } = event.data;
      return [{ ...decision, approval_id: approvalId, status: 'rejected', decided_by: by, reason }];
    }
    case 'ApprovalExpired':
      return [{ ...decision, approval_id: event.data.approvalId, status: 'expired' }];
    case 'OperationCancelled': {
      const open =
        state.status === 'awaiting_approval' ? state.approval : 'grant' in state ? state.grant : null;
      const { by, reason } = event.data;
      return open
        ? [{ ...decision, approval_id: open.approvalId, status: 'cancelled', decided_by: by, reason }]
        : [];
    }
    // An approval of terms that the seller then changed was given, and used for nothing.
    case 'TermsChanged':
      return state.status === 'approved'
        ? [{ ...decision, approval_id: state.grant.approvalId, status: 'expired', reason: 'terms_changed' }]
        : [];
    case 'OperationOpened':
    case 'TermsAccepted':
    case 'OperationRefused':
    case 'BudgetReserved':
    case 'ApprovalRequested':
    case 'ApprovalVoted':
    case 'TermsConfirmed':
    case 'AuthorizationPrepared':
    case 'AuthorizationSigned':
    case 'AuthorizationBurned':
    case 'PresentationStarted':
    case 'ResourceDelivered':
    case 'DeliveryFailed':
    case 'SettlementHandedOver':
    case 'SettlementSubmitted':
    case 'CancellationRequested':
    case 'CancellationSubmitted':
    case 'SettlementObserved':
    case 'SettlementReorged':
    case 'SettlementFinalized':
    case 'AuthorizationExpiredUnused':
    case 'AuthorizationVoided':
    case 'BudgetCaptured':
    case 'BudgetReleased':
    case 'AttentionRequired':
    case 'AttentionResolved':
      return [];
  }
}

async function insert(rows: ReturnType<typeof requestIn>, { trx, table }: Target): Promise<void> {
  if (rows.length === 0) return;
  await sql`INSERT INTO ${sql.table(table('projection_approvals'))}
      (workspace_id, approval_id, operation_id, agent_id, requester, status, digest, payee, host, unit, amount, requested_at_ms, decide_by_ms)
    SELECT * FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS asked(workspace_id uuid, approval_id text, operation_id uuid,
      agent_id uuid, requester text, status text, digest text, payee text, host text, unit text, amount numeric, requested_at_ms bigint,
      decide_by_ms bigint)
    ON CONFLICT (workspace_id, approval_id) DO NOTHING`.execute(trx);
}

async function decide(decisions: ReturnType<typeof decisionIn>, { trx, table }: Target): Promise<void> {
  // The last one counts, but whoever approved stays named when the approval then expires unused: the same however batches are cut.
  const last = new Map<string, (typeof decisions)[number]>();
  for (const it of decisions) {
    const key = `${it.workspace_id}/${it.approval_id}`;
    last.set(key, { ...it, decided_by: it.decided_by ?? last.get(key)?.decided_by ?? null });
  }
  if (last.size === 0) return;
  await sql`UPDATE ${sql.table(table('projection_approvals'))} AS shown SET status = it.status, decided_at_ms = it.decided_at_ms,
      decided_by = coalesce(it.decided_by, shown.decided_by), reason = it.reason
    FROM jsonb_to_recordset(${JSON.stringify([...last.values()])}::jsonb) AS it(workspace_id uuid, approval_id text, status text,
      decided_at_ms bigint, decided_by text, reason text)
    WHERE shown.workspace_id = it.workspace_id AND shown.approval_id = it.approval_id`.execute(trx);
}
