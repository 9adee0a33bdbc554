// Access tokens over this installation's database, where any are good at all.
import type { Authentication, GrantStore, PresentedToken } from '#engine';
import { createTokenCheck, createTokenVerifier, fetchKeys } from '#oauth';
import { systemClock } from './clock.js';
import type { Stores } from './database.js';
import { hashing } from './hashing.js';
import type { OAuthConfig } from './oauth-settings.js';

export interface OAuth {
  /** Where callers reach this API: tokens are made for resources below it. */
  readonly publicUrl: string;
  /** Whose tokens are good. */
  readonly issuers: readonly string[];
  /** The issuer that belongs to this installation: where its process listens, what it proves itself by, and what its clients may do. */
  readonly embedded: {
    readonly url: string;
    readonly secret: string;
    readonly grants: GrantStore;
  } | null;
}

/** With these the embedded issuer says where the person is whose key it shows, and proves that it is the issuer who says so. */
export const ISSUER_HEADERS = { secret: 'x-purser-issuer', caller: 'x-purser-caller' } as const;

export function composeOAuth(config: OAuthConfig | null, { grants }: Pick<Stores, 'grants'>): OAuth | null {
  if (config === null) return null;
  const { publicUrl, issuers } = config;
  const embedded = config.embedded === null ? null : { ...config.embedded, grants };
  return { publicUrl, issuers: issuers.map(({ issuer }) => issuer), embedded };
}

export function composeTokenCheck(
  config: OAuthConfig | null,
  { tokenStandings }: Pick<Stores, 'tokenStandings'>,
): (presented: PresentedToken) => Promise<Authentication> {
  if (config === null) return () => Promise.resolve({ ok: false, code: 'authentication_failed' });
  const { issuers, algorithms, publicUrl } = config;
  const verifier = createTokenVerifier({ issuers, algorithms, fetchKeys, clock: systemClock });
  return createTokenCheck({ verifier, standings: tokenStandings, hashing, publicUrl });
}
