// Reads over the in-memory rows, answering as the real ones do: another workspace's object does not exist.
import {
  formatDecimal,
  refuse,
  upcast,
  type AgentId,
  type Approval,
  type WorkspaceId,
  rulesOf,
  type Vote,
} from '#domain';
import {
  foldWithTimes,
  viewOf,
  type ApprovalItem,
  type ApprovalView,
  type ReadStore,
  type RecordedOperation,
  type TransactionOutcome,
  AUDIT_CATEGORIES,
  FAILURES,
  type AgentAuditFilter,
  type AgentAuditRow,
} from '#engine';
import type { MemoryUsage } from './memory-usage.js';
import type { MemoryAdmin } from './memory-admin.js';
import type { MemoryDatabase, OperationRow } from './memory-database.js';
import { pageOf } from './memory-lists.js';

export class MemoryReads implements ReadStore {
  constructor(
    private readonly database: MemoryDatabase,
    private readonly admin: MemoryAdmin,
    private readonly usageLedger: MemoryUsage,
  ) {}

  operations: ReadStore['operations'] = (workspaceId, filter, page) => {
    const views = this.rows(workspaceId)
      .map((row) => this.recorded(row))
      .filter((view) => filter.agentId === undefined || view.agentId === filter.agentId)
      .filter((view) => filter.status === undefined || view.status === filter.status)
      .filter((view) => filter.kind === undefined || view.kind === filter.kind)
      .filter((view) => filter.spend === undefined || isSpend(view))
      .reverse();
    return Promise.resolve(pageOf(views, page));
  };

  operation: ReadStore['operation'] = (workspaceId, operationId, agentId) =>
    Promise.resolve().then(() => this.view(workspaceId, operationId, agentId));

  events: ReadStore['events'] = (workspaceId, operationId, agentId) =>
    Promise.resolve().then(() => {
      this.view(workspaceId, operationId, agentId);
      return this.database.events
        .filter((event) => event.operationId === operationId)
        .map(({ version, type, data, actor, occurredAtMs, hash }) => ({
          version,
          type,
          data,
          actor: { ...actor },
          occurredAtMs,
          hash,
        }));
    });

  transactions: ReadStore['transactions'] = (workspaceId, filter, { page, limit }) => {
    const { agentId, fromMs = 0, toMs = Infinity, outcome, network, search = '' } = filter;
    const views = this.rows(workspaceId)
      .map((row) => this.recorded(row))
      .filter((it) => it.agentId === agentId && it.error?.code !== 'payment_not_required')
      .filter(({ openedAtMs }) => openedAtMs >= fromMs && openedAtMs <= toMs)
      .filter((it) => outcome === undefined || outcomeOf(it) === outcome)
      .filter((it) => network === undefined || it.terms?.network === network)
      .filter((it) => it.request.url.toLowerCase().includes(search.toLowerCase()))
      .reverse();
    const succeeded = views.filter((it) => outcomeOf(it) === 'success');
    return Promise.resolve({
      items: views.slice((page - 1) * limit, page * limit),
      total: views.length,
      succeeded: succeeded.length,
      failed: views.filter((it) => outcomeOf(it) === 'failed').length,
      spent: succeeded.reduce((sum, it) => sum + (it.charged ?? 0n), 0n),
    });
  };

  approvals: ReadStore['approvals'] = (workspaceId, { status }, page) => {
    const views = this.rows(workspaceId).flatMap((row) => this.approvalOf(row) ?? []);
    return Promise.resolve(
      pageOf(
        views.filter((view) => status === undefined || view.status === status),
        page,
      ),
    );
  };

  approvalItems: ReadStore['approvalItems'] = (workspaceId, filter, page) => {
    const operations = this.rows(workspaceId)
      .flatMap((row) => this.approvalOf(row) ?? [])
      .map((view) => ({ kind: 'operation', view }) as const);
    const changes = this.admin.changes.all
      .filter(({ view }) => view.workspaceId === workspaceId)
      .map(({ view }) => ({ kind: 'change', view }) as const);
    const items: ApprovalItem[] = [...operations, ...changes].filter(
      ({ kind, view }) =>
        (filter.kind === undefined || kind === filter.kind) &&
        (filter.status === undefined || view.status === filter.status) &&
        (filter.decidableBy === undefined ||
          (view.status === 'pending' && view.requester !== filter.decidableBy)),
    );
    return Promise.resolve(pageOf(items, page));
  };

  approvalItem: ReadStore['approvalItem'] = async (workspaceId, approvalId) => {
    const change = this.admin.changes.all.find(({ view }) => view.approvalId === approvalId)?.view;
    if (change?.workspaceId === workspaceId) return { kind: 'change', view: change };
    return { kind: 'operation', view: await this.approval(workspaceId, approvalId) };
  };

  approval: ReadStore['approval'] = (workspaceId, approvalId) =>
    Promise.resolve().then(() => {
      const views = this.rows(workspaceId).flatMap((row) => this.approvalOf(row) ?? []);
      const view = views.find((it) => it.approvalId === approvalId);
      if (!view) throw refuse('not_found', { object: 'approval' });
      return view;
    });

  /** Wallets of the engine's tests with what was read of them, and wallets of administration with what is wanted of them. */
  balances: ReadStore['balances'] = (workspaceId, { agentId, walletId } = {}) => {
    const read = [...this.database.wallets.values()].map((wallet) => {
      const [key, stored] = [...this.database.balances].find(([it]) => it.startsWith(wallet.address)) ?? [];
      return { ...wallet, place: `eip155:84532/${key?.split('/')[1]}`, stored, lowBelow: null };
    });
    const wanted = [...this.admin.wallets.lowBelow].map(([key, lowBelow]) => {
      const [id = '', ...place] = key.split('/');
      const wallet = this.admin.wallets.find(workspaceId, id);
      return { ...wallet, place: place.join('/'), stored: undefined, lowBelow };
    });
    const rows = [...read, ...wanted].filter(
      (it) => it.workspaceId === workspaceId && (walletId === undefined || it.walletId === walletId),
    );
    return Promise.resolve({
      wallets: rows.map(({ place, stored, lowBelow, ...wallet }) => {
        const [network, token] = place.split('/');
        return {
          walletId: wallet.walletId,
          agentId: agentId ?? null,
          address: wallet.address,
          network: network as never,
          token: token as never,
          onChain: stored?.balance ?? 0n,
          block: stored?.block ?? -1,
          committed: 0n,
          available: stored?.balance ?? 0n,
          lowBelow,
          permit2Allowance: stored?.permit2Allowance ?? null,
        };
      }),
      floats: [...this.admin.wallets.floats.values()].filter((it) => it.walletId === walletId),
      funds: [],
    });
  };

  budgets: ReadStore['budgets'] = (workspaceId, agentId) =>
    Promise.resolve([
      ...this.admin.budgetViews({ workspaceId, agentId: null }),
      ...(agentId === undefined ? [] : this.admin.budgetViews({ workspaceId, agentId })),
    ]);

  selfUsage: ReadStore['selfUsage'] = async (workspaceId, agentId, unit) => {
    const budgets = (await this.budgets(workspaceId, agentId)).filter((it) => it.unit === unit);
    const own = budgets.find((it) => it.node === 'agent');
    return { budgets, payments: 0, spent: own?.windows.find((it) => it.window === 'lifetime')?.spent ?? 0n };
  };

  usage: ReadStore['usage'] = (workspaceId, agentId, page) =>
    Promise.resolve(pageOf(this.usageLedger.of(workspaceId, agentId), page));
  spend: ReadStore['spend'] = () => Promise.resolve([]);
  agentAudit: ReadStore['agentAudit'] = (_workspaceId, agentId, { filter, page }) =>
    Promise.resolve(pageOf(this.trail(agentId, filter), page));
  agentAuditCount: ReadStore['agentAuditCount'] = (_workspaceId, agentId, filter) =>
    Promise.resolve(this.trail(agentId, filter).length);
  audit: ReadStore['audit'] = (_workspaceId, page) => Promise.resolve(pageOf([], page));

  /** Of payments only. */
  private trail(agentId: AgentId, { category, failed, sinceMs = 0 }: AgentAuditFilter): AgentAuditRow[] {
    const types: readonly string[] | null = category === undefined ? null : AUDIT_CATEGORIES[category];
    const own = [...this.database.operations.values()].filter(({ loaded }) => loaded.agentId === agentId);
    const ids = new Set<string>(own.map(({ loaded }) => loaded.operationId));
    return this.database.events
      .filter((event) => ids.has(event.operationId) && event.occurredAtMs >= sinceMs)
      .filter(({ type }) => types === null || types.includes(type))
      .filter(({ type }) => failed === undefined || (FAILURES as readonly string[]).includes(type) === failed)
      .map((event) => ({
        type: event.type,
        actor: { type: 'system', id: 'test' },
        operationId: event.operationId,
        amount: null,
        host: null,
        txHash: null,
        data: null,
        occurredAtMs: event.occurredAtMs,
      }))
      .reverse();
  }

  private rows(workspaceId: WorkspaceId): OperationRow[] {
    return [...this.database.operations.values()].filter((row) => row.loaded.workspaceId === workspaceId);
  }

  private view(workspaceId: WorkspaceId, operationId: string, agentId?: AgentId): RecordedOperation {
    const row = this.rows(workspaceId).find(({ loaded }) => loaded.operationId === operationId);
    if (!row || (agentId !== undefined && row.loaded.agentId !== agentId))
      throw refuse('not_found', { object: 'operation' });
    return this.recorded(row);
  }

  private recorded({ loaded }: OperationRow): RecordedOperation {
    const history = this.database.events
      .filter((event) => event.operationId === loaded.operationId)
      .map((event) => ({ event: upcast(event), atMs: event.occurredAtMs }));
    return { ...viewOf(loaded), ...foldWithTimes(history).times };
  }

  private approvalOf({ loaded }: OperationRow): ApprovalView | null {
    const { operationId, state, agentId } = loaded;
    const asked = this.database.events.find(
      (event) => event.operationId === operationId && event.type === 'ApprovalRequested',
    );
    const row = this.database.approvals.get(operationId);
    if (!asked || !row || state.status === 'absent' || !('terms' in state) || state.terms === null)
      return null;
    const { approvalId, digest, decideByMs } = asked.data as unknown as Approval;
    const { terms, request } = state;
    const decision = this.database.events.find(
      (event) => event.operationId === operationId && /^Approval(Granted|Rejected)$/.test(event.type),
    );
    const votes = this.database.events
      .filter((event) => event.operationId === operationId && event.type === 'ApprovalVoted')
      .map((event) => ({ ...(event.data as unknown as Vote), atMs: event.occurredAtMs }));
    const { by, reason } = (decision?.data ?? {}) as { by?: string; reason?: string };
    return {
      approvalId,
      operationId,
      status: row.status === 'closed' ? 'cancelled' : row.status,
      digest,
      agentId,
      agentName: 'shopper',
      requester: state.requester,
      payee: terms.payTo,
      host: new URL(terms.resourceUrl).hostname,
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
      reasons: 'verdict' in state ? state.verdict.reasons : [],
      policyVersion: 'verdict' in state ? state.verdict.policyVersion : 0,
      budget: [],
      rules: rulesOf('verdict' in state ? state.verdict : {}),
      votes: votes.map(({ by: voter, onBehalfOf, atMs }) => ({ by: voter, onBehalfOf, atMs })),
      revision: 1 + votes.length + (decision ? 1 : 0),
      requestedAtMs: asked.occurredAtMs,
      decideByMs,
      decidedAtMs: decision?.occurredAtMs ?? null,
      decidedBy: by ?? null,
      reason: reason ?? null,
      untrustedNote: request.note,
    };
  }
}

const SPENT: readonly string[] = ['authorized', 'provisional', 'settled', 'needs_attention'];
const isSpend = ({ kind, status }: { readonly kind: string; readonly status: string }): boolean =>
  kind !== 'top_up' && kind !== 'allowance' && SPENT.includes(status);

function outcomeOf({ settled, status }: RecordedOperation): TransactionOutcome {
  if (settled && status !== 'needs_attention') return 'success';
  return ['failed', 'refused', 'rejected', 'expired', 'cancelled'].includes(status) ? 'failed' : 'pending';
}
