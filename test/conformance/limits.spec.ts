// Too many calls, and too many wrong credentials: what the caller is told, and that nothing else happens.
import { afterEach, describe, expect, it } from 'vitest';
import { networkOf, rateLimitsOf } from '#runtime';
import type { ApiCore } from '../../apps/api/src/core.js';
import { MemoryApi } from '../support/memory-api.js';
import { purchase } from '../support/native-api.js';
import { NO_LIMITS } from '../support/memory-rates.js';

let api: MemoryApi | undefined;
afterEach(() => api?.close());

async function withLimits(
  text: string,
  over: (core: ApiCore) => ApiCore = (core) => core,
): Promise<MemoryApi> {
  const named = text.split(',').map((entry) => entry.split('=')[0]);
  const own = Object.entries(rateLimitsOf(text, [])).filter(([name]) => named.includes(name));
  api = await MemoryApi.start((core) => ({
    ...over(core),
    limits: { ...core.limits, table: { ...NO_LIMITS, ...Object.fromEntries(own) } },
  }));
  return api;
}

const buy = (n: number) =>
  ({
    method: 'POST',
    path: '/v1/agent/x402/purchase',
    key: `key-${n}`,
    body: { url: 'https://shop.example/item', max_amount: '20000' },
  }) as const;

describe('calls of one credential', () => {
  it("are counted in Hightop's classes, and every answer says where the caller stands", async () => {
    const { call } = bound(
      await withLimits('hightop.write=60/20,hightop.read=600/100,hightop.simulate=120/30'),
    );
    const self = await call({ path: '/v1/agent/self' });
    expect(self.headers).toMatchObject({
      'x-ratelimit-limit': '600',
      'x-ratelimit-remaining': '599',
      'x-ratelimit-window-seconds': '60',
      'x-ratelimit-reset': expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
    });
    expect((await call(buy(1))).headers).toMatchObject({
      'x-ratelimit-limit': '60',
      'x-ratelimit-remaining': '59',
    });
    const wrong = await call({ ...buy(2), body: {} });
    expect([wrong.status, wrong.headers['x-ratelimit-remaining']]).toEqual([400, '58']);
    const quote = {
      method: 'POST',
      path: '/v1/agent/x402/quote',
      body: { url: 'https://shop.example/item' },
    };
    expect((await call({ ...quote, method: 'POST' })).headers).toMatchObject({ 'x-ratelimit-limit': '120' });
  });

  it('over the limit are refused with when to come back, and bind no key', async () => {
    const running = await withLimits('hightop.write=3/3');
    const { call } = bound(running);
    for (const n of [1, 2, 3]) expect((await call(buy(n))).status).toBe(200);
    const refused = await call(buy(4));
    expect(refused.status).toBe(429);
    expect(refused.headers).toMatchObject({ 'retry-after': '60', 'x-ratelimit-remaining': '0' });
    expect(refused.body.error).toMatchObject({
      code: 'rate_limited',
      details: { limit_count: 3, attempted_count: 4, window_seconds: 60 },
    });
    expect(running.database.operations.size).toBe(3);
    running.nowMs += 60_000;
    const later = await call({ ...buy(4), body: { url: 'https://shop.example/other', max_amount: '20000' } });
    expect([later.status, later.headers['x-idempotency-replayed']]).toEqual([200, undefined]);
    // Another class of the same credential, and another credential, were never in the way.
    expect((await call({ path: '/v1/agent/self' })).status).toBe(200);
  });

  it('too many in one second are refused for that second', async () => {
    const running = await withLimits('native.payment=100/2');
    const { call } = bound(running);
    for (const n of [1, 2]) expect((await call({ ...purchase(), key: `k${n}` })).status).toBe(201);
    const refused = await call({ ...purchase(), key: 'k3' });
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '1']);
    expect(refused.body.error.details).toMatchObject({ limit_count: 2, window_seconds: 1 });
    running.nowMs += 1_000;
    expect((await call({ ...purchase(), key: 'k3' })).status).toBe(201);
  });
});

const guess = (n: number) =>
  ({
    path: '/purser/v1/operations',
    as: 'nobody',
    headers: { 'x-api-key': `prs_test_wrong${n}` },
  }) as const;

const from = (ip: string, n: number) => {
  const call = guess(n);
  return { ...call, headers: { ...call.headers, 'x-forwarded-for': ip } };
};

describe('wrong credentials', () => {
  it('from one address end in 429, for who was good before nothing changes', async () => {
    const running = await withLimits('failures=5/5');
    const { call } = bound(running);
    expect((await call({ path: '/purser/v1/operations' })).status).toBe(200);
    for (let n = 0; n < 5; n += 1) expect((await call(guess(n))).status).toBe(401);
    const refused = await call(guess(6));
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '60']);
    expect((await call({ path: '/purser/v1/operations' })).status).toBe(200);
    expect((await call({ path: '/purser/v1/operations', as: 'auditor' })).status).toBe(429);
    running.nowMs += 60_000;
    expect((await call({ path: '/purser/v1/operations', as: 'auditor' })).status).toBe(200);
  });

  it('no credentials at all are no guess', async () => {
    const { call } = bound(await withLimits('failures=2/2'));
    for (let n = 0; n < 5; n += 1)
      expect((await call({ path: '/purser/v1/operations', as: 'nobody' })).status).toBe(401);
  });

  it('are counted by the address that a trusted proxy names, and by nobody else’s word', async () => {
    for (const [trustedProxies, statuses] of [
      [['127.0.0.1'], [401, 401, 429, 401]],
      [[], [401, 401, 429, 429]],
    ] as const) {
      const { call } = bound(await withLimits('failures=2/2', (core) => ({ ...core, trustedProxies })));
      const seen = [];
      for (const [n, ip] of ['198.51.100.1', '198.51.100.1', '198.51.100.1', '198.51.100.2'].entries())
        seen.push((await call(from(ip, n))).status);
      expect(seen).toEqual(statuses);
      await api?.close();
    }
    api = undefined;
  });

  it('at the page of the issuer are counted where the browser is, as long as it is the issuer who says so', async () => {
    const embedded = { url: 'http://127.0.0.1:9', secret: 'only the issuer knows', grants: {} as never };
    const seenFrom: string[] = [];
    const { call } = bound(
      await withLimits('failures=2/2', (core) => ({
        ...core,
        oauth: { publicUrl: 'https://purser.example', issuers: [], embedded },
        authenticator: {
          useOnce: (...use) => core.authenticator.useOnce(...use),
          authenticate: (presented, facts) => {
            seenFrom.push(facts.ip);
            return core.authenticator.authenticate(presented, facts);
          },
        },
      })),
    );
    const at = (ip: string | undefined, secret: string) => {
      const { headers, ...rest } = guess(1);
      const said = ip === undefined ? {} : { 'x-purser-caller': ip };
      return call({ ...rest, headers: { ...headers, 'x-purser-issuer': secret, ...said } });
    };
    const statuses = [];
    for (const ip of ['198.51.100.1', '198.51.100.1', '198.51.100.1', '198.51.100.2'])
      statuses.push((await at(ip, embedded.secret)).status);
    expect(statuses).toEqual([401, 401, 429, 401]);
    expect(seenFrom).toEqual(['198.51.100.1', '198.51.100.1', '198.51.100.2']);
    seenFrom.length = 0;
    await at('198.51.100.3', 'a guess at the secret');
    await at('198.51.100.3', '');
    expect(seenFrom).toEqual(['127.0.0.1', '127.0.0.1']);
    // Said by nobody, it is no address at all: never the issuer's own.
    seenFrom.length = 0;
    await at(undefined, embedded.secret);
    expect(seenFrom).toEqual(['']);
  });

  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '::ffff:203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
  ])('%s counts as %s', (ip, network) => expect(networkOf(ip)).toBe(network));
});

const bound = (running: MemoryApi) => ({
  call: (request: Parameters<MemoryApi['call']>[0]) => running.call(request),
});
