import type { FastifyRequest } from 'fastify';
import type { Presented } from '#engine';
import type { Dialect } from '../http/dialect.js';
import { renderProblem } from './errors.js';

export const native: Dialect = {
  name: 'native',
  prefixes: ['/purser/v1'],
  credentials: bearerOrKey,
  renderError: renderProblem,
};

/** `Authorization: Bearer prs_...`, or the same key in `x-api-key`. */
function bearerOrKey({ headers }: FastifyRequest): Presented | null {
  const bearer = /^Bearer ([^\s]+)$/i.exec(headers.authorization ?? '')?.[1];
  const key = bearer ?? headers['x-api-key'];
  return typeof key === 'string' ? { kind: 'key', key } : null;
}
