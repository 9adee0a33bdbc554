// The header that says why a token was refused, or that one would help, and where to learn who issues them (RFC 6750, RFC 9728).
import type { ErrorDetails } from '#domain';
import { ERRORS, type ErrorCode } from '#domain';

const ERROR: Partial<Record<ErrorCode, string>> = {
  invalid_token: 'invalid_token',
  insufficient_scope: 'insufficient_scope',
};

/** Null: the answer is not about credentials. `resource` is the path that tokens are made for. */
export function challengeFor(
  { code, details }: { readonly code: ErrorCode; readonly details: ErrorDetails },
  resourceUrl: string,
): string | null {
  const error = ERROR[code];
  if (error === undefined && ERRORS[code].kind !== 'unauthenticated') return null;
  const { scope, reason } = details;
  const { origin, pathname } = new URL(resourceUrl);
  const parts = {
    resource_metadata: `${origin}/.well-known/oauth-protected-resource${pathname}`,
    error,
    error_description: error === 'invalid_token' && typeof reason === 'string' ? reason : undefined,
    scope: error === 'insufficient_scope' && typeof scope === 'string' ? scope : undefined,
  };
  const written = Object.entries(parts).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}="${value}"`],
  );
  return `Bearer ${written.join(', ')}`;
}
