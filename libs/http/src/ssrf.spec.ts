import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isLoopbackAddress, isPublicAddress } from './addresses.js';
import { createGuardedFetch, type GuardedFetch } from './guarded-fetch.js';

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');

// Every special range, at its edges and inside, in both families.
const FORBIDDEN_ADDRESSES = words(`
  0.0.0.0 0.0.0.1 0.255.255.255 10.0.0.0 10.1.2.3 10.255.255.255 100.64.0.0 100.100.100.200
  100.127.255.255 127.0.0.1 127.1.1.1 127.255.255.255 169.254.0.1 169.254.169.254 169.254.170.2
  172.16.0.1 172.17.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.31.196.1 192.52.193.1
  192.88.99.1 192.168.0.1 192.168.255.255 192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.7
  203.0.113.9 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.254 255.255.255.255 :: ::1 ::2
  ::127.0.0.1 ::7f00:1 ::10.0.0.1 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:8.8.8.8
  ::ffff:0:127.0.0.1 ::ffff:0:808:808 64:ff9b::7f00:1 64:ff9b::8.8.8.8 64:ff9b:1::7f00:1
  64:ff9b:1:ffff::1 100::1 100:0:0:1::1 2001::1 2001:0:7f00:1:: 2001:2::1 2001:3::1 2001:4:112::1
  2001:10::1 2001:20::1 2001:30::1 2001:1ff::1 2001:db8::1 2001:db8:ffff::1 2002:7f00:1::
  2002:a00:1::1 2002:808:808::1 2620:4f:8000::1 3fff::1 3fff:fff::1 4000::1 5f00::1 fc00::1
  fd00::1 fd00:ec2::254 fdff::1 fe80::1 febf::1 fec0::1 feff::1 ff02::1 ff0e::1 ffff::1
`);
const PUBLIC_ADDRESSES = words(`
  1.1.1.1 8.8.8.8 93.184.215.14 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0 192.0.1.1
  198.17.255.255 198.20.0.0 223.255.255.255 2606:4700::1111 2a00:1450::1 2001:4860:4860::8888
  2400:cb00::1 2620:4f:8001::1
`);
const ODD_LOOPBACK = words(`
  127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0x7f.1 0177.0.0.1 017700000001 0x7F.0x0.0x0.0x1
  0177.0x0.0.1 127.000.000.001 ①②⑦.⓪.⓪.① １２７．０．０．１ 127。0。0。1 127%2E0%2E0%2E1 0 0.0.0.0 127.0.0.1.
  localhost LOCALHOST localhost. loc%61lhost [::1] [::] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1]
  [::ffff:7f00:1] [::127.0.0.1] [64:ff9b::7f00:1] [2002:7f00:1::] [fe80::1%25lo] [::1%25lo]
  [0000::1] [::ffff:0:127.0.0.1]
`);
const NAMES: Readonly<Record<string, readonly string[]>> = {
  'metadata.google.internal': ['169.254.169.254'],
  'one-bad.example': ['93.184.215.14', '127.0.0.1'],
  'bad-v6.example': ['93.184.215.14', '::1'],
  'mapped.example': ['::ffff:127.0.0.1'],
  'garbage.example': ['not an address'],
  'many.example': Array.from({ length: 100 }, () => '93.184.215.14'),
  'localtest.example': ['127.0.0.1'],
};

function corpus(port: number): string[] {
  const special = FORBIDDEN_ADDRESSES.map((address) => (address.includes(':') ? `[${address}]` : address));
  const hosts = [...special, ...ODD_LOOPBACK, ...Object.keys(NAMES), 'localtest.example.', 'nowhere.example'];
  return [
    ...hosts.flatMap((host) => [`https://${host}:${port}/`, `https://${host}/`, `http://${host}:${port}/`]),
    ...['file', 'ftp', 'gopher', 'dict', 'ws', 'wss', 'ldap', 'jar', 'blob', 'redis'].map(
      (scheme) => `${scheme}://127.0.0.1:${port}/`,
    ),
    'data:text/html,x',
    'javascript:1',
    'about:blank',
    '',
    ' ',
    '//127.0.0.1',
    '/etc/passwd',
    'https://',
    'x',
    `https://user@127.0.0.1:${port}/`,
    `https://user:pass@public.example/`,
    `https://public.example@127.0.0.1:${port}/`,
    `https://:@public.example/`,
    `https://@public.example/`,
    `https://public.example\\@127.0.0.1:${port}/`,
    `https://127.0.0.1:${port}\\.public.example/`,
    `https:\\\\127.0.0.1:${port}/`,
    `https:127.0.0.1:${port}/`,
    `https:/127.0.0.1:${port}/`,
    `https:///127.0.0.1:${port}/`,
    `https://127.0.0.1:${port}/\r\nX: y`,
    `\thttps://127.0.0.1:${port}/`,
    `https://127.0.0.1:${port}#@public.example/`,
    `https://127.0.0.1:${port}?@public.example/`,
    `https://public.example:22/`,
    `https://public.example:6379/`,
    `https://public.example:80/`,
    `https://public.example:65536/`,
    `http://public.example/`,
    `http://public.example:443/`,
    `https://[::1/`,
    `https://exa mple.com/`,
    `https://public.example/${'a'.repeat(5_000)}`,
  ];
}

describe('requests forged by URL', () => {
  let canary: Server;
  let http: GuardedFetch;
  let hits = 0;
  let port = 0;

  beforeAll(async () => {
    canary = createServer((socket) => {
      hits += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => canary.listen(0, '::', resolve));
    port = (canary.address() as AddressInfo).port;
    http = createGuardedFetch({
      // The port is allowed for a name and for a loopback address nobody asks for: neither may open it for others.
      allow: [`localtest.example:${port}`, `127.0.0.2:${port}`],
      resolve: (name) => Promise.resolve(NAMES[name] ?? []),
    });
  });

  afterAll(async () => {
    await http.close();
    await new Promise((resolve) => canary.close(resolve));
  });

  it('never reach a socket: more than 200 URLs, 0 hits on the canary', async () => {
    const urls = corpus(port);
    expect(urls.length).toBeGreaterThan(200);
    const answers = await Promise.all(
      urls.map((url) =>
        http.following({ tenant: 't', url, method: 'GET', headers: {}, body: null, timeoutMs: 2_000 }),
      ),
    );
    const leaks = answers.flatMap((answer, index) =>
      answer.kind === 'failure' &&
      !answer.sent &&
      /^(invalid_url|forbidden_address|dns_failed)$/.test(answer.code)
        ? []
        : [{ url: urls[index], answer }],
    );
    expect(leaks).toEqual([]);
    expect(hits).toBe(0);
  });

  it('reach the canary when it is allowed by address, so the test above can fail', async () => {
    const allowed = createGuardedFetch({ allow: [`127.0.0.1:${port}`] });
    const url = `http://127.0.0.1:${port}/`;
    await allowed.once({ tenant: 't', url, method: 'GET', headers: {}, body: null, timeoutMs: 2_000 });
    await allowed.close();
    expect(hits).toBe(1);
  });
});

describe('addresses', () => {
  it.each(FORBIDDEN_ADDRESSES)('%s is not public', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(PUBLIC_ADDRESSES)('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true);
    expect(isLoopbackAddress(address)).toBe(false);
  });

  it('in no text form are both public and loopback', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.ipV4Extended(), fc.string()), (text) => {
        expect(isPublicAddress(text) && isLoopbackAddress(text)).toBe(false);
      }),
    );
  });

  it('wrapped in IPv6 are never public, whatever the IPv4 address inside', () => {
    fc.assert(
      fc.property(fc.ipV4(), (v4) => {
        for (const prefix of ['::', '::ffff:', '::ffff:0:', '64:ff9b::', '64:ff9b:1::'])
          expect(isPublicAddress(`${prefix}${v4}`)).toBe(false);
      }),
    );
  });
});
