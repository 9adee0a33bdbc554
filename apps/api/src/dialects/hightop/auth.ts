import type { FastifyRequest } from 'fastify';
import type { Presented } from '#engine';

/** `x-agent-id` and `x-api-key` together; the key must belong to that agent. */
export function hightopCredentials({ headers }: FastifyRequest): Presented | null {
  const key = headers['x-api-key'];
  const agentId = headers['x-agent-id'];
  return typeof key === 'string' && typeof agentId === 'string' ? { kind: 'key', key, agentId } : null;
}
