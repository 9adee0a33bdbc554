import type { FastifyRequest } from 'fastify';
import type { PresentedSignature } from '#engine';
import { rawBodyOf } from './json-body.js';

/** `x-agent-id`, `x-agent-auth` and `x-request-timestamp`, with what they sign: method, path without query, and the body as it came. */
export function signatureIn(request: FastifyRequest): PresentedSignature | null {
  const { headers, method, url, body } = request;
  const agentId = headers['x-agent-id'];
  const signature = headers['x-agent-auth'];
  const timestamp = headers['x-request-timestamp'];
  if (typeof agentId !== 'string' || typeof signature !== 'string' || typeof timestamp !== 'string')
    return null;
  const [path = ''] = url.split('?');
  return {
    kind: 'hmac',
    agentId,
    signature,
    timestamp,
    method,
    path,
    body: rawBodyOf(request),
    parsed: body ?? undefined,
  };
}
