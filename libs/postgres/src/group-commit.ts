// Group commit: commands that arrive while a batch is away go out together as the next one; a lone command goes at once (design.md 5).
// Two kinds of lane. The mixed lane never waits for a row lock: a command whose rows somebody else holds comes back 'busy' and moves, with
// its whole workspace, to a lane of that workspace, which waits. So a row that is locked for long delays its own workspace only (ruling 18).
import { refuse } from '#domain';
import type pg from 'pg';
import { batchValues, COMMIT_SQL, type PreparedCommit } from './commit-batch.js';
import { faultOf } from './pool.js';

export interface CommitResult {
  readonly result: string;
  readonly reason: Readonly<Record<string, unknown>> | null;
}

export interface GroupCommitOptions {
  readonly maxBatch?: number;
  /** Batches of the mixed lane under way at once, never with the same workspace in two of them. */
  readonly inFlight?: number;
  /** Commands held at once; one more is refused. */
  readonly capacity?: number;
}

interface Waiting {
  readonly prepared: PreparedCommit;
  readonly resolve: (result: CommitResult) => void;
  readonly reject: (error: unknown) => void;
}

interface Lane {
  queue: Waiting[];
  running: boolean;
}

const MAX_TRIES = 4;

export class GroupCommit {
  private mixed: Waiting[] = [];
  private readonly lanes = new Map<string, Lane>();
  /** Workspaces in a batch of the mixed lane that is away. */
  private readonly away = new Set<string>();
  private inFlight = 0;
  private lanesRunning = 0;
  private count = 0;
  private scheduled = false;
  private readonly maxBatch: number;
  private readonly maxInFlight: number;
  private readonly maxLanes: number;
  private readonly capacity: number;

  /** The pool logs in as the writer; it should have at least four connections, because waiting lanes use all but those of the mixed lane. */
  constructor(
    private readonly pool: pg.Pool,
    options: GroupCommitOptions = {},
  ) {
    this.maxBatch = options.maxBatch ?? 512;
    this.maxInFlight = options.inFlight ?? 2;
    this.maxLanes = Math.max(1, (pool.options.max ?? 10) - this.maxInFlight);
    this.capacity = options.capacity ?? 20_000;
  }

  /** Commands that have no answer yet. */
  get size(): number {
    return this.count;
  }

  /** Refuses with `database_unavailable` when full, or when the outcome is unknown: the caller repeats with the same key or version. */
  submit(prepared: PreparedCommit): Promise<CommitResult> {
    if (this.count >= this.capacity)
      return Promise.reject(refuse('database_unavailable', { reason: 'queue_full' }));
    this.count += 1;
    return new Promise<CommitResult>((resolve, reject) => {
      const waiting = { prepared, resolve, reject };
      const lane = this.lanes.get(prepared.commit.workspaceId);
      (lane?.queue ?? this.mixed).push(waiting);
      this.schedule();
    }).finally(() => {
      this.count -= 1;
    });
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    // After the sockets that are readable now have been read: their commands share the batch. No timer.
    setImmediate(() => {
      this.scheduled = false;
      this.pump();
    });
  }

  private pump(): void {
    while (this.inFlight < this.maxInFlight && this.mixed.length > 0) {
      const batch = this.takeMixed();
      if (batch.length === 0) break;
      void this.runMixed(batch);
    }
    for (const [workspaceId, lane] of this.lanes) {
      if (this.lanesRunning >= this.maxLanes) break;
      if (!lane.running) void this.runLane(workspaceId, lane);
    }
  }

  private takeMixed(): Waiting[] {
    const left: Waiting[] = [];
    const batch: Waiting[] = [];
    const operations = new Set<string>();
    for (const waiting of this.mixed) {
      const { workspaceId, operationId } = waiting.prepared.commit;
      const lane = this.lanes.get(workspaceId);
      if (lane) lane.queue.push(waiting);
      else if (batch.length >= this.maxBatch || this.away.has(workspaceId) || operations.has(operationId))
        left.push(waiting);
      else {
        operations.add(operationId);
        batch.push(waiting);
      }
    }
    this.mixed = left;
    return batch;
  }

  private async runMixed(batch: readonly Waiting[]): Promise<void> {
    const workspaces = new Set(batch.map((it) => it.prepared.commit.workspaceId as string));
    for (const workspaceId of workspaces) this.away.add(workspaceId);
    this.inFlight += 1;
    await this.run(batch, false);
    this.inFlight -= 1;
    for (const workspaceId of workspaces) this.away.delete(workspaceId);
    this.schedule();
  }

  private async runLane(workspaceId: string, lane: Lane): Promise<void> {
    lane.running = true;
    this.lanesRunning += 1;
    const batch: Waiting[] = [];
    const left: Waiting[] = [];
    const operations = new Set<string>();
    // Other processes wait for the keys that openings claim: openings never share a transaction with what may wait for a row.
    const opening = isOpening(lane.queue[0]);
    for (const waiting of lane.queue) {
      const { operationId } = waiting.prepared.commit;
      if (batch.length >= this.maxBatch || operations.has(operationId) || isOpening(waiting) !== opening)
        left.push(waiting);
      else {
        operations.add(operationId);
        batch.push(waiting);
      }
    }
    lane.queue = left;
    await this.run(batch, true);
    lane.running = false;
    this.lanesRunning -= 1;
    if (lane.queue.length === 0) this.lanes.delete(workspaceId);
    this.schedule();
  }

  /** Answers every command of the batch, or moves it to its lane. Never rejects. */
  private async run(batch: readonly Waiting[], wait: boolean): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        const results = await this.commit(batch, wait);
        batch.forEach((waiting, at) => this.settle(waiting, results[at] as CommitResult));
        return;
      } catch (error) {
        const fault = faultOf(error);
        if (fault === 'again' && tries < MAX_TRIES) continue;
        if (fault !== 'refused') return rejectAll(batch, refuse('database_unavailable'));
        if (batch.length === 1 && isOvertaken(error))
          return batch.forEach(({ resolve }) => resolve({ result: 'conflict', reason: null }));
        if (batch.length === 1) return rejectAll(batch, storeFault(error));
        // Somebody in here breaks an invariant: the halves are tried by themselves, until only the guilty one is refused.
        const half = batch.length >> 1;
        await this.run(batch.slice(0, half), wait);
        await this.run(batch.slice(half), wait);
        return;
      }
    }
  }

  private settle(waiting: Waiting, result: CommitResult): void {
    if (result.result !== 'busy') return waiting.resolve(result);
    const { workspaceId } = waiting.prepared.commit;
    const lane = this.lanes.get(workspaceId) ?? { queue: [], running: false };
    this.lanes.set(workspaceId, lane);
    lane.queue.push(waiting);
  }

  private async commit(batch: readonly Waiting[], wait: boolean): Promise<CommitResult[]> {
    const values = batchValues(
      batch.map((it) => it.prepared),
      wait,
    );
    const answer = await this.pool.query<{
      outcome: string;
      reasons: Record<string, CommitResult['reason']> | null;
    }>({ name: 'purser_commit', text: COMMIT_SQL, values });
    const row = answer.rows[0];
    const results = row?.outcome.split(',') ?? [];
    if (results.length !== batch.length) throw new Error('the database answered another batch');
    return results.map((result, at) => ({ result, reason: row?.reasons?.[at + 1] ?? null }));
  }
}

function isOpening(waiting: Waiting | undefined): boolean {
  return waiting !== undefined && waiting.prepared.open !== null;
}

function rejectAll(batch: readonly Waiting[], error: unknown): void {
  for (const waiting of batch) waiting.reject(error);
}

/** Judged by groups of approvers that have changed since: to be judged again, as after any conflict. */
const isOvertaken = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'PU001';

/** Without the driver's details: they hold rows. */
function storeFault(error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  const says = code !== undefined && /^(P0001|23)/.test(code) ? message : 'refused by the database';
  return new Error(`commit failed (${code ?? 'unknown'}): ${says}`);
}
