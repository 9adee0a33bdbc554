import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Refusal, refuse } from '#domain';
import type { Logger } from '#engine';
import { challengeFor } from '../oauth/challenge.js';
import type { Dialects } from './dialects.js';
import { send } from './send.js';

/** The one place where an error becomes an answer. What is not a refusal is logged with its cause and shown only as a correlation id. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly answering: ErrorAnswering) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    answerError(this.answering, error, request, http.getResponse<FastifyReply>());
  }
}

export interface ErrorAnswering {
  readonly logger: Logger;
  readonly dialects: Dialects;
  /** Root of the resources that access tokens are made for; null: none is good here. */
  readonly publicUrl: string | null;
  readonly nowMs: () => number;
}

export function answerError(
  { logger, dialects, publicUrl, nowMs }: ErrorAnswering,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  if (reply.sent) return;
  const { code, details } = refusalOf(error);
  if (code === 'internal' || code === 'database_unavailable' || code === 'chain_unavailable')
    logger.error({ correlation_id: request.id, route: request.routeOptions?.url, error }, 'request failed');
  // What is refused before there is a route has passed no hook.
  reply.header('x-request-id', request.id);
  const dialect = dialects.of(request);
  const rendered = dialect.renderError({
    code,
    details,
    correlationId: request.id,
    path: pathOf(request.url),
    atMs: nowMs(),
  });
  if (rendered.status === 503) reply.header('retry-after', '1');
  const challenge =
    publicUrl === null || dialect.resource === undefined
      ? null
      : challengeFor({ code, details }, `${publicUrl}${dialect.resource}`);
  send(
    reply,
    challenge === null
      ? rendered
      : { ...rendered, headers: { ...rendered.headers, 'www-authenticate': challenge } },
  );
}

export const pathOf = (url: string): string => url.split('?')[0] ?? '';

export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (!(error instanceof Error)) return refuse('internal');
  if (error.name === 'RpcError') return refuse('chain_unavailable');
  if (error.name === 'SignerUnavailableError') return refuse('signer_unavailable');
  if (error.name === 'WalletRefusedError' && 'reason' in error)
    return refuse('validation_failed', { field: 'private_key', reason: String(error.reason) });
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return (
    FASTIFY[code] ??
    (databaseIsAway(error, code) ? refuse('database_unavailable') : undefined) ??
    ofHttpStatus(error) ??
    refuse('internal')
  );
}

const FASTIFY: Readonly<Record<string, Refusal>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: refuse('body_too_large', { limit_bytes: 65_536 }),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: refuse('validation_failed', {
    field: 'content-type',
    reason: 'not_application_json',
  }),
  FST_ERR_CTP_INVALID_JSON_BODY: refuse('validation_failed', { field: 'body', reason: 'not_json' }),
};

/**
 * SQLSTATE classes 08 (connection), 57P (shutdown), 53 (resources), a lock or an answer that did not come in time (55P03, 57014), and what the
 * driver says when nobody answers.
 */
function databaseIsAway(error: Error, code: string): boolean {
  return (
    /^(08|57P|53|55P03$|57014$)/.test(code) ||
    ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'ENOENT'].includes(code) ||
    /connection (terminated|ended)|client has encountered a connection error|timeout exceeded when trying to connect|query read timeout/i.test(
      error.message,
    )
  );
}

/** Of Nest (no such route) and Fastify (malformed request). */
function ofHttpStatus(error: Error): Refusal | undefined {
  const status = error instanceof HttpException ? error.getStatus() : statusIn(error);
  if (status === 404) return refuse('not_found', { object: 'route' });
  if (status === 413) return FASTIFY['FST_ERR_CTP_BODY_TOO_LARGE'];
  if (status === 415) return FASTIFY['FST_ERR_CTP_INVALID_MEDIA_TYPE'];
  if (status !== undefined && status >= 400 && status < 500)
    return refuse('validation_failed', { field: 'body', reason: 'malformed' });
  return undefined;
}

function statusIn(error: Error): number | undefined {
  return 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : undefined;
}
