// Requests signed by agents (the Relayer dialect; test vectors in docs/dialects/relayer.md): lower-case hex of HMAC-SHA256, keyed with the
// text of the secret, over METHOD + path without query + timestamp + hex SHA-256 of the body, with nothing between them.
import type { PresentedSignature } from '#engine';
import { createHmac, hash, timingSafeEqual } from 'node:crypto';

export type Signable = Pick<PresentedSignature, 'method' | 'path' | 'timestamp' | 'body' | 'parsed'>;

const SIGNATURE = /^[0-9a-f]{64}$/;
const TIMESTAMP = /^[0-9]{1,16}$/;
/** Before or after our time. */
const WINDOW_SEC = 60;

export function isSignature({ signature, timestamp }: PresentedSignature): boolean {
  return SIGNATURE.test(signature) && TIMESTAMP.test(timestamp);
}

/** Compares in constant time, and takes the same time for a wrong secret as for a wrong signature. */
export function signatureMatches(
  secret: string,
  presented: Signable & { readonly signature: string },
): boolean {
  const sent = Buffer.from(presented.signature, 'latin1');
  return bodyHashes(presented).some((bodyHash) =>
    timingSafeEqual(Buffer.from(signatureOver(secret, presented, bodyHash), 'latin1'), sent),
  );
}

export function isTimely({ timestamp }: Pick<PresentedSignature, 'timestamp'>, nowSec: number): boolean {
  return Math.abs(nowSec - Number(timestamp)) <= WINDOW_SEC;
}

/** The signature of a request as a client computes it: over the bytes it sends. */
export function signRequest(
  secret: string,
  request: {
    readonly method: string;
    readonly path: string;
    readonly timestamp: string;
    readonly body: string;
  },
): string {
  return signatureOver(secret, request, hash('sha256', request.body, 'hex'));
}

function signatureOver(
  secret: string,
  { method, path, timestamp }: Pick<Signable, 'method' | 'path' | 'timestamp'>,
  bodyHash: string,
): string {
  return createHmac('sha256', secret)
    .update(method.toUpperCase() + path + timestamp + bodyHash)
    .digest('hex');
}

/**
 * Of the bytes that came; of what they mean, written without spaces, as clients sign who hash another text than they send; of nothing, where
 * the object has no keys. What is acted on is the meaning, and none of these stands for two meanings.
 */
function bodyHashes({ body, parsed }: Pick<Signable, 'body' | 'parsed'>): readonly string[] {
  const hashes = [hash('sha256', body, 'hex')];
  if (parsed === undefined) return hashes;
  const compact = JSON.stringify(parsed);
  hashes.push(hash('sha256', compact === '{}' ? '' : compact, 'hex'));
  return hashes;
}
