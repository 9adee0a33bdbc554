import {
  MAX_PRESENTATIONS,
  type Delivery,
  type DeliveryOutcome,
  type OperationState,
  type Settlement,
} from '#domain';
import type { Cursor } from '../cursor.js';
import type { OperationRef, Ports } from '../ports.js';
import type { PresentAnswer } from '../seller-ports.js';
import { liveSignature } from './live-signature.js';
import { record, type StepContext, type StepOutcome } from './step.js';
import { responseBlob, sellerRequest } from './quote.js';

type Presentable = Extract<OperationState, { status: 'authorized' | 'provisional' | 'settled' }>;

const isPresentable = (state: OperationState): state is Presentable =>
  state.status === 'authorized' || state.status === 'provisional' || state.status === 'settled';

/** Too close to validBefore for a facilitator to accept it. */
const MARGIN_MS = 6_000;
const BACKOFF_MS = [1_000, 4_000] as const;

/**
 * Shows the one payment to the seller. Whatever comes back is evidence only; the same header may be shown again while it is live,
 * another one is never made (S8).
 */
export async function present({ ports, cursor, step }: StepContext): Promise<StepOutcome> {
  const { state } = cursor;
  if (!isPresentable(state) || step.kind !== 'present') return { kind: 'again' };
  const signature = await liveSignature(ports, cursor, state);
  const replayable = mayReplay(ports, state);
  const late = ports.clock.nowMs() > lastMoment(state) && step.attempt === 1;
  if (!signature || late || (!replayable && mayHaveBeenSent(cursor, state, step.attempt)))
    return interrupted(ports, cursor.claimed, step.attempt);
  if (!replayable && isPrepaid(state) && state.presenting !== step.attempt) {
    cursor.presenting = step.attempt;
    return record({ type: 'StartPresentation', attempt: step.attempt });
  }

  const request = await sellerRequest(ports, cursor.claimed, state.request);
  const { authorization, terms } = state;
  // What was paid before is redeemed by its name (ruling 10).
  const shown = isPrepaid(state) ? ports.headers.naming(terms) : terms;
  const header = ports.headers.encode(shown, authorization, signature, cursor.claimed.operationId);
  const answer = await ports.seller.present(request, header);
  const look = await lookAtChain(ports, state, answer);
  const delivery: Delivery = {
    outcome: answer.outcome,
    attempt: step.attempt,
    httpStatus: answer.answer?.status ?? null,
    bodyHash: answer.answer ? ports.hashing.sha256(answer.answer.body) : null,
    bodyBytes: answer.answer?.body.byteLength ?? 0,
    contentType: answer.answer?.headers['content-type'] ?? null,
    claimedTxHash: answer.claimedTxHash,
    retryAtMs: replayable ? retryAt(ports, state, answer.outcome, step.attempt) : null,
    checkedAtBlock: look.block,
  };
  const blobs = answer.answer ? [responseBlob(ports, cursor.claimed, answer.answer)] : [];
  return record({ type: 'RecordDelivery', delivery, seen: look.seen }, blobs);
}

const isPrepaid = (state: Presentable): boolean => state.verdict.prepaid === true;

/** Unix ms. What is paid already is good at any time; an authorization only while it can still be settled. */
const lastMoment = (state: Presentable): number =>
  isPrepaid(state) ? Number.MAX_SAFE_INTEGER : state.authorization.validBeforeSec * 1000 - MARGIN_MS;

/** An earlier drive may have shown it. Usually it is shown by the drive that signed it; a prepaid one has time in between, and a record of its own. */
function mayHaveBeenSent(cursor: Cursor, state: Presentable, attempt: number): boolean {
  if (isPrepaid(state)) return state.presenting === attempt && cursor.presenting !== attempt;
  return cursor.signature === null && attempt === 1;
}

/** A paid request that may have reached the seller is sent again only where that cannot act twice (ruling 22). */
function mayReplay(ports: Ports, state: Presentable): boolean {
  const { method, allowReplay } = state.request;
  return (
    method === 'GET' ||
    method === 'HEAD' ||
    allowReplay ||
    ports.headers.supportsPaymentIdentifier(state.terms)
  );
}

/** What must be on record before the seller hears of it: a payment that is on chain already, and a request that must not be sent again. */
export function recordedFirst({ ports, cursor }: StepContext): boolean {
  const { state } = cursor;
  return isPresentable(state) && (isPrepaid(state) || !mayReplay(ports, state));
}

const REPEATABLE: Readonly<Record<DeliveryOutcome, boolean>> = {
  delivered: false,
  refused: true,
  redirected: false,
  upstream_error: true,
  timeout: true,
  unreachable: true,
  too_large: false,
  interrupted: false,
};

function retryAt(ports: Ports, state: Presentable, outcome: DeliveryOutcome, attempt: number): number | null {
  if (!REPEATABLE[outcome] || attempt >= MAX_PRESENTATIONS) return null;
  const at = ports.clock.nowMs() + (BACKOFF_MS[attempt - 1] ?? 4_000);
  return at < lastMoment(state) ? at : null;
}

/** Our own look at `latest`, on the seller's hint: one receipt read (ruling 1). Anything less than our exact transfer is "not seen". */
async function lookAtChain(
  ports: Ports,
  state: Presentable,
  answer: PresentAnswer,
): Promise<{ seen: Settlement | null; block: number | null }> {
  try {
    if (answer.claimedTxHash !== null) {
      const fate = await ports.chain.fateInTransaction(state.authorization, answer.claimedTxHash);
      if (fate.kind === 'settled') return { seen: fate.settlement, block: fate.settlement.blockNumber };
    }
    return { seen: null, block: (await ports.chain.latest(state.authorization.network)).number };
  } catch {
    return { seen: null, block: null }; // The watcher will see it; an unreadable chain must not lose the delivery.
  }
}

function interrupted(ports: Ports, { operationId }: OperationRef, attempt: number): StepOutcome {
  ports.logger.warn({ operationId, attempt }, 'presentation interrupted; the chain decides');
  const delivery: Delivery = {
    outcome: 'interrupted',
    attempt,
    httpStatus: null,
    bodyHash: null,
    bodyBytes: 0,
    contentType: null,
    claimedTxHash: null,
    retryAtMs: null,
    checkedAtBlock: null,
  };
  return record({ type: 'RecordDelivery', delivery, seen: null });
}
