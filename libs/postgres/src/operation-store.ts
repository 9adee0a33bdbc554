// The engine's OperationStore on Postgres: writes through the group commit, reads and leases coalesced.
import {
  refuse,
  Refusal,
  upcast,
  type AgentId,
  type ErrorDetails,
  type OperationId,
  type WorkspaceId,
} from '#domain';
import {
  coalesce,
  type Blob,
  type Claimed,
  type Commit,
  type CommitOutcome,
  type Guard,
  type Loaded,
  type NewestOperation,
  type OpenCommit,
  type OpenOutcome,
  type OperationRef,
  type OperationStore,
} from '#engine';
import type pg from 'pg';
import { prepareCommit } from './commit-batch.js';
import { GroupCommit, type CommitResult, type GroupCommitOptions } from './group-commit.js';
import { Leases } from './leases.js';
import { readable, tryLoadedOf, Unreadable, type LoadedRow, type StoredEvent } from './loading.js';
import { faultOf } from './pool.js';

export interface OperationStoreOptions {
  /** Logs in as purser_writer. */
  readonly writer: pg.Pool;
  /** Loads operations: purser_system in workers, purser_reader behind HTTP. */
  readonly reads: pg.Pool;
  /** Leases and sweep, purser_system; without it `claim`, `renew`, `yieldLease` and `due` throw. */
  readonly leases?: pg.Pool;
  readonly groupCommit?: GroupCommitOptions;
}

const LOAD = `SELECT * FROM purser_load($1::uuid, $2::uuid[])`;
const NEWEST = `SELECT * FROM purser_newest($1::uuid, $2::uuid, $3::text, $4::uuid)`;
const LOAD_BLOB = `SELECT sealed, meta FROM purser_load_blob($1::uuid, $2::uuid, $3::text)`;

const BIND_SIGNED = `INSERT INTO signed_request (workspace_id, agent_id, digest, operation_id) VALUES ($1, $2, $3, $4)
  ON CONFLICT (workspace_id, agent_id, digest) DO UPDATE SET seen_at = signed_request.seen_at RETURNING operation_id`;
const SIGNED = `SELECT s.operation_id, o.fingerprint FROM signed_request s
  JOIN operations o ON o.workspace_id = s.workspace_id AND o.operation_id = s.operation_id
  WHERE s.workspace_id = $1 AND s.agent_id = $2 AND s.digest = $3`;

type SignedRow = { readonly operation_id: OperationId; readonly fingerprint: string };

interface NewestRow {
  readonly operation_id: OperationId;
  readonly keyless_window_sec: number;
  readonly now_ms: string;
  readonly history: readonly (StoredEvent & { readonly at: number })[];
}

/** The pools stay the caller's. A database that is away is a `Refusal('database_unavailable')`: the outcome of a write is then unknown. */
export function createOperationStore(options: OperationStoreOptions): PostgresOperationStore {
  return new PostgresOperationStore(options);
}

export class PostgresOperationStore implements OperationStore {
  private readonly commits: GroupCommit;
  private readonly leases: Leases | null;
  private readonly loaders = new Map<
    WorkspaceId,
    (id: OperationId) => Promise<Loaded | Unreadable | undefined>
  >();

  constructor(private readonly options: OperationStoreOptions) {
    this.commits = new GroupCommit(options.writer, options.groupCommit);
    this.leases = options.leases ? new Leases(options.leases, (claimed) => this.reload(claimed)) : null;
  }

  /** Commits that have no answer yet. */
  get pending(): number {
    return this.commits.size;
  }

  async open(commit: OpenCommit): Promise<OpenOutcome> {
    const { result, reason } = await this.commits
      .submit(prepareCommit(commit, commit))
      .catch(async (error: unknown) => {
        // Of two openings with one signed request the second breaks its key.
        const { signedDigest } = commit;
        const used = signedDigest === undefined ? undefined : await this.signed(commit, signedDigest);
        if (used === undefined) throw error;
        return { result: 'existing', reason: used };
      });
    if (result === 'ok') return { ok: true, outcome: 'opened' };
    if (result === 'existing') {
      const known = reason as { readonly operation_id: OperationId; readonly fingerprint: string };
      return {
        ok: true,
        outcome: 'existing',
        operationId: known.operation_id,
        fingerprint: known.fingerprint,
      };
    }
    if (result === 'stopped')
      return { ok: false, reason: 'guard', guard: 'stopped', details: reason as ErrorDetails };
    throw new Error(`an opening cannot end as ${result}`);
  }

  async append(commit: Commit): Promise<CommitOutcome> {
    const prepared = prepareCommit(commit);
    const result = await this.commits.submit(prepared);
    if (result.result === 'ok') return { ok: true, version: prepared.version, lastHash: prepared.lastHash };
    return refusedOutcome(result);
  }

  async bindSigned(
    { workspaceId, operationId }: OperationRef,
    agentId: AgentId,
    digest: string,
  ): Promise<OperationId> {
    const { rows } = await guarded(
      this.options.writer.query<{ operation_id: OperationId }>({
        name: 'purser_bind_signed',
        text: BIND_SIGNED,
        values: [workspaceId, agentId, Buffer.from(digest, 'hex'), operationId],
      }),
    );
    return rows[0]?.operation_id ?? operationId;
  }

  private async signed({ workspaceId, agentId }: OpenCommit, digest: string): Promise<SignedRow | undefined> {
    const { rows } = await guarded(
      this.options.writer.query<SignedRow>({
        name: 'purser_signed',
        text: SIGNED,
        values: [workspaceId, agentId, Buffer.from(digest, 'hex')],
      }),
    );
    return rows[0];
  }

  load({ workspaceId, operationId }: OperationRef): Promise<Loaded | undefined> {
    let loader = this.loaders.get(workspaceId);
    if (!loader) {
      if (this.loaders.size >= 10_000) this.loaders.clear();
      loader = coalesce((ids: readonly OperationId[]) => this.loadAll(workspaceId, ids), { maxBatch: 256 });
      this.loaders.set(workspaceId, loader);
    }
    return guarded(loader(operationId).then(readable));
  }

  async newest(
    workspaceId: WorkspaceId,
    agentId: AgentId,
    root: string,
    operationId?: OperationId,
  ): Promise<NewestOperation | undefined> {
    const { rows } = await guarded(
      this.options.reads.query<NewestRow>({
        name: 'purser_newest',
        text: NEWEST,
        values: [workspaceId, agentId, root, operationId ?? null],
      }),
    );
    const [row] = rows;
    return (
      row && {
        operationId: row.operation_id,
        keylessWindowMs: row.keyless_window_sec * 1000,
        nowMs: Number(row.now_ms),
        history: row.history.map((stored) => ({ event: upcast(stored), atMs: stored.at })),
      }
    );
  }

  claim(operationId: OperationId, owner: string): Promise<Claimed | undefined> {
    return guarded(this.driving().claim({ operationId, owner }));
  }

  renew(leases: Parameters<OperationStore['renew']>[0]): Promise<readonly OperationId[]> {
    return guarded(this.driving().renew(leases));
  }

  yieldLease(claimed: Claimed, nextAttemptAtMs: number | null, failure: string | null): Promise<void> {
    return guarded(this.driving().giveBack({ claimed, nextAttemptAtMs, failed: failure !== null }));
  }

  async blob(
    { workspaceId, operationId }: OperationRef,
    kind: Blob['kind'],
  ): ReturnType<OperationStore['blob']> {
    const { rows } = await guarded(
      this.options.reads.query<{ sealed: Buffer; meta: Blob['meta'] }>({
        name: 'purser_load_blob',
        text: LOAD_BLOB,
        values: [workspaceId, operationId, kind],
      }),
    );
    return rows[0];
  }

  due(limit: number): Promise<readonly OperationId[]> {
    return guarded(this.driving().due(limit));
  }

  private driving(): Leases {
    if (!this.leases) throw new Error('this process drives no operations');
    return this.leases;
  }

  private async loadAll(
    workspaceId: WorkspaceId,
    ids: readonly OperationId[],
  ): Promise<(Loaded | Unreadable | undefined)[]> {
    const { rows } = await this.options.reads.query<LoadedRow>({
      name: 'purser_load',
      text: LOAD,
      values: [workspaceId, [...new Set(ids)]],
    });
    const byId = new Map(
      rows.map((row) => {
        const it = tryLoadedOf(workspaceId, row);
        return [row.operation_id, it instanceof Unreadable ? it : it.loaded];
      }),
    );
    return ids.map((id) => byId.get(id));
  }

  private async reload(claimed: Claimed): Promise<Claimed> {
    const loaded = await this.load(claimed);
    if (!loaded) throw new Error('a claimed operation cannot vanish');
    return { ...loaded, leaseEpoch: claimed.leaseEpoch };
  }
}

const GUARDS: ReadonlySet<string> = new Set<Guard>([
  'budget',
  'no_budget',
  'wallet',
  'stopped',
  'deadline',
  'duplicate_nonce',
  'duplicate',
  'under_way',
]);

function refusedOutcome({ result, reason }: CommitResult): CommitOutcome {
  if (result === 'conflict' || result === 'lease_lost') return { ok: false, reason: result };
  if (!GUARDS.has(result)) throw new Error(`a commit cannot end as ${result}`);
  return { ok: false, reason: 'guard', guard: result as Guard, details: (reason ?? {}) as ErrorDetails };
}

/** A database that is away becomes the refusal that callers know; a bug stays what it is. */
async function guarded<Value>(work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Refusal || faultOf(error) === 'refused') throw error;
    throw refuse('database_unavailable');
  }
}
