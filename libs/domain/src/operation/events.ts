// The facts of an AgentOperation. Past tense, complete, JSON-safe: amounts are decimal text, times are integers with their unit in the name.
// A stored event never changes its meaning; a new need is a new version, read through `upcast`.
import type { Json } from '../canonical.js';
import type { ApprovalId } from '../ids.js';
import type { ErrorCode } from '../errors.js';
import type { ErrorDetails } from '../refusal.js';
import type {
  Authorization,
  DeathProof,
  Delivery,
  HandOver,
  OperationRequest,
  Settlement,
  Submission,
  Terms,
  Verdict,
} from './terms.js';

export type OperationEvent =
  | {
      readonly type: 'OperationOpened';
      readonly data: {
        readonly request: OperationRequest;
        readonly fingerprint: string;
        readonly keyHash: string;
        /** The person who operates the credential that asked; never an approver of it (S10). */
        readonly requester: string;
      };
    }
  | {
      readonly type: 'TermsAccepted';
      readonly data: { readonly terms: Terms; readonly verdict: Verdict; readonly termsDigest: string };
    }
  | {
      readonly type: 'OperationRefused';
      readonly data: { readonly code: ErrorCode; readonly details: ErrorDetails };
    }
  | {
      readonly type: 'BudgetReserved';
      readonly data: { readonly amount: bigint; readonly unit: Terms['unit'] };
    }
  | {
      readonly type: 'ApprovalRequested';
      readonly data: {
        readonly approvalId: ApprovalId;
        readonly digest: string;
        readonly decideByMs: number;
      };
    }
  /** One person's yes. Whether it counts is judged when the quorum is complete. */
  | {
      readonly type: 'ApprovalVoted';
      readonly data: {
        readonly approvalId: ApprovalId;
        readonly by: string;
        readonly onBehalfOf: string | null;
        readonly rosterEpoch: number;
      };
    }
  | {
      readonly type: 'ApprovalGranted';
      readonly data: {
        readonly approvalId: ApprovalId;
        /** Whose yes was the last one needed. */
        readonly by: string;
        readonly useByMs: number;
        /** Everybody who counted, the delegate where there was one. */
        readonly voters: readonly string[];
        /** By which groups and delegations they were judged. */
        readonly rosterEpoch: number;
      };
    }
  | {
      readonly type: 'ApprovalRejected';
      readonly data: { readonly approvalId: ApprovalId; readonly by: string; readonly reason: string };
    }
  | { readonly type: 'ApprovalExpired'; readonly data: { readonly approvalId: ApprovalId } }
  | {
      readonly type: 'TermsChanged';
      readonly data: { readonly terms: Terms; readonly verdict: Verdict; readonly termsDigest: string };
    }
  | { readonly type: 'TermsConfirmed'; readonly data: { readonly terms: Terms } }
  | { readonly type: 'OperationCancelled'; readonly data: { readonly by: string; readonly reason: string } }
  | {
      readonly type: 'CancellationRequested';
      readonly data: { readonly by: string; readonly reason: string };
    }
  | { readonly type: 'CancellationSubmitted'; readonly data: { readonly submission: Submission } }
  | { readonly type: 'AuthorizationPrepared'; readonly data: { readonly authorization: Authorization } }
  | { readonly type: 'AuthorizationSigned'; readonly data: { readonly signatureHash: string } }
  | { readonly type: 'AuthorizationBurned'; readonly data: { readonly reason: string } }
  | { readonly type: 'PresentationStarted'; readonly data: { readonly attempt: number } }
  | { readonly type: 'ResourceDelivered'; readonly data: { readonly delivery: Delivery } }
  | { readonly type: 'DeliveryFailed'; readonly data: { readonly delivery: Delivery } }
  | { readonly type: 'SettlementHandedOver'; readonly data: { readonly handOver: HandOver } }
  | { readonly type: 'SettlementSubmitted'; readonly data: { readonly submission: Submission } }
  | { readonly type: 'SettlementObserved'; readonly data: { readonly settlement: Settlement } }
  | {
      readonly type: 'SettlementReorged';
      readonly data: { readonly blockNumber: number; readonly blockHash: string };
    }
  | { readonly type: 'SettlementFinalized'; readonly data: { readonly settlement: Settlement } }
  | { readonly type: 'AuthorizationExpiredUnused'; readonly data: { readonly proof: DeathProof } }
  | { readonly type: 'AuthorizationVoided'; readonly data: { readonly proof: DeathProof } }
  | { readonly type: 'BudgetCaptured'; readonly data: { readonly amount: bigint } }
  | { readonly type: 'BudgetReleased'; readonly data: { readonly amount: bigint; readonly reason: string } }
  | {
      readonly type: 'AttentionRequired';
      readonly data: { readonly code: ErrorCode; readonly details: ErrorDetails };
    }
  | { readonly type: 'AttentionResolved'; readonly data: { readonly by: string } };

export type EventType = OperationEvent['type'];

/** Every event type with its current version; the stored row carries the version it was written with. */
export const EVENT_VERSIONS: Readonly<Record<EventType, number>> = {
  OperationOpened: 1,
  TermsAccepted: 1,
  OperationRefused: 1,
  BudgetReserved: 1,
  ApprovalRequested: 1,
  ApprovalVoted: 1,
  /** 2: says who counted; before, one person's yes was enough. */
  ApprovalGranted: 2,
  ApprovalRejected: 1,
  ApprovalExpired: 1,
  TermsChanged: 1,
  TermsConfirmed: 1,
  OperationCancelled: 1,
  CancellationRequested: 1,
  CancellationSubmitted: 1,
  /** 2: says by which method. A reader that knows only EIP-3009 must stop here. */
  AuthorizationPrepared: 2,
  AuthorizationSigned: 1,
  AuthorizationBurned: 1,
  PresentationStarted: 1,
  ResourceDelivered: 1,
  DeliveryFailed: 1,
  SettlementHandedOver: 1,
  SettlementSubmitted: 1,
  SettlementObserved: 1,
  SettlementReorged: 1,
  SettlementFinalized: 1,
  AuthorizationExpiredUnused: 1,
  AuthorizationVoided: 1,
  BudgetCaptured: 1,
  BudgetReleased: 1,
  AttentionRequired: 1,
  AttentionResolved: 1,
};

/** Field names that hold base units; they are decimal text in JSON and bigint in the domain, whatever event they occur in. */
const AMOUNT_FIELDS: ReadonlySet<string> = new Set(['amount', 'maxAmount', 'value']);
/** Seller's and caller's own JSON: kept to the letter. */
const OPAQUE_FIELDS: ReadonlySet<string> = new Set(['wire', 'challenge', 'details', 'headers']);

/** Postgres' jsonb holds neither U+0000 nor half a surrogate pair; sellers' and agents' text may. */
function storableText(text: string): string {
  if (text.isWellFormed() && !text.includes('\u0000')) return text;
  return text.toWellFormed().replaceAll('\u0000', '\ufffd');
}

function storable(value: Json): Json {
  if (typeof value === 'string') return storableText(value);
  if (Array.isArray(value)) return (value as readonly Json[]).map(storable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [storableText(key), storable(item)]));
}

type Plain = { readonly [key: string]: unknown };

function toJson(value: unknown): Json {
  if (typeof value === 'string') return storableText(value);
  if (typeof value === 'bigint') return value.toString();
  if (value === undefined) return null;
  if (typeof value !== 'object' || value === null) return value as Json;
  if (Array.isArray(value)) return value.map(toJson);
  const out: Record<string, Json> = {};
  const plain = value as Plain;
  for (const key of Object.keys(plain)) {
    const item = plain[key];
    if (item !== undefined) out[key] = OPAQUE_FIELDS.has(key) ? storable(item as Json) : toJson(item);
  }
  return out;
}

function fromJson(value: Json): unknown {
  if (Array.isArray(value)) return (value as readonly Json[]).map(fromJson);
  if (typeof value !== 'object' || value === null) return value;
  const out: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value as { readonly [key: string]: Json })) {
    if (OPAQUE_FIELDS.has(key)) out[key] = item;
    else out[key] = AMOUNT_FIELDS.has(key) && typeof item === 'string' ? BigInt(item) : fromJson(item);
  }
  return out;
}

/** The `data` of an event as plain JSON, ready for canonical text and storage. */
export function eventDataToJson(event: OperationEvent): Json {
  return toJson(event.data);
}

/**
 * A stored event back into the domain, older versions in the words of the newest. Throws on an unknown type or version: that is a deploy error, and the
 * operation must stop with an alarm rather than skip history (safety.md, "mixed versions during deploy").
 */
export function upcast(stored: {
  readonly type: string;
  readonly schema: number;
  readonly data: Json;
}): OperationEvent {
  const known = Object.hasOwn(EVENT_VERSIONS, stored.type)
    ? EVENT_VERSIONS[stored.type as EventType]
    : undefined;
  if (
    known === undefined ||
    !Number.isSafeInteger(stored.schema) ||
    stored.schema < 1 ||
    stored.schema > known
  )
    throw new Error(`unknown event ${stored.type} v${stored.schema}`);
  const event = { type: stored.type, data: fromJson(stored.data) } as unknown as OperationEvent;
  return stored.schema === known ? event : renewed(event);
}

function renewed(event: OperationEvent): OperationEvent {
  if (event.type === 'ApprovalGranted')
    return { ...event, data: { ...event.data, voters: [event.data.by], rosterEpoch: 0 } };
  if (event.type !== 'AuthorizationPrepared') return event;
  // Version 1 knew no other method.
  return { ...event, data: { authorization: { ...event.data.authorization, method: 'eip3009' } } };
}
