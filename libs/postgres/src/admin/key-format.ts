// `prs_<env>_<role letter><prefix>_<secret>`. The prefix finds the row and is no secret; the 256 random bits behind it decide.
// The whole text is stored as SHA-256 only: with that much randomness a slow hash would add cost and no safety.
import type { Role } from '#engine';
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { base32 } from './ids.js';

// A letter of the role's name that no other role has taken.
const LETTERS: Readonly<Record<Role, string>> = {
  admin: 'd',
  agent: 'g',
  approver: 'p',
  auditor: 'u',
  seller: 's',
};
const FORMAT = /^prs_[a-z]{1,16}_([dgpsu][0-9a-z]{12})_[A-Za-z0-9_-]{43}$/;
const NOBODY = Buffer.alloc(32);

export interface FreshKey {
  readonly text: string;
  readonly prefix: string;
  readonly hash: Buffer;
}

export function freshKey(environment: string, role: Role): FreshKey {
  const prefix = LETTERS[role] + base32(randomBytes(8), 12);
  const text = `prs_${environment}_${prefix}_${randomBytes(32).toString('base64url')}`;
  return { text, prefix, hash: hashOf(text) };
}

/** The lookup prefix of a presented key; null when it cannot be one of ours. */
export function prefixOf(presented: string): string | null {
  return FORMAT.exec(presented)?.[1] ?? null;
}

/** Takes the same time whether the row exists or not. */
export function matches(presented: string, storedHash: Uint8Array | null): boolean {
  const equal = timingSafeEqual(hashOf(presented), storedHash?.length === 32 ? storedHash : NOBODY);
  return equal && storedHash !== null;
}

function hashOf(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}
