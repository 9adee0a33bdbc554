// The one form of every answer: success, message, data, statusCode, timestamp, path; of a refusal the same without data, and beside it our code.
import { ERRORS, suggestionFor, type ErrorCode, type ErrorDetails } from '#domain';
import type { FastifyRequest } from 'fastify';
import type { ApiCore } from '../../core.js';
import type { Problem, Rendered } from '../../http/dialect.js';
import { pathOf } from '../../http/error.filter.js';
import { insteadOf } from './unserved.js';
import { failedLayersOf, RELAYER_ERRORS } from './errors.js';

export const iso = (ms: number): string => new Date(ms).toISOString();
export const maybeIso = (ms: number | null): string | null => (ms === null ? null : iso(ms));

/** Where and when something is answered. */
export interface Place {
  readonly path: string;
  readonly atMs: number;
}

export const placeOf = ({ ports }: Pick<ApiCore, 'ports'>, { url }: FastifyRequest): Place => ({
  path: pathOf(url),
  atMs: ports.clock.nowMs(),
});

export function success({ path, atMs }: Place, { status = 200, message, data, meta }: Said): object {
  return {
    success: true,
    message,
    data,
    ...(meta === undefined ? {} : { meta }),
    statusCode: status,
    timestamp: iso(atMs),
    path,
  };
}

export interface Said {
  /** 200 when absent. */
  readonly status?: number;
  readonly message: string;
  readonly data: unknown;
  /** Of lists. */
  readonly meta?: object;
}

export function renderProblem({ code, details, correlationId, path, atMs }: Problem): Rendered {
  const instead = code === 'not_found' && details['object'] === 'route' ? insteadOf(path) : undefined;
  if (instead !== undefined) return refusal({ path, atMs }, 'not_served', { instead });
  return refusal(
    { path, atMs },
    code,
    code === 'internal' ? { ...details, correlation_id: correlationId } : details,
  );
}

const inTheirNames = (details: ErrorDetails): ErrorDetails =>
  details['field'] === 'idempotency_key' ? { ...details, field: 'idempotencyKey' } : details;

/** `details.cause` is the catalogue's own, finer code. */
export function refusal({ path, atMs }: Place, code: ErrorCode, details: ErrorDetails): Rendered {
  const { status, code: theirs } = RELAYER_ERRORS[code];
  const { says, retry } = ERRORS[code];
  const failedLayers = failedLayersOf(code, details);
  return {
    status,
    body: {
      success: false,
      message: says,
      code: theirs,
      ...(failedLayers === null ? {} : { failedLayers }),
      details: { cause: code, retry, ...inTheirNames(details), suggestion: suggestionFor(code, details) },
      statusCode: status,
      timestamp: iso(atMs),
      path,
    },
  };
}
