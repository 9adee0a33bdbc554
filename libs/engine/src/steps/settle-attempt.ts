// What the two ways of settling have in common.
import type { Authorization, Hex32, OperationState, Settlement, Submission } from '#domain';
import type { OperationRef, Ports } from '../ports.js';

export interface Paying {
  readonly ref: OperationRef;
  readonly state: Extract<OperationState, { status: 'authorized' }>;
  /** Money until validBefore (S15). */
  readonly signature: Uint8Array;
  readonly attempt: number;
}

export interface Attempted {
  readonly submission: Submission;
  readonly seen: Settlement | null;
}

/** Under way, as somebody says: the chain watcher sees it, or it is asked for again. */
export const LOOK_AGAIN_MS = 15_000;
export const LAST_RETRY_MS = 60_000;
const FIRST_RETRY_MS = 5_000;

/** Pause after so many rounds without success; from 0. */
export const retryAfterMs = (rounds: number): number => Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** rounds);

/** Whoever names a transaction gives a hint (S8): one receipt read of our own. Another's transfer there is no transfer of ours. */
export async function seenIn(
  ports: Pick<Ports, 'chain'>,
  authorization: Authorization,
  txHash: Hex32 | null,
): Promise<Settlement | null> {
  if (txHash === null) return null;
  try {
    const fate = await ports.chain.fateInTransaction(authorization, txHash);
    return fate.kind === 'settled' ? fate.settlement : null;
  } catch {
    return null; // The watcher will see it.
  }
}
