import { EventEmitter, once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLast, get, guarded, serve, serveRaw } from '../../../test/support/guarded.js';

afterEach(closeAll);

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
    await closeLast();
    const answer = await guarded({ allow: [server.host] }).once(get(server.origin));
    expect(answer).toEqual({ kind: 'failure', code: 'connect_failed', sent: false });
  });
});
