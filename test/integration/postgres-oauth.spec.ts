// Grants of OAuth clients: who made them, what they say about a token, and that the issuer's role can do nothing but end them.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AgentId } from '#domain';
import type { GrantStore, TokenStandings } from '#engine';
import { createGrantStore, createTokenStandings } from '#postgres';
import { adminBench, ALL, BY, type AdminBench } from '../support/postgres-admin.js';

let bench: AdminBench;
let grants: GrantStore;
let standings: TokenStandings;
beforeAll(async () => {
  bench = await adminBench();
  grants = createGrantStore(bench.system);
  standings = createTokenStandings(bench.system);
});
afterAll(() => bench?.close());

const wish = (agentId: AgentId) =>
  ({ agentId, clientId: 'app', clientName: 'App', person: 'ann', scopes: ['agent:read'] }) as const;

describe('grants', () => {
  it('are written down with their actor, listed newest first and revoked once', async () => {
    const { workspaceId, agentId } = await bench.aWorkspace();
    const first = await grants.agree(workspaceId, wish(agentId), BY);
    const { grant, secret } = await grants.createClient(workspaceId, wish(agentId), BY);
    expect(first).toMatchObject({ kind: 'consent', clientId: 'app', person: 'ann', revokedAtMs: null });
    expect(grant).toMatchObject({ kind: 'client', clientId: grant.grantId });
    expect(secret).toMatch(/^prs_client_[A-Za-z0-9_-]{43}$/);
    const { items } = await grants.list(workspaceId, ALL);
    expect(items.map((it) => it.grantId)).toEqual([grant.grantId, first.grantId]);
    const revoked = await grants.revoke(workspaceId, first.grantId, BY);
    expect(revoked.revokedAtMs).not.toBeNull();
    expect(await grants.revoke(workspaceId, first.grantId, BY)).toEqual(revoked);
    const history = await bench.admin.history(workspaceId, ALL);
    expect(history.items.map((it) => it.type).filter((it) => it.startsWith('OAuth'))).toEqual([
      'OAuthGrantRevoked',
      'OAuthClientMade',
      'OAuthGrantMade',
    ]);
    const { rows } = await bench.owner.query<{ text: string }>(
      'SELECT row_to_json(g)::text AS text FROM oauth_grant g UNION SELECT row_to_json(a)::text FROM admin_event a',
    );
    expect(rows.map((row) => row.text).join()).not.toContain(secret.slice(-43));
  });

  it('are for an agent of the own workspace, and of no use to another', async () => {
    const mine = await bench.aWorkspace();
    const theirs = await bench.aWorkspace();
    const refusal = { code: 'not_found' };
    await expect(grants.agree(mine.workspaceId, wish(theirs.agentId), BY)).rejects.toMatchObject(refusal);
    await expect(grants.createClient(mine.workspaceId, wish(theirs.agentId), BY)).rejects.toMatchObject(
      refusal,
    );
    const { grantId } = await grants.agree(theirs.workspaceId, wish(theirs.agentId), BY);
    await expect(grants.revoke(mine.workspaceId, grantId, BY)).rejects.toMatchObject(refusal);
    expect((await grants.list(mine.workspaceId, ALL)).items).toEqual([]);
  });
});

describe('the standing of a token', () => {
  it('is what holds now, token by token, however many are asked about at once', async () => {
    const { workspaceId, agentId } = await bench.aWorkspace();
    const other = await bench.aWorkspace();
    const { grantId } = await grants.agree(workspaceId, wish(agentId), BY);
    const grant = { person: 'ann', scopes: ['agent:read'] };
    const asked = [
      [
        { workspaceId, agentId, grantId: null },
        { agent: 'active', grant: null },
      ],
      [
        { workspaceId, agentId, grantId },
        { agent: 'active', grant },
      ],
      [
        { workspaceId, agentId: other.agentId, grantId },
        { agent: 'unknown', grant: null },
      ],
      [
        { workspaceId: other.workspaceId, agentId, grantId },
        { agent: 'unknown', grant: null },
      ],
      [
        { ...other, grantId },
        { agent: 'active', grant: null },
      ],
      [
        { workspaceId, agentId: randomUUID() as AgentId, grantId: 'x' },
        { agent: 'unknown', grant: null },
      ],
    ] as const;
    const answers = await Promise.all(asked.map(([token]) => standings.of(token)));
    expect(answers).toEqual(asked.map(([, answer]) => answer));
    await grants.revoke(workspaceId, grantId, BY);
    expect(await standings.of({ workspaceId, agentId, grantId })).toEqual({ agent: 'active', grant: null });
    await bench.admin.agents.disable(workspaceId, agentId, BY);
    expect(await standings.of({ workspaceId, agentId, grantId: null })).toEqual({
      agent: 'disabled',
      grant: null,
    });
  });
});

describe("the issuer's role", () => {
  it('ends grants and makes none, and sees nothing else', async () => {
    const { workspaceId, agentId } = await bench.aWorkspace();
    const { grantId } = await grants.agree(workspaceId, wish(agentId), BY);
    const issuer = bench.as('purser_issuer');
    const denied = /permission denied/;
    for (const text of [
      `UPDATE oauth_grant SET agent_id = gen_random_uuid()`,
      `UPDATE oauth_grant SET scopes = '{agent:payments:write}'`,
      `DELETE FROM oauth_grant`,
      `INSERT INTO oauth_grant SELECT * FROM oauth_grant`,
      ...['api_key', 'agent', 'workspace', 'events', 'operations', 'wallet', 'blob', 'admin_event'].map(
        (table) => `SELECT 1 FROM ${table}`,
      ),
    ])
      await expect(issuer.query(text), text).rejects.toThrow(denied);
    await issuer.query('UPDATE oauth_grant SET revoked_at = now() WHERE grant_id = $1', [grantId]);
    await issuer.end();
    expect((await standings.of({ workspaceId, agentId, grantId })).grant).toBeNull();
  });
});
