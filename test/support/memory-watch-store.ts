import { ABSENT, throughAttention } from '#domain';
import type { TrackedAuthorization, WatchStore } from '#engine';
import { nonceKey, type LedgerRow, type MemoryDatabase } from './memory-database.js';

type Part = Parameters<WatchStore['expiredLive']>[2];

const KEPT_BLOCKS = 256;

/** The chain watcher's rows: cursor, remembered blocks, authorization ledger, balances, exceptions. */
export class MemoryWatchStore implements WatchStore {
  constructor(private readonly database: MemoryDatabase) {}

  holdLease(name: string, owner: string, seconds: number): Promise<boolean> {
    const nowMs = this.database.nowMs();
    const lease = this.database.leases.get(name);
    if (lease && lease.owner !== owner && lease.untilMs > nowMs) return Promise.resolve(false);
    this.database.leases.set(name, { owner, untilMs: nowMs + seconds * 1000 });
    return Promise.resolve(true);
  }

  cursor() {
    return Promise.resolve(this.database.cursor && { ...this.database.cursor });
  }

  recentBlocks(_network: string, limit: number) {
    return Promise.resolve(this.database.blocks.slice(-limit).reverse());
  }

  advance(...[, genesisHash, blocks, cursor]: Parameters<WatchStore['advance']>): Promise<void> {
    const last = Math.max(cursor.scannedTo, ...blocks.map((block) => block.number));
    const byNumber = new Map(this.database.blocks.map((block) => [block.number, block]));
    for (const block of blocks) byNumber.set(block.number, block);
    this.database.blocks = [...byNumber.values()]
      .filter((block) => block.number <= last)
      .sort((a, b) => a.number - b.number)
      .slice(-KEPT_BLOCKS);
    this.database.cursor = { genesisHash, ...cursor };
    return Promise.resolve();
  }

  managedWallets() {
    return Promise.resolve([...this.database.wallets.values()]);
  }

  match(...[, nonces]: Parameters<WatchStore['match']>) {
    const rows = nonces.map((nonce) => this.database.nonces.get(nonceKey(nonce)));
    return Promise.resolve(rows.filter((row) => row !== undefined).map(snapshot));
  }

  allowancesUnderWay(...[, seen]: Parameters<WatchStore['allowancesUnderWay']>) {
    const underWay = this.rows(
      ({ status, authorization: { method, token, from } }) =>
        method === 'allowance' &&
        status === 'live' &&
        seen.some((it) => it.token === token && it.from === from),
    );
    return Promise.resolve(underWay.map(snapshot));
  }

  expiredLive(_network: string, beforeSec: number, part: Part) {
    const expired = this.rows((row) => row.status === 'live' && row.authorization.validBeforeSec < beforeSec);
    return Promise.resolve(partOf(expired, part, (row) => row.authorization.validBeforeSec));
  }

  /** The real one finds them by the claims that were settled; here whatever somebody wants dead. */
  cancelledUpTo() {
    const wanted = this.rows((row) => {
      const state = throughAttention(this.database.stateOf(row.operationId) ?? ABSENT);
      return row.status === 'live' && state.status === 'authorized' && state.cancellation !== null;
    });
    return Promise.resolve(wanted.map(snapshot));
  }

  provisionalUpTo(_network: string, block: number, part: Part) {
    const seen = this.rows((row) => row.status === 'provisional' && blockOf(row) <= block);
    return Promise.resolve(partOf(seen, part, blockOf));
  }

  seenAbove(_network: string, block: number) {
    const seen = this.rows(
      ({ status, settlement }) =>
        (status === 'provisional' || status === 'settled') && (settlement?.blockNumber ?? 0) > block,
    );
    return Promise.resolve(seen.map(snapshot));
  }

  updateBalances(balances: Parameters<WatchStore['updateBalances']>[0]): Promise<void> {
    for (const { walletId, token, balance, permit2Allowance, block } of balances) {
      const wallet = [...this.database.wallets.values()].find((it) => it.walletId === walletId);
      if (!wallet) throw new Error('a balance of no wallet');
      const key = `${wallet.address}/${token}`;
      if ((this.database.balances.get(key)?.block ?? -1) <= block)
        this.database.balances.set(key, { balance, block, permit2Allowance });
    }
    return Promise.resolve();
  }

  rereadAbove(_network: string, block: number) {
    const above = [...this.database.balances].filter(([, it]) => it.block > block);
    for (const [key, it] of above) this.database.balances.set(key, { ...it, block });
    return Promise.resolve(
      [...this.database.wallets.values()]
        .filter((wallet) => above.some(([key]) => key.startsWith(wallet.address)))
        .map((wallet) => wallet.walletId),
    );
  }

  lowBalances(): Promise<readonly []> {
    return Promise.resolve([]); // What is told of low wallets is tried on the real store.
  }

  recordExceptions(exceptions: Parameters<WatchStore['recordExceptions']>[0]): Promise<void> {
    const keyOf = (it: (typeof exceptions)[number]): string =>
      `${it.network}/${it.kind}/${it.txHash}/${it.transfer?.logIndex ?? it.nonce}`;
    const known = new Set(this.database.exceptions.map(keyOf));
    this.database.exceptions.push(...exceptions.filter((it) => !known.has(keyOf(it))));
    return Promise.resolve();
  }

  private rows(wanted: (row: LedgerRow) => boolean): LedgerRow[] {
    return [...this.database.ledger.values()].filter(wanted);
  }
}

/** A copy: what was read does not change under the reader. */
const snapshot = (row: LedgerRow): LedgerRow => ({ ...row });

const blockOf = (row: TrackedAuthorization): number => row.settlement?.blockNumber ?? 0;

function partOf(
  rows: readonly LedgerRow[],
  { limit, after }: Part,
  at: (row: TrackedAuthorization) => number,
): LedgerRow[] {
  const order = (a: TrackedAuthorization, b: TrackedAuthorization): number =>
    at(a) - at(b) || (a.operationId < b.operationId ? -1 : Number(a.operationId !== b.operationId));
  const behind = after === null ? rows : rows.filter((row) => order(row, after) > 0);
  return behind.toSorted(order).slice(0, limit).map(snapshot);
}
