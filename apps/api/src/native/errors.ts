// The native API speaks the catalogue itself; the kind of an error gives its HTTP status. 402 is the seller's word, never ours.
import { ERRORS, type ErrorCode, type ErrorKind } from '#domain';
import type { OperationView } from '#engine';
import type { Problem, Rendered } from '../http/dialect.js';
import { renderError } from './render-error.js';
import { renderOperation } from './render-operation.js';

const STATUS_BY_KIND: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  missing: 404,
  conflict: 409,
  refused: 422,
  failed: 502,
  unknown: 502,
  unavailable: 503,
  internal: 500,
};
const OWN_STATUS: Partial<Record<ErrorCode, number>> = {
  body_too_large: 413,
  idempotency_key_reused: 422,
  rate_limited: 429,
  not_served: 501,
};

export function nativeStatus(code: ErrorCode): number {
  return OWN_STATUS[code] ?? STATUS_BY_KIND[ERRORS[code].kind];
}

export function renderProblem({
  code,
  details,
  correlationId,
}: Pick<Problem, 'code' | 'details' | 'correlationId'>): Rendered {
  const status = nativeStatus(code);
  return {
    status,
    ...(status === 401 ? { headers: { 'www-authenticate': 'Bearer' } } : {}),
    body: {
      error: {
        ...renderError({ code, details }),
        retry: ERRORS[code].retry,
        correlation_id: correlationId,
      },
    },
  };
}

/** An operation that ended unpaid, or whose outcome is not known: the error, with the operation beside it. */
export function renderFailed(view: OperationView, code: ErrorCode, correlationId: string): Rendered {
  // An error may be about another operation; this one's own id stands beside the error.
  const details = {
    operation_id: view.operationId,
    ...view.error?.details,
    ...(view.retryWith ? { retry_with: view.retryWith } : {}),
  };
  const { status, body } = renderProblem({ code, details, correlationId });
  return {
    status,
    body: { ...(body as object), operation_id: view.operationId, operation: renderOperation(view) },
  };
}
