import { EventEmitter, once } from 'node:events';
import { buildConnector } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, get, guarded, serveRaw } from '../../../test/support/guarded.js';
import type { GuardedFetchOptions } from './guarded-fetch.js';

afterEach(closeAll);

const refuseToConnect = (seen: unknown[]): NonNullable<GuardedFetchOptions['connector']> => {
  return (lookup) => (options, callback) => {
    lookup(options.hostname, { all: true }, (_error, addresses) => {
      seen.push({ addresses, hostname: options.hostname, servername: options.servername });
      callback(new Error('test'), null);
    });
  };
};

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
