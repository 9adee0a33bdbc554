import type { FastifyRequest } from 'fastify';
import type { Presented } from '#engine';
import { bearerIn } from '../../http/dialect.js';

export const RESOURCE = '/v1/agent';

/** `x-agent-id` and `x-api-key` together, where the key must belong to that agent; or an access token, which names its agent itself. */
export function hightopCredentials({ headers }: FastifyRequest): Presented | null {
  const key = headers['x-api-key'];
  const agentId = headers['x-agent-id'];
  if (typeof key === 'string' && typeof agentId === 'string') return { kind: 'key', key, agentId };
  const token = bearerIn(headers);
  return token === undefined ? null : { kind: 'bearer', token, resource: RESOURCE };
}
