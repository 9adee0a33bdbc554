// Follows what was broadcast until it is final. Its cost grows with blocks and with transactions under way, not with transfers.
import type { Hex32 } from '#domain';
import type { Logger } from '../ports.js';
import type {
  Attempt,
  AttemptReceipt,
  Broadcast,
  BroadcastChain,
  BroadcastRef,
  BroadcastStore,
  ChainBlock,
  SettlementOutcome,
} from './broadcast-ports.js';
import { outcomeOf } from './outcome.js';

export interface FollowerDeps {
  readonly chain: BroadcastChain;
  readonly store: BroadcastStore;
  readonly logger: Logger;
}

export class Follower {
  private readonly all = new Map<string, Broadcast>();
  /** Nonces that the node calls used though none of our attempts is known to be mined: since which block. */
  private readonly suspected = new Map<string, number>();
  private head: ChainBlock | null = null;
  private changed = true;
  private nonceLost = false;

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
    this.suspected.set(keyOf(ref), this.suspected.get(keyOf(ref)) ?? this.head?.number ?? 0);
    this.changed = true;
  }

  pending(): readonly Broadcast[] {
    return [...this.all.values()].filter((broadcast) => broadcast.mined === null);
  }

  pendingOf(sender: Broadcast['sender']): number {
    return this.pending().filter((broadcast) => broadcast.sender === sender).length;
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
    await this.settle(pending, receipts ?? (await this.deps.chain.receipts(hashes)), head);
    if (isNew) {
      const follows = before !== null && head.number === before.number + 1 && head.parentHash === before.hash;
      if (!follows) await this.reopenOrphans();
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
      else await this.record(broadcast, receipt);
    }
  }

  private async record(broadcast: Broadcast, receipt: AttemptReceipt): Promise<void> {
    const { chain, store } = this.deps;
    const outcomes = await Promise.all(
      broadcast.transfers.map(async (transfer): Promise<SettlementOutcome> => {
        const fate = receipt.fateOf(transfer);
        // Not by us: it may have been brought by somebody else, before our transaction.
        return outcomeOf(fate.kind === 'unused' ? await chain.whyNot(transfer) : fate);
      }),
    );
    const { txHash, blockNumber, blockHash } = receipt;
    const mined = { txHash, blockNumber, blockHash };
    await store.mined(broadcast, mined, outcomes);
    this.suspected.delete(keyOf(broadcast));
    this.add({ ...broadcast, mined });
  }

  /** Believed only when a later block still shows the nonce used and no attempt of ours in any block. */
  private async checkSuspect(broadcast: Broadcast, head: ChainBlock): Promise<void> {
    const { chain, store, logger } = this.deps;
    const since = this.suspected.get(keyOf(broadcast));
    if (since === undefined || head.number <= since + 1) return;
    if ((await chain.accountNonce(broadcast.sender)) <= broadcast.accountNonce) {
      this.suspected.delete(keyOf(broadcast));
      return;
    }
    const { network, sender, accountNonce } = broadcast;
    logger.error(
      { network, sender, accountNonce, alarm: 'broadcast_nonce_taken' },
      'an account nonce was used by a transaction that is not ours',
    );
    await store.taken(broadcast);
    this.all.delete(keyOf(broadcast));
    this.suspected.delete(keyOf(broadcast));
    this.nonceLost = true;
  }

  /** After a jump or another parent: every block that holds something of ours is compared. */
  private async reopenOrphans(): Promise<void> {
    const { chain, store, logger } = this.deps;
    const mined = [...this.all.values()].filter((it) => it.mined !== null);
    const numbers = [...new Set(mined.map((it) => it.mined?.blockNumber ?? 0))];
    const hashes = await Promise.all(numbers.map((number) => chain.blockHash(number)));
    const canonical = new Map<number, Hex32 | undefined>(numbers.map((number, at) => [number, hashes[at]]));
    for (const broadcast of mined) {
      if (canonical.get(broadcast.mined?.blockNumber ?? 0) === broadcast.mined?.blockHash) continue;
      const { network, sender, accountNonce } = broadcast;
      logger.warn({ network, sender, accountNonce }, 'a mined transaction was reorganized away');
      await store.reopened(broadcast);
      this.add({ ...broadcast, mined: null });
      this.changed = true;
    }
  }

  private async finalize(): Promise<void> {
    const { chain, store } = this.deps;
    const final = await chain.finalized();
    if (final === undefined) return;
    const due = [...this.all.values()].filter(
      (it) => it.mined !== null && it.mined.blockNumber <= final.number,
    );
    if (due.length === 0) return;
    const numbers = [...new Set(due.map((it) => it.mined?.blockNumber ?? 0))];
    const hashes = await Promise.all(numbers.map((number) => chain.blockHash(number)));
    const canonical = new Map(numbers.map((number, at) => [number, hashes[at]]));
    const done = due.filter(
      (it) => it.mined !== null && canonical.get(it.mined.blockNumber) === it.mined.blockHash,
    );
    await store.finalized(done);
    for (const broadcast of done) this.all.delete(keyOf(broadcast));
  }
}

function keyOf({ sender, accountNonce }: Pick<BroadcastRef, 'sender' | 'accountNonce'>): string {
  return `${sender}/${accountNonce}`;
}
