// Balances as the chain has them (ruling 17). Logs tell which wallets a range of blocks touched, and only those are read; a small part of all
// is read again now and then, in case a token moves money without telling.
import type { EvmAddress, WalletId } from '#domain';
import type { WatcherDeps } from './deps.js';
import type { Floats } from './floats.js';
import type { LowBalance, ManagedWallet, Scan, WatchedBlock } from './ports.js';

const CHECK_EVERY_BLOCKS = 32;
const CHECKED_AT_ONCE = 200;
/** New to this process, or read in a block that was reorganized away: at most so many per range, the rest with the next. */
const OWED_AT_ONCE = 1_000;

export class Balances {
  private readonly known = new Set<WalletId>();
  /** Wallets whose reading does not hold any more. */
  private readonly owed = new Set<WalletId>();
  private checkedAt = 0;
  private nextToCheck = 0;

  constructor(
    private readonly deps: WatcherDeps,
    private readonly floats?: Floats | undefined,
  ) {}

  /** Reads at the head what the range touched. */
  async follow(scan: Scan, wallets: readonly ManagedWallet[], head: WatchedBlock): Promise<void> {
    const { store, source } = this.deps;
    const turn = Math.floor(head.number / CHECK_EVERY_BLOCKS);
    const checks = turn !== this.checkedAt;
    const due = this.dueOf(scan, wallets, checks);
    await this.read([...due], head);
    const ids = [...due].map((it) => it.walletId);
    if (checks || ids.length > 0) this.tell(await store.lowBalances(source.network, checks ? null : ids));
    this.floats?.touched(checks ? null : ids);
    // Only now: what could not be read is read with the next range.
    for (const id of ids) {
      this.known.add(id);
      this.owed.delete(id);
    }
    this.checkedAt = turn;
  }

  /** What was read above the fork was read of blocks that are gone. */
  async stepBack(fork: number): Promise<void> {
    const { store, source } = this.deps;
    for (const id of await store.rereadAbove(source.network, fork)) this.owed.add(id);
  }

  private dueOf(scan: Scan, wallets: readonly ManagedWallet[], checks: boolean): Set<ManagedWallet> {
    const touched = new Set<EvmAddress>([
      ...scan.uses.map((use) => use.from),
      ...scan.otherTransfers.map((transfer) => transfer.from),
      ...scan.allowances.map((it) => it.from),
      ...scan.incoming.map((transfer) => transfer.to),
    ]);
    const isOwed = ({ walletId }: ManagedWallet): boolean =>
      !this.known.has(walletId) || this.owed.has(walletId);
    const owed = wallets.filter(isOwed).slice(0, OWED_AT_ONCE);
    return new Set([
      ...wallets.filter((wallet) => touched.has(wallet.address)),
      ...owed,
      ...(checks ? this.inTurn(wallets) : []),
    ]);
  }

  private inTurn(wallets: readonly ManagedWallet[]): readonly ManagedWallet[] {
    const start = this.nextToCheck < wallets.length ? this.nextToCheck : 0;
    this.nextToCheck = start + CHECKED_AT_ONCE;
    return wallets.slice(start, start + CHECKED_AT_ONCE);
  }

  private async read(due: readonly ManagedWallet[], head: WatchedBlock): Promise<void> {
    const { source, store, tokens } = this.deps;
    const queries = due.flatMap((wallet) => tokens.map((token) => ({ wallet, token })));
    if (queries.length === 0) return;
    const asked = queries.map(({ wallet, token }) => ({ token, owner: wallet.address }));
    const [answers, allowances] = await Promise.all([
      source.balances(asked, head),
      source.permit2Allowances(asked, head),
    ]);
    const balances = queries.flatMap(({ wallet, token }, index) => {
      const balance = answers[index];
      const { workspaceId, walletId } = wallet;
      if (balance === undefined) return [];
      const permit2Allowance = allowances[index];
      const { network } = source;
      return [{ workspaceId, walletId, network, token, balance, permit2Allowance, block: head.number }];
    });
    await store.updateBalances(balances);
  }

  /** Once when it falls below, once when it is enough again. */
  private tell(changed: readonly LowBalance[]): void {
    const { logger } = this.deps.ports;
    for (const { low, available, below, ...wallet } of changed) {
      const fields = { ...wallet, available: available.toString(), below: below.toString() };
      if (low) logger.error({ ...fields, alarm: 'wallet_low' }, 'a wallet has little left');
      else logger.info(fields, 'a wallet has enough again');
    }
  }
}
