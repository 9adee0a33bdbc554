import { randomBytes } from 'node:crypto';

// Crockford's alphabet in lower case: sorts like the number, no letter to be mistaken for a digit.
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** `<prefix>_` and a UUID v7 in base32: sortable by time of making, unique by 74 random bits. */
export function newId<Prefix extends string>(prefix: Prefix, nowMs = Date.now()): `${Prefix}_${string}` {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return `${prefix}_${base32(bytes, 26)}`;
}

/** The bytes as one number, in `digits` base32 digits. */
export function base32(bytes: Uint8Array, digits: number): string {
  let number = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  let text = '';
  for (let digit = 0; digit < digits; digit += 1) {
    text = (ALPHABET[Number(number & 31n)] ?? '') + text;
    number >>= 5n;
  }
  return text;
}
