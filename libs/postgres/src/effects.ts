// What each event does to rows other than its own: the only place that knows. The database applies these on locked rows.
import {
  eventDataToJson,
  movesMoney,
  tagsOf,
  rulesOf,
  type BudgetUnit,
  type Json,
  type OperationEvent,
  type OperationState,
  type Terms,
} from '#domain';
import type { Commit } from '#engine';
import { tagNodeId } from './tag-node.js';

export type ApprovalEffect = {
  readonly kind: 'request' | 'vote' | 'grant' | 'reject' | 'expire' | 'use' | 'drop';
  readonly data: Json;
};

export interface WalletRow {
  readonly walletId: string;
  readonly network: string;
  readonly token: string;
}

export interface MoneyEffect {
  readonly kind:
    | 'reserve'
    | 'release'
    | 'capture'
    | 'prepare'
    | 'allow'
    | 'adopt'
    | 'burned'
    | 'dead'
    | 'observed'
    | 'reorged'
    | 'finalized';
  readonly amount: bigint;
  /** Whose budget rows it moves; null: none. */
  readonly unit: BudgetUnit | null;
  readonly wallet: WalletRow | null;
  readonly data: Json;
}

export interface Effects {
  /** An intent, or a question to a person: stops in its scope are checked under a share lock. */
  readonly stoppable: boolean;
  /** A hold may be in another unit than the terms say now. */
  readonly unitsChanged: boolean;
  readonly approvals: readonly ApprovalEffect[];
  readonly money: readonly MoneyEffect[];
}

type Of<T extends OperationEvent['type']> = Extract<OperationEvent, { type: T }>;

export function effectsOf({ workspaceId, events, state }: Effective): Effects {
  const approvals: ApprovalEffect[] = [];
  const money: MoneyEffect[] = [];
  let stoppable = false;
  let unitsChanged = false;
  const adopted = adoptedBy(events);
  // A capture frees the whole hold: what was not charged goes back with it.
  const captured = events.some((event) => event.type === 'BudgetCaptured');
  for (const event of events) {
    const approval = approvalEffect(event, state);
    if (approval) approvals.push(approval);
    const alone = adopted?.observed === event || (captured && event.type === 'BudgetReleased');
    const moved = alone ? null : moneyEffect(event, { workspaceId, state });
    if (moved) money.push(adopted?.prepared === event ? adoption(moved, adopted.observed) : moved);
    if (event.type === 'TermsChanged') unitsChanged = true;
    if (event.type === 'ApprovalRequested') stoppable = true;
    // What has happened on chain is taken over: no stop, approval or wallet can still prevent it.
    if (event.type !== 'AuthorizationPrepared' || adopted) continue;
    stoppable = true;
    const { verdict, grant } = shown(state) as { verdict?: { needsApproval: boolean }; grant?: unknown };
    if (verdict?.needsApproval === true || grant) approvals.push({ kind: 'use', data: null });
  }
  return { stoppable, unitsChanged, approvals, money };
}

interface Adopted {
  readonly prepared: OperationEvent;
  readonly observed: Of<'SettlementObserved'>;
}

/** A signature needs its intent committed before it, so an intent that is settled in its own commit was signed before a restore. */
function adoptedBy(events: readonly OperationEvent[]): Adopted | null {
  const prepared = events.find((event) => event.type === 'AuthorizationPrepared');
  const observed = events.find((event) => event.type === 'SettlementObserved');
  return prepared && observed ? { prepared, observed } : null;
}

/** Into the ledger as seen, in one step: the wallet's money is gone already and is never counted as committed. */
function adoption(intent: MoneyEffect, observed: Adopted['observed']): MoneyEffect {
  return {
    ...intent,
    kind: 'adopt',
    data: { ...(intent.data as object), ...(settlementOf(observed) as object) },
  };
}

function approvalEffect(event: OperationEvent, state: OperationState): ApprovalEffect | null {
  switch (event.type) {
    case 'ApprovalRequested':
      return { kind: 'request', data: requestOf(event, state) };
    case 'ApprovalVoted': {
      const { by, onBehalfOf, rosterEpoch } = event.data;
      return { kind: 'vote', data: { by, on_behalf_of: onBehalfOf, roster_epoch: rosterEpoch } };
    }
    case 'ApprovalGranted': {
      const { by, useByMs, rosterEpoch } = event.data;
      return { kind: 'grant', data: { by, use_by_ms: useByMs, roster_epoch: rosterEpoch } };
    }
    case 'ApprovalRejected':
      return { kind: 'reject', data: { by: event.data.by, reason: event.data.reason } };
    case 'ApprovalExpired':
      return { kind: 'expire', data: null };
    case 'OperationRefused':
    case 'OperationCancelled':
    case 'TermsChanged':
      return { kind: 'drop', data: null };
    case 'OperationOpened':
    case 'TermsAccepted':
    case 'TermsConfirmed':
    case 'BudgetReserved':
    case 'AuthorizationPrepared':
    case 'AuthorizationSigned':
    case 'AuthorizationBurned':
    case 'PresentationStarted':
    case 'ResourceDelivered':
    case 'DeliveryFailed':
    case 'SettlementHandedOver':
    case 'SettlementSubmitted':
    case 'CancellationRequested':
    case 'CancellationSubmitted':
    case 'SettlementObserved':
    case 'SettlementReorged':
    case 'SettlementFinalized':
    case 'AuthorizationExpiredUnused':
    case 'AuthorizationVoided':
    case 'BudgetCaptured':
    case 'BudgetReleased':
    case 'AttentionRequired':
    case 'AttentionResolved':
      return null;
  }
}

/** With what people look for it by. */
function requestOf(
  { data: { approvalId, digest, decideByMs } }: Of<'ApprovalRequested'>,
  state: OperationState,
): Json {
  const asked = shown(state);
  if (!('terms' in asked) || asked.terms === null || !('verdict' in asked))
    throw new Error('an approval without terms');
  const { terms, verdict, requester } = asked;
  return {
    id: approvalId,
    digest,
    decide_by_ms: decideByMs,
    rules: rulesOf(verdict).map(({ quorum, groups }) => ({ quorum, groups })),
    requester,
    host: new URL(terms.resourceUrl).host,
    unit: terms.unit,
    amount: terms.amount.toString(),
  };
}

type Effective = Pick<Commit, 'workspaceId' | 'events' | 'state'>;

function moneyEffect(event: OperationEvent, commit: Omit<Effective, 'events'>): MoneyEffect | null {
  const { state } = commit;
  switch (event.type) {
    case 'BudgetReserved':
      return {
        kind: 'reserve',
        amount: event.data.amount,
        unit: event.data.unit,
        wallet: null,
        data: tagNodesOf(commit),
      };
    case 'BudgetReleased':
      return { kind: 'release', amount: event.data.amount, unit: unitOf(state), wallet: null, data: null };
    case 'BudgetCaptured':
      return { kind: 'capture', amount: event.data.amount, unit: unitOf(state), wallet: null, data: null };
    case 'AuthorizationPrepared':
      return intentEffect(event, state);
    case 'AuthorizationBurned':
      return onChain('burned', state, null);
    case 'AuthorizationExpiredUnused':
    case 'AuthorizationVoided':
      return onChain('dead', state, null);
    case 'SettlementObserved':
      return onChain('observed', state, settlementOf(event));
    case 'SettlementFinalized':
      return onChain('finalized', state, settlementOf(event));
    case 'SettlementReorged':
      return onChain('reorged', state, null);
    case 'OperationOpened':
    case 'TermsAccepted':
    case 'TermsChanged':
    case 'TermsConfirmed':
    case 'OperationRefused':
    case 'OperationCancelled':
    case 'ApprovalRequested':
    case 'ApprovalVoted':
    case 'ApprovalGranted':
    case 'ApprovalRejected':
    case 'ApprovalExpired':
    case 'AuthorizationSigned':
    case 'PresentationStarted':
    case 'ResourceDelivered':
    case 'DeliveryFailed':
    case 'SettlementHandedOver':
    case 'SettlementSubmitted':
    case 'CancellationRequested':
    case 'CancellationSubmitted':
    case 'AttentionRequired':
    case 'AttentionResolved':
      return null;
  }
}

function intentEffect(event: Of<'AuthorizationPrepared'>, state: OperationState): MoneyEffect {
  const { authorization } = event.data;
  const { walletId, network, token } = authorization;
  const data = eventDataToJson(event) as { readonly authorization: Json };
  if (!movesMoney(authorization.method))
    return { kind: 'allow', amount: authorization.value, unit: null, wallet: null, data: data.authorization };
  return {
    kind: 'prepare',
    amount: authorization.value,
    unit: unitOf(state),
    wallet: { walletId, network, token },
    data: { ...(data.authorization as object), ...likeOf(state) },
  };
}

/** Guarded only where the verdict asks for it. */
function likeOf(state: OperationState): { readonly [name: string]: Json } {
  const now = shown(state);
  const like = 'verdict' in now ? now.verdict.like : undefined;
  if (!like) return {};
  return { like: { hash: like.hash, withinMs: like.withinSec * 1000, allow: like.allow ?? null } };
}

function onChain(
  kind: 'burned' | 'dead' | 'observed' | 'reorged' | 'finalized',
  state: OperationState,
  data: Json,
): MoneyEffect {
  const now = shown(state);
  if (!('authorization' in now)) throw new Error(`${kind} without an authorization`);
  const { walletId, network, token, value } = now.authorization;
  return { kind, amount: value, unit: null, wallet: { walletId, network, token }, data };
}

/** The budget nodes that it is booked under besides its agent's path; the database knows of the agent's teams itself. */
function tagNodesOf({ workspaceId, state }: Omit<Effective, 'events'>): Json {
  const now = shown(state);
  const tags = 'request' in now ? tagsOf(now.request) : [];
  return tags.length === 0 ? null : { tags: tags.map((tag) => tagNodeId(workspaceId, tag)) };
}

function settlementOf({ data }: Of<'SettlementObserved' | 'SettlementFinalized'>): Json {
  const { txHash, blockNumber, blockHash, logIndex, amount } = data.settlement;
  return { txHash, blockNumber, blockHash, logIndex, amount: amount?.toString() ?? null };
}

function shown(state: OperationState): OperationState {
  return state.status === 'needs_attention' ? state.before : state;
}

function unitOf(state: OperationState): BudgetUnit {
  const now = shown(state);
  const terms: Terms | null = 'terms' in now ? now.terms : null;
  if (!terms) throw new Error('a movement of budget without terms');
  return terms.unit;
}
