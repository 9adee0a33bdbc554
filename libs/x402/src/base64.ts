import { ChallengeError } from './challenge-error.js';

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/**
 * Base64 text into UTF-8 text. The url-safe alphabet and missing padding are accepted, invalid UTF-8 is not:
 * the packages' own decoder would put replacement characters in its place.
 * @throws ChallengeError `malformed_base64`
 */
export function decodeBase64Text(encoded: string): string {
  const trimmed = encoded.trim();
  if (!BASE64.test(trimmed)) throw new ChallengeError('malformed_base64');
  try {
    const standard = trimmed.replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(standard), (character) => character.charCodeAt(0));
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ChallengeError('malformed_base64');
  }
}
