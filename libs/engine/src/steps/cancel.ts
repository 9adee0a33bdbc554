import { throughAttention, type Submission } from '#domain';
import type { Eip3009Cancel } from '../settle/ports.js';
import { ASKED_BY_OPERATION, type SettlementView } from '../settle/ports.js';
import { LOOK_AGAIN_MS, retryAfterMs } from './settle-attempt.js';
import { record, type StepContext, type StepOutcome } from './step.js';

const SEEN_WITHIN_MS = 1_000;
const USED = 'invalid_exact_evm_nonce_already_used';

/**
 * Brings the cancellation on chain, by a claim of its own beside the transfer's: of the two the chain takes one. It may run any number of times,
 * always with the same bytes; the operation ends by the token's own logs alone.
 */
export async function cancel({ ports, cursor, step }: StepContext): Promise<StepOutcome> {
  const state = throughAttention(cursor.state);
  if (state.status !== 'authorized' || step.kind !== 'cancel' || state.cancellation === null)
    return { kind: 'again' };
  const { attempt } = step;
  const nowMs = ports.clock.nowMs();
  const { network, token, from, nonce, validBeforeSec } = state.authorization;
  // Dead by itself; the watcher proves it.
  if (nowMs > validBeforeSec * 1_000) return came({ attempt, reason: 'expired', retryAtMs: null });

  const signed = await ports.signer.cancel(cursor.claimed);
  if (signed.kind === 'unavailable') return { kind: 'retry', reason: signed.reason, afterMs: 1_000 };
  if (signed.kind === 'refused') return came({ attempt, reason: signed.reason, retryAtMs: null });
  const { signature } = signed;
  const times = { validAfterSec: 0, validBeforeSec: 0 };
  const message: Eip3009Cancel = {
    method: 'cancel',
    network,
    token,
    from,
    to: from,
    value: 0n,
    ...times,
    nonce,
    signature,
  };
  const { workspaceId, operationId } = cursor.claimed;
  const asking = { workspaceId, askedBy: ASKED_BY_OPERATION, requestKey: operationId };
  await ports.settlements.claim({ transfer: message, ...asking });
  const view = await ports.settlements.ended(message, nowMs + SEEN_WITHIN_MS);
  const outcome = outcomeOf(view, attempt, ports.clock.nowMs());
  if (isOursAndFailed(view) && state.cancellation.submission?.reason !== outcome.reason)
    ports.logger.error(
      { operationId, network, tx: view.txHash, reason: view.reason, alarm: 'cancellation_failed' },
      'a cancellation failed in a transaction of ours',
    );
  return came({ attempt, ...outcome });
}

/** Settled: the chain watcher reads the same logs. A used nonce is somebody else's success, which it reads as well. */
function outcomeOf(view: SettlementView, attempt: number, nowMs: number): Omit<Submission, 'attempt'> {
  switch (view.status) {
    case 'settled':
      return { reason: null, retryAtMs: null };
    case 'waiting':
    case 'broadcast':
      return { reason: null, retryAtMs: nowMs + LOOK_AGAIN_MS };
    case 'failed': {
      // In a transaction of ours, too: once that is final, the claim has room for another try.
      const over = view.reason === USED;
      return { reason: view.reason, retryAtMs: over ? null : nowMs + retryAfterMs(attempt - 1) };
    }
  }
}

/** The authorization may still be live, and nobody brings its cancellation until that transaction is final. */
const isOursAndFailed = (view: SettlementView): boolean =>
  view.status === 'failed' && view.reason !== USED && view.txHash !== null;

const came = (submission: Submission): StepOutcome => record({ type: 'RecordCancellation', submission });
