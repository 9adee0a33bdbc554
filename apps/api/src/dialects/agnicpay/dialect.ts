import type { FastifyRequest } from 'fastify';
import type { Presented } from '#engine';
import { bearerIn, type Dialect } from '../../http/dialect.js';
import { renderProblem } from './errors.js';

export const agnicpay: Dialect = {
  name: 'agnicpay',
  prefixes: ['/api'],
  security: [{ agnicToken: [] }, { bearer: [] }],
  credentials: tokenIn,
  renderError: renderProblem,
};

/** A token is a key; clients of the vendor also send it as a bearer. Two that differ are nobody's. */
function tokenIn({ headers }: FastifyRequest): Presented | null {
  const own = headers['x-agnic-token'];
  const bearer = bearerIn(headers);
  const key = typeof own === 'string' ? own : bearer;
  if (key === undefined || (bearer !== undefined && bearer !== key)) return null;
  return { kind: 'key', key };
}
