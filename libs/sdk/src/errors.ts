import type { ErrorAnswer, ErrorCode, Operation } from './api-types.js';

/** What the client itself has to say; all other codes are Purser's (docs/errors.md of the server). */
export type ClientErrorCode =
  /** No connection, or it broke. */
  | 'network_error'
  /** No answer, or no outcome, in the time allowed. */
  | 'timeout'
  /** What answered was not Purser: a proxy's page, or another version. */
  | 'invalid_response'
  /** Purser's address redirects. Not followed, since the credentials would go along. */
  | 'unexpected_redirect'
  /** The call was wrong in itself; nothing was sent. */
  | 'invalid_argument'
  /** A person has to approve, and the caller does not wait, or did not wait long enough. */
  | 'approval_pending'
  /** The money moved, and the seller gave nothing that could be handed back for it. */
  | 'paid_not_delivered';

export type Retry = ErrorAnswer['error']['retry'];

export interface PurserErrorFacts {
  readonly code: ErrorCode | ClientErrorCode;
  readonly message: string;
  readonly retry: Retry;
  readonly status?: number | undefined;
  readonly details?: { readonly [name: string]: unknown } | undefined;
  readonly correlationId?: string | undefined;
  readonly operationId?: string | undefined;
  readonly operation?: Operation | undefined;
  readonly cause?: unknown;
}

/** Everything that goes wrong between the caller and Purser, or that Purser refuses. Aborts are not among it: they throw the signal's reason. */
export class PurserError extends Error {
  override readonly name = 'PurserError';
  readonly code: ErrorCode | ClientErrorCode;
  /**
   * What may be done: `same_key` the same call again, `new_key` once the cause is gone and as a new purchase, `after_change` of the call,
   * `poll` the operation or the same call again, `no`.
   */
  readonly retry: Retry;
  /** True when the same call with the same idempotency key may succeed later. It never pays twice. */
  readonly retryable: boolean;
  /** HTTP status; undefined when no answer came. */
  readonly status: number | undefined;
  readonly details: { readonly [name: string]: unknown };
  /** Finds the call in Purser's log. */
  readonly correlationId: string | undefined;
  /** The operation that this is about, if there is one. */
  readonly operationId: string | undefined;
  /** How it stood. */
  readonly operation: Operation | undefined;
  /** The key to repeat the purchase with, also when the client made it up. */
  idempotencyKey: string | undefined = undefined;

  constructor(facts: PurserErrorFacts) {
    super(facts.message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = facts.code;
    this.retry = facts.retry;
    this.retryable = facts.retry === 'same_key' || facts.retry === 'poll';
    this.status = facts.status;
    this.details = facts.details ?? {};
    this.correlationId = facts.correlationId;
    this.operation = facts.operation;
    this.operationId = facts.operationId ?? facts.operation?.operation_id;
  }
}

export const invalidArgument = (message: string): PurserError =>
  new PurserError({ code: 'invalid_argument', message, retry: 'after_change' });

/** An answer that is not a success, as an error. `body` undefined: it was not JSON. */
export function errorOf(status: number, body: unknown): PurserError {
  if (!isErrorAnswer(body))
    return new PurserError({
      code: 'invalid_response',
      message: `Purser was expected, and something else answered with status ${status}.`,
      // A proxy in between may have said so; what is behind it was perhaps not even asked.
      retry: status >= 500 || status === 429 ? 'same_key' : 'no',
      status,
    });
  const { code, message, details, retry, correlation_id } = body.error;
  return new PurserError({
    code,
    message,
    retry,
    status,
    details,
    correlationId: correlation_id,
    operationId: body.operation_id,
    operation: body.operation,
  });
}

function isErrorAnswer(body: unknown): body is ErrorAnswer {
  const { error } = (body ?? {}) as { error?: unknown };
  const { code, retry } = (error ?? {}) as { code?: unknown; retry?: unknown };
  return typeof code === 'string' && typeof retry === 'string';
}
