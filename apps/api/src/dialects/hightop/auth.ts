import type { IncomingHttpHeaders } from 'node:http';
import type { Credentials } from '../../http/dialect.js';

/** `x-agent-id` and `x-api-key` together; the key must belong to that agent. */
export function hightopCredentials(headers: IncomingHttpHeaders): Credentials | null {
  const key = headers['x-api-key'];
  const agentId = headers['x-agent-id'];
  return typeof key === 'string' && typeof agentId === 'string' ? { key, agentId } : null;
}
