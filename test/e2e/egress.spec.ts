// E12: an address that a buyer must not reach is never connected to, whoever names it: the caller, a redirect, a name server (T20-T23).
import {
  createServer as createHttp,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTcp, type AddressInfo, type Server as TcpServer } from 'node:net';
import { encodePaymentRequiredHeader } from '@x402/core/http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Agent, freshKey, type Answer } from './support/client.js';
import { rows } from './support/measure.js';
import { TestStack, until } from './support/stack.js';

const TOKEN = '0x036CbD53842c5426634e7929541eC2318f3dCF7e';
let stack: TestStack;
/** Listens on loopback and may not be reached; every connection counts, whatever is said on it. */
let canary: TcpServer;
let canaryPort: number;
let hits = 0;
/** May be bought from, and sends its buyers elsewhere. */
let seller: Server;
let sellerUrl: string;
const paidRequests: string[] = [];

beforeAll(async () => {
  canary = createTcp((socket) => {
    hits += 1;
    socket.destroy();
  });
  canaryPort = await listen(canary);
  seller = createHttp(answer);
  sellerUrl = `http://127.0.0.1:${await listen(seller)}`;
  stack = await TestStack.start({ blockTime: 1, allow: [new URL(sellerUrl).host] });
});
afterAll(async () => {
  await stack?.stop();
  canary?.close();
  seller?.closeAllConnections();
  seller?.close();
});

function listen(server: TcpServer | Server): Promise<number> {
  return new Promise((done) =>
    server.listen(0, '127.0.0.1', () => done((server.address() as AddressInfo).port)),
  );
}

/** `/to/<target>`: a redirect, paid or not. `/paid/<status>/<target>`: asks for payment, then redirects whoever pays. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const [, kind, first = '', second = ''] = (request.url ?? '').split('/');
  const paid = request.headers['payment-signature'] !== undefined;
  if (paid) paidRequests.push(request.url ?? '');
  if (kind === 'to') {
    response.writeHead(302, { location: decodeURIComponent(first) }).end();
  } else if (kind === 'paid' && paid) {
    response.writeHead(Number(first), { location: decodeURIComponent(second) }).end();
  } else {
    response.writeHead(402, { 'payment-required': terms(request.url ?? '/') }).end('{}');
  }
}

const terms = (path: string): string =>
  encodePaymentRequiredHeader({
    x402Version: 2,
    error: 'Payment required',
    resource: { url: `${sellerUrl}${path}`, description: 'goods', mimeType: 'text/plain' },
    accepts: [
      {
        scheme: 'exact',
        network: 'eip155:84532',
        amount: '1000',
        asset: TOKEN,
        payTo: '0x00000000000000000000000000000000005e11e4',
        maxTimeoutSeconds: 30,
        extra: { name: 'USDC', version: '2' },
      },
    ],
  });

const agent = (): Agent => new Agent(() => stack.file, stack.file.agent);
const portOf = (url: string): string => new URL(url).port;

/** A URL that is wrong by its form is refused at the door; one that leads to a wrong place, when it is resolved. */
interface Row {
  readonly what: string;
  readonly url: () => string;
  readonly code: 'invalid_url' | 'forbidden_address';
  /** Known by its text: nothing is stored, no key is bound. */
  readonly atTheDoor?: true;
}

const at = (host: string) => (): string => `https://${host}:${canaryPort}/`;
const HOSTS: readonly [string, string][] = [
  ['IPv4 loopback', '127.0.0.1'],
  ['another loopback address', '127.9.9.9'],
  ['the name of loopback', 'localhost'],
  ['a trailing dot', '127.0.0.1.'],
  ['a short form', '127.1'],
  ['one number', '2130706433'],
  ['hexadecimal', '0x7f000001'],
  ['octal', '0177.0.0.1'],
  ['full-width digits', '１２７.０.０.１'],
  ['any address', '0.0.0.0'],
  ['IPv6 loopback', '[::1]'],
  ['IPv6 any', '[::]'],
  ['IPv4 mapped into IPv6', '[::ffff:127.0.0.1]'],
  ['IPv4 mapped into IPv6, in hex', '[::ffff:7f00:1]'],
  ['IPv4 compatible with IPv6', '[::127.0.0.1]'],
  ['NAT64', '[64:ff9b::7f00:1]'],
  ['6to4', '[2002:7f00:1::]'],
  ['unique local', '[fd00::1]'],
  ['link-local', '[fe80::1]'],
];

const ROWS: readonly Row[] = [
  ...HOSTS.map(([what, host]) => ({ what, url: at(host), code: 'forbidden_address' as const })),
  { what: 'loopback over http', url: () => `http://127.0.0.1:${canaryPort}/`, code: 'forbidden_address' },
  {
    what: "the database's port",
    url: () => `http://127.0.0.1:${portOf(stack.file.databaseUrl)}/`,
    code: 'forbidden_address',
  },
  {
    what: "the queue's port",
    url: () => `http://127.0.0.1:${portOf(stack.file.redisUrl)}/`,
    code: 'forbidden_address',
  },
  { what: "Purser's own API", url: () => `${stack.file.apiUrl}/metrics`, code: 'forbidden_address' },
  { what: 'the chain node', url: () => stack.file.rpcUrl, code: 'forbidden_address' },
  {
    what: 'an allowed port at another loopback address',
    url: () => `http://127.0.0.2:${portOf(sellerUrl)}/`,
    code: 'forbidden_address',
  },
  {
    what: 'cloud metadata',
    url: () => 'https://169.254.169.254/latest/meta-data/',
    code: 'forbidden_address',
  },
  { what: 'a private network', url: () => 'https://10.0.0.1/', code: 'forbidden_address' },
  { what: 'carrier-grade NAT', url: () => 'https://100.64.0.1/', code: 'forbidden_address' },
  { what: 'another port of a public address', url: () => 'https://1.1.1.1:22/', code: 'forbidden_address' },
  {
    what: 'cloud metadata over http',
    url: () => 'http://169.254.169.254/',
    code: 'invalid_url',
    atTheDoor: true,
  },
  { what: 'http', url: () => 'http://shop.example/', code: 'invalid_url', atTheDoor: true },
  { what: 'another scheme', url: () => 'file:///etc/passwd', code: 'invalid_url', atTheDoor: true },
  { what: 'gopher', url: () => `gopher://127.0.0.1:${canaryPort}/_x`, code: 'invalid_url', atTheDoor: true },
  {
    what: 'credentials',
    url: () => `https://user:word@127.0.0.1:${canaryPort}/`,
    code: 'invalid_url',
    atTheDoor: true,
  },
  {
    what: 'empty credentials',
    url: () => `https://@127.0.0.1:${canaryPort}/`,
    code: 'invalid_url',
    atTheDoor: true,
  },
  {
    what: 'a backslash before the host',
    url: () => `https://shop.example\\@127.0.0.1:${canaryPort}/`,
    code: 'invalid_url',
    atTheDoor: true,
  },
  {
    what: 'a line break',
    url: () => `https://shop.example/\r\nHost: 127.0.0.1`,
    code: 'invalid_url',
    atTheDoor: true,
  },
];

async function operationCount(): Promise<number> {
  const [row] = await rows<{ n: number }>(
    stack.file.databaseUrl,
    'SELECT count(*)::int AS n FROM operations',
  );
  return row?.n ?? NaN;
}

function expectRefused(answer: Answer, code: string, what: string): void {
  expect(answer.status, `${what}: ${JSON.stringify(answer.body)}`).toBe(400);
  expect(answer.body.error.details, what).toMatchObject({ field: 'url' });
  expect(answer.body.error.details.cause ?? answer.body.error.code, what).toBe(code);
}

describe('a forbidden address', () => {
  it('is refused by purchase, by quote and natively, with one code, and is never connected to', async () => {
    for (const { what, url, code } of ROWS) {
      const purchased = await agent().purchase(freshKey('egress'), { url: url(), max_amount: '1000' });
      expectRefused(purchased, code, `purchase of ${what}`);
      const quoted = await agent().post('/v1/agent/x402/quote', { url: url() });
      expectRefused(quoted, code, `quote of ${what}`);
    }
    expect(hits).toBe(0);
  });

  it('leaves no operation and no key behind when the URL itself is wrong', async () => {
    const before = await operationCount();
    const key = freshKey('reused');
    for (const { what, url, code } of ROWS.filter((row) => row.atTheDoor)) {
      const body = { kind: 'purchase', url: url(), max_amount: '1000', wait_ms: 5_000 };
      const answer = await agent().post('/purser/v1/operations', body, { 'idempotency-key': key });
      expect(answer.status, what).toBe(400);
      expect(answer.body.error, what).toMatchObject({ code, details: { field: 'url' } });
    }
    expect(await operationCount()).toBe(before);
  });

  it('ends an operation unpaid, without a hold, when it only shows on the way', async () => {
    const body = { kind: 'purchase', url: at('127.0.0.1')(), max_amount: '1000', wait_ms: 10_000 };
    const key = freshKey('native');
    const answer = await agent().post('/purser/v1/operations', body, { 'idempotency-key': key });
    expect(answer.status).toBe(400);
    expect(answer.body.error).toMatchObject({ code: 'forbidden_address', details: { field: 'url' } });
    expect(answer.body.operation).toMatchObject({ status: 'refused', paid: false, authorization: null });
  });
});

const targets = (): [string, string][] => [
  ['loopback', `http://127.0.0.1:${canaryPort}/`],
  ['loopback over https', `https://127.0.0.1:${canaryPort}/`],
  ['the queue', stack.file.redisUrl.replace('redis:', 'http:')],
  ['cloud metadata', 'http://169.254.169.254/latest/meta-data/'],
  ['another scheme', 'file:///etc/passwd'],
  ['IPv6 loopback', `https://[::1]:${canaryPort}/`],
];

describe('a redirect', () => {
  it('from a seller that may be bought from to an address that may not is judged like any other', async () => {
    for (const [what, target] of targets()) {
      const url = `${sellerUrl}/to/${encodeURIComponent(target)}`;
      const answer = await agent().purchase(freshKey('redirect'), { url, max_amount: '1000' });
      expect(answer.status, `${what}: ${JSON.stringify(answer.body)}`).toBe(400);
      expect(answer.body.error.details.cause, what).toMatch(/^(forbidden_address|invalid_url)$/);
    }
    expect(hits).toBe(0);
    expect(paidRequests).toEqual([]);
  });

  it('of a paid request is not followed, and the payment is shown to nobody else', async () => {
    const target = `http://127.0.0.1:${canaryPort}/`;
    const ids = await Promise.all(
      [301, 302, 303, 307, 308].map(async (status) => {
        const url = `${sellerUrl}/paid/${status}/${encodeURIComponent(target)}`;
        const body = { url, max_amount: '1000', timeout_ms: 5_000 };
        const answer = await agent().purchase(freshKey('paid-redirect'), body);
        // Signed and sent: from here only the chain says that nothing was paid.
        expect(answer.status, String(status)).toBe(502);
        expect(answer.body.error.details).toMatchObject({ cause: 'outcome_unknown', outcome: 'redirected' });
        expect(paidRequests.filter((path) => url.endsWith(path)).length, String(status)).toBe(1);
        return answer.body.operation_id as string;
      }),
    );
    expect(hits).toBe(0);
    for (const id of ids)
      await until(
        async () => (await agent().get(`/purser/v1/operations/${id}`)).body.status === 'failed',
        90_000,
        'the authorization expires unused',
      );
  });
});

describe('after all of them', () => {
  it('nothing was charged, nothing was reached, the books are clean', async () => {
    const report = await stack.check();
    expect(report.violations).toEqual([]);
    expect(report.charges).toBe(0);
    expect(hits).toBe(0);
  });
});
