import type { Ports } from '../ports.js';
import type { FacilitatorAnswer } from '../settle/remote-ports.js';
import { LOOK_AGAIN_MS, retryAfterMs, seenIn, type Attempted, type Paying } from './settle-attempt.js';

/**
 * Mode F: `/verify`, then `/settle`, at the facilitator on record. A "no" says nothing about what they keep or have sent: the next one gets the
 * same payment, never another. Only our own look at the chain is taken for true.
 */
export async function settleThrough(
  ports: Ports,
  { ref, state, signature, attempt }: Paying,
): Promise<Attempted> {
  const { authorization, terms, handOver } = state;
  const names = ports.facilitators.namesFor(authorization.network);
  const facilitator = handOver?.facilitator ?? '';
  const answer = names.includes(facilitator)
    ? await verifyThenSettle(ports, { ...ref, facilitator, body: bodyOf() })
    : GONE;
  const seen = await seenIn(ports, authorization, answer.claimedTxHash);
  const underWay = answer.kind === 'yes' || answer.kind === 'pending';
  // One after the other without a pause; then from the first again, later and later.
  const pauseMs = underWay ? LOOK_AGAIN_MS : pauseAfter(attempt, names.length);
  const retryAtMs = ports.clock.nowMs() + pauseMs;
  return { submission: { attempt, reason: answer.reason, retryAtMs }, seen };

  function bodyOf(): Uint8Array {
    const asset = ports.assets.find(authorization.network, authorization.token);
    if (asset === undefined) throw new Error('an authorization in an asset that is not registered');
    const { operationId } = ref;
    return ports.headers.encodeForFacilitator({ terms, authorization, signature, operationId }, asset);
  }
}

const GONE: FacilitatorAnswer = { kind: 'no', reason: 'facilitator_not_configured', claimedTxHash: null };

async function verifyThenSettle(
  { facilitators }: Pick<Ports, 'facilitators'>,
  call: Parameters<Ports['facilitators']['verify']>[0],
): Promise<FacilitatorAnswer> {
  const verified = await facilitators.verify(call);
  return verified.kind === 'yes' ? facilitators.settle(call) : verified;
}

function pauseAfter(attempt: number, facilitators: number): number {
  const round = Math.floor((attempt - 1) / facilitators);
  return attempt % facilitators === 0 ? retryAfterMs(round) : 0;
}
