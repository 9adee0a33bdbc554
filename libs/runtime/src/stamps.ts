// Signatures of approver keys: ECDSA on P-256 with SHA-256, in the one form that clients of hosted signers send. Whatever is not exactly
// that form is refused before any arithmetic.
import { createPublicKey, ECDH, verify, type KeyObject } from 'node:crypto';
import type { StampCheck, StampFault, StampVerifier } from '#engine';

const SCHEME = 'SIGNATURE_SCHEME_TK_API_P256';
const HEADER = 'x-stamp';
const MOST_CHARACTERS = 1_024;
const FIELDS = 'publicKey,scheme,signature';
const COMPRESSED = /^0[23][0-9a-f]{64}$/;
/** DER of two integers of at most 33 bytes each. */
const SIGNATURE = /^30[0-9a-f]{12,142}$/;

export const stampVerifier: StampVerifier = {
  verify({ stampHeaderName, stampHeaderValue }, body) {
    if (stampHeaderName.toLowerCase() !== HEADER) return wrong('header');
    const stamp = read(stampHeaderValue);
    if (stamp === null) return wrong('encoding');
    if (stamp.scheme !== SCHEME) return wrong('scheme');
    const key = keyOf(stamp.publicKey);
    if (key === null) return wrong('public_key');
    if (!SIGNATURE.test(stamp.signature) || stamp.signature.length % 2 === 1) return wrong('signature');
    const signature = Buffer.from(stamp.signature, 'hex');
    const fits = verify('sha256', Buffer.from(body, 'utf8'), { key, dsaEncoding: 'der' }, signature);
    return fits ? { ok: true, publicKey: stamp.publicKey } : wrong('signature');
  },
  isPublicKey: (text) => keyOf(text) !== null,
};

const wrong = (part: StampFault): StampCheck => ({ ok: false, wrong: part });

interface Read {
  readonly publicKey: string;
  readonly scheme: string;
  readonly signature: string;
}

/** Base64url without padding or a stray bit, of JSON with exactly these three texts. */
function read(text: string): Read | null {
  if (text.length > MOST_CHARACTERS || !/^[A-Za-z0-9_-]+$/.test(text)) return null;
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text) return null;
  let stamp: unknown;
  try {
    stamp = JSON.parse(bytes.toString('utf8'));
  } catch {
    return null;
  }
  if (typeof stamp !== 'object' || stamp === null || Array.isArray(stamp)) return null;
  const whole =
    Object.keys(stamp).sort().join() === FIELDS &&
    Object.values(stamp).every((value) => typeof value === 'string');
  return whole ? (stamp as Read) : null;
}

function keyOf(compressed: string): KeyObject | null {
  if (!COMPRESSED.test(compressed)) return null;
  try {
    const point = ECDH.convertKey(compressed, 'prime256v1', 'hex', undefined, 'uncompressed') as Buffer;
    const x = point.subarray(1, 33).toString('base64url');
    const y = point.subarray(33).toString('base64url');
    return createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' });
  } catch {
    return null; // Not a point on the curve.
  }
}
