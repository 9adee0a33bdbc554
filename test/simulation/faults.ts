// Processes that die, freeze and lose replies. Every call of a port passes through `Process.call`, so a process can stop between any effect
// and the record of it, and an effect can have happened although its caller was told otherwise.
import type { Random } from './random.js';
import type { Scheduler } from './scheduler.js';

export const FAULTS = ['crash_before', 'crash_after', 'error_before', 'lost_reply', 'freeze'] as const;
export type Fault = (typeof FAULTS)[number];

/** Probability per call. */
const RATE = 0.0012;
/** A watcher makes fewer calls than the workers. */
const WATCHER_RATE = 0.0025;
/** Calls that are rarely made need more, or no run would ever see them fail. */
const RARE: Readonly<Record<string, number>> = {
  'operations.renew': 0.02,
  'signer.sign': 0.006,
  'chain.fateInTransaction': 0.02,
  'source.forkPoint': 0.08,
  'source.unusedAt': 0.02,
  'source.findUse': 0.02,
  'source.settlementWitnesses': 0.02,
  'source.balances': 0.01,
  'source.scan': 0.01,
  'source.witnesses': 0.01,
  'watch.expiredLive': 0.01,
  'watch.match': 0.01,
  'watch.provisionalUpTo': 0.006,
  'watch.seenAbove': 0.08,
};

/** Every call before and after which a process may die: `<port>.<method>`. Not `recordExceptions`: a sound run never makes it. */
export const CRASH_POINTS = [
  'operations.open',
  'operations.append',
  'operations.load',
  'operations.claim',
  'operations.renew',
  'operations.yieldLease',
  'operations.blob',
  'operations.due',
  'policies.policiesFor',
  'policies.walletFor',
  'signer.sign',
  'seller.askPrice',
  'seller.present',
  'chain.latest',
  'chain.fateInTransaction',
  'chain.isContract',
  'chain.permit2Allowance',
  'adoption.find',
  'source.genesisHash',
  'source.latest',
  'source.finalized',
  'source.header',
  'source.scan',
  'source.forkPoint',
  'source.witnesses',
  'source.unusedAt',
  'source.findUse',
  'source.settlementWitnesses',
  'source.balances',
  'watch.holdLease',
  'watch.cursor',
  'watch.recentBlocks',
  'watch.advance',
  'watch.managedWallets',
  'watch.match',
  'watch.expiredLive',
  'watch.provisionalUpTo',
  'watch.seenAbove',
  'watch.updateBalances',
] as const;

export class Counters {
  readonly counts = new Map<string, number>();

  add(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  toString(): string {
    const lines = [...this.counts].map(([what, count]) => `${what} ${count}`);
    return lines.sort((a, b) => (a < b ? -1 : 1)).join('\n');
  }

  addAll(other: Counters): void {
    for (const [what, count] of other.counts) this.add(what, count);
  }
}

/** In turn on the call that a seed is about, so that every run of all seeds has met each of them at every call. */
const IN_TURN = ['crash_before', 'crash_after', 'error_before', 'lost_reply'] as const;
const IN_TURN_PER_SEED = 8;

export class FaultPlan {
  /** Off in the liveness phase. */
  on = true;
  /** The call that this seed is about. */
  private readonly focus: string;
  private focusCalls = 0;

  constructor(
    private readonly seed: number,
    private readonly random: Random,
    readonly counters: Counters,
  ) {
    this.focus = CRASH_POINTS[seed % CRASH_POINTS.length] as string;
  }

  pick(point: string): Fault | null {
    if (!this.on) return null;
    const fault = (point === this.focus ? this.inTurn(point) : null) ?? this.byChance(point);
    if (fault === null) return null;
    this.counters.add(`fault:${fault}`);
    this.counters.add(`${fault}:${point}`);
    return fault;
  }

  private byChance(point: string): Fault | null {
    if (!this.random.chance((RARE[point] ?? usualRate(point)) * FAULTS.length)) return null;
    const fault = this.random.pick(FAULTS);
    // A frozen process is away for longer than a lease: rarer, or nobody is left to work.
    return fault === 'freeze' && !this.random.chance(0.3) ? null : fault;
  }

  private inTurn(point: string): Fault | null {
    const period = point in RARE ? 1 : 3;
    this.focusCalls += 1;
    const turn = this.focusCalls / period;
    if (!Number.isInteger(turn) || turn > IN_TURN_PER_SEED) return null;
    return IN_TURN[(turn + Math.floor(this.seed / CRASH_POINTS.length)) % IN_TURN.length] as Fault;
  }

  get latencyMs(): number {
    return this.random.between(0.1, this.on && this.random.chance(0.03) ? 1_500 : 6);
  }

  get freezeMs(): number {
    return this.random.between(25_000, 50_000);
  }
}

const usualRate = (point: string): number =>
  point.startsWith('source.') || (point.startsWith('watch.') && point !== 'watch.holdLease')
    ? WATCHER_RATE
    : RATE;

/** The connection broke: nothing is known about the effect. */
export class ConnectionLost extends Error {}

/** One operating-system process. Dead ones never act again; whatever they awaited stays open for ever. */
export class Process {
  alive = true;
  private frozenUntilMs = 0;

  constructor(
    readonly name: string,
    private readonly scheduler: Scheduler,
    private readonly plan: FaultPlan,
    private readonly onDeath: (process: Process) => void,
  ) {}

  /** Runs when this process would: not at all when it is dead, later when it is frozen. */
  soon(ms: number, run: () => void): void {
    this.scheduler.after(ms, () => {
      if (!this.alive) return;
      if (this.frozenUntilMs > this.scheduler.nowMs)
        this.soon(this.frozenUntilMs - this.scheduler.nowMs + 1, run);
      else run();
    });
  }

  every(ms: number, run: () => void): void {
    this.soon(ms, () => {
      run();
      this.every(ms, run);
    });
  }

  die(): void {
    if (!this.alive) return;
    this.alive = false;
    this.onDeath(this);
  }

  call<T>(point: string, effect: () => Promise<T>): Promise<T> {
    const fault = this.plan.pick(point);
    return new Promise<T>((resolve, reject) => {
      this.soon(this.plan.latencyMs, () => {
        if (fault === 'crash_before') return this.die();
        if (fault === 'error_before') return this.soon(1, () => reject(new ConnectionLost()));
        if (fault === 'freeze') this.frozenUntilMs = this.scheduler.nowMs + this.plan.freezeMs;
        this.effect(effect, (ended) => {
          if (fault === 'crash_after') return this.die();
          this.soon(this.plan.latencyMs, () =>
            fault === 'lost_reply' ? reject(new ConnectionLost()) : ended(resolve, reject),
          );
        });
      });
    });
  }

  /** The effect belongs to the other side: it goes on whatever becomes of this process. */
  private effect<T>(effect: () => Promise<T>, done: (ended: Ended<T>) => void): void {
    let running: Promise<T>;
    try {
      running = effect();
    } catch (error) {
      done((_resolve, reject) => reject(error));
      return;
    }
    running.then(
      (value) => done((resolve) => resolve(value)),
      (error: unknown) => done((_resolve, reject) => reject(error)),
    );
  }
}

type Ended<T> = (resolve: (value: T) => void, reject: (error: unknown) => void) => void;

/** The port as seen from a process: asynchronous methods named in the crash points go through it, the others are local. */
export function throughProcess<T extends object>(process: Process, port: string, target: T): T {
  const known = new Set<string>(CRASH_POINTS);
  const bound = new Map<PropertyKey, unknown>();
  return new Proxy(target, {
    get(it, key) {
      const value = (it as Record<PropertyKey, unknown>)[key];
      if (typeof value !== 'function') return value;
      if (!bound.has(key)) {
        const point = `${port}.${String(key)}`;
        const method = value.bind(it) as (...args: unknown[]) => Promise<unknown>;
        bound.set(
          key,
          known.has(point) ? (...args: unknown[]) => process.call(point, () => method(...args)) : method,
        );
      }
      return bound.get(key);
    },
  });
}
