import { isPrepaid, type Submission } from '#domain';
import { settleByOf } from '../settle/remote-ports.js';
import { liveSignature } from './live-signature.js';
import { LAST_RETRY_MS } from './settle-attempt.js';
import { settleDirectly } from './settle-directly.js';
import { settleThrough } from './settle-through.js';
import { record, type StepContext, type StepOutcome } from './step.js';

/** Too close to validBefore to still get into a block. */
const MARGIN_MS = 6_000;

/**
 * Brings the signed authorization on chain, through our own broadcaster (mode D) or a facilitator (mode F; design.md 3). It may run any number
 * of times, always with the same bytes; what it records is evidence, and the operation ends by the chain's logs alone.
 */
export async function settle({ ports, cursor, step }: StepContext): Promise<StepOutcome> {
  const { state } = cursor;
  if (state.status !== 'authorized' || step.kind !== 'settle') return { kind: 'again' };
  const { attempt } = step;
  const { authorization, request, handOver, verdict } = state;
  const untilMs = authorization.validBeforeSec * 1_000 - MARGIN_MS;
  const inTime = (submission: Submission): Submission =>
    submission.retryAtMs !== null && submission.retryAtMs < untilMs
      ? submission
      : { ...submission, retryAtMs: null };
  const nothing = (reason: string, retryAtMs: number | null): StepOutcome =>
    record({ type: 'RecordSubmission', submission: inTime({ attempt, reason, retryAtMs }), seen: null });

  const nowMs = ports.clock.nowMs();
  // Terms that nobody here can settle are refused before anything is signed. Should one come so far, its signature is shown to nobody.
  const { method } = authorization;
  if (method !== 'eip3009' && method !== 'allowance') return nothing('unsupported_transfer_method', null);
  if (nowMs > untilMs) return nothing('invalid_exact_evm_payload_authorization_valid_before', null);
  const signature = await liveSignature(ports, cursor, state);
  if (!signature) return nothing('signature_missing', null);
  // What is prepaid goes through no facilitator (`quote`).
  const asked = isPrepaid(request, verdict) ? 'direct' : request.settleBy;
  const by = settleByOf(ports, authorization.network, asked);
  // Settings changed since it was accepted, and may change again.
  if (by === null) return nothing('nothing_settles_here', nowMs + LAST_RETRY_MS);
  if (by === 'facilitator' && handOver?.attempt !== attempt) {
    const names = ports.facilitators.namesFor(authorization.network);
    const facilitator = names[(attempt - 1) % names.length] as string;
    return record({ type: 'RecordHandOver', handOver: { attempt, facilitator } });
  }
  const paying = { ref: cursor.claimed, state, signature, attempt };
  const { submission, seen } = await (by === 'direct' ? settleDirectly : settleThrough)(ports, paying);
  return record({ type: 'RecordSubmission', submission: inTime(submission), seen });
}

/**
 * Nobody outside is shown the payment before it is on record who is (S3); a claim of our own is its own record. What the caller will want to have is
 * kept first: the watcher may see it on chain before this drive has stored anything more.
 */
export function recordedFirst({ cursor: { state }, step }: StepContext): boolean {
  if ('request' in state && state.request.kind === 'authorize') return true;
  return step.kind === 'settle' && 'handOver' in state && state.handOver?.attempt === step.attempt;
}
