import type { CancelDto, Operation, OperationEvents, Operations, Routes, SubmitDto } from './api-types.js';
import { sleep } from './environment.js';
import { PurserError } from './errors.js';
import { everyItem } from './paging.js';
import type { CallOptions, KeyedOptions, Transport } from './transport.js';

export type OperationFilter = Omit<Routes['GET /purser/v1/operations']['query'], 'cursor' | 'limit'>;

export interface PageOptions extends CallOptions {
  readonly cursor?: string | undefined;
  /** Items per page, 1 to 100. */
  readonly limit?: number | undefined;
}

export interface WaitOptions extends CallOptions {
  /** When to stop waiting; `answered` when absent. */
  readonly until?: ((operation: Operation) => boolean) | undefined;
  /** How long at most; two minutes when absent. */
  readonly timeoutMs?: number | undefined;
  /** Told each time the operation has changed, the first look included. */
  readonly onUpdate?: ((operation: Operation) => void) | undefined;
}

const WAIT_MS = 120_000;
const FIRST_POLL_MS = 250;
const LONGEST_POLL_MS = 5_000;

/** There is an answer: delivered, refused, failed, or for somebody to look at. Waiting for a person is none. */
export const answered = (operation: Operation): boolean =>
  operation.answerable && operation.status !== 'awaiting_approval';

const ENDS: ReadonlySet<Operation['status']> = new Set([
  'settled',
  'failed',
  'refused',
  'rejected',
  'expired',
  'cancelled',
]);
/** Nothing about it changes any more: the chain has decided, or nothing was ever signed. */
export const final = ({ status }: Operation): boolean => ENDS.has(status);

export class OperationCalls {
  constructor(private readonly transport: Transport) {}

  /**
   * Opens an operation, or finds the one the key belongs to. Without `wait_ms` it is answered at once and goes on by itself.
   * @throws PurserError also for an operation that has ended unpaid, or whose outcome is not known; `operation` tells how it stands
   */
  submit(
    input: SubmitDto,
    { idempotencyKey, signal, deadlineMs }: KeyedOptions & { readonly deadlineMs?: number | undefined },
  ): Promise<Routes['POST /purser/v1/operations']['answer']> {
    const waitMs = input.wait_ms ?? 0;
    const options = { idempotencyKey, signal, waitMs, deadlineMs };
    return this.transport.call('POST /purser/v1/operations', { body: input, ...options });
  }

  get(id: string, { signal }: CallOptions = {}): Promise<Operation> {
    return this.transport.call('GET /purser/v1/operations/{id}', { id, signal });
  }

  /** The operation that a key of the calling agent belongs to; undefined when the key was never used. */
  async findByKey({ idempotencyKey, signal }: KeyedOptions): Promise<Operation | undefined> {
    try {
      return await this.transport.call('GET /purser/v1/operations/by-key', { idempotencyKey, signal });
    } catch (error) {
      if (error instanceof PurserError && error.code === 'not_found') return undefined;
      throw error;
    }
  }

  /** Newest first. An agent sees its own. */
  list(filter: OperationFilter = {}, options: CallOptions = {}): AsyncGenerator<Operation, void, undefined> {
    return everyItem((cursor) => this.page(filter, { ...options, cursor }));
  }

  page(filter: OperationFilter = {}, { signal, cursor, limit }: PageOptions = {}): Promise<Operations> {
    const query = { ...filter, cursor, limit: limit?.toString() };
    return this.transport.call('GET /purser/v1/operations', { query, signal });
  }

  async events(id: string, { signal }: CallOptions = {}): Promise<OperationEvents['items']> {
    return (await this.transport.call('GET /purser/v1/operations/{id}/events', { id, signal })).items;
  }

  /** Before anything is signed it ends the operation; afterwards only `on_chain` may, and the chain decides. @throws PurserError `too_late` */
  cancel(id: string, input: CancelDto = {}, { signal }: CallOptions = {}): Promise<Operation> {
    return this.transport.call('POST /purser/v1/operations/{id}/cancel', { id, body: input, signal });
  }

  /**
   * Polls, ever slower, until the operation is as wanted. While Purser is away it goes on trying.
   * @throws PurserError `timeout` or `approval_pending` with the operation as it stands, once time is up; the operation itself goes on
   */
  async waitFor(id: string, options: WaitOptions = {}): Promise<Operation> {
    const { until = answered, timeoutMs = WAIT_MS, onUpdate, signal } = options;
    const { environment } = this.transport;
    const deadlineMs = environment.nowMs() + timeoutMs;
    let seen = -1;
    for (let pauseMs = FIRST_POLL_MS; ; pauseMs = Math.min(pauseMs * 1.5, LONGEST_POLL_MS)) {
      const found = await this.lookAt(id, { signal });
      if (!(found instanceof PurserError)) {
        if (found.version !== seen) onUpdate?.(found);
        seen = found.version;
        if (until(found)) return found;
      }
      const leftMs = deadlineMs - environment.nowMs();
      if (leftMs <= 0) throw found instanceof PurserError ? found : notYet(found, timeoutMs);
      const jittered = pauseMs * (0.75 + environment.random() / 4);
      await sleep(environment, Math.min(jittered, leftMs), signal);
    }
  }

  /** The operation, or why it cannot be seen right now. @throws what waiting does not mend */
  private async lookAt(id: string, options: CallOptions): Promise<Operation | PurserError> {
    try {
      return await this.get(id, options);
    } catch (error) {
      const passing = error instanceof PurserError && error.retry === 'same_key';
      if (passing && (error.status === undefined || error.status >= 500 || error.status === 429))
        return error;
      throw error;
    }
  }
}

/** Time is up, and nothing is lost: the operation goes on, and the same call finds it again. */
export function notYet(operation: Operation, waitedMs: number): PurserError {
  if (operation.status !== 'awaiting_approval')
    return new PurserError({
      code: 'timeout',
      message: `The operation is ${operation.status} and was waited for ${waitedMs} ms.`,
      retry: 'poll',
      operation,
    });
  return new PurserError({
    code: 'approval_pending',
    message: 'A person has to approve this payment first.',
    retry: 'poll',
    details: { ...operation.approval },
    operation,
  });
}
