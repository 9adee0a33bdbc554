// One agent's trail, by what it is about.
import type { EventType, Json, OperationId } from '#domain';

/** Types of operation events and of administrative ones, by what somebody who audits asks for. */
export const AUDIT_CATEGORIES = {
  budget: ['BudgetReserved', 'BudgetCaptured', 'BudgetReleased', 'BudgetLimitsChanged'],
  lifecycle: [
    'AgentCreated',
    'AgentActivated',
    'AgentDiscarded',
    'AgentDisabled',
    'Paused',
    'Resumed',
    'PolicyChanged',
  ],
  credential: ['KeyCreated', 'KeyRevoked', 'KeyRotated', 'SecretsReplaced'],
  approval: ['ApprovalRequested', 'ApprovalVoted', 'ApprovalGranted', 'ApprovalRejected', 'ApprovalExpired'],
} as const satisfies Readonly<Record<string, readonly string[]>>;
export type AuditCategory = keyof typeof AUDIT_CATEGORIES;

/** What ended otherwise than it was meant to. */
export const FAILURES: readonly EventType[] = [
  'OperationRefused',
  'OperationCancelled',
  'ApprovalRejected',
  'ApprovalExpired',
  'DeliveryFailed',
  'AuthorizationBurned',
  'AuthorizationVoided',
  'AuthorizationExpiredUnused',
  'AttentionRequired',
];

export interface AgentAuditFilter {
  readonly category?: AuditCategory;
  readonly failed?: boolean;
  readonly sinceMs?: number;
}

export interface AgentAuditRow {
  readonly type: string;
  readonly actor: Json;
  /** Null: a change of the administration. */
  readonly operationId: OperationId | null;
  readonly amount: bigint | null;
  readonly host: string | null;
  readonly txHash: string | null;
  /** Of the administration's changes. */
  readonly data: Json;
  readonly occurredAtMs: number;
}
