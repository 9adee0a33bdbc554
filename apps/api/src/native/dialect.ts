import type { FastifyRequest } from 'fastify';
import type { Presented } from '#engine';
import { bearerIn, type Dialect } from '../http/dialect.js';
import { renderProblem } from './errors.js';

const RESOURCE = '/purser/v1';

export const native: Dialect = {
  name: 'native',
  prefixes: [RESOURCE],
  resource: RESOURCE,
  credentials: bearerOrKey,
  renderError: renderProblem,
};

/** `Authorization: Bearer prs_...`, or the same key in `x-api-key`; any other bearer is an access token. */
function bearerOrKey({ headers }: FastifyRequest): Presented | null {
  const bearer = bearerIn(headers);
  if (bearer !== undefined && !bearer.startsWith('prs_'))
    return { kind: 'bearer', token: bearer, resource: RESOURCE };
  const key = bearer ?? headers['x-api-key'];
  return typeof key === 'string' ? { kind: 'key', key } : null;
}
