// The facilitator's two questions (design.md 8, x402.md 6): would this payment settle, and settle it. Whatever a caller is told about
// a claimed transfer comes from the desk: nothing here knows more about money than its rows.
import { chainIdOf, type Caip2, type Hex32 } from '#domain';
import type { FacilitatorRequest } from '#x402';
import type { FacilitatorCaller, FacilitatorPorts } from './facilitator-ports.js';
import type { SettlementView } from './ports.js';
import {
  askerOf,
  entitled,
  isOwed,
  isRepeated,
  judgeSigner,
  requestKeyOf,
  sameTransfer,
  seenAgain,
  type Keyed,
} from './claimed.js';
import {
  judgeFacts,
  judgePayee,
  judgeRequirements,
  judgeSignature,
  judgeTerms,
  signedByKey,
  termsComeFirst,
  usedReason,
  type Acceptable,
  type Asking,
  type InvalidReason,
} from './verify.js';
import type { Question } from './question.js';

export type Verified =
  { readonly kind: 'valid' } | { readonly kind: 'invalid'; readonly reason: InvalidReason };

export type Settled =
  /** No hash: nothing was charged. */
  | { readonly kind: 'settled'; readonly txHash: Hex32 | null }
  /** Refused before a claim, failed after it, or claimed before (`duplicate_settlement`). */
  | { readonly kind: 'not_settled'; readonly reason: string; readonly txHash: Hex32 | null }
  /** Claimed, and not ended yet: never a "no". */
  | { readonly kind: 'pending'; readonly txHash: Hex32 | null };

/** Whether a registered asset lives on that network; a payment elsewhere is not this facilitator's business. */
export function supportsNetwork(ports: Pick<FacilitatorPorts, 'assets'>, network: Caip2): boolean {
  return supportedNetworks(ports).includes(network);
}

/** By chain id. */
export function supportedNetworks({ assets }: Pick<FacilitatorPorts, 'assets'>): readonly Caip2[] {
  const networks = new Set(assets.all().map((asset) => asset.network));
  return [...networks].toSorted((a, b) => chainIdOf(a) - chainIdOf(b));
}

/** Writes nothing. @throws when chain or database give no answer. */
export async function verifyPayment(
  ports: FacilitatorPorts,
  caller: FacilitatorCaller,
  request: FacilitatorRequest,
): Promise<Verified> {
  const acceptable = judgeRequirements(ports, request, await askingOf(ports, request, 'verify'));
  if (typeof acceptable === 'string') return { kind: 'invalid', reason: acceptable };
  const judged = await judgePayment(ports, request, acceptable, 'verify');
  const presented = { ports, caller, request, acceptable };
  const found = await ports.desk.find(request.transfer);
  // What is good as it is was brought by nobody.
  const claim = found && typeof judged === 'string' ? await seenAgain(presented, found) : found;
  if (claim !== undefined && (await isOwed(presented, claim))) return { kind: 'valid' };
  if (typeof judged === 'string') return { kind: 'invalid', reason: judged };
  // On its way into a block counts as used: a "valid" for somebody else would be a second delivery (ruling 11).
  const used = claim?.status === 'settled' || claim?.status === 'broadcast';
  return used ? { kind: 'invalid', reason: usedReason(request) } : { kind: 'valid' };
}

/** Our accounts are asked for only where a payment names one of them. */
async function askingOf(
  { accounts }: FacilitatorPorts,
  { network, transfer }: FacilitatorRequest,
  question: Question,
): Promise<Asking> {
  return { question, accounts: transfer.method === 'upto' ? await accounts(network) : [] };
}

/** `triedOut`: it succeeded when it was tried out just now. */
interface Passed {
  readonly triedOut: boolean;
}

/** The checks that depend on signature, time and chain. A payment that fails without the chain's word costs no request to it. */
async function judgePayment(
  ports: FacilitatorPorts,
  request: FacilitatorRequest,
  { digest }: Acceptable,
  question: Question,
): Promise<InvalidReason | Passed> {
  const byKey = signedByKey(ports, request, digest);
  const early = judgeTerms(request, Math.floor(ports.clock.nowMs() / 1000), question);
  if ((byKey || termsComeFirst(request)) && early !== undefined) return early;
  // The token's own word covers signature, nonce and balance; what it refuses is looked at for the reason.
  if (byKey && (await ports.checks.transferable(request.transfer))) return { triedOut: true };
  const facts = await ports.checks.factsOf(request.transfer, digest);
  return judgeSignature(request, byKey, facts) ?? early ?? judgeFacts(request, facts) ?? { triedOut: false };
}

export interface Patience {
  /** Unix ms. */
  readonly deadlineMs: number;
  /** Resolves when waiting has to end earlier. */
  readonly stopped?: Promise<void>;
}

/**
 * Claims the transfer and waits for its outcome as long as it may. A transfer that was claimed before is answered from its claim once the payer's
 * signature is seen, before anything is checked that the claim itself has changed: its nonce is used and the balance gone.
 * @throws when chain or database give no answer before the claim or about the signature; afterwards the answer is `pending`.
 */
export async function settlePayment(
  ports: FacilitatorPorts,
  caller: FacilitatorCaller,
  request: FacilitatorRequest,
  patience: Patience,
): Promise<Settled> {
  const acceptable = judgeRequirements(ports, request, await askingOf(ports, request, 'settle'));
  if (typeof acceptable === 'string') return notSettled(acceptable);
  const requestKey = requestKeyOf(caller, request);
  const asked: Asked = { ports, caller, request, acceptable, requestKey, patience };
  if (request.amount === 0n) return settleNothing(asked);
  const judged = await judgePayment(ports, request, acceptable, 'settle').catch((error: unknown) => ({
    error,
  }));
  if (typeof judged === 'string' || 'error' in judged) {
    // A claim that was there before, or was made while the chain was asked, has changed what the chain says.
    const before = await ports.desk.find(request.transfer);
    const now = before && (await seenAgain(asked, before));
    if (now !== undefined && now.status !== 'failed') return repeat(asked, now);
    if (typeof judged === 'string') return notSettled(judged);
    throw judged.error;
  }
  const { triedOut } = judged;
  const { workspaceId, askedBy } = caller;
  const asking = { transfer: request.transfer, workspaceId, askedBy, requestKey, triedOut };
  const made = await ports.desk.claim(asking, holdMs(asked)).catch((error: unknown) => {
    ports.logger.error({ error }, 'whether a claim was made is not known');
  });
  // Its commit may have come through all the same.
  if (made === undefined) return { kind: 'pending', txHash: null };
  const { claimed, settlement, holder } = made;
  if (!claimed) return repeat(asked, settlement);
  return afterClaim(asked, settlement, () =>
    holder === null ? wait(asked, settlement) : tell(asked, holder, settlement),
  );
}

/** Nothing was used of what was metered: the payment has to be good, and stays unused. One that was charged before is not free now. */
async function settleNothing(asked: Asked): Promise<Settled> {
  const { ports, request, acceptable } = asked;
  if ((await findClaim(asked)) !== undefined) return notSettled(usedReason(request));
  const { transfer } = request;
  const whole = transfer.method === 'upto' ? { ...transfer, value: transfer.ceiling } : transfer;
  const judged = await judgePayment(ports, { ...request, transfer: whole }, acceptable, 'settle');
  return typeof judged === 'string' ? notSettled(judged) : { kind: 'settled', txHash: null };
}

interface Asked extends Keyed {
  readonly patience: Patience;
}

/** A failed claim makes room for another try, or says so itself when it is claimed again. */
async function findClaim({ ports, request }: Asked): Promise<SettlementView | undefined> {
  const claim = await ports.desk.find(request.transfer);
  return claim?.status === 'failed' ? undefined : claim;
}

/**
 * Ruling 11. The claim is of the same nonce; only the same transfer may share its outcome, and only whoever holds the payer's signature: all
 * else about a transfer can be guessed or read from the chain.
 */
async function repeat(asked: Asked, claim: SettlementView): Promise<Settled> {
  const { request } = asked;
  const unsigned = await judgeSigner(asked);
  if (unsigned !== undefined) return notSettled(unsigned);
  if (!sameTransfer(asked, claim)) return notSettled(usedReason(request));
  // What the seller asks for must be what it is told was paid.
  const reason = judgePayee(request);
  if (reason !== undefined) return notSettled(reason);
  if (claim.status === 'failed') return outcomeOf(claim);
  return afterClaim(asked, claim, () => wait(asked, claim));
}

const duplicate = ({ txHash }: SettlementView): Settled => ({
  kind: 'not_settled',
  reason: 'duplicate_settlement',
  txHash,
});

/** The same request key: the first answer, as often as it is asked for. Otherwise the right to be told decides. */
async function wait(asked: Asked, claim: SettlementView): Promise<Settled> {
  const { ports, request } = asked;
  if (!entitled(asked, claim)) return duplicate(claim);
  const holder = await ports.rights.take(request.transfer, holdMs(asked), askerOf(asked, claim));
  // What is settled stays what this caller saw of it: its row may still call it failed.
  const last = claim.status === 'settled' ? claim : undefined;
  if (holder !== undefined) return tell(asked, holder, last);
  return (await isRepeated(asked, claim)) ? outcomeFor(asked, await ended(asked, last)) : duplicate(claim);
}

/** The answer is still on its way at the deadline; whoever takes over before it has left would be told the same. */
const HOLD_MS = 10_000;
const holdMs = ({ ports, patience }: Asked): number =>
  Math.max(0, patience.deadlineMs - ports.clock.nowMs()) + HOLD_MS;

/** Waits with the right to be told, and uses it up or gives it back. */
async function tell(asked: Asked, holder: string, last?: SettlementView): Promise<Settled> {
  const { ports, request } = asked;
  const view = await ended(asked, last);
  const outcome = outcomeFor(asked, view);
  if (outcome.kind !== 'settled') {
    await ports.rights.giveBack(request.transfer, holder);
    return outcome;
  }
  const telling = () => ports.rights.told(request.transfer, holder);
  // Asked twice where no answer came: the same holder is told the same.
  const mine = await telling().catch(telling);
  // Too slow, and somebody else took over: a second success is only for the request that had the first.
  return mine || (await isRepeated(asked, view)) ? outcome : duplicate(view);
}

/** As it ended, or as it stands when waiting ends. */
async function ended(
  { ports, request: { transfer }, patience }: Asked,
  last?: SettlementView,
): Promise<SettlementView> {
  const end = ports.desk.ended(transfer, patience.deadlineMs, last);
  if (patience.stopped === undefined) return end;
  // Left behind at a stop; whatever becomes of it, nobody asks any more.
  end.catch(() => undefined);
  const first = await Promise.race([end, patience.stopped]);
  return first ?? (await ports.desk.find(transfer)) ?? end;
}

/** From the claim on, trouble of ours is no outcome of the payment. */
async function afterClaim(
  { ports }: Asked,
  claim: SettlementView,
  answer: () => Promise<Settled>,
): Promise<Settled> {
  try {
    return await answer();
  } catch (error) {
    ports.logger.error({ settlement_id: claim.settlementId, error }, 'an outcome could not be told');
    return { kind: 'pending', txHash: claim.txHash };
  }
}

/**
 * Looks again whose the claim is: where a first one failed without a transaction, another transfer of the same nonce, or another tenant, may have
 * taken over its row while somebody still waited.
 */
function outcomeFor(asked: Asked, view: SettlementView): Settled {
  if (!sameTransfer(asked, view)) return notSettled(usedReason(asked.request));
  return entitled(asked, view) ? outcomeOf(view) : duplicate(view);
}

function outcomeOf({ status, txHash, reason }: SettlementView): Settled {
  if (status === 'settled' && txHash !== null) return { kind: 'settled', txHash };
  if (status === 'failed')
    return { kind: 'not_settled', reason: reason ?? 'unexpected_settle_error', txHash };
  return { kind: 'pending', txHash };
}

function notSettled(reason: InvalidReason): Settled {
  return { kind: 'not_settled', reason, txHash: null };
}
