// An account nonce that no transaction will ever use holds up whatever is behind it. It is filled with a call that moves nothing. The transfers it was
// meant for stay with it until that call is signed: the signer signs one call per nonce for ever, so from then on the first can never be mined.
import type { Logger } from '../ports.js';
import type { Broadcast, BroadcastChain, BroadcastStore } from './broadcast-ports.js';
import type { BroadcastSignature } from './ports.js';

export interface GapsDeps {
  readonly chain: BroadcastChain;
  readonly store: BroadcastStore;
  readonly logger: Logger;
}

/** What the signer says of the call itself: it will say so again, at any fee and at any time. */
const FOR_GOOD = new Set([
  'call_not_decoded',
  'token_not_registered',
  'transfers_mismatch',
  'not_the_facilitator',
]);

export function isRefusedForGood(
  { kind, attempts }: Broadcast,
  answer: Exclude<BroadcastSignature, { kind: 'signed' }>,
): boolean {
  return (
    kind === 'transfers' && attempts.length === 0 && answer.kind === 'refused' && FOR_GOOD.has(answer.reason)
  );
}

/** The fill in its place, still with its transfers; undefined when another process was first. */
export async function giveUp(
  { chain, store, logger }: GapsDeps,
  broadcast: Broadcast,
): Promise<Broadcast | undefined> {
  const { callHash, ...call } = chain.fill(broadcast.sender);
  if (!(await store.becomeFill(broadcast, { ...call, callHash }))) return undefined;
  const { network, sender, accountNonce } = broadcast;
  logger.error(
    { network, sender, accountNonce, alarm: 'broadcast_given_up' },
    'the signer refuses a transaction for good; its nonce is filled, and its transfers wait for another',
  );
  return { ...broadcast, ...call, kind: 'fill' };
}

/** The transfers of a signed fill wait for another transaction. Undefined when it had none. */
export async function free(
  { store }: GapsDeps,
  broadcast: Broadcast | undefined,
): Promise<Broadcast | undefined> {
  if (broadcast?.kind !== 'fill' || broadcast.attempts.length === 0 || broadcast.transfers.length === 0)
    return undefined;
  await store.freed(broadcast);
  return broadcast;
}
