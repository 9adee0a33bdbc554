import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, get, guarded, serve } from '../../../test/support/guarded.js';
import { HostSlots } from './host-slots.js';

afterEach(closeAll);

const hop = (location: string): RequestListener => {
  return (_request, response) => void response.writeHead(302, { location }).end();
};

describe('guarded fetch', () => {
  it('sends only forwardable headers, asks for an unencoded body, and returns the bytes', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const server = await serve((_request, response) => response.end(bytes));
    const answer = await guarded({ allow: [server.host] }).once(
      get(`${server.origin}/a?b=c`, {
        headers: {
          Accept: 'image/png',
          'X-Trace': '1',
          Authorization: 'Bearer x',
          Cookie: 'a=b',
          Host: 'evil.example',
          'X-PAYMENT': 'forged',
          'PAYMENT-SIGNATURE': 'forged',
          'X-Purser-Key': 'k',
          'X-Forwarded-For': '1.2.3.4',
          Connection: 'upgrade',
          'Transfer-Encoding': 'chunked',
          'Accept-Encoding': 'gzip',
          'Idempotency-Key': 'secret',
        },
      }),
    );
    expect(answer.kind === 'response' && answer.response.body).toEqual(bytes);
    const { host, connection, ...sent } = server.seen[0]?.headers ?? {};
    expect({ host, connection }).toEqual({ host: server.host, connection: 'keep-alive' });
    expect(sent).toEqual({ accept: 'image/png', 'x-trace': '1', 'accept-encoding': 'identity' });
    expect(server.seen[0]?.url).toBe('/a?b=c');
  });

  it.each(['a\r\nX-Injected: 1', 'a\nb', 'a\0b', 'snow☃'])(
    'refuses a header value that could smuggle (%j)',
    async (value) => {
      const server = await serve((_request, response) => response.end());
      const answer = await guarded({ allow: [server.host] }).once(
        get(server.origin, { headers: { accept: value } }),
      );
      expect(answer).toEqual({ kind: 'failure', code: 'invalid_request', sent: false });
      expect(server.seen).toHaveLength(0);
    },
  );

  it('refuses methods that are not on its list', async () => {
    for (const method of ['CONNECT', 'TRACE', 'GET /x HTTP/1.1\r\nA:', 'get']) {
      const answer = await guarded({ allow: ['127.0.0.1:1'] }).once(get('http://127.0.0.1:1/', { method }));
      expect(answer).toMatchObject({ code: 'invalid_request', sent: false });
    }
  });

  it('keeps connections alive per tenant and never shares one between tenants', async () => {
    const server = await serve((request, response) => response.end(String(request.socket.remotePort)));
    const http = guarded({ allow: [server.host] });
    const port = async (tenant: string): Promise<string> => {
      const answer = await http.once(get(server.origin, { tenant }));
      return answer.kind === 'response' ? Buffer.from(answer.response.body).toString() : answer.code;
    };
    const ports = [await port('t1'), await port('t1'), await port('t2')];
    expect(ports[0]).toBe(ports[1]);
    expect(ports[2]).not.toBe(ports[0]);
  });
});

describe('redirects', () => {
  it('are judged like any first URL: a redirect to a forbidden address is not followed', async () => {
    const canary = await serve((_request, response) => response.end('secret'));
    const server = await serve(hop(`${canary.origin}/admin`));
    const answer = await guarded({ allow: [server.host] }).following(get(server.origin));
    expect(answer).toMatchObject({ kind: 'failure', code: 'forbidden_address' });
    expect(canary.seen).toHaveLength(0);
  });

  it('are followed three times, and the fourth is refused', async () => {
    const server = await serve((request, response) => {
      const left = Number(request.url?.slice(1));
      if (left === 0) response.end('there');
      else response.writeHead(302, { location: `/${left - 1}` }).end();
    });
    const http = guarded({ allow: [server.host] });
    expect(await http.following(get(`${server.origin}/3`))).toMatchObject({
      kind: 'response',
      url: `${server.origin}/0`,
    });
    expect(await http.following(get(`${server.origin}/4`))).toMatchObject({ code: 'redirected' });
  });

  it('are never followed by a single call, whatever the status', async () => {
    const canary = await serve((_request, response) => response.end());
    for (const status of [301, 302, 303, 307, 308]) {
      const server = await serve(
        (_request, response) => void response.writeHead(status, { location: canary.origin }).end(),
      );
      const answer = await guarded({ allow: [server.host, canary.host] }).once(
        get(server.origin, { ownHeaders: { 'payment-signature': 'live' } }),
      );
      expect(answer.kind === 'response' && answer.response.status).toBe(status);
    }
    expect(canary.seen).toHaveLength(0);
  });
});

describe('a slow seller', () => {
  it('uses up its own slots and queue only', async () => {
    const slow = await serve(() => undefined);
    const quick = await serve((_request, response) => response.end());
    const http = guarded({ allow: [slow.host, quick.host], concurrencyPerHost: 2, queuePerHost: 3 });
    // Those that wait give up well before a slot comes free.
    const asked = Array.from({ length: 8 }, (_, n) =>
      http.once(get(slow.origin, { timeoutMs: n < 2 ? 1_500 : 300 })),
    );
    expect(await http.once(get(quick.origin))).toMatchObject({ kind: 'response' });
    const answers = (await Promise.all(asked)) as { code?: string; sent?: boolean }[];
    expect(answers.filter(({ code }) => code === 'host_busy')).toHaveLength(3);
    expect(answers.filter(({ code, sent }) => code === 'timeout' && sent === true)).toHaveLength(2);
    expect(answers.filter(({ code, sent }) => code === 'timeout' && sent === false)).toHaveLength(3);
    expect(slow.seen).toHaveLength(2);
  });

  it('leaves nothing behind once its calls have ended', async () => {
    const slots = new HostSlots(1, 1);
    const never = new AbortController().signal;
    const first = await slots.take('a', never);
    const second = slots.take('a', never);
    expect(await slots.take('a', never)).toBeUndefined();
    first?.();
    first?.();
    (await second)?.();
    expect(slots.size).toBe(0);
  });
});
