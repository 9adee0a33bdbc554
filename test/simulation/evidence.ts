// What the checkers read: rows and logs in their own words, nothing of the engine's.
import type { CapChange } from './checker-caps.js';

export interface Violation {
  readonly rule: string;
  readonly where: string;
  readonly what: string;
}

export type Plain = { readonly [key: string]: unknown };

export interface LoggedEvent {
  readonly seq: number;
  readonly workspaceId: string;
  readonly operationId: string;
  readonly version: number;
  readonly type: string;
  readonly schema: number;
  readonly data: unknown;
  readonly actor: unknown;
  readonly occurredAtMs: number;
  readonly prevHash: string;
  readonly hash: string;
  readonly recordedAtMs: number;
  readonly leaseEpoch: number | null;
}

export interface ChainRecord {
  readonly kind: 'used' | 'cancelled' | 'permit' | 'transfer' | 'approval';
  readonly from: string;
  readonly to: string | null;
  readonly value: bigint;
  readonly nonce: string | null;
  readonly txHash: string;
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly logIndex: number;
}

/** What people did and were told, and what the operator changed; times are positions in the event log. */
export interface History {
  readonly calls: {
    readonly agentId: string;
    readonly key: string;
    readonly variant: 'same' | 'other';
    readonly operationId: string | null;
    readonly code: string | null;
  }[];
  readonly caps: CapChange[];
  readonly stops: {
    readonly fromSeq: number;
    readonly scope: Readonly<Record<string, string | null>>;
    readonly stopped: boolean;
  }[];
  readonly wallets: Set<string>;
  readonly token: string;
}

export interface Evidence {
  readonly events: readonly LoggedEvent[];
  readonly chain: readonly ChainRecord[];
  /** Canonical block hash and time by number. */
  readonly blocks: readonly { readonly hash: string; readonly timestampSec: number }[];
  readonly history: History;
  /** Paid requests that sellers received, by operation. */
  readonly paidRequests: ReadonlyMap<string, number>;
  /** Operations with a digest in the signer's ledger. */
  readonly signed: ReadonlySet<string>;
}

export const PAID_END = 'SettlementFinalized';
export const UNPAID_ENDS: ReadonlySet<string> = new Set([
  'OperationRefused',
  'ApprovalRejected',
  'ApprovalExpired',
  'OperationCancelled',
  'AuthorizationExpiredUnused',
  'AuthorizationVoided',
  'AuthorizationBurned',
]);
export const DEATHS: ReadonlySet<string> = new Set([
  'AuthorizationExpiredUnused',
  'AuthorizationVoided',
  'AuthorizationBurned',
]);
export type Report = (rule: string, where: string, what: string) => void;

export interface Payment {
  readonly use: ChainRecord;
  readonly transfer: ChainRecord | undefined;
}

export const keyOf = (from: unknown, nonce: unknown): string => `${String(from)}/${String(nonce)}`;
export const dataOf = (event: LoggedEvent | undefined): Plain => (event?.data ?? {}) as Plain;
export const of = (events: readonly LoggedEvent[], ...types: string[]): LoggedEvent[] =>
  events.filter((event) => types.includes(event.type));

export function paymentsByNonce(chain: readonly ChainRecord[]): Map<string, Payment[]> {
  const payments = new Map<string, Payment[]>();
  chain.forEach((use, index) => {
    if (use.kind === 'transfer') return;
    const next = chain[index + 1];
    const transfer = use.kind !== 'cancelled' && next?.txHash === use.txHash ? next : undefined;
    const key = keyOf(use.from, use.nonce);
    payments.set(key, [...(payments.get(key) ?? []), { use, transfer }]);
  });
  return payments;
}
