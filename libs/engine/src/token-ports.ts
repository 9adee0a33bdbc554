// Access tokens of OAuth issuers, as the authenticator sees them.
import type { AgentId, WorkspaceId } from '#domain';
import type { AccessScope } from './credentials.js';

/** What a verified access token says. Whether agent and grant are still good is for the database to say. */
export interface AccessToken {
  readonly issuer: string;
  /** Who gave consent, or the client itself. The person behind everything done with the token (S10). */
  readonly subject: string;
  readonly clientId: string;
  readonly workspaceId: WorkspaceId;
  readonly agentId: AgentId;
  /** Of an issuer whose grants are rows of ours; null for all others, whose tokens end by their time alone. */
  readonly grantId: string | null;
  readonly scopes: ReadonlySet<string>;
}

/** Why a token is not good. The second kind is told only of tokens that the issuer has signed: whoever sends one has had it. */
export type TokenFault =
  | 'not_acceptable'
  | 'expired'
  | 'not_yet_valid'
  | 'wrong_audience'
  | 'wrong_type'
  | 'claims_missing'
  | 'lives_too_long'
  | 'workspace_not_allowed';

export type TokenVerification =
  { readonly ok: true; readonly token: AccessToken } | { readonly ok: false; readonly fault: TokenFault };

export interface TokenVerifier {
  /**
   * Checks signature, issuer, audience, times and claims of a presented token.
   * @throws Refusal `issuer_unavailable` when the issuer's keys cannot be had: then nothing can be said about the token.
   */
  verify(token: string, audience: string): Promise<TokenVerification>;
}

export interface TokenStanding {
  /** `unknown`: not in the workspace that the token names. */
  readonly agent: 'active' | 'disabled' | 'unknown';
  /** The token's own grant while it stands; null: it names none, or one that has been revoked or is another agent's. */
  readonly grant: { readonly person: string; readonly scopes: readonly AccessScope[] } | null;
}

export interface TokenStandings {
  /** What holds now. */
  of(token: Pick<AccessToken, 'workspaceId' | 'agentId' | 'grantId'>): Promise<TokenStanding>;
}
