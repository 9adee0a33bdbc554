// From where a request comes. The issuer of this installation asks with a person's key, on behalf of their browser: what counts is where that is,
// or a key that is bound to an address would be good from anywhere, and one person's wrong keys would be everybody's.
import { hash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { ISSUER_HEADERS } from '#runtime';

/**
 * An address. What the issuer says is believed as long as it shows the secret that it shares with us; empty, which is no address and so in
 * nobody's list, if it then says none. From everybody else the headers are as if they were not there.
 */
export function addressOf(
  { ip, headers }: Pick<FastifyRequest, 'ip' | 'headers'>,
  embedded: { readonly secret: string } | null,
): string {
  const shown = headers[ISSUER_HEADERS.secret];
  if (embedded === null || typeof shown !== 'string' || !isSame(shown, embedded.secret)) return ip;
  const said = headers[ISSUER_HEADERS.caller];
  return typeof said === 'string' ? said : '';
}

const isSame = (shown: string, secret: string): boolean =>
  timingSafeEqual(hash('sha256', shown, 'buffer'), hash('sha256', secret, 'buffer'));
