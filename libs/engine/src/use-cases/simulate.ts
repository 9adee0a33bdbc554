// What a request would come to now, told by the same price, the same judgement and the same guards as the saga, in its order. Spends and stores nothing.
import {
  holdsBudget,
  hostOf,
  movesMoney,
  STOP_CODES,
  suggestionFor,
  timeToDecide,
  type BudgetView,
  type ErrorCode,
  type ErrorDetails,
  type RuleTrace,
  type StopTarget,
  type Terms,
  type Verdict,
  tagsOf,
  type Tag,
} from '#domain';
import { shortage } from '../guards.js';
import { judgeOffers, type Judging, type Rules } from '../judge-terms.js';
import type { Obstacle, Ports } from '../ports.js';
import { isTooShort } from '../steps/prepare.js';
import { askPrice, whyNotSettled } from '../steps/quote.js';
import { unknownTag, wholeRequest, type AgentPrincipal, type SubmitRequest } from './submit.js';

export interface Refused {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
}

export interface Simulation {
  /** `ask`: a person would have to approve. */
  readonly would: 'pay' | 'ask' | 'refuse';
  readonly refused: Refused | null;
  /** Unix ms at which what refuses now may have passed, as far as its rule knows; something else may be in the way then. */
  readonly passesAtMs: number | null;
  readonly terms: Terms | null;
  readonly verdict: Verdict | null;
  /** Every rule of every policy, in order; empty where no terms could be had. */
  readonly trace: readonly RuleTrace[];
  /** What this payment charges, as it stands. */
  readonly budgets: readonly BudgetView[];
  /** How long a person would have to decide; null: nobody is asked. */
  readonly decideWithinSec: number | null;
}

type Input = { readonly request: SubmitRequest; readonly body: Uint8Array | null };

/** Refuses with `chain_unavailable` when the chain cannot be read. */
export async function simulate(ports: Ports, who: AgentPrincipal, input: Input): Promise<Simulation> {
  const request = wholeRequest(ports, who.agentId, input);
  const judging: Judging = { ...who, request, body: () => Promise.resolve(input.body) };
  const unknown = await unknownTag(ports, who.workspaceId, request);
  if (unknown) throw unknown;
  const stopped = await stopsOpening(ports, judging, input.request);
  if (stopped) return outcome({ refused: stopped });
  const price = await askPrice(ports, judging, request);
  if (price.kind === 'free')
    return outcome({ refused: { code: 'payment_not_required', details: { status: price.answer.status } } });
  if (price.kind === 'refused') return outcome({ refused: price });

  const { terms, judged } = await judgeOffers(ports, judging, price);
  const tags = tagsOf(request);
  const budgets = holdsBudget(terms) ? await ports.policies.budgetsOf(who, terms.unit, tags) : [];
  const known = { terms, budgets, trace: judged.trace ?? [] };
  if (!judged.ok) return outcome({ ...known, refused: judged });
  const { verdict, rules } = judged;
  const reason = whyNotSettled(ports, request, terms, verdict);
  if (reason !== null) return outcome({ ...known, verdict, refused: unpayable(reason) });
  const refused = await guards(ports, who, { terms, verdict, rules, tags });
  const decideWithinSec = verdict.needsApproval ? timeToDecide(rules.policies) : null;
  return outcome({ ...known, verdict, decideWithinSec, ...(refused ? { refused } : {}) });
}

const unpayable = (reason: string): Refused => ({
  code: 'unpayable_challenge',
  details: { reasons: [reason] },
});

function outcome(known: Partial<Omit<Simulation, 'would' | 'passesAtMs'>>): Simulation {
  const { refused = null, verdict = null } = known;
  return {
    terms: null,
    trace: [],
    budgets: [],
    decideWithinSec: null,
    ...known,
    verdict,
    refused: refused && { code: refused.code, details: refused.details },
    would: refused ? 'refuse' : verdict?.needsApproval === true ? 'ask' : 'pay',
    passesAtMs: refused && passesAt(refused),
  };
}

function passesAt({ code, details }: Refused): number | null {
  const suggestion = suggestionFor(code, details);
  if (suggestion.action === 'wait_until') return Date.parse(suggestion.at);
  if (suggestion.action !== 'raise_limit' || suggestion.or_wait_until === null) return null;
  return Date.parse(suggestion.or_wait_until);
}

/** What the request names is looked at before anything is asked for. */
async function stopsOpening(
  ports: Ports,
  who: Judging,
  { url, expect }: SubmitRequest,
): Promise<Refused | null> {
  const target: StopTarget = {
    network: expect.network ?? null,
    payee: expect.payTo ?? null,
    host: hostOf(url),
  };
  return refusedFor(await ports.policies.obstacleTo(who, { stops: target, hold: null, cover: null }), null);
}

interface Guarded {
  readonly terms: Terms;
  readonly verdict: Verdict;
  readonly rules: Rules;
  readonly tags: readonly Tag[];
}

/** As far as the saga comes by itself: to the hold and the question, or to the intent. */
async function guards(
  ports: Ports,
  who: AgentPrincipal,
  { terms, verdict, rules, tags }: Guarded,
): Promise<Refused | null> {
  const { network, token, payTo, amount, unit } = terms;
  const tooShort = !verdict.needsApproval && isTooShort(terms, rules.policies);
  const hold = holdsBudget(terms) ? { unit, amount, tags } : null;
  const stops = tooShort ? null : { network, payee: payTo, host: hostOf(terms.resourceUrl) };
  const signs = !verdict.needsApproval && !tooShort && movesMoney(terms.transferMethod ?? 'eip3009');
  const wallet = rules.wallet && { walletId: rules.wallet.walletId, network, token };
  const cover = signs && wallet ? { ...wallet, amount } : null;
  const found = await ports.policies.obstacleTo(who, { stops, hold, cover });
  return refusedFor(found, wallet ?? null) ?? (tooShort ? unpayable('validity_too_short') : null);
}

function refusedFor(
  obstacle: Obstacle | null,
  wallet: Parameters<typeof shortage>[1] | null,
): Refused | null {
  if (!obstacle) return null;
  const { guard, details } = obstacle;
  switch (guard) {
    case 'stopped':
      return { code: STOP_CODES[String(details['scope'])] ?? 'quarantined', details };
    case 'no_budget':
      return { code: 'no_budget', details };
    case 'budget':
      return { code: 'budget_exhausted', details };
    case 'wallet':
      return { code: 'insufficient_wallet_balance', details: wallet ? shortage(details, wallet) : details };
  }
}
