import {
  canonicalJson,
  isTopUpUnit,
  judge,
  judgeAllowance,
  judgeTopUp,
  parseEvmAddress,
  PERMIT2,
  refuse,
  withApprovers,
  type AgentId,
  type ErrorCode,
  type ErrorDetails,
  type EvmAddress,
  type Likeness,
  type OperationId,
  type Policy,
  type PolicyFacts,
  type RuleTrace,
  type Terms,
  type Verdict,
  type WorkspaceId,
  tagsOf,
  type OperationRequest,
} from '#domain';
import { likenessOf, type LikenessRequest } from './likeness.js';
import type { Ports } from './ports.js';

/** Sellers list a handful; whoever lists hundreds gets no hundreds of looks at the chain. */
const MAX_OTHERS = 8;
const ZERO = parseEvmAddress(`0x${'0'.repeat(40)}`);

/** The rules and the wallet that terms were judged by; what is prepared in the same breath goes by them too. */
export interface Rules {
  readonly policies: readonly Policy[];
  readonly wallet: Awaited<ReturnType<Ports['policies']['walletFor']>>;
}

/** `trace`: every rule that was evaluated; none where the wallet or the payee's kind ended it before. */
export type Judged = { readonly trace?: readonly RuleTrace[] } & (
  | { readonly ok: true; readonly verdict: Verdict; readonly rules: Rules }
  | { readonly ok: false; readonly code: ErrorCode; readonly details: ErrorDetails }
);

/** The rules as they stand now. */
export async function rulesFor(
  ports: Pick<Ports, 'policies'>,
  { workspaceId, agentId }: Who,
  { unit, network }: Pick<Terms, 'unit' | 'network'>,
): Promise<Rules> {
  const [policies, wallet] = await Promise.all([
    ports.policies.policiesFor(workspaceId, agentId),
    isTopUpUnit(unit)
      ? ports.policies.treasuryOf(workspaceId)
      : ports.policies.walletFor(workspaceId, agentId, network),
  ]);
  return { policies, wallet };
}

/** Whose payment is judged, and what is bought: an operation, or what may become one. */
export interface Judging {
  readonly workspaceId: WorkspaceId;
  readonly agentId: AgentId;
  readonly operationId?: OperationId;
  readonly openedAtMs?: number;
  readonly request: LikenessRequest & Pick<OperationRequest, 'category' | 'costCentre'>;
  readonly body: () => Promise<Uint8Array | null>;
}
type Who = Pick<Judging, 'workspaceId' | 'agentId'>;

/** Policy over terms, and who has to approve where that is needed. Refuses with `chain_unavailable` when the chain cannot be read: unknown is not "no contract". */
export async function judgeTerms(ports: Ports, who: Judging, terms: Terms): Promise<Judged> {
  const judged = await judgeByKind(ports, who, terms);
  return judged.ok ? { ...judged, verdict: withApprovers(judged.verdict, judged.rules.policies) } : judged;
}

async function judgeByKind(ports: Ports, who: Judging, terms: Terms): Promise<Judged> {
  if (terms.transferMethod === 'allowance') return judgePermit(ports, who, terms);
  if (isTopUpUnit(terms.unit)) return judgeOwnWallet(ports, who, terms);
  const [{ policies, wallet }, payeeIsContract] = await Promise.all([
    rulesFor(ports, who, terms),
    ports.chain.isContract(terms.network, terms.payTo).catch(() => {
      throw refuse('chain_unavailable');
    }),
  ]);
  if (!wallet) return { ok: false, code: 'wallet_missing', details: { network: terms.network } };
  const judged = judge(
    terms,
    {
      host: new URL(terms.resourceUrl).hostname,
      nowMs: ports.clock.nowMs(),
      payeeIsContract,
      forbiddenPayees: [ZERO, terms.token, wallet.address],
      tags: tagsOf(who.request).map((tag) => tag.kind),
      ...(await askedFor(ports, who, terms, policies)),
    },
    policies,
  );
  if (!judged.ok) return judged;
  const { trace } = judged;
  const lacking = await lackingAllowance(ports, terms, wallet.address);
  if (lacking) return { ...lacking, trace };
  const like = await likenessOf(ports, who, terms, policies);
  const rules = { policies, wallet };
  if (!like) return { ...judged, rules };
  const twice = await duplicateOf(ports, who, like);
  return twice ? { ...twice, trace } : { ...judged, verdict: { ...judged.verdict, like }, rules };
}

/** What is found here saves a person the question; that none comes between is guarded at the intent. */
async function duplicateOf(ports: Ports, who: Judging, like: Likeness): Promise<Judged | null> {
  const openedAtMs = who.openedAtMs ?? ports.clock.nowMs();
  const other = await ports.policies.likeOf(who, like, { openedAtMs, except: who.operationId });
  if (other === null) return null;
  const details = { duplicate_of: other, within_sec: like.withinSec };
  return { ok: false, code: 'duplicate_intent', details };
}

/** Facts that cost a look at the database: only where a policy's rule needs them. */
async function askedFor(
  { policies: store }: Pick<Ports, 'policies'>,
  who: Judging,
  { payTo, unit }: Terms,
  policies: readonly Policy[],
): Promise<Pick<PolicyFacts, 'payeeKnownTo' | 'budgets'>> {
  const [payeeKnownTo, budgets] = await Promise.all([
    policies.some((it) => it.newPayee === 'approve') ? store.payeeKnownTo(who, payTo) : [],
    policies.some((it) => it.budgetApprovalPercent !== null)
      ? store.budgetsOf(who, unit, tagsOf(who.request))
      : [],
  ]);
  return { payeeKnownTo, budgets };
}

/** The first of what the seller offers that may be paid; the refusal of the best one where none may. */
export async function judgeOffers(
  ports: Ports,
  who: Judging,
  offered: { readonly terms: Terms; readonly others?: readonly Terms[] },
): Promise<{ readonly terms: Terms; readonly judged: Judged }> {
  const best = { terms: offered.terms, judged: await judgeTerms(ports, who, offered.terms) };
  if (fits(best) || isDuplicate(best)) return best;
  for (const terms of (offered.others ?? []).slice(0, MAX_OTHERS)) {
    const other = { terms, judged: await judgeTerms(ports, who, terms) };
    if (fits(other)) return other;
  }
  return best;
}

/** Another of the seller's offers would only make the same purchase at another price. */
const isDuplicate = ({ judged }: { readonly judged: Judged }): boolean =>
  !judged.ok && judged.code === 'duplicate_intent';

/** Where the host is prepaid we bring the payment on chain ourselves, and that is a transfer of the token's own. */
function fits({ terms, judged }: { readonly terms: Terms; readonly judged: Judged }): boolean {
  if (!judged.ok) return false;
  return judged.verdict.prepaid !== true || (terms.transferMethod ?? 'eip3009') === 'eip3009';
}

/** Permit2 moves what the wallet's owner let it move; without that the signature would be good for nothing. */
async function lackingAllowance(
  ports: Pick<Ports, 'chain'>,
  { network, token, amount, transferMethod = 'eip3009' }: Terms,
  wallet: EvmAddress,
): Promise<Judged | null> {
  if (transferMethod !== 'permit2' && transferMethod !== 'upto') return null;
  const allowance = await ports.chain.permit2Allowance(network, token, wallet).catch(() => {
    throw refuse('chain_unavailable');
  });
  if (allowance >= amount) return null;
  const details = {
    network,
    asset: token,
    wallet,
    spender: PERMIT2,
    allowance: allowance.toString(),
    needed: amount.toString(),
  };
  return { ok: false, code: 'permit2_allowance_required', details };
}

/** Nobody but an agent of the workspace can be topped up, in a wallet of its own. */
async function judgeOwnWallet(ports: Ports, who: Who, terms: Terms): Promise<Judged> {
  const [rules, own] = await Promise.all([
    rulesFor(ports, who, terms),
    ports.policies.ownsWallet(who.workspaceId, who.agentId, terms.payTo),
  ]);
  if (!rules.wallet) return { ok: false, code: 'wallet_missing', details: { role: 'treasury' } };
  if (!own) return { ok: false, code: 'policy_refused', details: { rule: 'payee_not_own_wallet' } };
  const judged = judgeTopUp(
    terms,
    { forbiddenPayees: [ZERO, terms.token, rules.wallet.address], nowMs: ports.clock.nowMs() },
    rules.policies,
  );
  return judged.ok ? { ...judged, rules } : judged;
}

/** Nobody but Permit2 is ever let into a wallet. */
async function judgePermit(ports: Ports, who: Who, terms: Terms): Promise<Judged> {
  const rules = await rulesFor(ports, who, terms);
  if (!rules.wallet) return { ok: false, code: 'wallet_missing', details: { network: terms.network } };
  if (terms.payTo !== PERMIT2)
    return { ok: false, code: 'policy_refused', details: { rule: 'spender_not_permit2' } };
  const judged = judgeAllowance(terms, ports.clock.nowMs(), rules.policies);
  return judged.ok ? { ...judged, rules } : judged;
}

/** What must not change between judgement and payment: payee, amount, asset, chain, resource, when and how it is paid (S9). */
export function termsDigest(ports: Pick<Ports, 'hashing'>, terms: Terms): string {
  return ports.hashing.sha256(canonicalJson(core(terms)));
}

/** What an approver decides: the terms, the policy version that judged them, and the operation they belong to (ruling 13). */
export function approvalDigest(
  ports: Pick<Ports, 'hashing'>,
  operationId: OperationId,
  terms: Terms,
  policyVersion: number,
): string {
  return ports.hashing.sha256(
    canonicalJson({ ...core(terms), operation_id: operationId, policy_version: policyVersion }),
  );
}

function core(terms: Terms): Record<string, string> {
  return {
    network: terms.network,
    token: terms.token,
    pay_to: terms.payTo,
    amount: terms.amount.toString(),
    resource: terms.resourceUrl,
    method: terms.method,
    // Only where it is not the usual way: digests from before there was another stay what they are.
    ...(terms.paymentFlow === 'upfront' ? { payment_flow: terms.paymentFlow } : {}),
    ...(terms.transferMethod && terms.transferMethod !== 'eip3009'
      ? { transfer_method: terms.transferMethod }
      : {}),
    ...(terms.facilitator === undefined ? {} : { facilitator: terms.facilitator }),
  };
}
