// Brings waiting transfers on chain: whatever waits goes out together, a lone one at once. Every step is a row first, so a crash anywhere is
// followed by the same nonce, the same call and the same bytes; and should all of that fail, the token refuses a second transfer by itself.
import type { Caip2 } from '#domain';
import type { Clock, Logger } from '../ports.js';
import type {
  Broadcast,
  BroadcastChain,
  BroadcastStore,
  ChainBlock,
  PlacedTransfer,
} from './broadcast-ports.js';
import { GasWatch, openAccounts, type Account } from './accounts.js';
import { bumpedFees, firstFees } from './fees.js';
import { Follower } from './follower.js';
import { outcomeOf } from './outcome.js';
import type { BroadcastSigner, Fees } from './ports.js';

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

/** Wei per gas. */
interface Prices {
  readonly baseFeePerGas: bigint;
  readonly priorityFee: bigint;
}

/** Transfers in one transaction: 4 million gas, an eighth of what the smallest of our chains takes per block. */
const MAX_BATCH = 100;
/** Transactions of one account that wait for a block; nodes drop what queues up further. */
const MAX_PENDING = 16;
/** Short, since two at once could only compete for a row: what was claimed waits so long when a worker dies. */
const LEASE_SEC = 6;
const RENEW_MS = 2_000;
/** A transaction that is in no block after so long is given to the node again, and then at a higher fee. */
const RESEND_MS = 5_000;
const BUMP_MS = 15_000;

/** Pauses between turns, milliseconds. */
const IDLE_MS = 1_000;
const FIRST_LOOK_MS = 2;
const LAST_LOOK_MS = 250;

export class Broadcaster {
  private accounts: Account[] | null = null;
  private follower: Follower;
  private leasedUntilMs = 0;
  private lookMs = FIRST_LOOK_MS;
  private gas: GasWatch;
  private readonly sentAtMs = new Map<string, number>();

  constructor(private readonly deps: BroadcasterDeps) {
    this.follower = new Follower(deps);
    this.gas = new GasWatch(deps);
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
    this.lookMs = sent ? FIRST_LOOK_MS : Math.min(LAST_LOOK_MS, this.lookMs * 2);
    const pending = await this.look(accounts);
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
    const accounts = await openAccounts(this.deps);
    this.follower = new Follower(this.deps);
    this.sentAtMs.clear();
    this.gas = new GasWatch(this.deps);
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
      await this.sign(account, broadcast, this.fees(broadcast, await this.prices()));
    await this.send(account, broadcast);
  }

  private async dispatch(accounts: readonly Account[]): Promise<boolean> {
    const { store } = this.deps;
    let sent = false;
    for (;;) {
      const account = this.freest(accounts);
      if (account === undefined) return sent;
      const waiting = await store.waiting(this.network, MAX_BATCH);
      if (waiting.length === 0) return sent;
      // Asked together, so that it is one exchange.
      const [prices, able] = await Promise.all([this.prices(), this.viable(account, waiting)]);
      if (able.length === 0) continue;
      if (!(await this.broadcast(account, able, prices))) return sent;
      sent = true;
    }
  }

  private freest(accounts: readonly Account[]): Account | undefined {
    const free = accounts
      .filter((account) => account.stuck === null)
      .map((account) => ({ account, pending: this.follower.pendingOf(account.address) }))
      .filter(({ pending }) => pending < MAX_PENDING)
      .toSorted((a, b) => a.pending - b.pending);
    return free[0]?.account;
  }

  /** Leaves out, and ends, what would fail now: gas is spent on nothing that is known to be lost. */
  private async viable(
    account: Account,
    waiting: readonly PlacedTransfer[],
  ): Promise<readonly PlacedTransfer[]> {
    const { chain, store } = this.deps;
    const succeeds = await chain.simulate(account.address, waiting);
    const failing = waiting.filter((_, index) => succeeds[index] !== true);
    if (failing.length > 0) {
      const ended = await Promise.all(
        failing.map(async (key) => ({ key, outcome: outcomeOf(await chain.whyNot(key)) })),
      );
      await store.end(ended);
    }
    return waiting.filter((_, index) => succeeds[index] === true);
  }

  private async broadcast(
    account: Account,
    transfers: readonly PlacedTransfer[],
    prices: Prices,
  ): Promise<boolean> {
    const { chain, store } = this.deps;
    const { callHash, ...composed } = chain.compose(transfers);
    const { address: sender, nextNonce: accountNonce } = account;
    const call = { network: this.network, sender, accountNonce, ...composed };
    if (!(await store.intend(call, callHash, 'transfers', transfers))) {
      this.forget();
      return false;
    }
    account.nextNonce += 1;
    const broadcast: Broadcast = { ...call, kind: 'transfers', transfers, attempts: [], mined: null };
    this.follower.add(broadcast);
    await this.sign(account, broadcast, this.fees(broadcast, prices));
    await this.send(account, broadcast);
    return true;
  }

  private async prices(): Promise<Prices> {
    const { chain } = this.deps;
    const [{ baseFeePerGas }, priorityFee] = await Promise.all([chain.latest(), chain.priorityFee()]);
    return { baseFeePerGas, priorityFee };
  }

  private fees(broadcast: Broadcast, { baseFeePerGas, priorityFee }: Prices): Fees {
    return firstFees(baseFeePerGas, priorityFee, this.capOf(broadcast));
  }

  private capOf({ gasLimit }: Broadcast): bigint {
    const { feeCap, costCap } = this.deps;
    const affordable = costCap / gasLimit;
    return affordable < feeCap ? affordable : feeCap;
  }

  /** The bytes are stored before anybody but the signer has seen them. */
  private async sign(account: Account, broadcast: Broadcast, fees: Fees): Promise<void> {
    const { signer, store, clock, logger } = this.deps;
    const answer = await signer.signBroadcast(broadcast, fees);
    const { sender, accountNonce } = broadcast;
    if (answer.kind !== 'signed') {
      account.stuck = answer.reason;
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
    await store.attempted(broadcast, attempt);
    this.follower.attempted(broadcast, attempt);
  }

  private async send(account: Account, ref: Broadcast): Promise<void> {
    const { chain, clock, logger } = this.deps;
    const newest = this.follower.get(ref)?.attempts.at(-1);
    if (newest === undefined) return;
    const outcome = await chain.send(newest.raw);
    this.sentAtMs.set(newest.txHash, clock.nowMs());
    const about = { network: this.network, sender: ref.sender, accountNonce: ref.accountNonce };
    if (outcome === 'no_gas_money') {
      account.stuck = outcome;
      logger.error({ ...about, alarm: 'broadcast_account_empty' }, 'a broadcast account cannot pay for gas');
    } else if (outcome === 'nonce_used') this.follower.suspect(ref);
    else if (outcome !== 'sent') logger.warn({ ...about, outcome }, 'the node did not take a transaction');
  }

  /** True while something waits for a block. */
  private async look(accounts: readonly Account[]): Promise<boolean> {
    const { clock, logger } = this.deps;
    if (this.follower.size === 0) return false;
    const head = await this.follower.look();
    const nowMs = clock.nowMs();
    for (const broadcast of this.follower.pending()) {
      const account = accounts.find((it) => it.address === broadcast.sender);
      if (account === undefined) continue;
      const newest = broadcast.attempts.at(-1);
      if (newest === undefined) {
        if (nowMs - (this.sentAtMs.get(refKey(broadcast)) ?? 0) < RESEND_MS) continue;
        this.sentAtMs.set(refKey(broadcast), nowMs);
        account.stuck = null;
        await this.resume(accounts, broadcast);
        continue;
      }
      if (nowMs - (this.sentAtMs.get(newest.txHash) ?? 0) < RESEND_MS) continue;
      const late = nowMs - newest.signedAtMs >= BUMP_MS || newest.maxFeePerGas < head.baseFeePerGas;
      if (late) await this.bump(account, broadcast, newest, head);
      else logger.info({ network: this.network, accountNonce: broadcast.accountNonce }, 'sending again');
      await this.send(account, broadcast);
    }
    if (this.follower.lost()) this.forget();
    return this.follower.pending().length > 0;
  }

  private async bump(account: Account, broadcast: Broadcast, before: Fees, head: ChainBlock): Promise<void> {
    const { chain, logger } = this.deps;
    const cap = this.capOf(broadcast);
    const fees = bumpedFees(before, head.baseFeePerGas, await chain.priorityFee(), cap);
    if (fees !== undefined) return this.sign(account, broadcast, fees);
    logger.warn(
      { network: this.network, accountNonce: broadcast.accountNonce, alarm: 'broadcast_fee_cap' },
      'a transaction waits, and the fee cap allows no more',
    );
  }
}

function refKey({ sender, accountNonce }: Pick<Broadcast, 'sender' | 'accountNonce'>): string {
  return `${sender}/${accountNonce}`;
}
