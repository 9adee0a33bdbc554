import type { FastifyRequest } from 'fastify';
import type { Presented } from '#engine';
import { signatureIn } from '../../http/signed-request.js';

/** A request signed by an agent, or `Authorization: ApiKey` of a backend or a person. Two proofs at once are none. */
export function relayerCredentials(request: FastifyRequest): Presented | null {
  const { authorization, 'x-agent-auth': signature } = request.headers;
  if (signature !== undefined) return authorization === undefined ? signatureIn(request) : null;
  const key = /^ApiKey ([^\s]+)$/i.exec(authorization ?? '')?.[1];
  return key === undefined ? null : { kind: 'key', key };
}
