// Whose the outcome of a claimed transfer is (rulings 10 and 11). Once it is broadcast, anybody can read transfer and signature on the chain, so
// neither is worth anything by itself any more.
import type { FacilitatorRequest } from '#x402';
import type { Asker, FacilitatorCaller, FacilitatorPorts } from './facilitator-ports.js';
import { ASKED_BY_OPERATION, type SettlementView } from './ports.js';
import { judgePayee, judgeSignature, signedByKey, type Acceptable, type InvalidReason } from './verify.js';

/** A payment, who brings it, and what its own words say of it. */
export interface Presented {
  readonly ports: FacilitatorPorts;
  readonly caller: FacilitatorCaller;
  readonly request: FacilitatorRequest;
  readonly acceptable: Acceptable;
}

/**
 * What an operation of ours settled is redeemed with the identifier that only the payment's header holds: its payee may be any tenant. Any other
 * outcome belongs to the tenant that asked for it, and where the payment had an identifier, to those who bring the same.
 */
export function entitled({ caller, request }: Presented, claim: SettlementView): boolean {
  const { paymentIdentifier } = request;
  if (claim.askedBy === ASKED_BY_OPERATION)
    return claim.redemption !== null && claim.redemption === paymentIdentifier;
  if (claim.workspaceId !== caller.workspaceId) return false;
  return claim.requestKey?.startsWith(BY_ID) !== true || claim.requestKey === `${BY_ID}${paymentIdentifier}`;
}

/**
 * Whether `settle` would tell its outcome to this caller: a stock seller verifies before it settles, also when it redeems, and when its buyer comes
 * again after `settlement_pending`. What the claim has changed (nonce, balance, time) is not asked again; whether it is the payer's, the same, and
 * what the seller wants, is.
 */
export async function isOwed(presented: Presented, claim: SettlementView): Promise<boolean> {
  const { ports, request } = presented;
  return (
    (claim.status === 'settled' || claim.status === 'broadcast') &&
    entitled(presented, claim) &&
    isSamePayment(presented, claim) &&
    (judgePayee(request) ?? (await judgeSigner(presented))) === undefined &&
    (await ports.rights.free(request.transfer))
  );
}

/**
 * A failure in a transaction of ours is not the last word: since then anybody can bring the transfer, and when somebody has, it is settled (P24). The
 * broadcaster's row says so when that transaction is final; whoever asks earlier is answered from the chain.
 * @throws when the chain gives no answer.
 */
export async function seenAgain(presented: Presented, claim: SettlementView): Promise<SettlementView> {
  const { ports, request } = presented;
  const over = claim.status !== 'failed' || claim.txHash === null || claim.final;
  if (over || !entitled(presented, claim) || !isSamePayment(presented, claim)) return claim;
  const txHash = await ports.checks.broughtIn({ ...request.transfer, value: claim.value });
  return txHash === undefined ? claim : { ...claim, status: 'settled', txHash, reason: null };
}

/** Whether the payer signed it; of the chain only what a signature can depend on. */
export async function judgeSigner({
  ports,
  request,
  acceptable,
}: Presented): Promise<InvalidReason | undefined> {
  const { digest } = acceptable;
  if (signedByKey(ports, request, digest)) return undefined;
  return judgeSignature(request, false, await ports.checks.factsOf(request.transfer, digest));
}

/** A metered payment is verified at its ceiling, whatever was charged. */
const isSamePayment = (presented: Presented, claim: SettlementView): boolean =>
  presented.request.transfer.method === 'upto'
    ? claim.to === presented.request.transfer.to
    : sameTransfer(presented, claim);

export const sameTransfer = ({ request: { transfer } }: Presented, claim: SettlementView): boolean =>
  claim.to === transfer.to && claim.value === transfer.value;

const BY_KEY = 'key:';
const BY_ID = 'id:';

/** The two name spaces are the caller's and the payer's; the caller's word goes first. */
export function requestKeyOf(
  { idempotencyKey }: FacilitatorCaller,
  { paymentIdentifier }: FacilitatorRequest,
): string | null {
  if (idempotencyKey !== null) return `${BY_KEY}${idempotencyKey}`;
  return paymentIdentifier === null ? null : `${BY_ID}${paymentIdentifier}`;
}

export interface Keyed extends Presented {
  readonly requestKey: string | null;
}

/**
 * Who asks, as far as a repeat is known by it. Whoever redeems has the identifier, the buyer too, so that it tells no repeat from a replay: only the
 * seller's own key does.
 */
export function askerOf({ caller, requestKey }: Keyed, claim: SettlementView): Asker {
  const known = claim.askedBy !== ASKED_BY_OPERATION || requestKey?.startsWith(BY_KEY) === true;
  return { workspaceId: caller.workspaceId, requestKey: known ? requestKey : null };
}

/** The request that made the claim, or that has the right to be told or has used it up, once more. */
export async function isRepeated(asked: Keyed, claim: SettlementView): Promise<boolean> {
  const { ports, request } = asked;
  const by = askerOf(asked, claim);
  if (by.requestKey === null) return false;
  const made = claim.requestKey === by.requestKey && claim.workspaceId === by.workspaceId;
  return made || ports.rights.isOf(request.transfer, by);
}
