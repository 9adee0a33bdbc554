import { isPrepaid, type Submission } from '#domain';
import { ASKED_BY_OPERATION, type SettlementView } from '../settle/ports.js';
import type { Ports } from '../ports.js';
import { LOOK_AGAIN_MS, retryAfterMs, seenIn, type Attempted, type Paying } from './settle-attempt.js';

/** Whoever waits for the answer is told soon where blocks are quick; otherwise the chain watcher tells. */
const SEEN_WITHIN_MS = 1_000;
/** The seller is shown a prepaid payment afterwards, by this same drive if there is a block meanwhile. */
const SEEN_BEFORE_PRESENTING_MS = 8_000;

/** Mode D: hands it to our own broadcaster. The claim is one row per transfer, however often it is made. */
export async function settleDirectly(
  ports: Ports,
  { ref, state: { authorization, request, terms, verdict }, signature, attempt }: Paying,
): Promise<Attempted> {
  const prepaid = isPrepaid(request, verdict);
  const { method } = authorization;
  if (method !== 'eip3009' && method !== 'allowance')
    throw new Error(`an operation is not settled by ${method}`);
  const transfer = { ...authorization, method, signature };
  await ports.settlements.claim({
    transfer,
    workspaceId: ref.workspaceId,
    askedBy: ASKED_BY_OPERATION,
    requestKey: ref.operationId,
    redemption: prepaid ? ports.headers.identifierOf(terms, ref.operationId) : null,
  });
  const withinMs = prepaid ? SEEN_BEFORE_PRESENTING_MS : SEEN_WITHIN_MS;
  const view = await ports.settlements.ended(transfer, ports.clock.nowMs() + withinMs);
  const seen = view.status === 'settled' ? await seenIn(ports, authorization, view.txHash) : null;
  return { submission: submissionOf(view, attempt, ports.clock.nowMs()), seen };
}

function submissionOf(view: SettlementView, attempt: number, nowMs: number): Submission {
  if (view.status !== 'failed') return { attempt, reason: null, retryAtMs: nowMs + LOOK_AGAIN_MS };
  // What failed in a transaction of ours is not tried again: its nonce, or the logs, tell why, and the watcher reads them.
  const retryAtMs = view.txHash === null ? nowMs + retryAfterMs(attempt - 1) : null;
  return { attempt, reason: view.reason, retryAtMs };
}
