// The part of the catalogue about callers and how they prove themselves.
import type { ErrorEntry } from './error-kinds.js';

export const ACCESS_ERRORS = {
  authentication_failed: {
    kind: 'unauthenticated',
    retry: 'after_change',
    says: 'The credentials are missing or wrong.',
  },
  invalid_token: {
    kind: 'unauthenticated',
    retry: 'after_change',
    says: 'The access token is not good here; `reason` tells why where the issuer has signed it. Get a new one.',
  },
  agent_disabled: { kind: 'unauthenticated', retry: 'after_change', says: 'The agent is disabled.' },
  credential_not_usable: {
    kind: 'unauthenticated',
    retry: 'after_change',
    says: 'The credential is the right one and may not be used; `reason` tells why: expired, revoked, address, environment.',
  },
  expired_timestamp: {
    kind: 'unauthenticated',
    retry: 'after_change',
    says: 'The request was signed more than a minute before or after the time here.',
  },
  request_replayed: {
    kind: 'conflict',
    retry: 'after_change',
    says: 'This signed request has been received before; sign it again, with the time as it is now.',
  },
  insufficient_scope: {
    kind: 'forbidden',
    retry: 'after_change',
    says: 'The credential lacks a scope; `scope` names it.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;
