// What the database says about a token that its issuer has signed: whether its agent is in that workspace and active, and whether its grant still
// stands. Asked at every request and never cached, like keys are, so that disabling and revoking hold from their commit on.
import type { AgentId, WorkspaceId } from '#domain';
import {
  coalesce,
  type AccessScope,
  type AccessToken,
  type TokenStanding,
  type TokenStandings,
} from '#engine';
import type pg from 'pg';

interface Row {
  readonly agent_status: 'active' | 'disabled' | null;
  readonly person: string | null;
  readonly scopes: readonly AccessScope[] | null;
}

const FIND = `SELECT a.status AS agent_status, g.person, g.scopes
  FROM unnest($1::uuid[], $2::uuid[], $3::text[]) WITH ORDINALITY AS asked (workspace_id, agent_id, grant_id, at)
  LEFT JOIN agent a ON a.workspace_id = asked.workspace_id AND a.agent_id = asked.agent_id
  LEFT JOIN oauth_grant g ON g.workspace_id = asked.workspace_id AND g.grant_id = asked.grant_id
    AND g.agent_id = asked.agent_id AND g.revoked_at IS NULL
  ORDER BY asked.at`;

type Asked = Pick<AccessToken, 'agentId' | 'grantId' | 'workspaceId'>;

/** The pool's role must be able to read agents and grants of all workspaces. */
export function createTokenStandings(pool: pg.Pool): TokenStandings {
  const find = coalesce(async (asked: readonly Asked[]) => {
    const column = <T>(of: (it: Asked) => T): T[] => asked.map((it) => of(it));
    const { rows } = await pool.query<Row>({
      name: 'purser_token_standing',
      text: FIND,
      values: [
        column<WorkspaceId>((it) => it.workspaceId),
        column<AgentId>((it) => it.agentId),
        column((it) => it.grantId),
      ],
    });
    return rows;
  });
  return {
    async of({ workspaceId, agentId, grantId }): Promise<TokenStanding> {
      const row = await find({ workspaceId, agentId, grantId });
      const grant =
        row.person === null || row.scopes === null ? null : { person: row.person, scopes: row.scopes };
      return { agent: row.agent_status ?? 'unknown', grant };
    },
  };
}
