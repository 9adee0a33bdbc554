import type { Settlement, Submission } from '#domain';
import { ASKED_BY_OPERATION, type SettlementView } from '../settle/ports.js';
import type { Ports } from '../ports.js';
import { liveSignature } from './live-signature.js';
import { record, type StepContext, type StepOutcome } from './step.js';

/** Too close to validBefore to still get into a block. */
const MARGIN_MS = 6_000;
/** Whoever waits for the answer is told soon where blocks are quick; otherwise the chain watcher tells. */
const SEEN_WITHIN_MS = 1_000;
const LOOK_AGAIN_MS = 15_000;
const FIRST_RETRY_MS = 5_000;
const LAST_RETRY_MS = 60_000;

/**
 * Mode D (design.md 3): hands the signed authorization to our own broadcaster. The claim is one row per transfer, so this step may run any
 * number of times; what it records is evidence, and the operation ends by the chain's logs alone.
 */
export async function settle({ ports, cursor, step }: StepContext): Promise<StepOutcome> {
  const { state } = cursor;
  if (state.status !== 'authorized' || step.kind !== 'settle') return { kind: 'again' };
  const { attempt } = step;
  const { authorization } = state;
  const giveUp = (reason: string): StepOutcome =>
    record({ type: 'RecordSubmission', submission: { attempt, reason, retryAtMs: null }, seen: null });
  const untilMs = authorization.validBeforeSec * 1_000 - MARGIN_MS;
  if (ports.clock.nowMs() > untilMs) return giveUp('invalid_exact_evm_payload_authorization_valid_before');
  const signature = await liveSignature(ports, cursor, state);
  if (!signature) return giveUp('signature_missing');

  const { workspaceId, operationId } = cursor.claimed;
  const transfer = { ...authorization, method: 'eip3009', signature } as const;
  await ports.settlements.claim({
    transfer,
    workspaceId,
    askedBy: ASKED_BY_OPERATION,
    requestKey: operationId,
  });
  const view = await ports.settlements.ended(transfer, ports.clock.nowMs() + SEEN_WITHIN_MS);
  const seen = view.status === 'settled' ? await lookAtChain(ports, authorization, view) : null;
  const submission = submissionOf(view, attempt, ports.clock.nowMs());
  const inTime = submission.retryAtMs !== null && submission.retryAtMs < untilMs;
  return record({
    type: 'RecordSubmission',
    submission: inTime ? submission : { ...submission, retryAtMs: null },
    seen,
  });
}

function submissionOf(view: SettlementView, attempt: number, nowMs: number): Submission {
  if (view.status !== 'failed') return { attempt, reason: null, retryAtMs: nowMs + LOOK_AGAIN_MS };
  // What failed in a transaction of ours is not tried again: its nonce, or the logs, tell why, and the watcher reads them.
  const retryMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempt - 1));
  return { attempt, reason: view.reason, retryAtMs: view.txHash === null ? nowMs + retryMs : null };
}

/** The broadcaster's word is a hint like a seller's (S8): one receipt read of our own. */
async function lookAtChain(
  ports: Ports,
  authorization: Parameters<Ports['chain']['fateInTransaction']>[0],
  { txHash }: SettlementView,
): Promise<Settlement | null> {
  if (txHash === null) return null;
  try {
    const fate = await ports.chain.fateInTransaction(authorization, txHash);
    return fate.kind === 'settled' ? fate.settlement : null;
  } catch {
    return null; // The watcher will see it.
  }
}
