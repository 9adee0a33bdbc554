// OperationStore in memory, with the semantics its port documents. Every method does its work in one go, as one transaction would.
import {
  EVENT_VERSIONS,
  canonicalJson,
  eventDataToJson,
  stopTargetOf,
  upcast,
  type AgentId,
  type OperationId,
  type WorkspaceId,
} from '#domain';
import type {
  Claimed,
  Commit,
  CommitOutcome,
  OpenCommit,
  OpenOutcome,
  OperationRef,
  OperationStore,
} from '#engine';
import { memoryHashing } from './memory-basics.js';
import { CommitRows, type SkippedGuards } from './memory-commit.js';
import { stopDetails, type MemoryDatabase, type OperationRow } from './memory-database.js';

export const LEASE_MS = 30_000;

export interface StoreFlaws {
  /** Guards left out by a deliberately broken build. */
  readonly skippedGuards: SkippedGuards;
  /** No fence: a stale worker's write is taken. */
  readonly ignoresLease: boolean;
}

export const NO_FLAWS: StoreFlaws = { skippedGuards: new Set(), ignoresLease: false };

export class MemoryOperations implements OperationStore {
  constructor(
    private readonly database: MemoryDatabase,
    private readonly flaws: StoreFlaws = NO_FLAWS,
  ) {}

  open(commit: OpenCommit): Promise<OpenOutcome> {
    const { database } = this;
    const { workspaceId, operationId, agentId, idempotencyKeyHash, fingerprint } = commit;
    const key = `${workspaceId}/${agentId}/${idempotencyKeyHash}`;
    const known = database.keys.get(key);
    if (known) return Promise.resolve({ ok: true, outcome: 'existing', ...known });
    const scope = database.stoppedScope(workspaceId, agentId, stopTargetOf(commit.state));
    if (scope !== undefined)
      return Promise.resolve({ ok: false, reason: 'guard', guard: 'stopped', details: stopDetails(scope) });
    if (commit.signedDigest !== undefined) {
      const request = `${workspaceId}/${agentId}/${commit.signedDigest}`;
      const used = database.signed.get(request);
      if (used) {
        const { loaded } = this.row(used);
        return Promise.resolve({
          ok: true,
          outcome: 'existing',
          operationId: used,
          fingerprint: loaded.fingerprint,
        });
      }
      database.signed.set(request, operationId);
    }
    if (database.operations.has(operationId)) throw new Error('two keys lead to one operation');
    database.keys.set(key, { operationId, fingerprint });
    database.operations.set(operationId, {
      loaded: {
        workspaceId,
        operationId,
        agentId,
        state: commit.state,
        version: 0,
        lastHash: commit.lastHash,
        openedAtMs: commit.openedAtMs,
        idempotencyKeyHash,
        fingerprint,
        attempts: 0,
        updatedAtMs: database.nowMs(),
      },
      leaseOwner: null,
      leaseEpoch: 0,
      leaseUntilMs: 0,
      nextAttemptAtMs: null,
    });
    this.write(this.row(operationId), commit);
    return Promise.resolve({ ok: true, outcome: 'opened' });
  }

  append(commit: Commit): Promise<CommitOutcome> {
    const row = this.row(commit.operationId);
    if (commit.leaseEpoch !== null && !this.holds(row, commit.leaseEpoch))
      return Promise.resolve({ ok: false, reason: 'lease_lost' });
    if (row.loaded.version !== commit.expectedVersion || this.isOvertaken(commit))
      return Promise.resolve({ ok: false, reason: 'conflict' });
    const rows = new CommitRows(this.database, commit, this.flaws.skippedGuards);
    for (const event of commit.events) {
      const refusal = rows.apply(event);
      if (refusal) {
        rows.undo();
        return Promise.resolve({ ok: false, reason: 'guard', ...refusal });
      }
    }
    this.write(row, commit);
    const { version, lastHash } = row.loaded;
    return Promise.resolve({ ok: true, version, lastHash });
  }

  bindSigned({ workspaceId, operationId }: OperationRef, agentId: AgentId, digest: string) {
    const { signed } = this.database;
    const request = `${workspaceId}/${agentId}/${digest}`;
    signed.set(request, signed.get(request) ?? operationId);
    return Promise.resolve(signed.get(request) ?? operationId);
  }

  /** Judged by groups of approvers that have changed since. */
  private isOvertaken({ events }: Commit): boolean {
    return events.some(
      ({ data }) => 'rosterEpoch' in data && data.rosterEpoch !== this.database.approvers.epoch,
    );
  }

  load({ workspaceId, operationId }: OperationRef) {
    const loaded = this.database.operations.get(operationId)?.loaded;
    return Promise.resolve(loaded?.workspaceId === workspaceId ? loaded : undefined);
  }

  newest(workspaceId: WorkspaceId, agentId: AgentId, root: string, operationId?: OperationId) {
    const prefix = `${workspaceId}/${agentId}/${root}:`;
    const ids = [...this.database.keys]
      .filter(([key]) => key.startsWith(prefix))
      .map(([, it]) => it.operationId);
    const found =
      operationId ??
      ids.toSorted((a, b) => this.row(a).loaded.openedAtMs - this.row(b).loaded.openedAtMs).at(-1);
    if (found === undefined) return Promise.resolve(undefined);
    const history = this.database.events
      .filter((it) => it.operationId === found)
      .map((it) => ({ event: upcast(it), atMs: it.recordedAtMs }));
    return Promise.resolve({
      operationId: found,
      history,
      nowMs: this.database.nowMs(),
      keylessWindowMs: (this.database.keylessWindowSec.get(workspaceId) ?? 10) * 1000,
    });
  }

  claim(operationId: OperationId, owner: string): Promise<Claimed | undefined> {
    const row = this.database.operations.get(operationId);
    const nowMs = this.database.nowMs();
    if (!row || (row.leaseOwner !== null && row.leaseUntilMs > nowMs)) return Promise.resolve(undefined);
    row.leaseOwner = owner;
    row.leaseEpoch += 1;
    row.leaseUntilMs = nowMs + LEASE_MS;
    row.loaded = { ...row.loaded, attempts: row.loaded.attempts + 1 };
    return Promise.resolve({ ...row.loaded, leaseEpoch: row.leaseEpoch });
  }

  renew(leases: Parameters<OperationStore['renew']>[0]): Promise<readonly OperationId[]> {
    const lost = leases.filter(({ operationId, leaseEpoch }) => {
      const row = this.row(operationId);
      if (!this.holds(row, leaseEpoch)) return true;
      row.leaseUntilMs = this.database.nowMs() + LEASE_MS;
      return false;
    });
    return Promise.resolve(lost.map((it) => it.operationId));
  }

  yieldLease(claimed: Claimed, nextAttemptAtMs: number | null, failure: string | null): Promise<void> {
    const row = this.row(claimed.operationId);
    if (!this.holds(row, claimed.leaseEpoch)) return Promise.resolve();
    row.leaseOwner = null;
    // Somebody appended since the claim and may have said "now": the earlier of the two stands.
    const moved = row.loaded.version !== claimed.version;
    row.nextAttemptAtMs = moved ? earlier(row.nextAttemptAtMs, nextAttemptAtMs) : nextAttemptAtMs;
    if (failure === null) row.loaded = { ...row.loaded, attempts: 0 };
    return Promise.resolve();
  }

  blob({ workspaceId, operationId }: OperationRef, kind: string) {
    const blob = this.database.blobs.get(`${workspaceId}/${operationId}/${kind}`);
    return Promise.resolve(blob && { sealed: blob.sealed, meta: blob.meta });
  }

  due(limit: number): Promise<readonly OperationId[]> {
    const nowMs = this.database.nowMs();
    const due: { readonly operationId: OperationId; readonly sinceMs: number }[] = [];
    for (const [operationId, row] of this.database.operations) {
      const leased = row.leaseOwner !== null;
      if (leased && row.leaseUntilMs > nowMs) continue;
      const sinceMs = leased ? row.leaseUntilMs : (row.nextAttemptAtMs ?? Infinity);
      if (sinceMs <= nowMs) due.push({ operationId, sinceMs });
    }
    due.sort((a, b) => a.sinceMs - b.sinceMs);
    return Promise.resolve(due.slice(0, limit).map((it) => it.operationId));
  }

  private holds(row: OperationRow, leaseEpoch: number): boolean {
    return this.flaws.ignoresLease || (row.leaseOwner !== null && row.leaseEpoch === leaseEpoch);
  }

  private row(operationId: OperationId): OperationRow {
    const row = this.database.operations.get(operationId);
    if (!row) throw new Error('no such operation');
    return row;
  }

  private write(row: OperationRow, commit: Commit): void {
    const { workspaceId, operationId, actor, nowMs, leaseEpoch } = commit;
    let { version, lastHash } = row.loaded;
    for (const event of commit.events) {
      version += 1;
      const fields = { type: event.type, schema: EVENT_VERSIONS[event.type], data: eventDataToJson(event) };
      const text = canonicalJson({
        workspace_id: workspaceId,
        operation_id: operationId,
        version,
        ...fields,
        actor: { ...actor },
        occurred_at_ms: nowMs,
      });
      const hash = memoryHashing.sha256(lastHash + text);
      this.database.events.push({
        ...fields,
        seq: this.database.events.length,
        workspaceId,
        operationId,
        version,
        actor,
        occurredAtMs: nowMs,
        prevHash: lastHash,
        hash,
        recordedAtMs: this.database.nowMs(),
        leaseEpoch,
      });
      lastHash = hash;
    }
    const attempts = leaseEpoch === null ? row.loaded.attempts : 0;
    const updatedAtMs = this.database.nowMs();
    row.loaded = { ...row.loaded, state: commit.state, version, lastHash, attempts, updatedAtMs };
    row.nextAttemptAtMs = commit.nextAttemptAtMs;
    if (commit.releaseLease) row.leaseOwner = null;
    for (const blob of commit.blobs ?? [])
      this.database.blobs.set(`${workspaceId}/${operationId}/${blob.kind}`, blob);
  }
}

const earlier = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.min(a, b);
