// Lets a waiting request learn that its operation can be answered, at a cost per process and not per request: one LISTEN connection
// and one batched poll (ruling 22). Both only hint; whoever waits reads the operation again. So a lost notification costs a quarter
// of a second, and a lost database costs the wait, never a wrong answer.
import type { OperationId } from '#domain';
import type { Logger } from '#engine';
import { codeOf, Listener } from './listener.js';

/** The write model notifies here: comma-separated operation ids that became answerable, or nothing, meaning "poll". */
export const ANSWERS_CHANNEL = 'purser_answers';

export interface AnswersOptions<Id extends string = OperationId> {
  readonly connectionString: string;
  /** Where ids are notified; default `ANSWERS_CHANNEL`. */
  readonly channel?: string;
  /** Which of these can be answered? Called at most every `pollMs`, only while somebody waits. */
  readonly poll: (ids: readonly Id[]) => Promise<readonly Id[]>;
  readonly logger: Logger;
  /** Default 250 ms. */
  readonly pollMs?: number;
  /** Waits held at once; default 20,000. One more returns early, which the port allows. */
  readonly capacity?: number;
}

/** Waiting for whatever has an id and is announced when it ends: operations, settlements. */
export interface ListeningAnswers<Id extends string = OperationId> {
  changed(id: Id, deadlineMs: number): Promise<void>;
  readonly waiting: number;
  /** Lets every waiter return and disconnects. */
  close(): Promise<void>;
}

/** SQL for `poll`: $1 is uuid[]. */
export const ANSWERABLE_SQL =
  'SELECT operation_id FROM operations WHERE operation_id = ANY($1::uuid[]) AND answerable';

/** Decisions notify here: `workspace,approval` pairs. */
export const APPROVALS_CHANNEL = 'purser_approvals';

/** SQL for `poll` of approvals, in case a notification was lost: in which of these workspaces ($1) has one just changed? */
export const CHANGED_APPROVALS_SQL = `SELECT x.id::text AS id FROM unnest($1::uuid[]) AS x(id)
  WHERE EXISTS (SELECT FROM approval a WHERE a.workspace_id = x.id AND a.changed_at > clock_timestamp() - interval '1 second')
     OR EXISTS (SELECT FROM change_request c WHERE c.workspace_id = x.id AND c.changed_at > clock_timestamp() - interval '1 second')`;

const BATCH = 1_000;
/** An id that is announced before its waiter has come is remembered so long, or twice as long. */
const EARLY_MS = 500;
const EARLY_RETURN_MS = 500;

export function createAnswers<Id extends string = OperationId>(
  options: AnswersOptions<Id>,
): ListeningAnswers<Id> {
  const answers = new NotifiedAnswers(options);
  answers.start();
  return answers;
}

class NotifiedAnswers<Id extends string> implements ListeningAnswers<Id> {
  private readonly waiters = new Map<Id, Set<() => void>>();
  private readonly listener: Listener;
  private early: readonly [Set<Id>, Set<Id>] = [new Set(), new Set()];
  private earlySinceMs = 0;
  private count = 0;
  private timer: NodeJS.Timeout | null = null;
  private polling = false;
  private closed = false;

  constructor(private readonly options: AnswersOptions<Id>) {
    const { connectionString, logger, channel = ANSWERS_CHANNEL } = options;
    this.listener = new Listener({
      connectionString,
      channel,
      name: 'purser-answers',
      logger,
      heard: (payload) => this.notified(payload),
      connected: () => void this.poll(),
    });
  }

  get waiting(): number {
    return this.count;
  }

  start(): void {
    this.listener.start();
  }

  changed(id: Id, deadlineMs: number): Promise<void> {
    const left = deadlineMs - Date.now();
    if (left <= 0 || this.closed || this.early.some((ids) => ids.delete(id))) return Promise.resolve();
    if (this.count >= (this.options.capacity ?? 20_000)) return pause(Math.min(left, EARLY_RETURN_MS));
    return new Promise((resolve) => {
      const waiters = this.waiters.get(id) ?? new Set();
      this.waiters.set(id, waiters);
      const done = (): void => {
        if (!waiters.delete(done)) return;
        this.count -= 1;
        clearTimeout(deadline);
        if (waiters.size === 0 && this.waiters.get(id) === waiters) this.waiters.delete(id);
        resolve();
      };
      const deadline = setTimeout(done, left);
      waiters.add(done);
      this.count += 1;
      this.pollLater();
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.timer) clearTimeout(this.timer);
    for (const id of this.waiters.keys()) this.release(id);
    await this.listener.close();
  }

  private release(id: Id): void {
    for (const done of this.waiters.get(id) ?? []) done();
  }

  private pollLater(): void {
    if (this.timer || this.polling || this.closed) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      void this.poll();
    }, this.options.pollMs ?? 250);
  }

  private async poll(): Promise<void> {
    if (this.polling || this.closed) return;
    this.polling = true;
    try {
      const asked = [...this.waiters.keys()];
      for (let start = 0; start < asked.length; start += BATCH) {
        const answerable = await this.options.poll(asked.slice(start, start + BATCH));
        for (const id of answerable) this.release(id);
      }
    } catch (error) {
      this.options.logger.warn({ reason: codeOf(error) }, 'polling for answers failed');
    } finally {
      this.polling = false;
      if (this.waiters.size > 0) this.pollLater();
    }
  }

  private notified(payload: string): void {
    if (payload === '') return void this.poll();
    if (Date.now() - this.earlySinceMs > EARLY_MS) {
      this.early = [new Set(), this.early[0]];
      this.earlySinceMs = Date.now();
    }
    for (const id of payload.split(',') as Id[]) {
      if (this.waiters.has(id)) this.release(id);
      else this.early[0].add(id);
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
