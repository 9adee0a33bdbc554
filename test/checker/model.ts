// The checker's own view of the rows and logs it reads. Nothing here is shared with the code under test.
export interface Violation {
  readonly rule: string;
  readonly where: string;
  readonly what: string;
}

export type Plain = { readonly [key: string]: unknown };

export interface EventRow {
  readonly workspaceId: string;
  readonly operationId: string;
  readonly version: number;
  readonly type: string;
  readonly schema: number;
  readonly data: Plain;
  readonly actor: Plain;
  readonly occurredAtMs: number;
  readonly prevHash: string;
  readonly hash: string;
  /** Place in the log: (cluster epoch, transaction id, position). */
  readonly order: readonly [number, bigint, bigint];
}

export interface ReservationRow {
  readonly operationId: string;
  readonly agentId: string;
  readonly unit: string;
  readonly amount: bigint;
  readonly captured: bigint;
  readonly state: 'held' | 'captured' | 'released';
  readonly chargedAtMs: number;
  /** Nodes it says it is held by besides its workspace's and its agent's. */
  readonly others: readonly string[];
}

export interface BudgetRow {
  readonly workspaceId: string;
  readonly nodeId: string;
  readonly kind: string;
  /** The name of the tag, where it is one's. */
  readonly tag: string | null;
  readonly unit: string;
  /** By window, and for how many payments by `count_` and the window. */
  readonly limits: { readonly [name: string]: bigint | null };
  readonly held: bigint;
  readonly heldCount: bigint;
  readonly lifetimeSpent: bigint;
  readonly lifetimeCount: bigint;
}

/** A node of a layer that is charged for usage. */
export interface UsageNodeRow {
  readonly workspaceId: string;
  readonly nodeId: string;
  readonly layer: string;
  readonly spent: bigint;
  readonly count: bigint;
}

/** What an agent said it has used. */
export interface UsageRow {
  readonly workspaceId: string;
  readonly agentId: string;
  readonly teams: readonly string[];
  readonly layer: string;
  readonly amount: bigint;
}

export interface NonceUse {
  readonly kind: 'used' | 'cancelled';
  readonly token: string;
  readonly from: string;
  readonly nonce: string;
  readonly txHash: string;
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly logIndex: number;
}

export interface TransferLog {
  readonly token: string;
  readonly from: string;
  readonly to: string;
  readonly value: bigint;
  readonly txHash: string;
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly logIndex: number;
}

/** How much a wallet let somebody move; the token says so. */
export interface ApprovalLog {
  readonly token: string;
  readonly owner: string;
  readonly spender: string;
  readonly value: bigint;
  readonly txHash: string;
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly logIndex: number;
}

/** One claim to bring a transfer on chain, and what was said of it. */
export interface SettlementRow {
  readonly method: string;
  readonly token: string;
  readonly payer: string;
  readonly nonce: string;
  readonly payee: string;
  readonly value: bigint;
  readonly status: 'waiting' | 'broadcast' | 'settled' | 'failed';
  readonly txHash: string | null;
  readonly logIndex: number | null;
}

/** A person's yes to an approval that was granted, and what entitled them to it at that moment. */
export interface VoteRow {
  readonly approvalId: string;
  readonly voter: string;
  readonly onBehalfOf: string | null;
  /** Of whoever they stand for. */
  readonly groups: readonly string[];
  readonly delegated: boolean;
  readonly decidedAtMs: number | null;
  readonly decideByMs: number;
}

export interface WalletRow {
  readonly workspaceId: string;
  readonly agentId: string | null;
  readonly role: string;
}

/** That something was stopped or resumed, or an agent disabled, in the order it happened. */
export interface StopFact {
  readonly workspaceId: string;
  readonly type: string;
  /** `events_to`: the last number in the log by then. */
  readonly data: Plain;
}

/** One stored version of a policy. */
export interface PolicyRow {
  readonly document: Plain;
  readonly hash: string;
}

export interface Books {
  readonly stops: readonly StopFact[];
  readonly operations: ReadonlyMap<string, readonly EventRow[]>;
  readonly eventCount: number;
  readonly reservations: ReadonlyMap<string, ReservationRow>;
  readonly budgets: readonly BudgetRow[];
  /** By workspace, scope and version. */
  readonly policies: ReadonlyMap<string, PolicyRow>;
  readonly usageNodes: readonly UsageNodeRow[];
  readonly usage: readonly UsageRow[];
  readonly settlements: readonly SettlementRow[];
  /** By approval. */
  readonly votes: ReadonlyMap<string, readonly VoteRow[]>;
  /** Of managed wallets, and of whoever paid through a settlement of ours. */
  readonly uses: readonly NonceUse[];
  readonly transfers: readonly TransferLog[];
  /** Of managed wallets. */
  readonly approvals: readonly ApprovalLog[];
  /** Canonical block hash and time by number, for every block that events name. */
  readonly blocks: ReadonlyMap<number, { readonly hash: string; readonly timestampSec: number }>;
  /** Managed wallets by address. */
  readonly wallets: ReadonlyMap<string, WalletRow>;
}

export const nonceKey = (at: {
  readonly token: string;
  readonly from: string;
  readonly nonce: string;
}): string => `${at.token}/${at.from}/${at.nonce}`.toLowerCase();

/** Map.groupBy, which Node 20 does not have. */
export function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

/** Object keys by code unit, no white space. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value as Plain).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`;
}
