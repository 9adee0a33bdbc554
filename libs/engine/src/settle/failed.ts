// A transfer that failed in a transaction of ours has left us: call data is public, and while the authorization is valid anybody may bring it. What
// others settled is settled (P24).
import type { BroadcastChain, BroadcastStore, ChainBlock, PlacedTransfer } from './broadcast-ports.js';
import type { Logger } from '../ports.js';
import { outcomeOf } from './outcome.js';

/** Looked at again at a time; the rest has its turn when these can not be brought any more. */
const AT_ONCE = 20;
/** Final blocks between two looks. */
const APART = 5;

interface Deps {
  readonly chain: BroadcastChain;
  readonly store: BroadcastStore;
  readonly logger: Logger;
}

/**
 * Each is looked at after its time is over in a final block, and then never again; before that, while its turn comes. Returns the number of the final
 * block of the newest look.
 */
export async function lookAtFailed(
  { chain, store, logger }: Deps,
  final: Pick<ChainBlock, 'number' | 'timestampSec'>,
  lookedAt: number,
): Promise<number> {
  if (final.number < lookedAt + APART) return lookedAt;
  const dead = await Promise.all(
    (await store.failedAlive(chain.network, AT_ONCE)).map(async (transfer): Promise<PlacedTransfer[]> => {
      try {
        const outcome = outcomeOf(transfer, await chain.whyNot(transfer));
        if (outcome.kind === 'failed') return transfer.validBeforeSec <= final.timestampSec ? [transfer] : [];
        await store.broughtByOthers(transfer, outcome.settlement);
      } catch (error) {
        const { settlementId: settlement_id } = transfer;
        logger.warn({ settlement_id, error }, 'the chain does not tell what became of a failed transfer');
      }
      return [];
    }),
  );
  await store.failedForGood(dead.flat());
  return final.number;
}
