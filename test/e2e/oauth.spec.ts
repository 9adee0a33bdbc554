// The issuer of the local stack, over plain HTTP as a client and a browser would use it: every way to a token, and every way it must not go.
import { createServer, type AddressInfo } from 'node:net';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call } from './support/client.js';
import { Browser, OAuthClient, postForm, REDIRECT, register, send, type Wish } from './support/oauth.js';
import { TestStack, until, type StackFile } from './support/stack.js';

let stack: TestStack;
let file: StackFile;
let client: OAuthClient;
beforeAll(async () => {
  stack = await TestStack.start({ apis: 2, env: { PURSER_TRUSTED_PROXIES: '127.0.0.1' } });
  file = stack.file;
  client = await OAuthClient.register(file);
});
afterAll(() => stack?.stop());

const READ = 'agent:read';
const PAY = 'agent:read agent:simulate agent:payments:write';
const self = (token: string, apiUrl = file.apiUrl) =>
  call(`${apiUrl}/v1/agent/self`, 'GET', { headers: { authorization: `Bearer ${token}` } });
const asAdmin = (method: string, path: string, body?: unknown) =>
  call(`${file.apiUrl}/purser/v1${path}`, method, {
    headers: { authorization: `Bearer ${file.adminKey}` },
    ...(body === undefined ? {} : { body }),
  });
const reasonOf = ({ body }: { readonly body: any }) => body?.error?.details?.reason; // oxlint-disable-line typescript/no-explicit-any -- as answers are
/** The error that a client is sent back with. */
const errorOf = async (wish: Partial<Wish>): Promise<string | null> => {
  const { location } = await client.authorize({ scope: READ, ...wish });
  return location.searchParams.get('error');
};

describe('authorization code with PKCE', () => {
  it('leads from discovery alone to a purchase, in the name of the person who agreed', async () => {
    const refused = await call(`${file.apiUrl}/v1/agent/self`, 'GET');
    const metadata = /resource_metadata="([^"]+)"/.exec(refused.headers.get('www-authenticate') ?? '')?.[1];
    const resource = (await send(metadata ?? '')).body;
    expect(resource.resource).toBe(`${file.apiUrl}/v1/agent`);
    const server = (await send(`${resource.authorization_servers[0]}/.well-known/oauth-authorization-server`))
      .body;
    expect(server).toMatchObject({
      issuer: file.apiUrl,
      authorization_endpoint: `${file.apiUrl}/oauth/auth`,
      token_endpoint: `${file.apiUrl}/oauth/token`,
      revocation_endpoint: `${file.apiUrl}/oauth/token/revocation`,
      registration_endpoint: `${file.apiUrl}/oauth/reg`,
      jwks_uri: `${file.apiUrl}/oauth/jwks`,
      code_challenge_methods_supported: ['S256'],
    });
    const { access, scope } = await client.tokens({ scope: PAY });
    expect(scope).toBe(PAY);
    const bought = await call(`${file.apiUrl}/v1/agent/x402/purchase`, 'POST', {
      headers: { authorization: `Bearer ${access}`, 'idempotency-key': 'oauth-1' },
      body: { url: `${file.sellers['v2']?.url}/weather`, method: 'GET', max_amount: '100000' },
    });
    expect([bought.status, bought.body.paid, bought.body.seller_accepted]).toEqual([200, true, true]);
    const events = await asAdmin('GET', `/operations/${bought.body.operation_id}/events`);
    expect(events.body.items[0]).toMatchObject({
      actor: { type: 'agent', id: expect.stringMatching(/^grt_/) },
    });
    expect(JSON.stringify(events.body.items[0])).toContain('admin@example.test');
  });

  it('gives what the person ticked, and no more', async () => {
    const { access, scope } = await client.tokens({ scope: PAY, ticked: [READ] });
    expect(scope).toBe(READ);
    const refused = await call(`${file.apiUrl}/v1/agent/x402/purchase`, 'POST', {
      headers: { authorization: `Bearer ${access}`, 'idempotency-key': 'oauth-2' },
      body: { url: `${file.sellers['v2']?.url}/weather`, max_amount: '100000' },
    });
    expect([refused.status, refused.body.error.details.scope]).toEqual([403, 'agent:payments:write']);
    expect(refused.headers.get('www-authenticate')).toContain('error="insufficient_scope"');
  });

  it('makes a token for one API, which is good at every copy of it and nowhere else', async () => {
    const { access } = await client.tokens({ scope: READ });
    for (const apiUrl of file.apiUrls) expect((await self(access, apiUrl)).status).toBe(200);
    const native = `${file.apiUrl}/purser/v1`;
    const authorization = `Bearer ${access}`;
    const elsewhere = await call(`${native}/operations`, 'GET', { headers: { authorization } });
    expect([elsewhere.status, reasonOf(elsewhere)]).toEqual([401, 'wrong_audience']);
    const other = await client.tokens({ scope: READ, resource: native });
    const there = { headers: { authorization: `Bearer ${other.access}` } };
    expect((await call(`${native}/operations`, 'GET', there)).status).toBe(200);
    expect(reasonOf(await self(other.access))).toBe('wrong_audience');
  });

  it('is refused without PKCE, with plain, and without or with a foreign resource', async () => {
    expect(await errorOf({ instead: { code_challenge: undefined } })).toBe('invalid_request');
    expect(await errorOf({ instead: { code_challenge_method: 'plain' } })).toBe('invalid_request');
    expect(await errorOf({ instead: { resource: undefined } })).toBe('invalid_target');
    expect(await errorOf({ resource: 'https://evil.example/v1/agent' })).toBe('invalid_target');
    const { location } = await client.authorize({ scope: READ, instead: { response_type: 'token' } });
    expect(location.hash).toContain('error=unsupported_response_type');
  });

  it('asks no person about scopes that there are not', async () => {
    const browser = new Browser();
    const asked = await browser.open(client.authorizationUrl({ scope: 'agent:fly' }, 'x'.repeat(43)));
    const shown = await browser.open(new URL(asked.headers.get('location') ?? '', file.apiUrl).href);
    const back = await browser.open(shown.headers.get('location') ?? '');
    expect(new URL(back.headers.get('location') ?? '').searchParams.get('error')).toBe('invalid_scope');
  });

  it('writes down whatever name a client gives itself', async () => {
    const client_name = `\u202eनमस्ते\n${'x'.repeat(300)}`;
    const { body } = await register(file, { client_name, redirect_uris: [REDIRECT] });
    const named = OAuthClient.of(file, body.client_id as string);
    expect((await named.tokens({ scope: READ })).scope).toBe(READ);
  });

  it('sends nobody to an address that is not registered to the letter', async () => {
    for (const redirect_uri of [
      `${REDIRECT}/`,
      'http://127.0.0.1:10/callback',
      'https://evil.example/callback',
    ]) {
      const url = client.authorizationUrl({ scope: READ, instead: { redirect_uri } }, 'x'.repeat(43));
      const reply = await new Browser().open(url);
      expect([reply.status, reply.headers.get('location')]).toEqual([400, null]);
      expect(reply.body).toContain('redirect_uri');
    }
  });

  it('a code is good once, with its verifier, its redirect and its client', async () => {
    const { location, verifier } = await client.authorize({ scope: READ });
    const code = location.searchParams.get('code') ?? '';
    expect([location.searchParams.get('state'), location.searchParams.get('iss')]).toEqual([
      'xyz',
      file.apiUrl,
    ]);
    const wrong = 'y'.repeat(43);
    expect((await client.exchange(code, wrong)).body.error).toBe('invalid_grant');
    const second = await client.authorize({ scope: READ });
    const fresh = second.location.searchParams.get('code') ?? '';
    const other = await OAuthClient.register(file);
    expect((await other.exchange(fresh, second.verifier)).body.error).toBe('invalid_grant');
    const elsewhere = { redirect_uri: `${REDIRECT}2` };
    expect((await client.exchange(fresh, second.verifier, elsewhere)).body.error).toBe('invalid_grant');
    const third = await client.authorize({ scope: READ });
    const good = third.location.searchParams.get('code') ?? '';
    const races = await Promise.all([1, 2, 3, 4].map(() => client.exchange(good, third.verifier)));
    const won = races.filter(({ status }) => status === 200);
    expect(won.length).toBeLessThanOrEqual(1);
    for (const { body } of won)
      expect(reasonOf(await self(body.access_token as string))).toBe('grant_revoked');
    expect(verifier).not.toBe(wrong);
  });

  it('asks a person every time, whoever sat at the browser before', async () => {
    const browser = new Browser();
    await client.authorize({ scope: READ }, browser);
    const again = await browser.open(client.authorizationUrl({ scope: READ }, 'x'.repeat(43)));
    expect(again.headers.get('location')).toContain('/connect/');
    const { location, verifier } = await client.authorize({ scope: READ, key: file.approver.token }, browser);
    const { body } = await client.exchange(location.searchParams.get('code') ?? '', verifier);
    const claims = JSON.parse(
      Buffer.from(String(body.access_token).split('.')[1] ?? '', 'base64url').toString(),
    );
    expect(claims.sub).toBe('approver@example.test');
  });

  it('believes only keys of people who may, and tells a stranger nothing', async () => {
    const browser = new Browser();
    const asked = await browser.open(client.authorizationUrl({ scope: READ }, 'x'.repeat(43)));
    const page = new URL(asked.headers.get('location') ?? '', file.apiUrl).href;
    const shown = await browser.open(page);
    expect(shown.headers.get('content-security-policy')).toContain("default-src 'none'");
    for (const key of ['rubbish', file.agent.apiKey, file.sellerKey]) {
      const reply = await browser.open(page, { step: 'key', key });
      expect(reply.body).toContain('role="alert"');
      expect(reply.body).not.toContain(file.agent.id);
    }
    const skipped = await browser.open(page, { step: 'consent', agent: file.agent.id, scope: READ });
    expect(skipped.body).toContain('Your key again');
    const stranger = await new Browser().open(page, { step: 'key', key: file.adminKey });
    expect([stranger.status, String(stranger.body).includes(file.agent.id)]).toEqual([400, false]);
    const refused = await browser.open(page, { step: 'refuse' });
    const back = await browser.open(refused.headers.get('location') ?? '');
    expect(new URL(back.headers.get('location') ?? '').searchParams.get('error')).toBe('access_denied');
  });
});

const boundTo = async (ip: string) =>
  (await asAdmin('POST', '/keys', { role: 'approver', person: 'bound@example.test', allowed_ips: [ip] })).body
    .secret as string;
const agreeFrom = (ip: string, key: string) => client.authorize({ scope: READ, key }, new Browser(ip));

it('a key that is bound to an address is good at the page from there alone', async () => {
  const key = await boundTo('203.0.113.7');
  const { location } = await agreeFrom('203.0.113.7', key);
  expect(location.searchParams.get('code')).toEqual(expect.any(String));
  await expect(agreeFrom('203.0.113.8', key)).rejects.toThrow('not good here');
  // The issuer's own address is nobody's.
  await expect(agreeFrom('203.0.113.7', await boundTo('127.0.0.1'))).rejects.toThrow('not good here');
});

describe('refresh tokens', () => {
  it('are good once; a second use ends the grant and every token made for it, at once', async () => {
    const first = await client.tokens({ scope: READ });
    const second = (await client.refresh(first.refresh)).body;
    expect((await self(second.access_token as string)).status).toBe(200);
    const reused = await client.refresh(first.refresh);
    expect([reused.status, reused.body.error]).toEqual([400, 'invalid_grant']);
    expect((await client.refresh(second.refresh_token as string)).body.error).toBe('invalid_grant');
    for (const token of [first.access, second.access_token as string])
      expect(reasonOf(await self(token))).toBe('grant_revoked');
  });

  it('of which one is used many times at the same moment end the grant', async () => {
    const { refresh } = await client.tokens({ scope: READ });
    const races = await Promise.all(Array.from({ length: 6 }, () => client.refresh(refresh)));
    const won = races.filter(({ status }) => status === 200);
    expect(won.length).toBeLessThanOrEqual(1);
    for (const { body } of won) {
      expect(reasonOf(await self(body.access_token as string))).toBe('grant_revoked');
      expect((await client.refresh(body.refresh_token as string)).status).toBe(400);
    }
  });

  it('belong to their client, and revoking one ends the grant', async () => {
    const { access, refresh } = await client.tokens({ scope: READ });
    const other = await OAuthClient.register(file);
    expect((await other.refresh(refresh)).body.error).toBe('invalid_grant');
    expect((await other.revoke(refresh)).status).toBe(200);
    expect((await self(access)).status).toBe(200);
    expect((await client.revoke(refresh)).status).toBe(200);
    expect(reasonOf(await self(access))).toBe('grant_revoked');
  });

  it('outlive the issuer process', async () => {
    const { refresh } = await client.tokens({ scope: READ });
    const [before] = stack.file.pids['issuer'] ?? [];
    expect(stack.kill('issuer')).toBe(true);
    await until(
      async () => {
        const [now] = stack.file.pids['issuer'] ?? [];
        return (
          now !== undefined && now !== before && (await send(`${file.apiUrl}/oauth/jwks`)).status === 200
        );
      },
      20_000,
      'the issuer came back',
    );
    expect((await client.refresh(refresh)).status).toBe(200);
  });
});

describe('a grant', () => {
  it('is listed for the workspace, and an admin ends it at once', async () => {
    const { access, refresh } = await client.tokens({ scope: READ });
    const { body } = await asAdmin('GET', '/oauth/grants');
    const [grant] = body.items as { grant_id: string; client_id: string; person: string }[];
    expect(grant).toMatchObject({ client_id: client.clientId, person: 'admin@example.test', scopes: [READ] });
    expect((await asAdmin('POST', `/oauth/grants/${grant?.grant_id}/revoke`)).status).toBe(200);
    expect(reasonOf(await self(access))).toBe('grant_revoked');
    expect((await client.refresh(refresh)).body.error).toBe('invalid_grant');
    const { body: history } = await asAdmin('GET', '/workspace/history');
    expect(history.items.map((it: { type: string }) => it.type)).toContain('OAuthGrantRevoked');
  });

  it('is worth nothing for an agent that is disabled', async () => {
    const made = await asAdmin('POST', '/agents', { name: 'short-lived' });
    const { client_id, client_secret } = await clientOf(made.body.agent_id as string, [READ]);
    const { body } = await credentials(client_id, client_secret, READ);
    expect((await self(body.access_token as string)).status).toBe(200);
    await asAdmin('POST', `/agents/${made.body.agent_id}/disable`);
    const reply = await self(body.access_token as string);
    expect([reply.status, reply.body.error.code]).toEqual([401, 'agent_disabled']);
  });
});

const clientOf = async (agentId: string, scopes: readonly string[]) =>
  (await asAdmin('POST', '/oauth/clients', { agent_id: agentId, client_name: 'Batch', scopes })).body as {
    client_id: string;
    client_secret: string;
  };
const credentials = (id: string, secret: string, scope: string, resource = `${file.apiUrl}/v1/agent`) =>
  postForm(
    `${file.apiUrl}/oauth/token`,
    { grant_type: 'client_credentials', scope, resource },
    { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` },
  );

describe('client credentials', () => {
  it('make tokens for the one agent and the scopes that an admin gave the client', async () => {
    const { client_id, client_secret } = await clientOf(file.agent.id, [READ, 'agent:simulate']);
    const { status, body } = await credentials(client_id, client_secret, PAY);
    expect([status, body.scope, body.expires_in, body.refresh_token]).toEqual([
      200,
      'agent:read agent:simulate',
      600,
      undefined,
    ]);
    expect((await self(body.access_token as string)).body.agent.id).toBe(file.agent.id);
    expect((await credentials(client_id, `${client_secret.slice(0, -1)}x`, READ)).status).toBe(401);
    expect((await credentials(client_id, '', READ)).status).toBe(400);
    const elsewhere = await credentials(client_id, client_secret, READ, 'https://evil.example');
    expect(elsewhere.body.error).toBe('invalid_target');
    expect((await asAdmin('POST', `/oauth/grants/${client_id}/revoke`)).status).toBe(200);
    expect((await credentials(client_id, client_secret, READ)).status).toBe(401);
    expect(reasonOf(await self(body.access_token as string))).toBe('grant_revoked');
  });

  it('are not for clients that registered themselves', async () => {
    const own = await client.token({
      grant_type: 'client_credentials',
      scope: READ,
      resource: client.resource,
    });
    expect([own.status, own.body.access_token]).toEqual([400, undefined]);
  });
});

it('neither tokens nor keys are in any log', async () => {
  const { access, refresh } = await client.tokens({ scope: READ });
  await self(`${access}x`);
  await client.refresh(`${refresh}x`);
  const logs = readdirSync(join(stack.home, 'logs')).map((name) =>
    readFileSync(join(stack.home, 'logs', name), 'utf8'),
  );
  expect(logs.join('')).toContain('issuer listens');
  const signature = access.split('.')[2] ?? '';
  for (const secret of [signature, refresh, file.adminKey, file.approver.token])
    expect(logs.some((log) => log.includes(secret))).toBe(false);
});

it('leaves books that hold', async () => {
  expect((await stack.check()).violations).toEqual([]);
});

describe('registration', () => {
  it.each(['REG', 'reg/', '%72eg', 'AUTH', 'auth/'])('is not to be had under /oauth/%s', async (name) => {
    const registration = await send(`${file.apiUrl}/oauth/${name}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ application_type: 'native', redirect_uris: [REDIRECT] }),
    });
    const authorization = await send(`${file.apiUrl}/oauth/${name}?client_id=${client.clientId}`);
    expect([registration.status, authorization.status]).toEqual([404, 404]);
  });

  it('makes public clients for codes alone, ten a minute for one address, and fetches nothing they name', async () => {
    const wishes = [
      { redirect_uris: [REDIRECT], token_endpoint_auth_method: 'client_secret_basic' },
      { redirect_uris: [REDIRECT], grant_types: ['client_credentials'], response_types: [] },
      { redirect_uris: ['javascript:alert(1)'] },
      { redirect_uris: ['http://shop.example/callback'] },
      {},
    ];
    for (const wish of wishes) expect((await register(file, wish)).status, JSON.stringify(wish)).toBe(400);
    const fetched = await withServer(async (url) => {
      const uris = {
        sector_identifier_uri: url,
        jwks_uri: url,
        logo_uri: url,
        client_uri: url,
        policy_uri: url,
      };
      await register(file, { redirect_uris: [REDIRECT], ...uris });
    });
    expect(fetched).toBe(0);
    const replies = await Promise.all(
      Array.from({ length: 12 }, () => register(file, { redirect_uris: [REDIRECT] })),
    );
    expect(replies.some(({ status }) => status === 429)).toBe(true);
  });
});

/** How many connections came to an address meanwhile. */
async function withServer(work: (url: string) => Promise<void>): Promise<number> {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  await work(`https://127.0.0.1:${(server.address() as AddressInfo).port}/document`);
  server.close();
  return connections;
}
