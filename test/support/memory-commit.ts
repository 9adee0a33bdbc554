// What a commit does to the rows, event by event, and what stops it. Every change leaves its undo, so that a guard's no leaves nothing.
import {
  stopTargetOf,
  tagsOf,
  type Authorization,
  type BudgetUnit,
  type ErrorDetails,
  type OperationEvent,
  type OperationId,
} from '#domain';
import type { Commit, Guard } from '#engine';
import { minuteOf, type BudgetNode } from './memory-budgets.js';
import {
  nonceKey,
  stopDetails,
  type ApprovalRow,
  type LedgerRow,
  type MemoryDatabase,
} from './memory-database.js';
import { uncovered } from './memory-obstacles.js';

export interface GuardRefusal {
  readonly guard: Guard;
  readonly details: ErrorDetails;
}

/** Guards that a deliberately broken build leaves out. */
export type SkippedGuards = ReadonlySet<Guard>;

const refused = (guard: Guard, details: ErrorDetails = {}): GuardRefusal => ({ guard, details });

export class CommitRows {
  private readonly undos: (() => void)[] = [];

  constructor(
    private readonly database: MemoryDatabase,
    private readonly commit: Commit,
    private readonly skipped: SkippedGuards,
  ) {}

  undo(): void {
    for (const undo of this.undos.reverse()) undo();
  }

  apply(event: OperationEvent): GuardRefusal | null {
    switch (event.type) {
      case 'BudgetReserved':
        return this.reserve(event.data.amount, event.data.unit);
      case 'BudgetCaptured':
        this.endReservation('captured', event.data.amount);
        return null;
      case 'BudgetReleased':
        this.endReservation('released', 0n);
        return null;
      case 'ApprovalRequested':
        if (this.stopped()) return this.stopped();
        this.setApproval({ ...event.data, status: 'pending', useByMs: null });
        return null;
      case 'ApprovalGranted':
        return this.decideApproval('approved', event.data.useByMs);
      case 'ApprovalRejected':
        return this.decideApproval('rejected', null);
      case 'ApprovalExpired':
        return this.expireApproval();
      case 'TermsChanged':
      case 'OperationCancelled':
      case 'OperationRefused':
        this.changeApproval('closed', null);
        return null;
      case 'AuthorizationPrepared':
        return this.prepare(event.data.authorization);
      case 'SettlementObserved':
        return this.moveLedger('provisional', event.data.settlement);
      case 'SettlementReorged':
        return this.moveLedger('live', null);
      case 'SettlementFinalized':
        return this.moveLedger('settled', event.data.settlement);
      case 'AuthorizationExpiredUnused':
      case 'AuthorizationVoided':
        return this.moveLedger('dead', null);
      case 'AuthorizationBurned':
        return this.moveLedger('burned', null);
      case 'ApprovalVoted':
        return this.decideApproval('pending', null);
      case 'OperationOpened':
      case 'TermsAccepted':
      case 'TermsConfirmed':
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

  private reserve(amount: bigint, unit: BudgetUnit): GuardRefusal | null {
    const { workspaceId, agentId, operationId } = this.commit;
    const { budgets } = this.database;
    const nowMs = this.database.nowMs();
    const { state } = this.commit;
    const path = budgets.path(workspaceId, agentId, unit, 'request' in state ? tagsOf(state.request) : []);
    if (path.length === 0) return refused('no_budget', { unit });
    const obstacle = budgets.obstacle(path, nowMs, { extra: amount, payment: amount, more: 1n });
    if (obstacle && !this.skipped.has('budget')) return refused('budget', obstacle);
    const before = budgets.reservations.get(operationId);
    if (before?.state === 'held') throw new Error('an operation holds budget once');
    this.hold(path, amount, 1);
    budgets.reservations.set(operationId, { path, unit, amount, state: 'held', chargedAtMs: nowMs });
    this.undos.push(() =>
      before ? budgets.reservations.set(operationId, before) : budgets.reservations.delete(operationId),
    );
    return null;
  }

  private hold(path: readonly BudgetNode[], amount: bigint, payments: 1 | -1): void {
    for (const node of path) {
      node.held += amount;
      node.heldCount += payments;
      this.undos.push(() => {
        node.held -= amount;
        node.heldCount -= payments;
      });
    }
  }

  /** Keyed by operation: a second capture or release of the same hold changes nothing, and so what was not charged goes back with the capture. */
  private endReservation(state: 'captured' | 'released', captured: bigint): void {
    const { operationId } = this.commit;
    const reservation = this.database.budgets.reservations.get(operationId);
    if (reservation?.state !== 'held') return;
    const { path, amount, chargedAtMs } = reservation;
    this.hold(path, -amount, -1);
    reservation.state = state;
    this.undos.push(() => (reservation.state = 'held'));
    if (state === 'released') return;
    const minute = minuteOf(chargedAtMs);
    for (const node of path) {
      const before = node.minutes.get(minute) ?? { amount: 0n, count: 0n };
      node.minutes.set(minute, { amount: before.amount + captured, count: before.count + 1n });
      node.lifetime += captured;
      this.undos.push(() => {
        node.minutes.set(minute, before);
        node.lifetime -= captured;
      });
    }
  }

  private setApproval(row: ApprovalRow): void {
    const { operationId } = this.commit;
    const before = this.database.approvals.get(operationId);
    if (before?.status === 'pending' || before?.status === 'approved')
      throw new Error('an operation has one open approval');
    this.database.approvals.set(operationId, row);
    this.undos.push(() =>
      before ? this.database.approvals.set(operationId, before) : this.database.approvals.delete(operationId),
    );
  }

  private changeApproval(status: ApprovalRow['status'], useByMs: number | null): void {
    const row = this.database.approvals.get(this.commit.operationId);
    if (row?.status !== 'pending' && row?.status !== 'approved') return;
    const before = { ...row };
    row.status = status;
    row.useByMs = useByMs;
    this.undos.push(() => Object.assign(row, before));
  }

  private decideApproval(
    status: 'pending' | 'approved' | 'rejected',
    useByMs: number | null,
  ): GuardRefusal | null {
    const row = this.database.approvals.get(this.commit.operationId);
    if (row?.status !== 'pending') throw new Error('a decision without a pending approval');
    if (this.database.nowMs() >= row.decideByMs && !this.skipped.has('deadline')) return refused('deadline');
    this.changeApproval(status, useByMs);
    return null;
  }

  private expireApproval(): GuardRefusal | null {
    const row = this.database.approvals.get(this.commit.operationId);
    if (row?.status !== 'pending' && row?.status !== 'approved') throw new Error('nothing to expire');
    const dueMs = row.status === 'pending' ? row.decideByMs : (row.useByMs ?? 0);
    if (this.database.nowMs() < dueMs) return refused('deadline');
    this.changeApproval('expired', null);
    return null;
  }

  private stopped(): GuardRefusal | null {
    const { workspaceId, agentId, state } = this.commit;
    const scope = this.database.stoppedScope(workspaceId, agentId, stopTargetOf(state));
    return scope === undefined || this.skipped.has('stopped') ? null : refused('stopped', stopDetails(scope));
  }

  private prepare(authorization: Authorization): GuardRefusal | null {
    const { workspaceId, operationId } = this.commit;
    const { database } = this;
    // What the chain shows to have happened is taken over: no stop, wallet or approval can still prevent it.
    const adopts = this.commit.events.some((event) => event.type === 'SettlementObserved');
    const stopped = adopts ? null : this.stopped();
    if (stopped) return stopped;
    if (authorization.method === 'allowance') return this.allow(authorization);
    const reservation = database.budgets.reservations.get(operationId);
    if (reservation?.state !== 'held') throw new Error('an intent without a hold');
    const nowMs = database.nowMs();
    const obstacle = database.budgets.obstacle(reservation.path, nowMs, {
      extra: 0n,
      payment: reservation.amount,
      more: 0n,
    });
    if (obstacle && !this.skipped.has('budget')) return refused('budget', obstacle);
    const duplicate = adopts ? undefined : this.duplicate();
    if (duplicate) return refused('duplicate', { duplicate_of: duplicate });
    const approval = database.approvals.get(operationId);
    if (approval?.status === 'approved' && nowMs >= (approval.useByMs ?? 0)) return refused('deadline');
    const lacking = adopts ? null : uncovered(database, authorization);
    if (lacking) return refused('wallet', lacking);
    if (database.ledger.has(operationId)) throw new Error('a second authorization for one operation');
    if (database.nonces.has(nonceKey(authorization))) return refused('duplicate_nonce');
    const row: LedgerRow = { workspaceId, operationId, authorization, status: 'live', settlement: null };
    const chargedBefore = reservation.chargedAtMs;
    reservation.chargedAtMs = nowMs;
    database.ledger.set(operationId, row);
    database.nonces.set(nonceKey(authorization), row);
    this.undos.push(() => {
      reservation.chargedAtMs = chargedBefore;
      database.ledger.delete(operationId);
      database.nonces.delete(nonceKey(authorization));
    });
    return null;
  }

  private duplicate(): OperationId | undefined {
    const { state, agentId, openedAtMs, operationId: except } = this.commit;
    const like = 'verdict' in state ? state.verdict.like : undefined;
    return like && this.database.likeOf(agentId, like, { openedAtMs, except });
  }

  /** No hold and no cover; one of a wallet and token at a time. */
  private allow(authorization: Authorization): GuardRefusal | null {
    const { workspaceId, operationId } = this.commit;
    const { database } = this;
    const approval = database.approvals.get(operationId);
    if (approval?.status !== 'approved') throw new Error('an allowance without approval');
    if (database.nowMs() >= (approval.useByMs ?? 0)) return refused('deadline');
    const { token, from } = authorization;
    const other = [...database.ledger.values()].find(
      ({ status, authorization: it }) =>
        status === 'live' && it.method === 'allowance' && it.token === token && it.from === from,
    );
    if (other && !this.skipped.has('under_way'))
      return refused('under_way', { operation_id: other.operationId });
    const row: LedgerRow = { workspaceId, operationId, authorization, status: 'live', settlement: null };
    database.ledger.set(operationId, row);
    database.nonces.set(nonceKey(authorization), row);
    this.undos.push(() => {
      database.ledger.delete(operationId);
      database.nonces.delete(nonceKey(authorization));
    });
    return null;
  }

  private moveLedger(status: LedgerRow['status'], settlement: LedgerRow['settlement']): null {
    const row = this.database.ledger.get(this.commit.operationId);
    if (!row) throw new Error('a chain fact without an authorization');
    const before = { ...row };
    row.status = status;
    row.settlement = settlement;
    this.undos.push(() => Object.assign(row, before));
    return null;
  }
}
