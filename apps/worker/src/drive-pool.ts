// The drives in hand of this process. A BullMQ job is only the wake-up: a drive lets its job go at once while there is room, after a
// little when there is not much, and goes on under its lease alone. That keeps the queue's slots few and cheap, and slow sellers
// cannot occupy the slots through which all others come (L7). What is known here
// only (short waits, drives in hand) may be lost at any moment: the operation's row says when it is due, and the sweeper looks there.
import type { OperationId } from '#domain';
import { drive, LeaseKeeper, type DriveResult, type Ports } from '#engine';

export interface DrivePoolOptions {
  readonly ports: Ports;
  readonly owner: string;
  /** Up to so many drives jobs are let go at once; a share of the work that other processes may take is left in the queue. Default 256. */
  readonly eagerInHand?: number;
  /** Drives in hand at most; from there on jobs are held until their drive ends, which stops the fetching. Default 2,048. */
  readonly maxInHand?: number;
  /** In between, a drive lets its job go after this long. Default 1,000 ms. */
  readonly patienceMs?: number;
}

interface InHand {
  /** Woken while it ran: what the wake-up was about may have been missed. */
  again: boolean;
}

/** Longer waits are left to the sweeper; a timer for each would be memory for nothing. */
const SHORT_WAIT_MS = 30_000;
const MAX_SHORT_WAITS = 20_000;
const MIN_WAIT_MS = 10;
/** A lease lasts 30 s from its last renewal; without one for this long no further effect may begin. */
const RENEWAL_GIVEN_UP_MS = 20_000;

export class DrivePool {
  private readonly keeper: LeaseKeeper;
  private readonly inHand = new Map<OperationId, InHand>();
  private readonly shortWaits = new Map<OperationId, NodeJS.Timeout>();
  private readonly idle: (() => void)[] = [];
  private accepting = true;
  private aborting = false;
  private renewedAtMs = 0;

  private readonly eagerInHand: number;
  private readonly maxInHand: number;

  constructor(private readonly options: DrivePoolOptions) {
    this.eagerInHand = options.eagerInHand ?? 256;
    this.maxInHand = options.maxInHand ?? 2_048;
    this.keeper = new LeaseKeeper(options.ports);
  }

  get size(): number {
    return this.inHand.size;
  }

  /** Drives the operation. Resolves when another may be taken: at once while there is room, at the latest when the drive ended. */
  async take(operationId: OperationId): Promise<void> {
    if (!this.accepting) return;
    const current = this.inHand.get(operationId);
    if (current) {
      current.again = true;
      return;
    }
    const ended = this.run(operationId);
    if (this.inHand.size < this.eagerInHand) return;
    if (this.inHand.size >= this.maxInHand) return ended;
    let timer: NodeJS.Timeout | undefined;
    const impatient = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.options.patienceMs ?? 1_000);
    });
    await Promise.race([ended, impatient]);
    clearTimeout(timer);
  }

  /** Call every third of a lease. When leases cannot be renewed for too long, drives stop before their next effect. */
  async renewLeases(): Promise<void> {
    const { clock } = this.options.ports;
    if (this.keeper.size === 0) this.renewedAtMs = clock.nowMs();
    try {
      await this.keeper.tick();
      this.renewedAtMs = clock.nowMs();
    } catch (error) {
      if (clock.nowMs() - this.renewedAtMs >= RENEWAL_GIVEN_UP_MS) this.keeper.abortAll();
      throw error;
    }
  }

  /**
   * Takes nothing more; lets drives end by themselves for `graceMs`, since a signed payment should still be presented; then lets
   * none begin another effect, and waits until `deadlineMs` in all. Returns how many were left; their leases run out by themselves.
   */
  async stop(graceMs: number, deadlineMs: number): Promise<number> {
    this.accepting = false;
    for (const timer of this.shortWaits.values()) clearTimeout(timer);
    this.shortWaits.clear();
    await this.untilIdle(graceMs);
    this.aborting = true;
    this.keeper.abortAll();
    await this.untilIdle(deadlineMs - graceMs);
    return this.inHand.size;
  }

  private async run(operationId: OperationId): Promise<void> {
    this.inHand.set(operationId, { again: false });
    this.forgetWait(operationId);
    const result = await this.driveOnce(operationId);
    const again = this.inHand.get(operationId)?.again === true;
    this.inHand.delete(operationId);
    this.keeper.drop(operationId);
    if (this.inHand.size === 0) for (const wake of this.idle.splice(0)) wake();
    if (result?.kind !== 'done' || !this.accepting) return;
    const nowMs = this.options.ports.clock.nowMs();
    if (again) this.comeBack(operationId, MIN_WAIT_MS);
    else if (result.nextAttemptAtMs !== null)
      this.comeBack(operationId, Math.max(MIN_WAIT_MS, result.nextAttemptAtMs - nowMs));
  }

  private async driveOnce(operationId: OperationId): Promise<DriveResult | undefined> {
    const { ports, owner } = this.options;
    const abort = new AbortController();
    try {
      return await drive(ports, operationId, {
        owner,
        signal: abort.signal,
        onClaimed: (lease) => {
          if (this.aborting) abort.abort();
          this.keeper.hold(lease.operationId, lease.leaseEpoch, abort);
        },
      });
    } catch (error) {
      ports.logger.error(
        { operationId, error },
        'drive ended by a fault; the sweeper will find the operation',
      );
      return undefined;
    }
  }

  private comeBack(operationId: OperationId, inMs: number): void {
    if (inMs > SHORT_WAIT_MS || this.shortWaits.size >= MAX_SHORT_WAITS) return;
    const timer = setTimeout(() => {
      this.shortWaits.delete(operationId);
      // Full here: any process may take it.
      if (this.inHand.size >= this.maxInHand) this.options.ports.waker.wake([operationId]);
      else void this.take(operationId);
    }, inMs);
    this.shortWaits.set(operationId, timer);
  }

  private forgetWait(operationId: OperationId): void {
    clearTimeout(this.shortWaits.get(operationId));
    this.shortWaits.delete(operationId);
  }

  private async untilIdle(timeoutMs: number): Promise<void> {
    if (this.inHand.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.idle.push(resolve);
      timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
  }
}
