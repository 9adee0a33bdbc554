// Where a drive stands: the last committed version and what has been decided since. Commands are kept beside their events, so
// that after a conflict they are decided anew on the newer state; effects (signatures, deliveries) are never repeated for that.
import {
  decide,
  evolve,
  refuse,
  type OperationCommand,
  type OperationEvent,
  type OperationState,
} from '#domain';
import type { Actor, Blob, Claimed, CommitOutcome, Ports } from './ports.js';

export const SYSTEM: Actor = { type: 'system', id: 'worker' };

export class Cursor {
  state: OperationState;
  /** The signature made in this drive; never stored in the clear, never logged. */
  signature: Uint8Array | null = null;
  private committed: OperationState;
  private version: number;
  private lastHash: string;
  private readonly commands: OperationCommand[] = [];
  private readonly blobs: Blob[] = [];

  constructor(
    private readonly ports: Ports,
    readonly claimed: Claimed,
  ) {
    this.state = claimed.state;
    this.committed = claimed.state;
    this.version = claimed.version;
    this.lastHash = claimed.lastHash;
  }

  get dirty(): boolean {
    return this.commands.length > 0;
  }

  /** The claim with the version this drive has reached, so that the store can tell whether somebody else appended. */
  get held(): Claimed {
    return { ...this.claimed, version: this.version };
  }

  /** Decides a command on the state so far; nothing is stored before `flush`. */
  record(command: OperationCommand, blobs: readonly Blob[] = []): void {
    this.state = this.eventsOf([command], this.state).state;
    this.commands.push(command);
    this.blobs.push(...blobs);
  }

  /** Stores what was decided, as one commit. */
  async flush(options: {
    readonly nextAttemptAtMs: number | null;
    readonly releaseLease: boolean;
  }): Promise<CommitOutcome> {
    const { events, state } = this.eventsOf(this.commands, this.committed);
    const { workspaceId, operationId, agentId, openedAtMs, leaseEpoch } = this.claimed;
    const outcome = await this.ports.operations.append({
      workspaceId,
      operationId,
      agentId,
      openedAtMs,
      leaseEpoch,
      expectedVersion: this.version,
      lastHash: this.lastHash,
      events,
      state,
      actor: SYSTEM,
      nowMs: this.ports.clock.nowMs(),
      blobs: [...this.blobs],
      ...options,
    });
    if (outcome.ok) {
      this.settle(state, outcome.version, outcome.lastHash);
      this.commands.length = 0;
      this.blobs.length = 0;
    }
    return outcome;
  }

  /** Somebody else appended first: read again and decide the same commands on what is there now. */
  async reload(): Promise<void> {
    const fresh = await this.ports.operations.load(this.claimed);
    if (!fresh) throw new Error('a claimed operation cannot vanish');
    this.settle(fresh.state, fresh.version, fresh.lastHash);
    this.state = this.eventsOf(this.commands, fresh.state).state;
  }

  /** Takes back the commands from the first of `type` on; they have no durable trace. Returns false when there is none. */
  takeBack(type: OperationCommand['type']): boolean {
    const at = this.commands.findIndex((command) => command.type === type);
    if (at < 0) return false;
    this.commands.length = at;
    this.state = this.eventsOf(this.commands, this.committed).state;
    return true;
  }

  private settle(state: OperationState, version: number, lastHash: string): void {
    this.state = state;
    this.committed = state;
    this.version = version;
    this.lastHash = lastHash;
  }

  private eventsOf(
    commands: readonly OperationCommand[],
    from: OperationState,
  ): { events: OperationEvent[]; state: OperationState } {
    const events: OperationEvent[] = [];
    let state = from;
    for (const command of commands) {
      const decision = decide(state, command);
      if (!decision.ok) throw refuse(decision.code, decision.details);
      state = decision.events.reduce(evolve, state);
      events.push(...decision.events);
    }
    return { events, state };
  }
}
