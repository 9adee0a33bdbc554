import type { FastifyRequest } from 'fastify';
import type { Presented } from '#engine';
import type { Dialect } from '../../http/dialect.js';
import { renderProblem } from './errors.js';

export const agentpay: Dialect = {
  name: 'agentpay',
  prefixes: ['/v1/pay', '/v1/spend', '/wallets', '/api-keys'],
  security: [{ apiKey: [] }],
  credentials: keyIn,
  renderError: renderProblem,
};

/** `X-Api-Key`, and `X-Internal-Secret` where an administrator acts. */
function keyIn({ headers }: FastifyRequest): Presented | null {
  const key = headers['x-internal-secret'] ?? headers['x-api-key'];
  return typeof key === 'string' ? { kind: 'key', key } : null;
}
