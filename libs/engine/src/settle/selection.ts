// Which of the waiting transfers go out together. One that is bound to fail is ended without gas; one whose outcome its payer's own code decides
// travels alone, so that it harms nobody; one that the chain gives no answer about is left for later, and holds nobody up.
import type { EvmAddress } from '#domain';
import type { Clock, Logger } from '../ports.js';
import type { Account } from './accounts.js';
import type {
  BroadcastChain,
  BroadcastStore,
  Composed,
  PlacedTransfer,
  WaitingTransfer,
} from './broadcast-ports.js';
import { refuseForeignChain } from './known-chain.js';
import { outcomeOf } from './outcome.js';

export interface SelectionDeps {
  readonly chain: BroadcastChain;
  readonly store: BroadcastStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Selected extends Composed {
  readonly transfers: readonly PlacedTransfer[];
}

/** Transfers in one transaction. */
export const MAX_BATCH = 100;
/** A quarter of what the smallest of our chains takes per block. */
const MAX_CALL_GAS = 8_100_000n;
/** Nodes take no transaction over 128 KiB. */
const MAX_CALL_BYTES = 120 * 1024;
/** What a contract may spend on judging its own signature, and the transfer with it. */
const MAX_ALONE_GAS = 500_000n;
const FIRST_PAUSE_MS = 1_000;
const LAST_PAUSE_MS = 60_000;

interface Pause {
  readonly untilMs: number;
  readonly ms: number;
}

export class Selection {
  private readonly paused = new Map<string, Pause>();

  constructor(private readonly deps: SelectionDeps) {}

  /** What one of these accounts may send. Asks the database only: where nothing waits, the chain is not asked for anything. */
  waiting(accounts: readonly Pick<Account, 'address'>[]): Promise<readonly WaitingTransfer[]> {
    const { chain, store } = this.deps;
    const senders = accounts.map((it) => it.address);
    return store.waiting(chain.network, MAX_BATCH, senders, this.pausedNow());
  }

  /** What of them goes out next; null: none of them now, but there may be more behind them. */
  async choose(sender: EvmAddress, waiting: readonly WaitingTransfer[]): Promise<Selected | null> {
    const { chain } = this.deps;
    const [first] = waiting;
    if (waiting.length === 1 && first?.triedOut === true) return this.fitting(waiting);
    const outlooks = await chain.outlook(sender, waiting);
    const those = (outlook: (typeof outlooks)[number]): readonly PlacedTransfer[] =>
      waiting.filter((_, index) => outlooks[index] === outlook);
    await this.end(those('fails'));
    // The oldest decides, so that neither kind waits for the other for ever.
    const [alone] = those('alone');
    const together = those('succeeds');
    if (alone !== undefined && (first === alone || together.length === 0)) return this.alone(sender, alone);
    return together.length === 0 ? null : this.fitting(apart(together));
  }

  private async alone(sender: EvmAddress, transfer: PlacedTransfer): Promise<Selected | null> {
    const { chain } = this.deps;
    try {
      const gas = await chain.estimateGas(sender, transfer);
      if (gas !== undefined && gas <= MAX_ALONE_GAS)
        return { transfers: [transfer], ...chain.compose([transfer]), gasLimit: (gas * 5n) / 4n };
    } catch (error) {
      // A payer's code may make the node give up, too.
      this.pause(transfer, error);
      return null;
    }
    await this.end([transfer]);
    return null;
  }

  private fitting(transfers: readonly PlacedTransfer[]): Selected {
    const composed = this.deps.chain.compose(transfers);
    const fits = composed.data.length <= MAX_CALL_BYTES && composed.gasLimit <= MAX_CALL_GAS;
    if (fits || transfers.length === 1) return { transfers, ...composed };
    return this.fitting(transfers.slice(0, transfers.length >> 1));
  }

  private async end(transfers: readonly PlacedTransfer[]): Promise<void> {
    const { chain, store } = this.deps;
    if (transfers.length > 0) await refuseForeignChain(this.deps);
    const ended = await Promise.all(
      transfers.map(async (key) => {
        try {
          return [{ key, outcome: outcomeOf(key, await chain.whyNot(key)) }];
        } catch (error) {
          this.pause(key, error);
          return [];
        }
      }),
    );
    for (const key of transfers)
      if (ended.flat().some((it) => it.key === key)) this.paused.delete(key.settlementId);
    await store.end(ended.flat());
  }

  /** They were in a call that the signer refused: again, but not at once and not for ever. */
  putOff(transfers: readonly PlacedTransfer[], reason: string): void {
    for (const transfer of transfers) this.pause(transfer, reason);
  }

  private pause({ settlementId }: PlacedTransfer, error: unknown): void {
    const { clock, logger } = this.deps;
    const ms = Math.min(LAST_PAUSE_MS, 2 * (this.paused.get(settlementId)?.ms ?? FIRST_PAUSE_MS / 2));
    this.paused.set(settlementId, { ms, untilMs: clock.nowMs() + ms });
    logger.warn({ settlement_id: settlementId, error }, 'the chain does not tell what became of a transfer');
  }

  private pausedNow(): readonly string[] {
    const nowMs = this.deps.clock.nowMs();
    return [...this.paused].filter(([, { untilMs }]) => untilMs > nowMs).map(([id]) => id);
  }
}

/**
 * Permit2 logs no nonces: of two payments alike in one transaction, of which one failed, nobody could say which. The second goes with the next
 * transaction.
 */
function apart(transfers: readonly PlacedTransfer[]): readonly PlacedTransfer[] {
  const taken = new Set<string>();
  return transfers.filter(({ method, token, from, to, value }) => {
    if (method === 'eip3009') return true;
    const alike = [method, token, from, to, value].join('/');
    return !taken.has(alike) && taken.add(alike);
  });
}
