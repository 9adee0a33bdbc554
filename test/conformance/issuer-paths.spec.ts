// What the API does with the paths of the embedded issuer: passes them on as they are, and says so when nobody is behind them.
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryApi } from '../support/memory-api.js';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
let api: MemoryApi;
let issuer: Server;
let seen: Seen[] = [];
beforeAll(async () => {
  issuer = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
      response.writeHead(303, { location: '/next', 'set-cookie': ['a=1', 'b=2'], connection: 'close' });
      response.end('there');
    });
  });
  await new Promise<void>((listening) => issuer.listen(0, '127.0.0.1', listening));
  const { port } = issuer.address() as AddressInfo;
  const grants = {} as never;
  api = await MemoryApi.start((core) => ({
    ...core,
    oauth: {
      publicUrl: 'https://purser.example',
      issuers: ['https://purser.example'],
      embedded: { url: `http://127.0.0.1:${port}`, secret: 'only the issuer', grants },
    },
  }));
});
afterAll(async () => {
  await api.close();
  issuer.close();
});

describe("the issuer's paths", () => {
  it('pass on method, path, body and cookies, and say who asked how', async () => {
    seen = [];
    const reply = await api.call({
      method: 'POST',
      path: '/oauth/token?x=%2F..',
      as: 'nobody',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        cookie: 'c=3',
        authorization: 'Basic abc',
        'x-forwarded-for': '203.0.113.99',
        'x-forwarded-host': 'evil.example',
        host: 'evil.example',
      },
      body: 'grant_type=x&code=%20',
    });
    expect([reply.status, reply.headers['location'], reply.headers['set-cookie']]).toEqual([
      303,
      '/next',
      ['a=1', 'b=2'],
    ]);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({
      method: 'POST',
      url: '/oauth/token?x=%2F..',
      body: 'grant_type=x&code=%20',
      headers: {
        host: 'purser.example',
        cookie: 'c=3',
        authorization: 'Basic abc',
        'x-forwarded-proto': 'https',
        'x-forwarded-for': '127.0.0.1',
      },
    });
    expect(seen[0]?.headers).not.toHaveProperty('x-forwarded-host');
  });

  it.each(['/connect/abc', '/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'])(
    'include %s',
    async (path) => {
      seen = [];
      expect((await api.call({ path, as: 'nobody' })).status).toBe(303);
      expect(seen.map(({ url }) => url)).toEqual([path]);
    },
  );

  it('take no body above the limit', async () => {
    seen = [];
    const body = 'x'.repeat(70_000);
    const headers = { 'content-type': 'text/plain' };
    const reply = await api.call({ method: 'POST', path: '/oauth/token', as: 'nobody', headers, body });
    expect([reply.status, seen]).toEqual([413, []]);
  });

  it("are not AgnicPay's, whose server is not served: by its own paths, and by host name where paths collide", async () => {
    seen = [];
    for (const [path, host] of [
      ['/oauth/authorize?client_id=x', 'purser.example'],
      ['/oauth/complete-authorization', 'purser.example'],
      ['/oauth/token', 'agnic.test'],
      ['/.well-known/oauth-authorization-server', 'AGNIC.test:8443'],
    ] as const) {
      const reply = await api.call({ path, as: 'nobody', headers: { host } });
      expect([reply.status, reply.body.success, reply.body.error]).toEqual([404, false, 'not_found']);
    }
    expect(seen).toEqual([]);
  });

  it('answer 503 in OAuth words while the issuer is away', async () => {
    const away = await MemoryApi.start((core) => ({
      ...core,
      oauth: {
        publicUrl: 'https://purser.example',
        issuers: [],
        embedded: { url: 'http://127.0.0.1:9', secret: 'only the issuer', grants: {} as never },
      },
    }));
    const reply = await away.call({ path: '/oauth/jwks', as: 'nobody' });
    await away.close();
    expect([reply.status, reply.body.error, reply.headers['retry-after']]).toEqual([
      503,
      'temporarily_unavailable',
      '1',
    ]);
  });
});
