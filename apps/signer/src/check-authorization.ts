// What the signer demands before it signs, from rows it read itself (T39). Pure. It does not trust the worker that asks, and checks again
// what the store guarded: a signature is the one thing that cannot be taken back.
import {
  allowanceNonce,
  allowanceResource,
  chainIdOf,
  isTopUpUnit,
  judge,
  judgeAllowance,
  judgeTopUp,
  movesMoney,
  parseEvmAddress,
  parseHex32,
  PERMIT2,
  permitNonceOf,
  TAG_KINDS,
  TERMINAL,
  type Caip2,
  type OperationStatus,
  type Judgement,
  type Policy,
  type PolicyFacts,
} from '#domain';
import { termsDigest } from '#engine';
import { findAsset, hasherFor, toHex, type SignableTuple } from '#evm';
import { hashing } from '#runtime';
import { wrongApproval } from './check-approval.js';
import type { Subject } from './subject.js';
import type { OpenWallet } from './wallets.js';

export interface CheckContext {
  readonly networks: ReadonlySet<Caip2>;
  readonly policies: readonly Policy[];
  readonly wallet: OpenWallet | undefined;
  /** What the keystore has under the payee's wallet id. */
  readonly payee: OpenWallet | undefined;
  readonly expectedNonce: string;
  readonly maxPerSignature: bigint;
}

/** `sign` only after the ledger has taken the digest. `burn` before anything was signed, so that it can be promised for ever. */
export type Check =
  | { readonly kind: 'sign'; readonly digest: string; readonly tuple: SignableTuple; readonly again: boolean }
  | { readonly kind: 'burn'; readonly reason: string }
  | { readonly kind: 'burned'; readonly reason: string }
  | { readonly kind: 'unavailable'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

const ZERO = parseEvmAddress(`0x${'0'.repeat(40)}`);
/** Longest life of an authorization (ruling 13), measured against database time. */
const MAX_VALIDITY_SEC = 600;
/** A worker's clock may run ahead by as much; such an authorization waits until its end is within the limit. */
const MAX_CLOCK_LEAD_SEC = 660;

export function checkAuthorization(subject: Subject, context: CheckContext): Check {
  const { authorization, ledger } = subject;
  if (ledger !== null && ledger.digest === null) return { kind: 'burned', reason: ledger.reason ?? 'burned' };
  if (authorization === null) return { kind: 'refused', reason: 'unknown_operation' };
  if (subject.stopped) return { kind: 'unavailable', reason: 'stopped' };
  // Nothing is burned for it: the wish alone releases no money.
  if (subject.cancellationRequested) return { kind: 'unavailable', reason: 'cancellation_requested' };
  const digest = digestOf(authorization);
  if (ledger !== null) {
    // A signature over the ledger's digest may exist: nothing may be burned any more, and no other digest signed.
    if (digest !== ledger.digest) return { kind: 'refused', reason: 'digest_conflict' };
    if (context.wallet?.address !== authorization.from)
      return { kind: 'unavailable', reason: 'wallet_unknown' };
    return { kind: 'sign', digest, tuple: authorization, again: true };
  }
  if (subject.status !== 'authorized' && !TERMINAL[subject.status as OperationStatus])
    return { kind: 'unavailable', reason: 'operation_not_ready' };
  const early = authorization.validBeforeSec - subject.nowSec;
  if (early > MAX_VALIDITY_SEC && early <= MAX_VALIDITY_SEC + MAX_CLOCK_LEAD_SEC)
    return { kind: 'unavailable', reason: 'validity_not_yet_within_limit' };
  const reason =
    wrongOperation(subject) ??
    wrongTuple(subject, digest, context) ??
    wrongWallet(subject, context) ??
    wrongRole(subject, context) ??
    wrongTerms(subject, context) ??
    wrongApproval(subject, { policies: context.policies, now: () => judgementNow(subject, context) });
  if (reason !== undefined || digest === undefined)
    return { kind: 'burn', reason: reason ?? 'token_not_registered' };
  return { kind: 'sign', digest, tuple: authorization, again: false };
}

type Authorized = NonNullable<Subject['authorization']>;

function digestOf(authorization: Authorized): string | undefined {
  const hasher = hasherFor(authorization);
  return hasher && toHex(hasher.transferDigest(authorization));
}

const of = (subject: Subject): Authorized => subject.authorization as Authorized;

function wrongOperation(subject: Subject): string | undefined {
  if (subject.status !== 'authorized') return 'operation_ended';
  if (of(subject).status !== 'live') return 'authorization_not_live';
  // An allowance holds nothing; a person's yes is its limit.
  if (!movesMoney(of(subject).method)) return undefined;
  const { reservation } = subject;
  if (reservation === null || reservation.state !== 'held') return 'no_reservation';
  if (reservation.amount < of(subject).value) return 'reservation_too_small';
  return undefined;
}

function wrongTuple(subject: Subject, digest: string | undefined, context: CheckContext): string | undefined {
  const tuple = of(subject);
  const asset = findAsset(tuple.network, tuple.token);
  if (asset === undefined || digest === undefined) return 'token_not_registered';
  if (!context.networks.has(tuple.network) || asset.chainId !== chainIdOf(tuple.network))
    return 'chain_not_allowed';
  if (digest !== tuple.digest) return 'digest_mismatch';
  const wrong = movesMoney(tuple.method) ? wrongPayment(tuple, context) : wrongAllowance(tuple, context);
  if (wrong !== undefined) return wrong;
  if (tuple.validAfterSec > subject.nowSec) return 'not_yet_valid';
  if (tuple.validBeforeSec <= subject.nowSec) return 'expired';
  if (tuple.validBeforeSec - subject.nowSec > MAX_VALIDITY_SEC) return 'validity_too_long';
  return undefined;
}

function wrongPayment(tuple: Authorized, context: CheckContext): string | undefined {
  if (tuple.nonce !== context.expectedNonce) return 'nonce_not_derived';
  if ([ZERO, tuple.token, tuple.from].includes(tuple.to)) return 'forbidden_payee';
  if (tuple.value <= 0n) return 'nothing_to_pay';
  if (tuple.value > context.maxPerSignature) return 'limit_per_signature';
  return undefined;
}

/** It moves nothing: whatever Permit2 is to move is signed for again, within the limits of payments. Zero takes an allowance back. */
function wrongAllowance(tuple: Authorized, context: CheckContext): string | undefined {
  const derived = parseHex32(context.expectedNonce);
  if (tuple.nonce !== allowanceNonce(derived, permitNonceOf(tuple.nonce))) return 'nonce_not_derived';
  if (tuple.to !== PERMIT2) return 'spender_not_permit2';
  if (tuple.value < 0n) return 'no_amount';
  return undefined;
}

function wrongWallet(subject: Subject, { wallet }: CheckContext): string | undefined {
  const tuple = of(subject);
  if (wallet === undefined || wallet.workspaceId !== subject.workspaceId) return 'wallet_unknown';
  if (wallet.status !== 'active' || subject.walletStatus !== 'active') return 'wallet_retired';
  if (wallet.address !== tuple.from || subject.walletAddress !== tuple.from) return 'wallet_address_mismatch';
  return undefined;
}

/**
 * A treasury pays nobody but the operation's own agent, in a wallet whose key is here; nothing else is paid from it, and no payment counts as
 * a top-up (ADR 12).
 */
function wrongRole(subject: Subject, { payee: key }: CheckContext): string | undefined {
  const isTopUp = subject.kind === 'top_up';
  if ((subject.walletRole === 'treasury') !== isTopUp)
    return isTopUp ? 'top_up_not_from_treasury' : 'treasury_for_top_ups_only';
  if (subject.judged !== null && isTopUpUnit(subject.judged.terms.unit) !== isTopUp)
    return 'unit_of_another_kind';
  if ((subject.kind === 'allowance') !== !movesMoney(of(subject).method)) return 'method_of_another_kind';
  if (!isTopUp) return undefined;
  if (of(subject).method !== 'eip3009') return 'top_up_by_another_method';
  const { payee } = subject;
  const own = payee?.role === 'payments' && payee.status === 'active' && payee.agentId === subject.agentId;
  const held =
    key?.address === of(subject).to && key.workspaceId === subject.workspaceId && key.status === 'active';
  return own && held ? undefined : 'payee_not_own_wallet';
}

/** S9: what is signed is what was judged, and the policies of now still allow it. */
function wrongTerms(subject: Subject, context: CheckContext): string | undefined {
  const { judged } = subject;
  if (judged === null) return 'no_terms';
  const { terms } = judged;
  const tuple = of(subject);
  const bound =
    terms.network === tuple.network &&
    terms.token === tuple.token &&
    terms.payTo === tuple.to &&
    terms.amount === tuple.value &&
    (terms.transferMethod ?? 'eip3009') === tuple.method &&
    terms.facilitator === tuple.facilitator &&
    (movesMoney(tuple.method) || terms.resourceUrl === allowanceResource(tuple.walletId));
  if (!bound || termsDigest({ hashing }, terms) !== judged.termsDigest) return 'terms_mismatch';
  return judgementNow(subject, context).ok ? undefined : 'policy';
}

/**
 * Whether the payee is a contract only the chain tells, which the signer does not read; nor does it look for who was paid before, how the
 * request was tagged, or how full a budget was when it was judged. The recorded verdict covers these. Hours are those of the database's clock as it signs.
 */
function judgementNow(subject: Subject, { policies }: CheckContext): Judgement {
  if (subject.judged === null) throw new Error('nothing was judged');
  const { terms } = subject.judged;
  const tuple = of(subject);
  const facts: PolicyFacts = {
    host: URL.canParse(terms.resourceUrl) ? new URL(terms.resourceUrl).hostname : '',
    nowMs: subject.nowSec * 1000,
    payeeIsContract: false,
    forbiddenPayees: [ZERO, tuple.token, tuple.from],
    payeeKnownTo: ['workspace', 'agent'],
    tags: TAG_KINDS,
    budgets: [],
  };
  if (!movesMoney(tuple.method)) return judgeAllowance(terms, facts.nowMs, policies);
  return isTopUpUnit(terms.unit) ? judgeTopUp(terms, facts, policies) : judge(terms, facts, policies);
}
