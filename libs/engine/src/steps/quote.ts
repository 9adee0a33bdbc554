import {
  allowanceResource,
  isPrepaid,
  topUpUnit,
  type Json,
  type OperationRequest,
  type Terms,
  type Verdict,
  type WorkspaceId,
} from '#domain';
import { judgeOffers, termsDigest, type Judging } from '../judge-terms.js';
import { settleByOf } from '../settle/remote-ports.js';
import type { Blob, Loaded, OperationRef, Ports } from '../ports.js';
import type { PriceAnswer, SellerRequest, UpstreamAnswer } from '../seller-ports.js';
import { record, type StepContext, type StepOutcome } from './step.js';

/** Asks the seller for its terms (or reads those the caller brought) and judges them. No money can move here. */
export async function quote({ ports, cursor }: StepContext): Promise<StepOutcome> {
  if (cursor.state.status !== 'opened') return { kind: 'again' };
  const { request } = cursor.state;
  const subject = judging(ports, cursor.claimed, request);
  const price = await askPrice(ports, subject, request);
  switch (price.kind) {
    case 'free':
      return record(
        { type: 'Refuse', code: 'payment_not_required', details: { status: price.answer.status } },
        [responseBlob(ports, cursor.claimed, price.answer)],
      );
    case 'refused':
      return record({ type: 'Refuse', code: price.code, details: price.details });
    case 'terms': {
      const { terms, judged } = await judgeOffers(ports, subject, price);
      if (!judged.ok) return record({ type: 'Refuse', code: judged.code, details: judged.details });
      const reason = whyNotSettled(ports, request, terms, judged.verdict);
      if (reason !== null)
        return record({ type: 'Refuse', code: 'unpayable_challenge', details: { reasons: [reason] } });
      cursor.rules = judged.rules;
      return record({
        type: 'AcceptTerms',
        terms,
        verdict: judged.verdict,
        termsDigest: termsDigest(ports, terms),
      });
    }
  }
}

/** Before anything is signed: what nobody here can bring on chain is not begun. */
export function whyNotSettled(
  ports: Ports,
  request: OperationRequest,
  terms: Terms,
  verdict: Verdict,
): string | null {
  const { kind, settleBy } = request;
  if (kind === 'allowance')
    return settleByOf(ports, terms.network, 'direct') === null ? 'nothing_settles_here' : null;
  const prepaid = isPrepaid(request, verdict);
  if (kind !== 'settle' && !prepaid) return null;
  // A facilitator takes the payer for the seller: it would tell us that it is settled, and the seller that it is used.
  if (prepaid && settleByOf(ports, terms.network, 'direct') === null) return 'prepaid_needs_own_accounts';
  if (settleByOf(ports, terms.network, settleBy) === null) return 'nothing_settles_here';
  return (terms.transferMethod ?? 'eip3009') === 'eip3009' ? null : 'unsupported_transfer_method';
}

export async function askPrice(
  ports: Ports,
  { workspaceId, body }: Pick<Judging, 'workspaceId' | 'body'>,
  request: OperationRequest,
): Promise<PriceAnswer> {
  // What an operation brings on chain itself is a transfer of the token's own.
  const methods = request.kind === 'settle' ? { methods: ['eip3009'] as const } : {};
  const limits = { maxAmount: request.maxAmount, ...request.expect, ...methods };
  const named = request.kind !== 'purchase' && request.kind !== 'authorize';
  if (named && request.challenge === null) return namedTerms(ports, workspaceId, request);
  if (request.challenge !== null) return ports.seller.readChallenge(request.challenge, request, limits);
  const { url, method, headers, timeoutMs } = request;
  const bytes = await body();
  return ports.seller.askPrice({ workspaceId, url, method, headers, body: bytes, timeoutMs }, limits);
}

/** `settle` without a challenge, `top_up` and `allowance`: what the caller names, no more and nobody else. */
async function namedTerms(
  ports: Ports,
  workspaceId: WorkspaceId,
  request: OperationRequest,
): Promise<PriceAnswer> {
  const { payTo, amount, network, asset: token } = request.expect;
  if (payTo === undefined || amount === undefined || network === undefined || token === undefined)
    return { kind: 'refused', code: 'unpayable_challenge', details: { reasons: ['terms_incomplete'] } };
  if (request.maxAmount !== null && amount > request.maxAmount)
    return { kind: 'refused', code: 'price_above_maximum', details: { amount: amount.toString() } };
  const asset = ports.assets.find(network, token);
  if (!asset) return { kind: 'refused', code: 'unknown_asset', details: { network, asset: token } };
  const { url: resourceUrl, method } = request;
  const unit = request.kind === 'top_up' ? topUpUnit(asset.unit) : asset.unit;
  const terms: Terms = {
    network,
    token,
    payTo,
    amount,
    unit,
    resourceUrl,
    method,
    x402Version: 2,
    maxTimeoutSec: NAMED_TIMEOUT_SEC,
    wire: {},
  };
  if (request.kind !== 'allowance') return { kind: 'terms', terms };
  const wallet = await ports.policies.walletFor(workspaceId, request.agentId, network);
  if (!wallet) return { kind: 'refused', code: 'wallet_missing', details: { network } };
  const about = allowanceResource(wallet.walletId);
  return { kind: 'terms', terms: { ...terms, resourceUrl: about, transferMethod: 'allowance' } };
}

/** No seller says how long it takes; policy may say less (ruling 13). */
const NAMED_TIMEOUT_SEC = 300;

/** What is judged for an operation. */
export function judging(ports: Ports, claimed: Loaded, request: OperationRequest): Judging {
  const { workspaceId, agentId, operationId, openedAtMs } = claimed;
  return {
    workspaceId,
    agentId,
    operationId,
    openedAtMs,
    request,
    body: () => requestBody(ports, claimed, request),
  };
}

async function requestBody(
  ports: Ports,
  ref: OperationRef,
  { bodyHash }: OperationRequest,
): Promise<Uint8Array | null> {
  if (bodyHash === null) return null;
  const stored = await ports.operations.blob(ref, 'request_body');
  if (!stored) throw new Error('the request body is missing');
  return ports.vault.open(ref.workspaceId, stored.sealed);
}

export async function sellerRequest(
  ports: Ports,
  ref: OperationRef,
  request: OperationRequest,
): Promise<SellerRequest> {
  const { url, method, headers, timeoutMs } = request;
  const body = await requestBody(ports, ref, request);
  return { workspaceId: ref.workspaceId, url, method, headers, body, timeoutMs };
}

/** How long an upstream answer can be read again (ruling 4). */
const RESPONSE_TTL_MS = 24 * 3600 * 1000;

export function responseBlob(ports: Ports, ref: OperationRef, answer: UpstreamAnswer): Blob {
  const meta: Json = { status: answer.status, headers: { ...answer.headers }, bytes: answer.body.byteLength };
  return {
    kind: 'response_body',
    sealed: ports.vault.seal(ref.workspaceId, answer.body),
    meta,
    ttlMs: RESPONSE_TTL_MS,
  };
}
