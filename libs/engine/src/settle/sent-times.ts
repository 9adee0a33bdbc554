// When each pending broadcast was last given to the node, and in front of which block. Memory only: forgetting it sends once more.
import type { Broadcast, BroadcastRef } from './broadcast-ports.js';

interface Sent {
  readonly atMs: number;
  /** Latest block when the newest attempt was first seen pending. */
  readonly block: number;
}

export class SentTimes {
  private readonly times = new Map<string, Sent>();

  /** Never sent counts as long ago, and as in front of this block. */
  of(ref: BroadcastRef, block: number): Sent {
    const known = this.times.get(keyOf(ref)) ?? { atMs: 0, block };
    const sent = known.block < 0 ? { ...known, block } : known;
    this.times.set(keyOf(ref), sent);
    return sent;
  }

  /** `block` when the bytes are the same as before; otherwise it is the next that is looked at. */
  now(ref: BroadcastRef, atMs: number, block = this.times.get(keyOf(ref))?.block ?? -1): void {
    this.times.set(keyOf(ref), { atMs, block });
  }

  /** Another attempt: the next head that is looked at is the one it stands in front of. */
  renew(ref: BroadcastRef, atMs: number): void {
    this.now(ref, atMs, -1);
  }

  /** Forgets all others. */
  keep(pending: readonly Broadcast[]): void {
    const kept = new Set(pending.map(keyOf));
    for (const key of this.times.keys()) if (!kept.has(key)) this.times.delete(key);
  }
}

/** Within one network. */
export function keyOf({ sender, accountNonce }: Pick<BroadcastRef, 'sender' | 'accountNonce'>): string {
  return `${sender}/${accountNonce}`;
}
