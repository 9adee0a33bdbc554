// Brings waiting transfers on chain: whatever waits goes out together, a lone one at once. Every step is a row first, so a crash anywhere is
// followed by the same nonce, the same call and the same bytes; and should all of that fail, the token refuses a second transfer by itself.
import type { Caip2 } from '#domain';
import type { Clock, Logger } from '../ports.js';
import type { Broadcast, BroadcastChain, BroadcastStore, ChainBlock } from './broadcast-ports.js';
import { assign, GasWatch, openAccounts, readyOf, restart, stop, type Account } from './accounts.js';
import { bumpedFees, capOf, costOf, firstFees } from './fees.js';
import { Prices, type GasPrices } from './prices.js';
import { Follower } from './follower.js';
import { free, giveUp, isRefusedForGood } from './gaps.js';
import { refuseForeignChain } from './known-chain.js';
import type { BroadcastSigner, Fees } from './ports.js';
import { MAX_BATCH, Selection, type Selected } from './selection.js';
import { SentTimes } from './sent-times.js';

export interface BroadcasterDeps {
  readonly chain: BroadcastChain;
  readonly store: BroadcastStore;
  readonly signer: BroadcastSigner;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Name of this process in the lease. */
  readonly owner: string;
  /** Accounts that broadcast side by side. */
  readonly accounts: number;
  /** Wei per gas that is never exceeded, whatever the chain asks. */
  readonly feeCap: bigint;
  /** Wei that one transaction never costs more than. The signer refuses what is above either. */
  readonly costCap: bigint;
  /** Wei below which an account raises the alarm. */
  readonly lowBalance: bigint;
}

const ROUNDS = 8;
/** Short, since two at once could only compete for a row: what was claimed waits so long when a worker dies. */
const LEASE_SEC = 6;
const RENEW_MS = 2_000;
/** A transaction that is in no block after so long is given to the node again, and then at a higher fee. */
const RESEND_MS = 5_000;
const BUMP_MS = 15_000;
const BUMP_BLOCKS = 2;
/** Pauses between turns. */
const IDLE_MS = 1_000;
const FIRST_LOOK_MS = 2;
const LAST_LOOK_MS = 250;
const QUIET_LOOK_MS = 10_000;

export class Broadcaster {
  private accounts: Account[] | null = null;
  private follower: Follower;
  private leasedUntilMs = 0;
  private lookMs = FIRST_LOOK_MS;
  private lookedAtMs = 0;
  private gas: GasWatch;
  private prices: Prices;
  private sent = new SentTimes();
  private selection: Selection;

  constructor(private readonly deps: BroadcasterDeps) {
    this.follower = new Follower(deps);
    this.gas = new GasWatch(deps);
    this.prices = new Prices(deps);
    this.selection = new Selection(deps);
  }

  get network(): Caip2 {
    return this.deps.chain.network;
  }

  /** One round: send what waits, look at what was sent. Returns after how many milliseconds the next is due if nobody wakes it. */
  async turn(): Promise<number> {
    if (!(await this.leads())) return IDLE_MS;
    const accounts = (this.accounts ??= await this.recover());
    await this.gas.look(accounts);
    const sent = await this.dispatch(accounts);
    if (this.accounts === null) return 0;
    this.lookMs = sent === 'nothing' ? Math.min(LAST_LOOK_MS, this.lookMs * 2) : FIRST_LOOK_MS;
    const pending = await this.look(accounts);
    if (sent === 'more' || this.accounts === null) return 0;
    return pending ? this.lookMs : IDLE_MS;
  }

  /** Forgets what it knows, after a fault: the next turn starts from the rows. */
  forget(): void {
    this.accounts = null;
  }

  private async leads(): Promise<boolean> {
    const { store, owner, clock } = this.deps;
    if (this.leasedUntilMs - clock.nowMs() > LEASE_SEC * 1_000 - RENEW_MS) return true;
    const askedAtMs = clock.nowMs();
    const held = await store.holdLease(`broadcast:${this.network}`, owner, LEASE_SEC);
    // Whoever led meanwhile has moved the rows.
    if (!held || askedAtMs > this.leasedUntilMs) this.accounts = null;
    this.leasedUntilMs = held ? askedAtMs + LEASE_SEC * 1_000 : 0;
    return held;
  }

  /** Everything from the rows and the chain: accounts, and what is under way. Signed bytes leave again, the same ones. */
  private async recover(): Promise<Account[]> {
    const { store } = this.deps;
    await refuseForeignChain(this.deps);
    const accounts = await openAccounts(this.deps);
    this.follower = new Follower(this.deps);
    this.sent = new SentTimes();
    this.selection = new Selection(this.deps);
    this.gas = new GasWatch(this.deps);
    this.prices = new Prices(this.deps);
    for (const broadcast of await store.unfinished(this.network)) {
      this.follower.add(broadcast);
      if (broadcast.mined === null) await this.resume(accounts, broadcast);
    }
    return accounts;
  }

  private async resume(accounts: readonly Account[], broadcast: Broadcast): Promise<void> {
    const account = accounts.find((it) => it.address === broadcast.sender);
    if (account === undefined) return;
    if (broadcast.attempts.length === 0)
      await this.sign(account, broadcast, this.fees(broadcast, await this.prices.of(account)));
    else await this.free(broadcast);
    await this.send(account, broadcast);
  }

  /** A few rounds at most: what was sent has to be looked at, and the lease renewed, however much waits. */
  private async dispatch(accounts: readonly Account[]): Promise<'nothing' | 'some' | 'more'> {
    let sent: 'nothing' | 'some' = 'nothing';
    for (let round = 0; round < ROUNDS; round += 1) {
      const ready = readyOf(accounts, this.follower);
      if (ready.length === 0) return sent;
      const waiting = await this.selection.waiting(ready);
      const [account, transfers] = assign(waiting, ready);
      if (account === undefined) return sent;
      // Asked together, so that it is one exchange.
      const [prices, selected] = await Promise.all([
        this.prices.of(account),
        this.selection.choose(account.address, transfers),
      ]);
      // Before anything is sent to a chain that went back, all is read anew, and the chain with it.
      if (this.follower.isAhead(prices.head)) this.forget();
      if (this.accounts === null) return sent;
      if (selected === null) continue;
      if (!(await this.broadcast(account, selected, prices))) return sent;
      sent = 'some';
      // That was all that waited; whoever has come since has woken the next turn.
      if (selected.transfers.length === waiting.length && waiting.length < MAX_BATCH) return sent;
    }
    return 'more';
  }

  private async broadcast(account: Account, selected: Selected, prices: GasPrices): Promise<boolean> {
    const { store, logger } = this.deps;
    const { callHash, transfers, ...composed } = selected;
    const { address: sender, nextNonce: accountNonce } = account;
    const call = { network: this.network, sender, accountNonce, ...composed };
    const fees = this.fees(call, prices);
    const pending = this.follower.pendingOf(sender);
    const committed = pending.reduce((sum, it) => sum + costOf(it, it.attempts.at(-1)), costOf(call, fees));
    if (prices.balance < committed) {
      stop(account, 'no_gas_money', this.deps.clock.nowMs(), prices.balance);
      const about = { network: this.network, sender, balance: prices.balance.toString() };
      const text = 'a broadcast account cannot pay for the gas of what waits';
      logger.error({ ...about, alarm: 'broadcast_account_empty' }, text);
      return false;
    }
    if (!(await store.intend(call, callHash, 'transfers', transfers))) {
      this.forget();
      return false;
    }
    account.nextNonce += 1;
    const broadcast: Broadcast = { ...call, kind: 'transfers', transfers, attempts: [], mined: null };
    this.follower.add(broadcast);
    await this.sign(account, broadcast, fees);
    await this.send(account, broadcast, false);
    return true;
  }

  private fees(call: Pick<Broadcast, 'gasLimit'>, { baseFeePerGas, priorityFee }: GasPrices): Fees {
    return firstFees(baseFeePerGas, priorityFee, capOf(call, this.deps));
  }

  /** The bytes are stored before anybody but the signer has seen them. */
  private async sign(account: Account, broadcast: Broadcast, fees: Fees): Promise<void> {
    const { signer, store, clock, logger } = this.deps;
    const answer = await signer.signBroadcast(broadcast, fees);
    const { sender, accountNonce } = broadcast;
    if (answer.kind !== 'signed') {
      if (isRefusedForGood(broadcast, answer)) return this.giveUp(account, broadcast, fees);
      stop(account, answer.reason, clock.nowMs());
      logger.error(
        { network: this.network, sender, accountNonce, reason: answer.reason, alarm: 'broadcast_not_signed' },
        'a transaction could not be signed; its account waits',
      );
      return;
    }
    const attempt = {
      ...fees,
      attempt: (this.follower.get(broadcast) ?? broadcast).attempts.length,
      txHash: answer.txHash,
      raw: answer.raw,
      signedAtMs: clock.nowMs(),
    };
    if (account.stuck !== 'no_gas_money') account.stuck = null;
    // Another process leads: what it has signed is what leaves.
    if (!(await store.attempted(broadcast, attempt))) return this.forget();
    this.follower.attempted(broadcast, attempt);
    this.sent.renew(broadcast, attempt.signedAtMs);
    await this.free(broadcast);
  }

  private async giveUp(account: Account, broadcast: Broadcast, fees: Fees): Promise<void> {
    const fill = await giveUp(this.deps, broadcast);
    if (fill === undefined) return this.forget();
    this.follower.add(fill);
    return this.sign(account, fill, fees);
  }

  private async free(ref: Broadcast): Promise<void> {
    const freed = await free(this.deps, this.follower.get(ref));
    if (freed === undefined) return;
    this.follower.add({ ...freed, transfers: [] });
    this.selection.putOff(freed.transfers, 'refused by the signer');
  }

  private async send(account: Account, ref: Broadcast, again = true): Promise<void> {
    const { chain, clock, logger } = this.deps;
    const newest = this.follower.get(ref)?.attempts.at(-1);
    if (newest === undefined) return;
    const outcome = await chain.send(newest.raw, again);
    this.sent.now(ref, clock.nowMs());
    const about = { network: this.network, sender: ref.sender, accountNonce: ref.accountNonce };
    if (outcome === 'no_gas_money') {
      stop(account, outcome, clock.nowMs());
      logger.error({ ...about, alarm: 'broadcast_account_empty' }, 'a broadcast account cannot pay for gas');
    } else if (outcome === 'nonce_used') this.follower.suspect(ref);
    else if (outcome !== 'sent') logger.warn({ ...about, outcome }, 'the node did not take a transaction');
  }

  /** True while something waits for a block. */
  private async look(accounts: readonly Account[]): Promise<boolean> {
    const nowMs = this.deps.clock.nowMs();
    // What others settled is looked at as well, though nobody waits for it.
    if (this.follower.size === 0 && nowMs - this.lookedAtMs < QUIET_LOOK_MS) return false;
    this.lookedAtMs = nowMs;
    const head = await this.follower.look();
    for (const account of accounts) {
      restart(account, nowMs, RESEND_MS);
      const pending = this.follower.pendingOf(account.address);
      for (const [place, broadcast] of pending.entries()) {
        if (this.accounts === null) return true;
        // Whatever holds up the first holds up the others, and a higher fee for them would change nothing.
        await this.urge(account, broadcast, { head, nowMs, first: place === 0 });
      }
    }
    this.sent.keep(this.follower.pending());
    if (this.follower.lost()) this.forget();
    return this.follower.pending().length > 0;
  }

  private async urge(
    account: Account,
    broadcast: Broadcast,
    { head, nowMs, first }: { readonly head: ChainBlock; readonly nowMs: number; readonly first: boolean },
  ): Promise<void> {
    const sent = this.sent.of(broadcast, head.number);
    if (nowMs - sent.atMs < RESEND_MS) return;
    const newest = broadcast.attempts.at(-1);
    this.sent.now(broadcast, nowMs, sent.block);
    if (newest === undefined) return this.resume([account], broadcast);
    // While no blocks come, no fee helps.
    const passedOver = head.number >= sent.block + BUMP_BLOCKS && !this.follower.isSuspected(broadcast);
    const late = nowMs - newest.signedAtMs >= BUMP_MS || newest.maxFeePerGas < head.baseFeePerGas;
    // The chain waits for a nonce before it: the rows are read anew, and what is missing is filled.
    if (first && passedOver && (await this.deps.chain.accountNonce(account.address)) < broadcast.accountNonce)
      return this.forget();
    if (first && passedOver && late) await this.bump(account, broadcast, newest, head);
    if (this.accounts !== null) await this.send(account, broadcast);
  }

  private async bump(account: Account, broadcast: Broadcast, before: Fees, head: ChainBlock): Promise<void> {
    const { chain, logger } = this.deps;
    const cap = capOf(broadcast, this.deps);
    const fees = bumpedFees(before, head.baseFeePerGas, await chain.priorityFee(), cap);
    if (fees !== undefined) return this.sign(account, broadcast, fees);
    logger.warn(
      { network: this.network, accountNonce: broadcast.accountNonce, alarm: 'broadcast_fee_cap' },
      'a transaction waits, and the fee cap allows no more',
    );
  }
}
