import type { FastifyRequest } from 'fastify';
import type { Presented } from '#engine';
import { bearerIn } from '../../http/dialect.js';

export const RESOURCE = '/v1/agent';

/** `x-agent-id` and `x-api-key` together, where the key must belong to that agent; or an access token, which names its agent itself. */
export function hightopCredentials(request: FastifyRequest): Presented | null {
  const presented = agentKey(request);
  if (presented !== null) return presented;
  const token = bearerIn(request.headers);
  return token === undefined ? null : { kind: 'bearer', token, resource: RESOURCE };
}

export function agentKey({ headers }: FastifyRequest): Presented | null {
  const key = headers['x-api-key'];
  const agentId = headers['x-agent-id'];
  return typeof key === 'string' && typeof agentId === 'string' ? { kind: 'key', key, agentId } : null;
}
