// What the edges need of reads: types only. All run under the reader role, bound to one workspace by row-level security.
import type {
  AgentId,
  ApprovalId,
  ApprovalRule,
  BudgetUnit,
  BudgetView,
  BudgetWindow,
  Caip2,
  EvmAddress,
  Hex32,
  Json,
  NodeKind,
  OperationId,
  OperationKind,
  OperationStatus,
  PaymentFlow,
  AuthorizationMethod,
  Vote,
  WalletId,
  WorkspaceId,
} from '#domain';
import type { ChangeView } from './change-ports.js';
import type { AgentAuditFilter, AgentAuditRow } from './audit-ports.js';
import type { Page, PageRequest } from './page.js';
import type { UsageView } from './usage-ports.js';
import type { FloatView } from './wallet-ports.js';
import type { RecordedOperation } from './view.js';

export interface OperationFilter {
  readonly agentId?: AgentId;
  readonly status?: OperationStatus;
  readonly kind?: OperationKind;
  /** Payments to sellers whose authorization is or may be live, or has been used; no top-ups, no allowances. */
  readonly spend?: true;
}

/** `success`: seen on chain. `failed`: ended unpaid. `pending`: everything else, also what a person must look at. */
export type TransactionOutcome = 'success' | 'failed' | 'pending';

/** Payments of one agent to sellers; what turned out to be free is none. */
export interface TransactionFilter {
  readonly agentId: AgentId;
  readonly outcome?: TransactionOutcome;
  /** Part of the URL, whatever its case. */
  readonly search?: string;
  readonly network?: Caip2;
  /** When it was asked for, unix ms, inclusive. */
  readonly fromMs?: number;
  readonly toMs?: number;
}

/** One page of the history, with figures over all that the filter lets through. */
export interface TransactionPage {
  readonly items: readonly RecordedOperation[];
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  /** What the chain says was paid, base units of USD6. */
  readonly spent: bigint;
}

export interface OperationEventView {
  readonly version: number;
  readonly type: string;
  readonly data: Json;
  readonly actor: Json;
  readonly occurredAtMs: number;
  /** Link of the operation's hash chain, hex. */
  readonly hash: string;
}

export interface ApprovalFilter {
  readonly kind?: 'operation' | 'change';
  readonly status?: ApprovalStatus | 'outdated';
  readonly agentId?: AgentId;
  /** Of the resource, with its port where it is not the usual one. */
  readonly host?: string;
  /** Base units, inclusive. */
  readonly minAmount?: bigint;
  readonly maxAmount?: bigint;
  /** Decided by then, or never. */
  readonly dueBeforeMs?: number;
  /** What waits for this person's decision: open, not theirs, and they are entitled and have not voted. */
  readonly decidableBy?: string;
}

/** What waits for people, or waited: payments, and changes that need a second person. */
export type ApprovalItem =
  | { readonly kind: 'operation'; readonly view: ApprovalView }
  | { readonly kind: 'change'; readonly view: ChangeView };

export type ApprovalStatus = 'pending' | 'approved' | 'rejected' | 'expired' | 'cancelled';

/** What one more payment does to one limit: what is left without and with this operation. */
export interface BudgetEffect {
  readonly node: NodeKind;
  readonly window: BudgetWindow;
  readonly limit: bigint;
  readonly remainingBefore: bigint;
  readonly remainingAfter: bigint;
}

/** Server facts for the approver; the one text that comes from the agent is named so. */
export interface ApprovalView {
  readonly approvalId: ApprovalId;
  readonly operationId: OperationId;
  readonly status: ApprovalStatus;
  /** To be sent back with the decision; covers payee, amount, asset, chain, resource and policy version. */
  readonly digest: string;
  readonly agentId: AgentId;
  readonly agentName: string;
  readonly requester: string;
  readonly payee: EvmAddress;
  readonly host: string;
  readonly resourceUrl: string;
  readonly method: string;
  readonly network: Caip2;
  readonly token: EvmAddress;
  readonly unit: BudgetUnit;
  readonly amount: bigint;
  /** Decimal text in the unit, every digit. */
  readonly amountDecimal: string;
  readonly paymentFlow: PaymentFlow;
  /** With `upto` the amount is a ceiling. */
  readonly transferMethod: AuthorizationMethod;
  /** `upto`: the only account that may charge. */
  readonly facilitator: EvmAddress | null;
  /** Why a person is asked: `above_threshold`, `contract_payee`. */
  readonly reasons: readonly string[];
  readonly policyVersion: number;
  readonly budget: readonly BudgetEffect[];
  /** Who has to say yes: each rule must be met, by so many people of its groups; none: of any approvers. */
  readonly rules: readonly ApprovalRule[];
  /** In the order they were given. Which of them count is judged when the quorum is complete. */
  readonly votes: readonly (Vote & { readonly atMs: number })[];
  /** Rises with everything that happens to it. */
  readonly revision: number;
  readonly requestedAtMs: number;
  readonly decideByMs: number;
  readonly decidedAtMs: number | null;
  readonly decidedBy: string | null;
  readonly reason: string | null;
  /** Written by the agent: show it as untrusted text, never as a fact (T46). */
  readonly untrustedNote: string | null;
}

export interface WalletBalanceView {
  readonly walletId: WalletId;
  readonly agentId: AgentId | null;
  readonly address: EvmAddress;
  readonly network: Caip2;
  readonly token: EvmAddress;
  /** At `block`, read at latest; -1: never read yet. */
  readonly onChain: bigint;
  readonly block: number;
  /** Live authorizations not yet seen on chain. */
  readonly committed: bigint;
  /** onChain - committed, never below zero (ruling 17). */
  readonly available: bigint;
  /** An admin is told when less than this is available; null: nobody asked to be. */
  readonly lowBelow: bigint | null;
  /** What Permit2 may move of it, at `block`; null: never read. */
  readonly permit2Allowance: bigint | null;
}

export interface FundsView {
  readonly agentId: AgentId;
  readonly unit: BudgetUnit;
  readonly held: bigint;
  readonly captured: bigint;
}

export interface BalancesView {
  readonly wallets: readonly WalletBalanceView[];
  /** Of these wallets. */
  readonly floats: readonly FloatView[];
  /** What each agent holds and has spent, from the rows that guard it. */
  readonly funds: readonly FundsView[];
}

export interface SpendRow {
  /** UTC date of the intent, `2026-11-21`. */
  readonly day: string;
  readonly agentId: AgentId;
  readonly host: string;
  readonly unit: BudgetUnit;
  readonly amount: bigint;
  readonly count: number;
}

export interface SelfUsage {
  readonly budgets: readonly BudgetView[];
  readonly payments: number;
  readonly spent: bigint;
}

export interface ReadStore {
  /** Newest first, folded from events: never behind the write model. */
  operations(
    workspaceId: WorkspaceId,
    filter: OperationFilter,
    page: PageRequest,
  ): Promise<Page<RecordedOperation>>;
  /** Refuses with `not_found`, also for another workspace's id, and for another agent's when `agentId` is given. */
  operation(
    workspaceId: WorkspaceId,
    operationId: OperationId,
    agentId?: AgentId,
  ): Promise<RecordedOperation>;
  events(
    workspaceId: WorkspaceId,
    operationId: OperationId,
    agentId?: AgentId,
  ): Promise<readonly OperationEventView[]>;
  /** Newest first; `page` counts from 1. URL and network are of a projection and may lag by a second or two, outcome and sum do not. */
  transactions(
    workspaceId: WorkspaceId,
    filter: TransactionFilter,
    at: { readonly page: number; readonly limit: number },
  ): Promise<TransactionPage>;
  approvals(workspaceId: WorkspaceId, filter: ApprovalFilter, page: PageRequest): Promise<Page<ApprovalView>>;
  /** Payments and changes together, newest first. */
  approvalItems(
    workspaceId: WorkspaceId,
    filter: ApprovalFilter,
    page: PageRequest,
  ): Promise<Page<ApprovalItem>>;
  approvalItem(workspaceId: WorkspaceId, approvalId: ApprovalId): Promise<ApprovalItem>;
  approval(workspaceId: WorkspaceId, approvalId: ApprovalId): Promise<ApprovalView>;
  /** `agentId`: that agent's wallets, those it shares, and its funds. `walletId`: of the wallets that one only. */
  balances(
    workspaceId: WorkspaceId,
    filter?: { readonly agentId?: AgentId; readonly walletId?: WalletId },
  ): Promise<BalancesView>;
  /** Workspace and agent node in every layer and unit. */
  budgets(workspaceId: WorkspaceId, agentId?: AgentId): Promise<readonly BudgetView[]>;
  /** What an agent may know of its own limits: its node and the workspace's, and how much it has paid so far in the unit. */
  selfUsage(workspaceId: WorkspaceId, agentId: AgentId, unit: BudgetUnit): Promise<SelfUsage>;
  /** What an agent said it has used, newest first. */
  usage(workspaceId: WorkspaceId, agentId: AgentId, page: PageRequest): Promise<Page<UsageView>>;
  /** From a projection; may lag by a second or two. Dates inclusive. */
  spend(
    workspaceId: WorkspaceId,
    range: { readonly fromDay: string; readonly toDay: string; readonly agentId?: AgentId },
  ): Promise<readonly SpendRow[]>;
  /** One agent's, by time, newest first: with the changes of its administration. */
  agentAudit(
    workspaceId: WorkspaceId,
    agentId: AgentId,
    asked: { readonly filter: AgentAuditFilter; readonly page: PageRequest },
  ): Promise<Page<AgentAuditRow>>;
  agentAuditCount(workspaceId: WorkspaceId, agentId: AgentId, filter: AgentAuditFilter): Promise<number>;
  /** The workspace's audit trail in commit order, newest first; from a projection. */
  audit(workspaceId: WorkspaceId, page: PageRequest): Promise<Page<AuditRow>>;
}

export interface AuditRow {
  readonly operationId: OperationId;
  readonly version: number;
  readonly type: string;
  readonly actor: Json;
  readonly agentId: AgentId;
  readonly amount: bigint | null;
  readonly unit: BudgetUnit | null;
  readonly host: string | null;
  readonly txHash: Hex32 | null;
  readonly occurredAtMs: number;
}
