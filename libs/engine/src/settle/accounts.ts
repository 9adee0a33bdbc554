// The accounts that broadcast: which nonce each takes next, and whether it can pay for gas.
import type { EvmAddress } from '#domain';
import type { Clock, Logger } from '../ports.js';
import type { BroadcastChain, BroadcastStore, WaitingTransfer } from './broadcast-ports.js';
import { soleSender, type BroadcastSigner } from './ports.js';

export interface Account {
  readonly address: EvmAddress;
  nextNonce: number;
  /** Why nothing new goes out from here: no money for gas, or the signer refused. */
  stuck: string | null;
  stuckAtMs: number;
  /** Wei it held when it could not pay; more than that lets it go on. */
  stuckBalance: bigint;
}

export function stop(account: Account, reason: string, nowMs: number, balance = 0n): void {
  account.stuck = reason;
  account.stuckAtMs = nowMs;
  account.stuckBalance = balance;
}

/** Whatever it was but money may be over: the signer was restarted, a fee has become payable. */
export function restart(account: Account, nowMs: number, afterMs: number): void {
  if (account.stuck !== null && account.stuck !== 'no_gas_money' && nowMs - account.stuckAtMs >= afterMs)
    account.stuck = null;
}

/** Transactions of one account that wait for a block; nodes drop what queues up further. */
const MAX_PENDING = 16;

interface UnderWay {
  pendingOf(sender: EvmAddress): readonly unknown[];
}

/** Those that may send, the least busy first. */
export function readyOf(accounts: readonly Account[], underWay: UnderWay): readonly Account[] {
  return accounts
    .filter((account) => account.stuck === null)
    .map((account) => ({ account, pending: underWay.pendingOf(account.address).length }))
    .filter(({ pending }) => pending < MAX_PENDING)
    .toSorted((a, b) => a.pending - b.pending)
    .map(({ account }) => account);
}

export interface AccountDeps {
  readonly chain: BroadcastChain;
  readonly store: BroadcastStore;
  readonly signer: BroadcastSigner;
  readonly accounts: number;
}

/** From the signer, the rows and the chain: a nonce that the chain has seen used is not taken again, whoever used it. */
export async function openAccounts({ chain, store, signer, accounts }: AccountDeps): Promise<Account[]> {
  const { network } = chain;
  const addresses = await signer.broadcastAccounts(network, accounts);
  const known = new Map((await store.accounts(network)).map((it) => [it.address, it.nextNonce]));
  const opened: Account[] = [];
  for (const address of addresses) {
    const onChain = await chain.accountNonce(address);
    const stored = known.get(address);
    if (stored === undefined) await store.addAccount(network, address, onChain);
    else if (stored < onChain) await store.raiseNonce(network, address, onChain);
    else if (stored > onChain)
      await store.fillGaps({ network, sender: address, accountNonce: onChain }, chain.fill(address));
    opened.push({
      address,
      nextNonce: Math.max(stored ?? 0, onChain),
      stuck: null,
      stuckAtMs: 0,
      stuckBalance: 0n,
    });
  }
  return opened;
}

/** The account that sends next, and what of the waiting it may send: the oldest has its say, if only one account may send that. */
export function assign(
  waiting: readonly WaitingTransfer[],
  ready: readonly Account[],
): readonly [Account | undefined, readonly WaitingTransfer[]] {
  const [oldest] = waiting;
  if (oldest === undefined) return [undefined, []];
  const sole = soleSender(oldest);
  const account = sole === undefined ? ready[0] : ready.find((it) => it.address === sole);
  return [account, waiting.filter((it) => (soleSender(it) ?? account?.address) === account?.address)];
}

const LOOK_EVERY_MS = 30_000;

export interface GasDeps {
  readonly chain: BroadcastChain;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Wei below which an account raises the alarm. */
  readonly lowBalance: bigint;
}

/** Looks at the accounts' ether now and then, and says when there is little. */
export class GasWatch {
  private lookedAtMs = 0;

  constructor(private readonly deps: GasDeps) {}

  async look(accounts: readonly Account[]): Promise<void> {
    const { chain, clock, logger, lowBalance } = this.deps;
    if (clock.nowMs() - this.lookedAtMs < LOOK_EVERY_MS) return;
    this.lookedAtMs = clock.nowMs();
    const balances = await Promise.all(accounts.map((account) => chain.balance(account.address)));
    accounts.forEach((account, index) => {
      const balance = balances[index] ?? 0n;
      if (balance === 0n) stop(account, 'no_gas_money', clock.nowMs());
      else if (account.stuck === 'no_gas_money' && balance > account.stuckBalance) account.stuck = null;
      if (balance >= lowBalance) return;
      const about = { network: chain.network, sender: account.address, balance: balance.toString() };
      logger.error({ ...about, alarm: 'broadcast_account_low' }, 'a broadcast account is low on gas money');
    });
  }
}
