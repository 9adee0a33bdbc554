import { ERRORS, suggestionFor, type ErrorCode, type ErrorDetails, type RetryAdvice } from '#domain';
import type { OperationView } from '#engine';
import type { Problem, Rendered } from '../../http/dialect.js';
import { HIGHTOP_ERRORS } from './errors.js';

const REMEDIATION: Readonly<Record<RetryAdvice, string>> = {
  same_key: 'Retry later with the same Idempotency-Key.',
  new_key: 'Fix the cause, then send a new request with a new Idempotency-Key.',
  after_change: 'Correct the request and send it again.',
  poll: 'Poll the operation, or repeat the request with the same Idempotency-Key; nothing is paid twice.',
  no: 'Do not retry.',
};

export function renderProblem({ code, details, correlationId }: Problem): Rendered {
  return errorBody(code, { ...details, ...(code === 'internal' ? { correlation_id: correlationId } : {}) });
}

/** An operation that ended, or whose outcome is not known: the error with the operation to look at. */
export function renderFailed(view: OperationView, code: ErrorCode, details: ErrorDetails = {}): Rendered {
  const about: ErrorDetails = {
    operation_id: view.operationId,
    ...details,
    ...(view.retryWith ? { retry_with: view.retryWith } : {}),
  };
  const { status, body } = errorBody(code, about);
  return { status, body: { ...body, operation_id: view.operationId } };
}

function errorBody(code: ErrorCode, details: ErrorDetails): { status: number; body: object } {
  const { status, code: theirs, refine } = HIGHTOP_ERRORS[code];
  const { says, retry } = ERRORS[code];
  return {
    status,
    body: {
      ok: false,
      error: {
        code: refine?.(details) ?? theirs,
        message: says,
        details: { cause: code, ...details, suggestion: suggestionFor(code, details) },
        remediation: REMEDIATION[retry],
      },
    },
  };
}
