import {
  MAX_PRESENTATIONS,
  type Delivery,
  type DeliveryOutcome,
  type OperationState,
  type Settlement,
} from '#domain';
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
  const resumed = cursor.signature === null && step.attempt === 1;
  const expired = ports.clock.nowMs() > state.authorization.validBeforeSec * 1000 - MARGIN_MS;
  if (!signature || (resumed && !replayable) || (expired && step.attempt === 1))
    return interrupted(ports, cursor.claimed, step.attempt);

  const request = await sellerRequest(ports, cursor.claimed, state.request);
  const header = ports.headers.encode(
    state.terms,
    state.authorization,
    signature,
    cursor.claimed.operationId,
  );
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

/** True when a crash after sending must not lead to sending again. */
export function presentsOnce({ ports, cursor }: StepContext): boolean {
  const { state } = cursor;
  return isPresentable(state) && !mayReplay(ports, state);
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
  return at < state.authorization.validBeforeSec * 1000 - MARGIN_MS ? at : null;
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
