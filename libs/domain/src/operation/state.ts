import type { ErrorCode } from '../errors.js';
import type { ApprovalId } from '../ids.js';
import type { ErrorDetails } from '../refusal.js';
import type { Vote } from './quorum.js';
import type {
  Authorization,
  Cancellation,
  DeathProof,
  Delivery,
  HandOver,
  OperationRequest,
  Settlement,
  Submission,
  Terms,
  Verdict,
} from './terms.js';

interface Opened {
  readonly requester: string;
  readonly request: OperationRequest;
}
interface Judged extends Opened {
  readonly terms: Terms;
  readonly verdict: Verdict;
  readonly termsDigest: string;
}
export interface Approval {
  readonly approvalId: ApprovalId;
  readonly digest: string;
  readonly decideByMs: number;
  /** In the order they were given; which of them count is judged when it matters. */
  readonly votes: readonly Vote[];
}
export interface Grant extends Approval {
  readonly by: string;
  readonly useByMs: number;
}
/** From the intent on: the authorization may be live. Delivery and chain are separate facts. */
interface Committed extends Judged {
  readonly authorization: Authorization;
  readonly grant: Grant | null;
  readonly signatureHash: string | null;
  readonly delivery: Delivery | null;
  /** A request that must not reach the seller twice may have reached it in this attempt; null where nothing depends on it. */
  readonly presenting: number | null;
  /** The facilitator that was shown the payment last, or is about to be. */
  readonly handOver: HandOver | null;
  /** Kind `settle`: the newest attempt to bring it on chain. */
  readonly submission: Submission | null;
  /** Null: nobody wants it dead. */
  readonly cancellation: Cancellation | null;
}
/** An end without payment; budget and approval are already released. */
interface Ended extends Opened {
  readonly terms: Terms | null;
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
}

export type OperationState =
  | { readonly status: 'absent' }
  | ({ readonly status: 'opened' } & Opened)
  | ({ readonly status: 'judged' } & Judged)
  | ({ readonly status: 'reserved' } & Judged)
  | ({ readonly status: 'awaiting_approval'; readonly approval: Approval } & Judged)
  /** Approved; `confirmed` once the seller has been asked again and still wants the same terms. */
  | ({ readonly status: 'approved'; readonly grant: Grant; readonly confirmed: boolean } & Judged)
  | ({ readonly status: 'authorized' } & Committed)
  | ({ readonly status: 'provisional'; readonly settlement: Settlement } & Committed)
  | ({ readonly status: 'settled'; readonly settlement: Settlement } & Committed)
  | ({ readonly status: 'failed'; readonly code: ErrorCode; readonly proof: DeathProof | null } & Committed)
  /** A named waiting state: a person must look. The chain may still end it. */
  | ({
      readonly status: 'needs_attention';
      readonly code: ErrorCode;
      readonly details: ErrorDetails;
      readonly before: Exclude<OperationState, { status: 'needs_attention' | 'absent' }>;
    } & Opened)
  | ({ readonly status: 'refused' } & Ended)
  | ({ readonly status: 'rejected' } & Ended)
  | ({ readonly status: 'expired' } & Ended)
  | ({ readonly status: 'cancelled' } & Ended);

export type OperationStatus = OperationState['status'];

export const TERMINAL: Readonly<Record<OperationStatus, boolean>> = {
  absent: false,
  opened: false,
  judged: false,
  reserved: false,
  awaiting_approval: false,
  approved: false,
  authorized: false,
  provisional: false,
  settled: true,
  failed: true,
  needs_attention: false,
  refused: true,
  rejected: true,
  expired: true,
  cancelled: true,
};

/** Nothing has been committed for signing. */
export const BEFORE_INTENT: ReadonlySet<OperationStatus> = new Set([
  'opened',
  'judged',
  'reserved',
  'awaiting_approval',
  'approved',
]);

/** Where it stands, whether or not a person must look. */
export function throughAttention(
  state: OperationState,
): Exclude<OperationState, { status: 'needs_attention' }> {
  return state.status === 'needs_attention' ? state.before : state;
}

/** Nothing has been committed for signing, as far as this history knows; attention is looked through. */
export function isBeforeIntent(state: OperationState): boolean {
  return BEFORE_INTENT.has(throughAttention(state).status);
}

export const ABSENT: OperationState = { status: 'absent' };
