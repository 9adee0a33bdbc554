// `prs_<env>_<letter><prefix>_<secret>`. The prefix finds the row and is no secret; the 256 random bits behind it decide.
// A key's whole text is stored as SHA-256 only: with that much randomness a slow hash would add cost and no safety.
import type { CredentialKind, Role } from '#engine';
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { base32 } from './ids.js';

// A letter of the role's name that no other role has taken, and `h` for the secrets that agents sign with.
const LETTERS: Readonly<Record<Role, string>> = {
  admin: 'd',
  agent: 'g',
  approver: 'p',
  auditor: 'u',
  backend: 'b',
  seller: 's',
};
const SIGNING = 'h';
const FORMAT = /^prs_([a-z]{1,16})_([bdghpsu][0-9a-z]{12})_[A-Za-z0-9_-]{43}$/;
const NOBODY = Buffer.alloc(32);

export interface FreshSecret {
  readonly text: string;
  readonly prefix: string;
}

export function freshSecret(environment: string, role: Role, kind: CredentialKind): FreshSecret {
  const letter = kind === 'hmac' ? SIGNING : LETTERS[role];
  const prefix = letter + base32(randomBytes(8), 12);
  return { prefix, text: `prs_${environment}_${prefix}_${randomBytes(32).toString('base64url')}` };
}

/** What a key says about itself; null when it cannot be one of ours. */
export function readKey(text: string): { readonly environment: string; readonly prefix: string } | null {
  const [, environment, prefix] = FORMAT.exec(text) ?? [];
  return environment === undefined || prefix === undefined ? null : { environment, prefix };
}

/** Takes the same time whether the row exists or not. */
export function matches(presented: string, storedHash: Uint8Array | null): boolean {
  const equal = timingSafeEqual(hashOf(presented), storedHash?.length === 32 ? storedHash : NOBODY);
  return equal && storedHash !== null;
}

export function hashOf(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}
