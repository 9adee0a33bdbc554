// From a presented token to a caller: what its issuer signed, narrowed down by what the database says now.
import {
  ACCESS_SCOPES,
  type AccessToken,
  type Authentication,
  type Hashing,
  type PresentedToken,
  type TokenStandings,
  type TokenVerifier,
} from '#engine';

export interface TokenCheckDeps {
  readonly verifier: TokenVerifier;
  readonly standings: TokenStandings;
  readonly hashing: Hashing;
  /** Root of the resources that tokens are made for. */
  readonly publicUrl: string;
}

const refused = (reason?: string): Authentication => ({
  ok: false,
  code: 'invalid_token',
  details: reason === undefined ? {} : { reason },
});

/** A token speaks for one agent: whatever it was given, the agent's budgets and policy hold as for its keys. */
export function createTokenCheck({ verifier, standings, hashing, publicUrl }: TokenCheckDeps) {
  return async ({ token: text, resource }: PresentedToken): Promise<Authentication> => {
    const verified = await verifier.verify(text, `${publicUrl}${resource}`);
    if (!verified.ok) return verified.fault === 'not_acceptable' ? refused() : refused(verified.fault);
    const { token } = verified;
    const { agent, grant } = await standings.of(token);
    if (agent === 'unknown') return refused('agent_unknown');
    if (token.grantId !== null && grant === null) return refused('grant_revoked');
    if (agent === 'disabled') return { ok: false, code: 'agent_disabled' };
    const given = ACCESS_SCOPES.filter(
      (scope) =>
        scope.startsWith('agent:') && token.scopes.has(scope) && grant?.scopes.includes(scope) !== false,
    );
    return {
      ok: true,
      principal: {
        workspaceId: token.workspaceId,
        keyId: token.grantId ?? nameOf(token, hashing),
        role: 'agent',
        agentId: token.agentId,
        person: grant?.person ?? token.subject,
        scopes: new Set(given),
        credential: 'bearer',
      },
    };
  };
}

/** One name per issuer, client and person, of the length of our own ids: client ids of strangers are not ours to write into the books. */
function nameOf({ issuer, clientId, subject }: AccessToken, hashing: Hashing): string {
  return `tok_${hashing.sha256(JSON.stringify([issuer, clientId, subject])).slice(0, 26)}`;
}
