import type { Actor, Principal } from '#engine';

/** Who a change is recorded under: the key, never the person's word for who they are. */
export function actorOf({ role, keyId }: Principal): Actor {
  return { type: role === 'agent' || role === 'approver' ? role : 'admin', id: keyId };
}
