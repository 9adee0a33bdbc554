import type { ApprovalStatus, ApprovalView, OperationView, PaymentHeader } from '#engine';
import { untrusted } from '../../http/untrusted.js';
import type { SHOWN_STATUSES } from './approvals.dto.js';
import { iso, maybeIso } from './envelope.js';
import { paymentData } from './render-payment.js';
import { UNNAMED } from './to-payment.js';

type Shown = (typeof SHOWN_STATUSES)[number];

/** What was called off is not to be waited for either. */
const STATUS: Readonly<Record<ApprovalStatus, Shown>> = {
  pending: 'pending_approval',
  approved: 'approved',
  rejected: 'rejected',
  expired: 'expired',
  cancelled: 'rejected',
};

/** `paid`: the payment itself, once it is made and for whoever may have it. */
export function renderApproval(
  view: ApprovalView,
  paid?: { readonly operation: OperationView; readonly payment: PaymentHeader },
): object {
  return {
    id: view.approvalId,
    approvalId: view.approvalId,
    operationId: view.operationId,
    agentId: view.agentId,
    agentName: view.agentName,
    requester: view.requester,
    status: STATUS[view.status],
    amount: view.amountDecimal,
    currency: 'USDC',
    network: view.network,
    recipient: view.payee,
    resource: view.resourceUrl === UNNAMED ? null : view.resourceUrl,
    reasons: view.reasons,
    digest: view.digest,
    description: untrusted(view.untrustedNote),
    createdAt: iso(view.requestedAtMs),
    expiresAt: iso(view.decideByMs),
    resolvedAt: maybeIso(view.decidedAtMs),
    resolvedBy: view.decidedBy,
    reason: view.reason,
    ...(paid ? { payment: paymentData(paid.operation, paid.payment) } : {}),
  };
}
