// Lets a waiting request learn that its operation can be answered, at a cost per process and not per request: one LISTEN connection
// and one batched poll (ruling 22). Both only hint; whoever waits reads the operation again. So a lost notification costs a quarter
// of a second, and a lost database costs the wait, never a wrong answer.
import type { OperationId } from '#domain';
import type { Answers, Logger } from '#engine';
import pg from 'pg';

/** The write model notifies here: comma-separated operation ids that became answerable, or nothing, meaning "poll". */
export const ANSWERS_CHANNEL = 'purser_answers';

export interface AnswersOptions {
  readonly connectionString: string;
  /** Which of these can be answered? Called at most every `pollMs`, only while somebody waits. */
  readonly poll: (operationIds: readonly OperationId[]) => Promise<readonly OperationId[]>;
  readonly logger: Logger;
  /** Default 250 ms. */
  readonly pollMs?: number;
  /** Waits held at once; default 20,000. One more returns early, which the port allows. */
  readonly capacity?: number;
}

export interface ListeningAnswers extends Answers {
  readonly waiting: number;
  /** Lets every waiter return and disconnects. */
  close(): Promise<void>;
}

/** SQL for `poll`: $1 is uuid[]. */
export const ANSWERABLE_SQL =
  'SELECT operation_id FROM operations WHERE operation_id = ANY($1::uuid[]) AND answerable';

const BATCH = 1_000;
const MAX_RECONNECT_MS = 2_000;
const CONNECT_TIMEOUT_MS = 3_000;
const EARLY_RETURN_MS = 500;

export function createAnswers(options: AnswersOptions): ListeningAnswers {
  const answers = new NotifiedAnswers(options);
  answers.start();
  return answers;
}

class NotifiedAnswers implements ListeningAnswers {
  private readonly waiters = new Map<OperationId, Set<() => void>>();
  private count = 0;
  private client: pg.Client | null = null;
  private reconnectMs = 50;
  private timer: NodeJS.Timeout | null = null;
  private polling = false;
  private closed = false;

  constructor(private readonly options: AnswersOptions) {}

  get waiting(): number {
    return this.count;
  }

  start(): void {
    void this.listen();
  }

  changed(operationId: OperationId, deadlineMs: number): Promise<void> {
    const left = deadlineMs - Date.now();
    if (left <= 0 || this.closed) return Promise.resolve();
    if (this.count >= (this.options.capacity ?? 20_000)) return pause(Math.min(left, EARLY_RETURN_MS));
    return new Promise((resolve) => {
      const waiters = this.waiters.get(operationId) ?? new Set();
      this.waiters.set(operationId, waiters);
      const done = (): void => {
        if (!waiters.delete(done)) return;
        this.count -= 1;
        clearTimeout(deadline);
        if (waiters.size === 0 && this.waiters.get(operationId) === waiters) this.waiters.delete(operationId);
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
    for (const operationId of this.waiters.keys()) this.release(operationId);
    const { client } = this;
    this.client = null;
    await client?.end().catch(() => undefined);
  }

  private release(operationId: OperationId): void {
    for (const done of this.waiters.get(operationId) ?? []) done();
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
        for (const operationId of answerable) this.release(operationId);
      }
    } catch (error) {
      this.options.logger.warn({ reason: codeOf(error) }, 'polling for answers failed');
    } finally {
      this.polling = false;
      if (this.waiters.size > 0) this.pollLater();
    }
  }

  private async listen(): Promise<void> {
    if (this.closed) return;
    const client = new pg.Client({
      connectionString: this.options.connectionString,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      application_name: 'purser-answers',
    });
    let lost = false;
    const reconnect = (error?: unknown): void => {
      if (lost) return;
      lost = true;
      client.end().catch(() => undefined);
      if (this.closed) return;
      this.options.logger.warn({ reason: codeOf(error) }, 'listening for answers was interrupted');
      setTimeout(() => void this.listen(), this.reconnectMs).unref();
      this.reconnectMs = Math.min(MAX_RECONNECT_MS, this.reconnectMs * 2);
    };
    client.on('error', reconnect);
    client.on('end', reconnect);
    client.on('notification', ({ payload }) => this.notified(payload ?? ''));
    try {
      await client.connect();
      await client.query(`LISTEN ${ANSWERS_CHANNEL}`);
    } catch (error) {
      return reconnect(error);
    }
    if (this.closed) return void client.end().catch(() => undefined);
    this.client = client;
    this.reconnectMs = 50;
    void this.poll(); // Whatever was notified while nobody listened.
  }

  private notified(payload: string): void {
    if (payload === '') return void this.poll();
    for (const operationId of payload.split(',')) this.release(operationId as OperationId);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** A SQLSTATE or system code; messages may hold connection strings. */
function codeOf(error: unknown): string {
  return (error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined) ?? 'unknown';
}
