import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { buildConnector } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { createGuardedFetch, type GuardedFetchOptions, type GuardedRequest } from './guarded-fetch.js';
import { HostSlots } from './host-slots.js';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((close) => close()));
});

interface Running {
  readonly origin: string;
  readonly host: string;
  readonly seen: IncomingMessage[];
}

async function serve(listener: RequestListener): Promise<Running> {
  const seen: IncomingMessage[] = [];
  const server: Server = createServer((request, response) => {
    seen.push(request);
    listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { origin: `http://${host}`, host, seen };
}

async function serveRaw(onSocket: (socket: Socket) => void): Promise<Running> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { origin: `http://${host}`, host, seen: [] };
}

function guarded(options: GuardedFetchOptions) {
  const http = createGuardedFetch(options);
  open.push(() => http.close());
  return http;
}

function get(url: string, more: Partial<GuardedRequest> = {}): GuardedRequest {
  return { tenant: 't1', url, method: 'GET', headers: {}, body: null, timeoutMs: 5_000, ...more };
}

const hop = (location: string): RequestListener => {
  return (_request, response) => void response.writeHead(302, { location }).end();
};

const refuseToConnect = (seen: unknown[]): NonNullable<GuardedFetchOptions['connector']> => {
  return (lookup) => (options, callback) => {
    lookup(options.hostname, { all: true }, (_error, addresses) => {
      seen.push({ addresses, hostname: options.hostname, servername: options.servername });
      callback(new Error('test'), null);
    });
  };
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

describe('response bombs', () => {
  it('stops an endless body at the cap and hangs up', async () => {
    const ended = new EventEmitter();
    const closed = once(ended, 'close');
    const server = await serve((_request, response) => {
      response.on('close', () => ended.emit('close'));
      const chunk = Buffer.alloc(16_384);
      const pump = (): void => {
        while (!response.destroyed && response.write(chunk));
        if (!response.destroyed) response.once('drain', pump);
      };
      pump();
    });
    const answer = await guarded({ allow: [server.host] }).once(
      get(server.origin, { maxBodyBytes: () => 65_536 }),
    );
    expect(answer).toMatchObject({ kind: 'failure', code: 'body_too_large', sent: true, status: 200 });
    await closed;
  });

  it('does not wait for a body that announces itself as too large', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': '1000000000' });
      response.flushHeaders();
    });
    const answer = await guarded({ allow: [server.host] }).once(get(server.origin));
    expect(answer).toMatchObject({ code: 'body_too_large' });
  });

  it('ends a slow body at the deadline', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(drip));
    });
    const started = performance.now();
    const answer = await guarded({ allow: [server.host] }).once(get(server.origin, { timeoutMs: 300 }));
    expect(answer).toMatchObject({ code: 'timeout', sent: true });
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('ends a silent seller at the deadline and says that the request was sent', async () => {
    const server = await serveRaw(() => undefined);
    const answer = await guarded({ allow: [server.host] }).once(get(server.origin, { timeoutMs: 200 }));
    expect(answer).toEqual({ kind: 'failure', code: 'timeout', sent: true });
  });

  it('refuses headers beyond 16 KiB', async () => {
    const server = await serveRaw((socket) => {
      socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\nx-a: ${'a'.repeat(40_000)}\r\n\r\n`));
    });
    const answer = await guarded({ allow: [server.host] }).once(get(server.origin));
    expect(answer).toMatchObject({ code: 'headers_too_large', sent: true });
  });

  it('never inflates: a compressed body is refused, or handed on as it is', async () => {
    const bomb = gzipSync(Buffer.alloc(20_000_000));
    const server = await serve((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(bomb);
    });
    const http = guarded({ allow: [server.host] });
    expect(await http.once(get(server.origin))).toMatchObject({ code: 'encoded_body', sent: true });
    const kept = await http.once(get(server.origin, { acceptEncodedBody: true }));
    expect(kept.kind === 'response' && kept.response.body.byteLength).toBe(bomb.byteLength);
  });

  it('answers with a code for what is not HTTP, and for a connection that breaks', async () => {
    const babble = await serveRaw((socket) => socket.once('data', () => socket.write('SSH-2.0-OpenSSH\r\n')));
    const breaks = await serveRaw((socket) => socket.once('data', () => socket.destroy()));
    const http = guarded({ allow: [babble.host, breaks.host] });
    expect(await http.once(get(babble.origin))).toMatchObject({ code: 'malformed_response', sent: true });
    expect(await http.once(get(breaks.origin))).toMatchObject({ code: 'connection_lost', sent: true });
  });

  it('says that nothing was sent when nobody listens', async () => {
    const server = await serve(() => undefined);
    await open.pop()?.();
    const answer = await guarded({ allow: [server.host] }).once(get(server.origin));
    expect(answer).toEqual({ kind: 'failure', code: 'connect_failed', sent: false });
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

describe('name resolution', () => {
  it('happens once per request and the connection goes to the checked address, whatever the name says later (rebinding)', async () => {
    const answers = [['93.184.215.14'], ['127.0.0.1'], ['93.184.215.14', '10.0.0.1']];
    let asked = 0;
    const connections: unknown[] = [];
    const http = guarded({
      resolve: () => Promise.resolve(answers[asked++] ?? []),
      connector: refuseToConnect(connections),
    });
    const url = 'https://rebind.example/';
    expect(await http.once(get(url))).toEqual({ kind: 'failure', code: 'connect_failed', sent: false });
    expect(connections).toEqual([
      expect.objectContaining({
        hostname: 'rebind.example',
        addresses: [{ address: '93.184.215.14', family: 4 }],
      }),
    ]);
    expect(asked).toBe(1);
    expect(await http.once(get(url))).toMatchObject({ code: 'forbidden_address', sent: false });
    expect(await http.once(get(url))).toMatchObject({ code: 'forbidden_address', sent: false });
    expect(connections).toHaveLength(1);
  });

  it('keeps the name in the TLS hello while the socket goes to the pinned address', async () => {
    const hello = new EventEmitter();
    const server = await serveRaw((socket) => socket.once('data', (data) => hello.emit('data', data)));
    const port = server.host.split(':')[1] ?? '';
    const http = guarded({
      resolve: () => Promise.resolve(['93.184.215.14']),
      // The real connector with its pinned lookup, but the address it would go to is answered by our own listener.
      connector: (pinned) => {
        const real = buildConnector({
          lookup: (name, options, callback) =>
            pinned(name, options, (error, address) => {
              expect([error, address]).toEqual([null, [{ address: '93.184.215.14', family: 4 }]]);
              callback(null, [{ address: '127.0.0.1', family: 4 }]);
            }),
        });
        return (options, callback) => real({ ...options, port }, callback);
      },
    });
    const answer = http.once(get('https://name.example/x', { timeoutMs: 300 }));
    const [bytes] = (await once(hello, 'data')) as [Buffer];
    expect(bytes.toString('latin1')).toContain('name.example');
    expect(await answer).toEqual({ kind: 'failure', code: 'timeout', sent: false });
  });

  it('cannot outlive the deadline, and a name without addresses is a failure of its own', async () => {
    const never = guarded({ resolve: () => new Promise(() => undefined) });
    expect(await never.once(get('https://slow.example/', { timeoutMs: 50 }))).toEqual({
      kind: 'failure',
      code: 'timeout',
      sent: false,
    });
    const nothing = guarded({ resolve: () => Promise.resolve([]) });
    expect(await nothing.once(get('https://none.example/'))).toMatchObject({ code: 'dns_failed' });
    const broken = guarded({ resolve: () => Promise.reject(new Error('SERVFAIL')) });
    expect(await broken.once(get('https://broken.example/'))).toMatchObject({ code: 'dns_failed' });
  });
});

describe('a slow seller', () => {
  it('uses up its own slots and queue only', async () => {
    const slow = await serve(() => undefined);
    const quick = await serve((_request, response) => response.end());
    const http = guarded({ allow: [slow.host, quick.host], concurrencyPerHost: 2, queuePerHost: 3 });
    const asked = Array.from({ length: 8 }, () => http.once(get(slow.origin, { timeoutMs: 400 })));
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
