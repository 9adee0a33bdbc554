// The only judge of payments (safety.md d.6), for all operations at once: one scan per range of blocks, one batch of state reads per
// finalized block that lets something expire. Facts are appended before the cursor moves, so a crash repeats work, and repeating is harmless.
import type { Caip2, Hex32, OperationCommand } from '#domain';
import { refuseUnlessKnown } from '../settle/known-chain.js';
import { Facts } from './apply.js';
import { Balances } from './balances.js';
import type { WatcherDeps } from './deps.js';
import { Floats } from './floats.js';
import { releaseAndFinalize } from './finality.js';
import { orphaned } from './orphans.js';
import { fateOfPermit, tiePermits } from './permits.js';
import type { ChainException, NonceSeen, Scan, TrackedAuthorization, WatchedBlock } from './ports.js';

/** Blocks asked for in one scan while catching up. */
const RANGE = 1_000;
/** Headers remembered to find the fork point of a reorganization. */
export const REMEMBERED_BLOCKS = 256;
const LEASE_SEC = 15;

export class ChainWatcher {
  private lastHead: string | null = null;
  private readonly facts: Facts;
  private readonly balances: Balances;
  private readonly floats: Floats | undefined;

  constructor(private readonly deps: WatcherDeps) {
    this.facts = new Facts(deps.ports);
    const { ports, source, floats } = deps;
    this.floats = floats && new Floats(ports, floats, source.network);
    this.balances = new Balances(deps, this.floats);
  }

  get network(): Caip2 {
    return this.deps.source.network;
  }

  /** What the balances read so far mean for float policies; beside the ticks, and in any process. True: there is more to do at once. */
  fillFloats(): Promise<boolean> {
    return this.floats?.turn() ?? Promise.resolve(false);
  }

  /** One look at the chain. Returns true when there was something new; call it for every new block, or every block time. */
  async tick(): Promise<boolean> {
    const { source, store, owner } = this.deps;
    if (!(await store.holdLease(`watch:${source.network}`, owner, LEASE_SEC))) return false;
    const head = await source.latest();
    if (head.hash === this.lastHead) return false;
    const genesisHash = await this.checkedGenesis(head);
    await this.stepBackIfReorganized(head);
    await this.scanUpTo(head, genesisHash);
    await releaseAndFinalize(this.deps, this.facts, genesisHash);
    this.lastHead = head.hash;
    return true;
  }

  /** A chain that is not the one the database knows (reset node, wrong RPC) is refused, not followed (ruling 24). */
  private async checkedGenesis(head: WatchedBlock) {
    const { ports, source, store } = this.deps;
    const cursor = await store.cursor(source.network);
    const genesisHash = await source.genesisHash(cursor?.genesisHash);
    if (cursor)
      refuseUnlessKnown({ network: source.network, logger: ports.logger }, cursor, genesisHash, head.number);
    return genesisHash;
  }

  private async stepBackIfReorganized(head: WatchedBlock): Promise<void> {
    const { ports, source, store } = this.deps;
    const cursor = await store.cursor(source.network);
    const stored = await store.recentBlocks(source.network, REMEMBERED_BLOCKS);
    const newest = stored[0];
    if (!cursor || !newest) return;
    const canonical = head.number >= newest.number ? await source.header(newest.number) : undefined;
    if (canonical?.hash === newest.hash) return;
    const fork = await source.forkPoint(stored);
    const forkNumber = fork?.number ?? (stored.at(-1) as WatchedBlock).number - 1;
    ports.logger.warn({ network: source.network, from: newest.number, to: forkNumber }, 'chain reorganized');
    const gone = [...(await orphaned(source, await store.seenAbove(source.network, forkNumber)))];
    await this.facts.apply(
      gone.filter((it) => it.status === 'provisional'),
      () => ({ type: 'ReorgSettlement' }),
    );
    this.alarmBelow(cursor.finalizedTo, forkNumber);
    await this.alarmPastFinality(gone.filter((it) => it.status === 'settled'));
    await this.balances.stepBack(forkNumber);
    const kept = stored.filter((block) => block.number <= forkNumber);
    const finalizedTo = Math.min(cursor.finalizedTo, forkNumber);
    await store.advance(source.network, cursor.genesisHash, kept.slice(0, 1), {
      scannedTo: forkNumber,
      finalizedTo,
    });
  }

  /** Whatever was told of those blocks, to operations and to sellers, was told as final. */
  private alarmBelow(finalizedTo: number, forkNumber: number): void {
    if (forkNumber >= finalizedTo) return;
    const { ports, source } = this.deps;
    ports.logger.error(
      { network: source.network, fork: forkNumber, finalizedTo, alarm: 'reorg_past_finality' },
      'the chain was reorganized past finality',
    );
  }

  /** Final was final: nothing is taken back or paid again; a person must look. */
  private async alarmPastFinality(settled: readonly TrackedAuthorization[]): Promise<void> {
    if (settled.length === 0) return;
    const { ports, source, store } = this.deps;
    ports.logger.error(
      { network: source.network, operations: settled.length },
      'reorganization past finality',
    );
    await store.recordExceptions(
      settled.map(({ authorization, settlement }) => ({
        network: source.network,
        kind: 'reorg_past_finality' as const,
        address: authorization.from,
        nonce: authorization.nonce,
        transfer: null,
        txHash: settlement?.txHash ?? null,
        blockNumber: settlement?.blockNumber ?? 0,
      })),
    );
  }

  private async scanUpTo(head: WatchedBlock, genesisHash: Hex32): Promise<void> {
    const { source, store } = this.deps;
    const cursor = await store.cursor(source.network);
    let next = cursor ? cursor.scannedTo + 1 : head.number;
    const finalizedTo = cursor?.finalizedTo ?? -1;
    while (next <= head.number) {
      const toBlock = Math.min(head.number, next + RANGE - 1);
      const wallets = await store.managedWallets();
      const scan = await source.scan(
        wallets.map((wallet) => wallet.address),
        { fromBlock: next, toBlock },
      );
      await this.applyScan(scan);
      await this.balances.follow(scan, wallets, head);
      const headers = await this.headersOf(Math.max(next, toBlock - REMEMBERED_BLOCKS + 1), toBlock, head);
      await store.advance(source.network, genesisHash, headers, { scannedTo: toBlock, finalizedTo });
      next = toBlock + 1;
    }
  }

  private async headersOf(
    fromBlock: number,
    toBlock: number,
    head: WatchedBlock,
  ): Promise<readonly WatchedBlock[]> {
    const numbers = Array.from({ length: toBlock - fromBlock + 1 }, (_, index) => fromBlock + index);
    const headers = await Promise.all(
      numbers.map(async (number) => (number === head.number ? head : await this.deps.source.header(number))),
    );
    const known = headers.filter((header) => header !== undefined);
    const broken = known.some(
      (header, index) => index > 0 && header.parentHash !== (known[index - 1] as WatchedBlock).hash,
    );
    if (known.length !== headers.length || broken)
      throw new Error('the chain moved while it was read; the next look starts over');
    return known;
  }

  private async applyScan(scan: Scan): Promise<void> {
    const { ports, source, store } = this.deps;
    const tracked = await store.match(source.network, [...scan.uses, ...scan.permits]);
    const byNonce = new Map(tracked.map((it) => [keyOf(it.authorization), it]));
    const { uses, others } = tiePermits(scan.permits, scan.otherTransfers, (permit) => {
      const known = byNonce.get(keyOf(permit))?.settlement ?? null;
      return known !== null && known.txHash !== permit.txHash;
    });
    const exceptions: ChainException[] = others.map((transfer) => ({
      network: source.network,
      kind: 'unexplained_transfer',
      address: transfer.from,
      nonce: null,
      transfer,
      txHash: transfer.txHash,
      blockNumber: transfer.blockNumber,
    }));
    const facts = new Map<TrackedAuthorization, OperationCommand>();
    const elsewhere = new Map<TrackedAuthorization, NonceSeen>();
    for (const use of [...scan.uses, ...uses]) {
      const it = byNonce.get(keyOf(use));
      const command = it && this.factFor(it, use, scan);
      if (it && command) facts.set(it, command);
      if (it && command?.type === 'ObserveSettlement' && isSeenElsewhere(it, use)) elsewhere.set(it, use);
      if (!it) exceptions.push(exceptionFor(source.network, use, 'unknown_nonce'));
      else if (command?.type === 'RequireAttention' || isUseOfTheDead(it, use))
        exceptions.push(exceptionFor(source.network, use, 'foreign_use'));
    }
    const gone = await orphaned(source, [...elsewhere.keys()]);
    await this.facts.apply([...gone], () => ({ type: 'ReorgSettlement' }));
    for (const [it, use] of elsewhere)
      if (!gone.has(it)) exceptions.push(exceptionFor(source.network, use, 'foreign_use'));
    await this.facts.apply([...facts.keys()], (it) => facts.get(it) ?? null);
    await this.observeAllowances(scan);
    if (exceptions.length > 0) {
      ports.logger.error(
        { network: source.network, count: exceptions.length },
        'unexplained use of a managed wallet',
      );
      await store.recordExceptions(exceptions);
    }
  }

  /** An approval says nothing of the permit behind it: only for wallets that have one under way it is asked whose it was. */
  private async observeAllowances({ allowances }: Scan): Promise<void> {
    const { source, store } = this.deps;
    if (allowances.length === 0) return;
    const underWay = await store.allowancesUnderWay(source.network, allowances);
    const last = Math.max(...allowances.map((it) => it.blockNumber));
    await this.facts.apply(underWay, async ({ authorization }) => {
      const fate = await source.findUse(authorization, { number: last });
      return fate?.kind === 'settled' ? { type: 'ObserveSettlement', settlement: fate.settlement } : null;
    });
  }

  private factFor(it: TrackedAuthorization, use: NonceSeen, scan: Scan): OperationCommand | null {
    const fate = use.method ? fateOfPermit(it.authorization, use) : scan.fateOf(it.authorization);
    switch (fate.kind) {
      case 'unused':
        return null;
      case 'settled':
        return { type: 'ObserveSettlement', settlement: fate.settlement };
      case 'cancelled':
        return null; // Dead once the block is final and validBefore is past; `releaseAndFinalize` proves it there.
      case 'foreign':
        return {
          type: 'RequireAttention',
          code: 'needs_attention',
          details: { reason: 'foreign_use', tx: use.txHash },
        };
    }
  }
}

/** Proven dead, or never signed, and used all the same: nothing can be paid again for it, but what was proven was wrong (S7). */
function isUseOfTheDead(it: TrackedAuthorization, use: NonceSeen): boolean {
  return (it.status === 'dead' || it.status === 'burned') && use.transfer !== null;
}

/** Its block is gone, and the payment was made again; or one of the two is not true. */
function isSeenElsewhere({ settlement }: TrackedAuthorization, { txHash }: NonceSeen): boolean {
  return settlement !== null && settlement.txHash !== txHash;
}

function keyOf(at: { readonly token: string; readonly from: string; readonly nonce: string }): string {
  return `${at.token}/${at.from}/${at.nonce}`;
}

function exceptionFor(network: Caip2, use: NonceSeen, kind: 'unknown_nonce' | 'foreign_use'): ChainException {
  return {
    network,
    kind,
    address: use.from,
    nonce: use.nonce,
    transfer: use.transfer,
    txHash: use.txHash,
    blockNumber: use.blockNumber,
  };
}
