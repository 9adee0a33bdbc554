// Access tokens at the API's edge: which routes they open, and what the answer says when they do not.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AgentId, WorkspaceId } from '#domain';
import type { TokenStanding } from '#engine';
import { createTokenCheck, createTokenVerifier, type TokenCheckDeps } from '#oauth';
import { CONTROLLERS } from '../../apps/api/src/app.module.js';
import { mayCall, neededScope, routesOf } from '../../apps/api/src/http/routes.js';
import { AGENT, uuid, WORKSPACE } from '../support/builders.js';
import { MemoryApi, OTHER_WORKSPACE, type Reply } from '../support/memory-api.js';
import { memoryHashing } from '../support/memory-basics.js';
import { purchase } from '../support/native-api.js';
import { TokenIssuer } from '../support/token-issuer.js';

const PUBLIC_URL = 'https://purser.example';
const HIGHTOP = `${PUBLIC_URL}/v1/agent`;
const NATIVE = `${PUBLIC_URL}/purser/v1`;

let api: MemoryApi;
let issuer: TokenIssuer;
let check: ReturnType<typeof createTokenCheck>;
let keysAway = false;
let revoked = false;
const scopesOfGrant = ['agent:read', 'agent:payments:write'] as const;
/** As the database answers: agents by workspace, and one grant. */
const standings: TokenCheckDeps['standings'] = {
  of: ({ workspaceId, agentId, grantId }) => {
    const agent = api.admin.agentViews.find((it) => it.workspaceId === workspaceId && it.agentId === agentId);
    const grant: TokenStanding['grant'] =
      grantId === 'grt_1' && !revoked ? { person: 'bob@example.test', scopes: scopesOfGrant } : null;
    return Promise.resolve({ agent: agent?.status ?? 'unknown', grant });
  },
};

beforeAll(async () => {
  issuer = await TokenIssuer.make(() => api.nowMs);
  const own = { issuer: `${PUBLIC_URL}/own`, jwksUrl: `${PUBLIC_URL}/own/jwks` };
  const verifier = createTokenVerifier({
    issuers: [
      { issuer: issuer.issuer, jwksUrl: issuer.jwksUrl, workspaces: null, grants: false },
      { ...own, workspaces: null, grants: true },
    ],
    algorithms: ['ES256'],
    clock: { nowMs: () => api.nowMs },
    fetchKeys: () => (keysAway ? Promise.reject(new Error('away')) : Promise.resolve({ keys: [issuer.jwk] })),
  });
  check = createTokenCheck({ verifier, standings, hashing: memoryHashing, publicUrl: PUBLIC_URL });
  api = await MemoryApi.start((core) => ({
    ...core,
    oauth: { publicUrl: PUBLIC_URL, issuers: [issuer.issuer], embedded: null },
    authenticator: {
      useOnce: (principal, signed) => core.authenticator.useOnce(principal, signed),
      authenticate: (presented, facts) =>
        presented.kind === 'bearer' ? check(presented) : core.authenticator.authenticate(presented, facts),
    },
  }));
});
afterAll(() => api.close());

const agentOf = (workspace: WorkspaceId, agent: AgentId) => ({ workspace_id: workspace, agent_id: agent });
const mine = () => agentOf(WORKSPACE, AGENT);
const tokenFor = (aud: string, scope: string, claims: object = {}) =>
  issuer.token({ ...mine(), aud, scope, ...claims });
const call = (path: string, token: string, method: 'GET' | 'POST' = 'GET', body?: unknown): Promise<Reply> =>
  api.call({
    path,
    method,
    as: 'nobody',
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body }),
  });
const codeOf = ({ body }: Reply) => body?.error?.details?.cause ?? body?.error?.code;

const takesTokens = ({ path }: { readonly path: string }) => /^\/(v1\/agent|purser\/v1)\//.test(path);

describe('an access token', () => {
  it('opens both APIs, each with a token of its own', async () => {
    const hightop = await tokenFor(HIGHTOP, 'agent:read');
    const native = await tokenFor(NATIVE, 'agent:read');
    const self = await call('/v1/agent/self', hightop);
    expect([self.status, self.body.agent.id]).toEqual([200, AGENT]);
    expect((await call('/purser/v1/operations', native)).status).toBe(200);
    for (const [path, token] of [
      ['/v1/agent/self', native],
      ['/purser/v1/operations', hightop],
    ] as const) {
      const reply = await call(path, token);
      expect([reply.status, codeOf(reply), reply.body.error.details.reason]).toEqual([
        401,
        'invalid_token',
        'wrong_audience',
      ]);
    }
  });

  it('pays as its agent, in the name of whoever is behind it', async () => {
    const token = await tokenFor(NATIVE, 'agent:payments:write agent:read');
    const headers = { authorization: `Bearer ${token}` };
    const reply = await api.call({ ...purchase(), as: 'nobody', headers });
    expect([201, 202]).toContain(reply.status);
    const events = await call(`/purser/v1/operations/${reply.body.operation_id}/events`, token);
    const opened = events.body.items[0];
    expect(opened.actor).toEqual({ type: 'agent', id: expect.stringMatching(/^tok_[0-9a-f]{26}$/) });
    expect(JSON.stringify(events.body)).toContain('ann@example.test');
    expect(JSON.stringify(events.body)).not.toContain(token);
  });

  it.each([
    ['no token at all', undefined, undefined],
    ['another issuer', { iss: 'https://evil.example' }, undefined],
    ['another workspace', { workspace_id: OTHER_WORKSPACE }, 'agent_unknown'],
    ['an agent that is not', { agent_id: uuid(77, 2) }, 'agent_unknown'],
    ['its time over', { exp: 1 }, 'expired'],
  ])('is 401 with %s, and says where to get one', async (_, claims, reason) => {
    const reply =
      claims === undefined
        ? await call('/v1/agent/self', 'rubbish')
        : await call('/v1/agent/self', await tokenFor(HIGHTOP, 'agent:read', claims));
    expect([reply.status, codeOf(reply)]).toEqual([401, 'invalid_token']);
    expect(reply.body.error.details.reason).toBe(reason);
    const about = reason === undefined ? '' : `, error_description="${reason}"`;
    expect(reply.headers['www-authenticate']).toBe(
      `Bearer resource_metadata="${PUBLIC_URL}/.well-known/oauth-protected-resource/v1/agent", error="invalid_token"${about}`,
    );
  });

  it('of a disabled agent is 401 agent_disabled', async () => {
    const { agentId } = await api.admin.agents.create(
      WORKSPACE,
      { name: 'gone' },
      { type: 'system', id: 't' },
    );
    const token = await tokenFor(HIGHTOP, 'agent:read', agentOf(WORKSPACE, agentId));
    expect((await call('/v1/agent/self', token)).status).toBe(200);
    await api.admin.agents.disable(WORKSPACE, agentId, { type: 'system', id: 't' });
    const reply = await call('/v1/agent/self', token);
    expect([reply.status, codeOf(reply)]).toEqual([401, 'agent_disabled']);
  });

  it('ends with its grant, has no more scopes than that, and stands for who agreed', async () => {
    const own = { iss: `${PUBLIC_URL}/own`, grant_id: 'grt_1' };
    const token = await tokenFor(HIGHTOP, 'agent:read agent:simulate', own);
    expect((await call('/v1/agent/self', token)).status).toBe(200);
    const quote = await call('/v1/agent/x402/quote', token, 'POST', { url: 'https://shop.example/item' });
    expect([quote.status, codeOf(quote)]).toEqual([403, 'insufficient_scope']);
    revoked = true;
    const reply = await call('/v1/agent/self', token);
    expect([reply.status, reply.body.error.details.reason]).toEqual([401, 'grant_revoked']);
    revoked = false;
  });

  it('is refused with 503 while nobody can say whether it is good', async () => {
    const away = await MemoryApi.start((core) => ({
      ...core,
      authenticator: {
        useOnce: (principal, signed) => core.authenticator.useOnce(principal, signed),
        authenticate: (presented) =>
          presented.kind === 'bearer'
            ? createTokenCheck({
                verifier: createTokenVerifier({
                  issuers: [
                    { issuer: issuer.issuer, jwksUrl: issuer.jwksUrl, workspaces: null, grants: false },
                  ],
                  algorithms: ['ES256'],
                  clock: { nowMs: () => api.nowMs },
                  fetchKeys: () => Promise.reject(new Error('away')),
                }),
                standings,
                hashing: memoryHashing,
                publicUrl: PUBLIC_URL,
              })(presented)
            : core.authenticator.authenticate(presented, { ip: '127.0.0.1' }),
      },
    }));
    const token = await tokenFor(NATIVE, 'agent:read');
    const reply = await away.call({
      path: '/purser/v1/operations',
      as: 'nobody',
      headers: { authorization: `Bearer ${token}` },
    });
    await away.close();
    expect([reply.status, codeOf(reply), reply.headers['retry-after']]).toEqual([
      503,
      'issuer_unavailable',
      '1',
    ]);
  });

  it('that is merely over is no guess: others at the same address go on', async () => {
    const limited = await MemoryApi.start((core) => ({
      ...core,
      authenticator: {
        ...core.authenticator,
        authenticate: (presented, facts) =>
          presented.kind === 'bearer' ? check(presented) : core.authenticator.authenticate(presented, facts),
      },
      limits: {
        ...core.limits,
        table: { ...core.limits.table, failures: { name: 'failures', most: 5, burst: 5, windowSec: 60 } },
      },
    }));
    const get = async (token: string) => {
      const headers = { authorization: `Bearer ${token}` };
      return (await limited.call({ path: '/v1/agent/self', as: 'nobody', headers })).status;
    };
    const over = await tokenFor(HIGHTOP, 'agent:read', { exp: 1 });
    for (let time = 0; time < 10; time += 1) expect(await get(over)).toBe(401);
    expect(await get(await tokenFor(HIGHTOP, 'agent:read'))).toBe(200);
    for (let time = 0; time < 5; time += 1) expect(await get(`${over}x`)).toBe(401);
    expect(await get(await tokenFor(HIGHTOP, 'agent:read', { jti: 'fresh' }))).toBe(429);
    await limited.close();
  });

  it('does not count where an API key beside it does', async () => {
    const token = await tokenFor(HIGHTOP, 'agent:read', { exp: 1 });
    const headers = { authorization: `Bearer ${token}` };
    expect((await api.call({ path: '/v1/agent/self', headers })).status).toBe(200);
  });
});

describe('scopes of a token', () => {
  const SCOPES = ['agent:read', 'agent:simulate', 'agent:payments:write', 'agent:webhooks:manage'] as const;
  const ofAgents = routesOf(CONTROLLERS).filter(
    ({ access }) => access !== undefined && access !== 'public' && mayCall(access, 'agent'),
  );
  const routes = ofAgents
    .filter(takesTokens)
    .flatMap((route) => SCOPES.map((granted) => ({ ...route, granted })));

  it('open nothing in the dialects of vendors that know no tokens', async () => {
    const token = await tokenFor(HIGHTOP, SCOPES.join(' '));
    for (const { method, path } of ofAgents.filter((route) => !takesTokens(route))) {
      const reply = await api.call({
        path: path.replace(':id', AGENT),
        method: method as 'GET',
        as: 'nobody',
        headers: { authorization: `Bearer ${token}` },
        ...(method === 'GET' ? {} : { body: {} }),
      });
      expect(reply.status, path).toBe(401);
    }
  });

  it.each(routes)('$method $path with $granted', async ({ granted, ...route }) => {
    const aud = route.path.startsWith('/v1/agent') ? HIGHTOP : NATIVE;
    const reply = await call(
      route.path.replace(':id', '00000002-0000-4000-8000-000000000009'),
      await tokenFor(aud, granted),
      route.method as 'GET',
      route.method === 'GET' ? undefined : { nothing: 'like it' },
    );
    if (neededScope(route, 'agent') === granted) return expect([401, 403]).not.toContain(reply.status);
    expect([reply.status, codeOf(reply)]).toEqual([403, 'insufficient_scope']);
    expect(reply.headers['www-authenticate']).toContain(
      `error="insufficient_scope", scope="${neededScope(route, 'agent')}"`,
    );
  });

  it('open no route that is not for agents, whatever they claim to be', async () => {
    const token = await tokenFor(NATIVE, 'workspace:read workspace:write agent:read agent:payments:write', {
      role: 'admin',
    });
    for (const [path, method] of [
      ['/purser/v1/keys', 'GET'],
      ['/purser/v1/agents', 'POST'],
      ['/purser/v1/approvals/apr_00000000000000000000000009/approve', 'POST'],
    ] as const) {
      const reply = await call(path, token, method, method === 'GET' ? undefined : {});
      expect([reply.status, codeOf(reply)]).toEqual([403, 'permission_denied']);
    }
  });
});

describe('discovery', () => {
  it.each(['/v1/agent', '/purser/v1'])('says who issues tokens for %s', async (path) => {
    const reply = await api.call({ path: `/.well-known/oauth-protected-resource${path}`, as: 'nobody' });
    expect(reply.status).toBe(200);
    expect(reply.body).toEqual({
      resource: `${PUBLIC_URL}${path}`,
      authorization_servers: [issuer.issuer],
      scopes_supported: ['agent:read', 'agent:simulate', 'agent:payments:write', 'agent:webhooks:manage'],
      bearer_methods_supported: ['header'],
      resource_documentation: `${PUBLIC_URL}/docs`,
    });
  });

  it('is led to by every answer that asks for credentials', async () => {
    const reply = await api.call({ path: '/purser/v1/operations', as: 'nobody' });
    expect([reply.status, codeOf(reply)]).toEqual([401, 'authentication_failed']);
    expect(reply.headers['www-authenticate']).toBe(
      `Bearer resource_metadata="${PUBLIC_URL}/.well-known/oauth-protected-resource/purser/v1"`,
    );
  });

  it('and tokens are not there where no issuer is trusted', async () => {
    const plain = await MemoryApi.start();
    const token = await tokenFor(HIGHTOP, 'agent:read');
    const headers = { authorization: `Bearer ${token}` };
    const self = await plain.call({ path: '/v1/agent/self', as: 'nobody', headers });
    expect([self.status, codeOf(self)]).toEqual([401, 'authentication_failed']);
    expect(self.headers['www-authenticate']).toBeUndefined();
    const paths = ['/.well-known/oauth-protected-resource/v1/agent', '/oauth/jwks', '/connect/x'];
    for (const path of paths) expect((await plain.call({ path, as: 'nobody' })).status).toBe(404);
    await plain.close();
  });
});
