// Access tokens over this installation's database, where any are good at all.
import type { Authentication, GrantStore, PresentedToken } from '#engine';
import { createTokenCheck, createTokenVerifier, fetchKeys } from '#oauth';
import { systemClock } from './clock.js';
import type { Stores } from './database.js';
import { hashing } from './hashing.js';
import type { OAuthConfig } from './oauth-settings.js';

export interface OAuth {
  readonly publicUrl: string;
  readonly issuers: readonly string[];
  readonly embedded: { readonly url: string; readonly grants: GrantStore } | null;
}

export function composeOAuth(config: OAuthConfig | null, { grants }: Pick<Stores, 'grants'>): OAuth | null {
  if (config === null) return null;
  const { publicUrl, issuers, embeddedUrl } = config;
  const embedded = embeddedUrl === null ? null : { url: embeddedUrl, grants };
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
