import type { ApprovalView, AssetRegistry } from '#engine';
import { untrusted } from '../http/untrusted.js';
import { iso, maybeIso } from './render-operation.js';

/** Facts of ours, and apart from them, marked, the words of others (T46). */
export function renderApproval(assets: AssetRegistry, view: ApprovalView): object {
  return {
    kind: 'operation',
    approval_id: view.approvalId,
    operation_id: view.operationId,
    status: view.status,
    digest: view.digest,
    agent_id: view.agentId,
    agent_name: view.agentName,
    requester: view.requester,
    payee: view.payee,
    host: view.host,
    url: view.resourceUrl,
    method: view.method,
    amount: view.amount.toString(),
    amount_decimal: view.amountDecimal,
    unit: view.unit,
    asset: view.token,
    asset_symbol: assets.find(view.network, view.token)?.symbol ?? null,
    network: view.network,
    payment_flow: view.paymentFlow,
    transfer_method: view.transferMethod,
    facilitator: view.facilitator,
    reasons: view.reasons,
    policy_version: view.policyVersion,
    budget: view.budget.map((effect) => ({
      node: effect.node,
      window: effect.window,
      limit: effect.limit.toString(),
      remaining_before: effect.remainingBefore.toString(),
      remaining_after: effect.remainingAfter.toString(),
    })),
    rules: view.rules,
    votes: view.votes.map(({ by, onBehalfOf, atMs }) => ({ by, on_behalf_of: onBehalfOf, at: iso(atMs) })),
    revision: view.revision,
    requested_at: iso(view.requestedAtMs),
    decide_by: iso(view.decideByMs),
    decided_at: maybeIso(view.decidedAtMs),
    decided_by: view.decidedBy,
    reason: view.reason,
    note: untrusted(view.untrustedNote),
  };
}
