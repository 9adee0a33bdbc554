// Follows what was broadcast until it is final. Its cost grows with blocks and with transactions under way, not with transfers.
import type { Logger } from '../ports.js';
import type {
  Attempt,
  AttemptReceipt,
  BlockStanding,
  Broadcast,
  BroadcastChain,
  BroadcastRef,
  BroadcastStore,
  ChainBlock,
  MinedIn,
  SettlementOutcome,
} from './broadcast-ports.js';
import { lookAtFailed } from './failed.js';
import { refuseForeignChain } from './known-chain.js';
import { outcomeOf } from './outcome.js';
import { keyOf } from './sent-times.js';

/** Settlements by others that are looked at again per block. */
const ELSEWHERE = 100;
/** Not seen together with a block yet. */
const UNKNOWN = -1;

export interface FollowerDeps {
  readonly chain: BroadcastChain;
  readonly store: BroadcastStore;
  readonly logger: Logger;
}

export class Follower {
  private readonly all = new Map<string, Broadcast>();
  /** Nonces that the node calls used though none of our attempts is known to be mined: since which block. */
  private readonly suspected = new Map<string, number>();
  private readonly alarmed = new Set<string>();
  private head: ChainBlock | null = null;
  private changed = true;
  private nonceLost = false;
  private failedLookedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly deps: FollowerDeps) {}

  /** Not final yet. */
  get size(): number {
    return this.all.size;
  }

  add(broadcast: Broadcast): void {
    this.all.set(keyOf(broadcast), broadcast);
  }

  get(ref: BroadcastRef): Broadcast | undefined {
    return this.all.get(keyOf(ref));
  }

  attempted(ref: BroadcastRef, attempt: Attempt): void {
    const known = this.get(ref);
    if (known !== undefined) this.add({ ...known, attempts: [...known.attempts, attempt] });
    this.changed = true;
  }

  /** The node says that the nonce is used: by us, or by somebody who has the key. */
  suspect(ref: BroadcastRef): void {
    this.suspected.set(keyOf(ref), this.suspected.get(keyOf(ref)) ?? UNKNOWN);
    this.changed = true;
  }

  isSuspected(ref: BroadcastRef): boolean {
    return this.suspected.has(keyOf(ref));
  }

  /** Has looked at a later block. */
  isAhead(block: number | null): boolean {
    return this.head !== null && block !== null && this.head.number > block;
  }

  pending(): readonly Broadcast[] {
    return [...this.all.values()].filter((broadcast) => broadcast.mined === null);
  }

  /** By account nonce. */
  pendingOf(sender: Broadcast['sender']): readonly Broadcast[] {
    return this.pending()
      .filter((broadcast) => broadcast.sender === sender)
      .toSorted((a, b) => a.accountNonce - b.accountNonce);
  }

  /** A nonce went to somebody else, so the accounts have to be read anew. */
  lost(): boolean {
    return this.nonceLost;
  }

  /** One look: receipts of what is pending, then, on a new block, whether what was mined still is, and is final. Returns the latest block. */
  async look(): Promise<ChainBlock> {
    const pending = this.pending();
    const hashes = pending.flatMap((broadcast) => broadcast.attempts.map((attempt) => attempt.txHash));
    // Asked together, so that it is one exchange.
    const [head, receipts] = await Promise.all([
      this.deps.chain.latest(),
      this.changed || this.head === null ? this.deps.chain.receipts(hashes) : undefined,
    ]);
    const before = this.head;
    const isNew = head.hash !== before?.hash;
    if (!isNew && receipts === undefined) return head;
    if (isNew && this.isAhead(head.number)) await refuseForeignChain(this.deps);
    await this.settle(pending, receipts ?? (await this.deps.chain.receipts(hashes)), head);
    if (isNew) {
      const follows = before !== null && head.number === before.number + 1 && head.parentHash === before.hash;
      // A receipt may be of a block that came after the head it was asked with: what is that new is compared all the same.
      await this.reopenOrphans(follows ? before.number : 0);
      await this.finalize();
    }
    this.head = head;
    this.changed = false;
    return head;
  }

  private async settle(
    pending: readonly Broadcast[],
    receipts: readonly (AttemptReceipt | undefined)[],
    head: ChainBlock,
  ): Promise<void> {
    let next = 0;
    for (const broadcast of pending) {
      const own = receipts.slice(next, (next += broadcast.attempts.length));
      const receipt = own.find((it) => it !== undefined);
      if (receipt === undefined) await this.checkSuspect(broadcast, head);
      else await this.recordOrWait(broadcast, receipt);
    }
  }

  private async recordOrWait(broadcast: Broadcast, receipt: AttemptReceipt): Promise<void> {
    const outcomes = await this.outcomesIn(broadcast, receipt);
    if (outcomes === undefined) return;
    const { txHash, blockNumber, blockHash } = receipt;
    const mined = { txHash, blockNumber, blockHash };
    await this.deps.store.mined(broadcast, mined, outcomes);
    this.suspected.delete(keyOf(broadcast));
    this.add({ ...broadcast, mined });
  }

  /** Undefined when the chain does not tell of every transfer yet: that holds up their transaction, and no other. */
  private async outcomesIn(
    broadcast: Broadcast,
    receipt: AttemptReceipt,
  ): Promise<readonly SettlementOutcome[] | undefined> {
    const { chain, logger } = this.deps;
    try {
      return await Promise.all(
        broadcast.transfers.map(async (transfer): Promise<SettlementOutcome> => {
          const fate = receipt.fateOf(transfer);
          // Not by us: it may have been brought by somebody else, before our transaction.
          return outcomeOf(transfer, fate.kind === 'unused' ? await chain.whyNot(transfer) : fate);
        }),
      );
    } catch (error) {
      const { network, sender, accountNonce } = broadcast;
      logger.warn({ network, sender, accountNonce, error }, 'an outcome could not be told yet');
      return undefined;
    }
  }

  /**
   * Alarmed about when a later block still shows the nonce used and no attempt of ours; ended when that is final: until then a reorganization
   * could bring ours back, and the transfer must not stand in two transactions that can both be mined.
   */
  private async checkSuspect(broadcast: Broadcast, head: ChainBlock): Promise<void> {
    const { chain, store, logger } = this.deps;
    const key = keyOf(broadcast);
    const since = this.suspected.get(key);
    if (since === UNKNOWN) this.suspected.set(key, head.number);
    if (since === undefined || since === UNKNOWN || head.number <= since + 1) return;
    const { network, sender, accountNonce } = broadcast;
    if ((await chain.accountNonce(sender)) <= accountNonce) {
      this.suspected.delete(key);
      this.alarmed.delete(key);
      return;
    }
    if (!this.alarmed.has(key))
      logger.error(
        { network, sender, accountNonce, alarm: 'broadcast_nonce_taken' },
        'an account nonce was used by a transaction that is not ours',
      );
    this.alarmed.add(key);
    if (((await chain.finalNonce(sender)) ?? 0) <= accountNonce) return;
    // One RPC that knows nothing of ours must not make it somebody else's.
    if (await chain.shown(broadcast.attempts.map((it) => it.txHash))) return;
    await store.taken(broadcast);
    this.all.delete(key);
    this.suspected.delete(key);
    this.alarmed.delete(key);
    this.nonceLost = true;
  }

  /** After a jump or another parent: every block that holds something of ours, from this number on, is compared. */
  private async reopenOrphans(fromBlock: number): Promise<void> {
    const mined = [...this.all.values()].filter(
      (it) => it.mined !== null && it.mined.blockNumber >= fromBlock,
    );
    if (mined.length === 0) return;
    const { orphaned } = await this.compare(mined, (it) => it.mined, 'present');
    await this.reopen(orphaned);
  }

  private async finalize(): Promise<void> {
    const { chain, store } = this.deps;
    const final = await chain.finalized();
    if (final === undefined) return;
    const due = [...this.all.values()].filter(
      (it) => it.mined !== null && it.mined.blockNumber <= final.number,
    );
    const { canonical, orphaned } = await this.compare(due, (it) => it.mined, 'all');
    await this.reopen(orphaned);
    await store.finalized(canonical);
    for (const broadcast of canonical) this.all.delete(keyOf(broadcast));
    const others = await store.settledElsewhere(chain.network, final.number, ELSEWHERE);
    const seen = await this.compare(others, (it) => it, 'all');
    await store.confirmElsewhere(seen.canonical, seen.orphaned);
    this.failedLookedAt = await lookAtFailed(this.deps, final, this.failedLookedAt);
  }

  private async reopen(orphaned: readonly Broadcast[]): Promise<void> {
    // What looks like a reorganization may be another chain.
    if (orphaned.length > 0) await refuseForeignChain(this.deps);
    for (const broadcast of orphaned) {
      const { network, sender, accountNonce } = broadcast;
      this.deps.logger.warn({ network, sender, accountNonce }, 'a mined transaction was reorganized away');
      await this.deps.store.reopened(broadcast);
      this.add({ ...broadcast, mined: null });
      this.changed = true;
    }
  }

  /** Which of them are in blocks that the chain still has, and which in blocks that are gone; of the rest it is not known now. */
  private async compare<T>(
    items: readonly T[],
    placeOf: (item: T) => Pick<MinedIn, 'blockNumber' | 'blockHash'> | null,
    by: 'present' | 'all',
  ): Promise<{ readonly canonical: readonly T[]; readonly orphaned: readonly T[] }> {
    const places = items.map((item) => ({ item, place: placeOf(item) }));
    const blocks = new Map(places.flatMap(({ place }) => (place === null ? [] : [[place.blockHash, place]])));
    const standings = new Map(
      await Promise.all(
        [...blocks.values()].map(async ({ blockNumber: number, blockHash: hash }) => {
          return [hash, await this.deps.chain.standing({ number, hash }, by)] as const;
        }),
      ),
    );
    const those = (standing: BlockStanding): readonly T[] =>
      places.flatMap(({ item, place }) =>
        place !== null && standings.get(place.blockHash) === standing ? [item] : [],
      );
    return { canonical: those('canonical'), orphaned: those('orphaned') };
  }
}
