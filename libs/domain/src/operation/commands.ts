import type { ErrorCode } from '../errors.js';
import type { ApprovalId } from '../ids.js';
import type { ErrorDetails } from '../refusal.js';
import type { Roster } from './quorum.js';
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

/** Imperative wishes; `decide` turns them into facts or refuses. Times come in, the domain reads no clock. */
export type OperationCommand =
  | {
      readonly type: 'Open';
      readonly request: OperationRequest;
      readonly fingerprint: string;
      readonly keyHash: string;
      readonly requester: string;
    }
  | {
      readonly type: 'AcceptTerms';
      readonly terms: Terms;
      readonly verdict: Verdict;
      readonly termsDigest: string;
    }
  | { readonly type: 'Refuse'; readonly code: ErrorCode; readonly details: ErrorDetails }
  | { readonly type: 'ReserveBudget' }
  | {
      readonly type: 'RequestApproval';
      readonly approvalId: ApprovalId;
      readonly digest: string;
      readonly decideByMs: number;
    }
  | {
      readonly type: 'Approve';
      readonly by: string;
      /** Whose place they take, by a delegation. */
      readonly onBehalfOf: string | null;
      readonly roster: Roster;
      readonly digest: string;
      readonly nowMs: number;
      readonly useByMs: number;
    }
  | {
      readonly type: 'Reject';
      readonly by: string;
      readonly onBehalfOf: string | null;
      readonly roster: Roster;
      readonly reason: string;
      readonly nowMs: number;
    }
  | { readonly type: 'ExpireApproval'; readonly nowMs: number }
  | {
      readonly type: 'ConfirmTerms';
      readonly terms: Terms;
      readonly verdict: Verdict;
      readonly termsDigest: string;
    }
  | { readonly type: 'PrepareAuthorization'; readonly authorization: Authorization; readonly nowMs: number }
  /** After a restore: the chain shows that this operation was paid before. The tuple is what the chain tells of it. */
  | {
      readonly type: 'AdoptPayment';
      readonly terms: Terms;
      readonly verdict: Verdict;
      readonly termsDigest: string;
      readonly authorization: Authorization;
      readonly settlement: Settlement;
    }
  | { readonly type: 'RecordSigned'; readonly signatureHash: string }
  | { readonly type: 'RecordBurned'; readonly reason: string }
  | { readonly type: 'StartPresentation'; readonly attempt: number }
  | { readonly type: 'RecordDelivery'; readonly delivery: Delivery; readonly seen: Settlement | null }
  | { readonly type: 'RecordHandOver'; readonly handOver: HandOver }
  | { readonly type: 'RecordSubmission'; readonly submission: Submission; readonly seen: Settlement | null }
  | { readonly type: 'ObserveSettlement'; readonly settlement: Settlement }
  | { readonly type: 'ReorgSettlement' }
  | { readonly type: 'FinalizeSettlement'; readonly settlement: Settlement }
  | { readonly type: 'RecordExpiredUnused'; readonly proof: DeathProof }
  | { readonly type: 'RecordVoided'; readonly proof: DeathProof }
  | { readonly type: 'Cancel'; readonly by: string; readonly reason: string }
  /** Kill a live authorization on chain; whether that is still possible only the chain says. */
  | { readonly type: 'RequestCancellation'; readonly by: string; readonly reason: string }
  | { readonly type: 'RecordCancellation'; readonly submission: Submission }
  | { readonly type: 'RequireAttention'; readonly code: ErrorCode; readonly details: ErrorDetails }
  /** An operator has looked: the operation goes on from where it stood. */
  | { readonly type: 'ResolveAttention'; readonly by: string };
