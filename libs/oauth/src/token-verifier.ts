// Access tokens as RFC 9068 writes them: JWTs of type `at+jwt`, signed by an issuer of our configuration with one of a fixed list of algorithms,
// made for exactly the resource they are shown to. Issuer and key come from our configuration, never from the token (safety.md T35).
import { parseAgentId, parseWorkspaceId, Refusal, type AgentId, type WorkspaceId } from '#domain';
import type { AccessToken, Clock, TokenFault, TokenVerification, TokenVerifier } from '#engine';
import { decodeJwt, errors, jwtVerify, type JWTPayload } from 'jose';
import type { Algorithm } from './algorithms.js';
import { IssuerKeys, type FetchKeys } from './issuer-keys.js';

export interface Issuer {
  /** Exactly the tokens' `iss`. */
  readonly issuer: string;
  readonly jwksUrl: string;
  /** The only workspaces this issuer may speak for; null: all of them. */
  readonly workspaces: readonly WorkspaceId[] | null;
  /** Its grants are rows of ours: a token without one is not its own. */
  readonly grants: boolean;
}

export interface TokenVerifierOptions {
  readonly issuers: readonly Issuer[];
  readonly algorithms: readonly Algorithm[];
  readonly fetchKeys: FetchKeys;
  readonly clock: Clock;
}

/** Longer ones are not looked at. Real ones have one or two thousand characters. */
const LONGEST_TOKEN = 8_192;
const CLOCK_TOLERANCE_SEC = 30;
/** A token cannot be called back at an issuer that is not ours, so it must end by itself. */
const LONGEST_LIFE_SEC = 24 * 3600;
const REFUSED: TokenVerification = { ok: false, fault: 'not_acceptable' };

export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { clock, fetchKeys } = options;
  const algorithms = [...options.algorithms];
  const known = new Map(
    options.issuers.map((issuer) => [
      issuer.issuer,
      { issuer, keys: new IssuerKeys({ jwksUrl: issuer.jwksUrl, fetchKeys, clock }) },
    ]),
  );

  return {
    async verify(token, audience) {
      const found = token.length > LONGEST_TOKEN ? undefined : known.get(claimedIssuer(token) ?? '');
      if (found === undefined) return REFUSED;
      const { issuer, keys } = found;
      try {
        const { payload } = await jwtVerify(token, (header) => keys.keyFor(header), {
          algorithms,
          issuer: issuer.issuer,
          audience,
          typ: 'at+jwt',
          requiredClaims: ['exp', 'iat', 'sub', 'client_id'],
          clockTolerance: CLOCK_TOLERANCE_SEC,
          currentDate: new Date(clock.nowMs()),
        });
        return read(payload, issuer);
      } catch (error) {
        if (error instanceof Refusal) throw error;
        return { ok: false, fault: faultOf(error) };
      }
    },
  };
}

/** Only picks one of our own issuers; the signature then has to be that issuer's. */
function claimedIssuer(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

function read(payload: JWTPayload, { issuer, workspaces, grants }: Issuer): TokenVerification {
  const { sub, exp = 0, iat = 0 } = payload;
  if (exp - iat > LONGEST_LIFE_SEC) return { ok: false, fault: 'lives_too_long' };
  // Without a scope it may do nothing.
  const { client_id: clientId, scope = '', grant_id: grant } = payload;
  const whose = whoseMoney(payload);
  const grantId = typeof grant === 'string' && grant !== '' ? grant : null;
  if (whose === null || !isName(sub) || !isName(clientId) || typeof scope !== 'string')
    return { ok: false, fault: 'claims_missing' };
  if (grants && grantId === null) return { ok: false, fault: 'claims_missing' };
  if (workspaces !== null && !workspaces.includes(whose.workspaceId))
    return { ok: false, fault: 'workspace_not_allowed' };
  const scopes = new Set(scope.split(' ').filter((it) => it !== ''));
  const token: AccessToken = {
    ...whose,
    issuer,
    subject: sub,
    clientId,
    grantId: grants ? grantId : null,
    scopes,
  };
  return { ok: true, token };
}

const isName = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= 200;

function whoseMoney(payload: JWTPayload): { workspaceId: WorkspaceId; agentId: AgentId } | null {
  try {
    return {
      workspaceId: parseWorkspaceId(payload['workspace_id']),
      agentId: parseAgentId(payload['agent_id']),
    };
  } catch {
    return null;
  }
}

/** jose checks the signature before any claim, so a fault of a claim is one of a token that the issuer has signed. */
function faultOf(error: unknown): TokenFault {
  if (error instanceof errors.JWTExpired) return 'expired';
  if (!(error instanceof errors.JWTClaimValidationFailed)) return 'not_acceptable';
  if (error.claim === 'nbf') return 'not_yet_valid';
  if (error.claim === 'aud') return 'wrong_audience';
  if (error.claim === 'typ') return 'wrong_type';
  return error.reason === 'missing' ? 'claims_missing' : 'not_acceptable';
}
