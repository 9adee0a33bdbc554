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
import type { Rules } from './judge-terms.js';
import type { Actor, Blob, Claimed, CommitOutcome, Ports } from './ports.js';

interface Kept {
  readonly command: OperationCommand;
  /** What it came to on the state before it. */
  readonly events: readonly OperationEvent[];
  readonly blobs: readonly Blob[];
}

export const SYSTEM: Actor = { type: 'system', id: 'worker' };

export class Cursor {
  state: OperationState;
  /** The signature made in this drive; never stored in the clear, never logged. */
  signature: Uint8Array | null = null;
  /** The presentation that this drive has put on record, and not an earlier one that may have been cut off. */
  presenting: number | null = null;
  /** What the terms were judged by in this drive; a drive that found them judged reads its own. */
  rules: Rules | null = null;
  private committed: OperationState;
  private version: number;
  private lastHash: string;
  /** Commands that have an effect on the committed state, each with what it stores beside its events. */
  private kept: Kept[] = [];

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
    return this.kept.length > 0;
  }

  /** The claim with the version this drive has reached, so that the store can tell whether somebody else appended. */
  get held(): Claimed {
    return { ...this.claimed, version: this.version };
  }

  /** Decides a command on the state so far; nothing is stored before `flush`. A command that changes nothing leaves nothing, no blob either. */
  record(command: OperationCommand, blobs: readonly Blob[] = []): void {
    const { events, state } = eventsOf(command, this.state);
    if (events.length === 0) return;
    this.state = state;
    this.kept.push({ command, events, blobs });
  }

  /** Stores what was decided, as one commit. Call it only when `dirty`. */
  async flush(options: {
    readonly nextAttemptAtMs: number | null;
    readonly releaseLease: boolean;
  }): Promise<CommitOutcome> {
    const { workspaceId, operationId, agentId, openedAtMs, leaseEpoch } = this.claimed;
    const { state } = this;
    const outcome = await this.ports.operations.append({
      workspaceId,
      operationId,
      agentId,
      openedAtMs,
      leaseEpoch,
      expectedVersion: this.version,
      lastHash: this.lastHash,
      events: this.kept.flatMap((it) => it.events),
      state,
      actor: SYSTEM,
      nowMs: this.ports.clock.nowMs(),
      blobs: this.kept.flatMap((it) => it.blobs),
      ...options,
    });
    if (outcome.ok) {
      this.settle(state, outcome.version, outcome.lastHash);
      this.kept = [];
    }
    return outcome;
  }

  /** Somebody else appended first: read again and decide the same commands on what is there now. */
  async reload(): Promise<void> {
    const fresh = await this.ports.operations.load(this.claimed);
    if (!fresh) throw new Error('a claimed operation cannot vanish');
    this.settle(fresh.state, fresh.version, fresh.lastHash);
    this.decideAnew();
  }

  /** Takes back the commands from the first of `type` on; they have no durable trace. Returns false when there is none. */
  takeBack(type: OperationCommand['type']): boolean {
    const at = this.kept.findIndex(({ command }) => command.type === type);
    if (at < 0) return false;
    this.kept.length = at;
    this.state = this.kept.flatMap((it) => it.events).reduce(evolve, this.committed);
    return true;
  }

  private settle(state: OperationState, version: number, lastHash: string): void {
    this.state = state;
    this.committed = state;
    this.version = version;
    this.lastHash = lastHash;
  }

  /** Decides what was kept once more on the committed state, and forgets what has no effect there any more. */
  private decideAnew(): void {
    this.state = this.committed;
    const kept = this.kept;
    this.kept = [];
    for (const { command, blobs } of kept) this.record(command, blobs);
  }
}

function eventsOf(
  command: OperationCommand,
  from: OperationState,
): { readonly events: readonly OperationEvent[]; readonly state: OperationState } {
  const decision = decide(from, command);
  if (!decision.ok) throw refuse(decision.code, decision.details);
  return { events: decision.events, state: decision.events.reduce(evolve, from) };
}
