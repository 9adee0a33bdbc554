// Compares the database with the mark. Behind the mark means: restored from an older copy. Then nothing is signed until the chain watcher has
// seen what the database forgot and the longest life of an authorization has passed (ruling 9). A restore raises the cluster epoch and sets
// `cluster.quarantined_until`, both in one transaction; a database that was brought back in another way must be declared so first.
import { hashOfRow, type LedgerFacts, type LedgerRow, type SignerDatabase } from './database.js';
import type { LedgerMark, Mark } from './ledger-mark.js';

/** No authorization signed before the restore was noticed can live longer. */
const LONGEST_LIFE_MS = 600_000;

export interface HighWaterLog {
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

export class HighWater {
  /** False after start and whenever the connection was lost: a restore may have happened meanwhile. */
  #compared = false;

  constructor(
    private readonly db: SignerDatabase,
    private readonly ledger: LedgerMark,
    private readonly log: HighWaterLog,
  ) {}

  /** True when signatures may be made. Asks the database only after a lost connection or in quarantine. */
  async allows(): Promise<boolean> {
    if (this.ledger.quarantine !== undefined) return this.#tryToLeave();
    if (this.#compared) return true;
    const facts = await this.db.facts(this.ledger.mark?.sequence ?? 0);
    const reason = whyBehind(facts, this.ledger.mark);
    if (reason !== undefined) {
      await this.#enter(reason, facts.nowMs);
      return false;
    }
    // Rows that were committed when the mark could not be moved (a crash, a full disk) are signed again on request: the mark must hold them first.
    if (isAhead(facts, this.ledger.mark)) await this.ledger.replace(markOf(facts));
    this.#compared = true;
    return true;
  }

  get quarantined(): boolean {
    return this.ledger.quarantine !== undefined;
  }

  /** The next batch compares anew. */
  connectionLost(): void {
    this.#compared = false;
  }

  /** Seen with every batch that is read: the epoch rises with every restore. */
  async sawEpoch(clusterEpoch: number, nowMs: number): Promise<boolean> {
    const mark = this.ledger.mark;
    if (mark !== undefined && clusterEpoch === mark.clusterEpoch) return true;
    await this.#enter('cluster_epoch_changed', nowMs);
    return false;
  }

  /**
   * The rows just written become part of the mark, durably. False: their sequence numbers run behind the mark, so this is another database
   * than before, and no signature over them may leave.
   */
  async advance(inserted: readonly LedgerRow[], nowMs: number): Promise<boolean> {
    const mark = this.ledger.mark;
    if (inserted.length === 0 || mark === undefined) return mark !== undefined;
    const bySequence = [...inserted].sort((a, b) => a.sequence - b.sequence);
    const first = bySequence[0] as LedgerRow;
    const last = bySequence.at(-1) as LedgerRow;
    if (first.sequence <= mark.sequence) {
      await this.#enter('ledger_behind_mark', nowMs);
      return false;
    }
    await this.ledger.advance({
      count: mark.count + inserted.length,
      sequence: last.sequence,
      hash: hashOfRow(last),
      clusterEpoch: mark.clusterEpoch,
    });
    return true;
  }

  async #enter(reason: string, nowMs: number): Promise<void> {
    this.#compared = false;
    await this.ledger.enterQuarantine({ sinceMs: nowMs, reason });
    this.log.error(
      { reason, mark: this.ledger.mark ?? null },
      'quarantine: the database is not the one that was signed for',
    );
  }

  async #tryToLeave(): Promise<boolean> {
    const quarantine = this.ledger.quarantine;
    if (quarantine === undefined) return true;
    const facts = await this.db.facts(0);
    const until = facts.quarantinedUntilMs;
    // The time came with the very restore that we noticed; otherwise one that was set for an earlier quarantine is too early for this one.
    const known = this.ledger.mark;
    const ofThisRestore = known !== undefined && facts.clusterEpoch > known.clusterEpoch;
    const longEnough = until !== null && (ofThisRestore || until >= quarantine.sinceMs + LONGEST_LIFE_MS);
    if (!longEnough || facts.nowMs < until) return false;
    await this.ledger.leaveQuarantine(markOf(facts));
    this.#compared = true;
    this.log.warn({ reason: quarantine.reason, sinceMs: quarantine.sinceMs }, 'quarantine is over');
    return true;
  }
}

/** Undefined when the database holds everything that the mark remembers. */
export function whyBehind(facts: LedgerFacts, mark: Mark | undefined): string | undefined {
  if (mark === undefined) return facts.count > 0 || facts.clusterEpoch > 1 ? 'mark_missing' : undefined;
  if (facts.clusterEpoch !== mark.clusterEpoch) return 'cluster_epoch_changed';
  if (facts.count < mark.count) return 'ledger_behind_mark';
  if (mark.sequence === 0) return undefined;
  if (facts.marked === null) return 'ledger_behind_mark';
  return hashOfRow(facts.marked) === mark.hash ? undefined : 'ledger_differs_from_mark';
}

function isAhead(facts: LedgerFacts, mark: Mark | undefined): boolean {
  return mark === undefined || facts.count > mark.count || (facts.newest?.sequence ?? 0) > mark.sequence;
}

function markOf(facts: LedgerFacts): Mark {
  return {
    count: facts.count,
    sequence: facts.newest?.sequence ?? 0,
    hash: facts.newest === null ? '' : hashOfRow(facts.newest),
    clusterEpoch: facts.clusterEpoch,
  };
}
