import type { AgentId, ApprovalId, Json, WorkspaceId } from '#domain';
import type { ChangeKind, ChangeStatus, ChangeView } from '#engine';

export interface ChangeRow {
  readonly workspace_id: string;
  readonly approval_id: string;
  readonly kind: ChangeKind;
  readonly agent_id: string | null;
  readonly wanted: Json;
  readonly base: Json;
  readonly digest: string;
  readonly status: Exclude<ChangeStatus, 'expired'>;
  readonly requester: string;
  readonly requested_at: Date;
  readonly requested_text: string;
  readonly decide_by: Date;
  readonly overdue: boolean;
  readonly decided_at: Date | null;
  readonly decided_by: string | null;
  readonly reason: string | null;
  readonly revision: number;
}

/** Of `change_request c`. */
export const CHANGE_COLUMNS = `c.workspace_id, c.approval_id, c.kind, c.agent_id, c.wanted, c.base, c.digest, c.status, c.requester, c.requested_at,
  (c.requested_at AT TIME ZONE 'UTC')::text || '+00' AS requested_text, c.decide_by, clock_timestamp() >= c.decide_by AS overdue, c.decided_at, c.decided_by,
  c.reason, c.revision`;

export function toChangeView(row: ChangeRow): ChangeView {
  return {
    approvalId: row.approval_id as ApprovalId,
    workspaceId: row.workspace_id as WorkspaceId,
    kind: row.kind,
    agentId: row.agent_id as AgentId | null,
    // Nothing is held while it waits, so nobody has to end it: it is over by its time alone.
    status: row.status === 'pending' && row.overdue ? 'expired' : row.status,
    digest: row.digest,
    wanted: row.wanted,
    base: row.base,
    requester: row.requester,
    requestedAtMs: row.requested_at.getTime(),
    decideByMs: row.decide_by.getTime(),
    decidedAtMs: row.decided_at?.getTime() ?? null,
    decidedBy: row.decided_by,
    reason: row.reason,
    revision: row.revision,
  };
}
