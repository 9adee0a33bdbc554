import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { httpExchange, type HttpExchange, type HttpPost } from './http-exchange.js';
import { createJsonRpc, RpcError, type JsonRpcOptions } from './json-rpc.js';
import { createEvmRpc } from './rpc.js';

interface Entry {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}
type Exchange = (entries: readonly Entry[], post: HttpPost) => unknown;

const SECRET_URL = 'https://user:pa55@rpc.example/v2/s3cr3t-key';
const CHAIN = '0x14a34';

/** What stands in for the network, as the last test has set it up. */
let exchange: HttpExchange = httpExchange;

/** Answers every exchange in place of the network; counts them. */
function network(answer: Exchange): { requests: (readonly Entry[])[]; posts: HttpPost[] } {
  const seen = { requests: [] as (readonly Entry[])[], posts: [] as HttpPost[] };
  exchange = async (post) => {
    const entries = JSON.parse(post.body) as readonly Entry[];
    seen.requests.push(entries);
    seen.posts.push(post);
    const given = await answer(entries, post);
    const response = given instanceof Response ? given : new Response(JSON.stringify(given));
    return { status: response.status, body: response.body ?? new ReadableStream() };
  };
  return seen;
}

const echo = (entries: readonly Entry[], chain = CHAIN) =>
  entries.map(({ id, method, params }) => ({ id, result: method === 'eth_chainId' ? chain : params[0] }));

const rpc = (options: Partial<JsonRpcOptions> = {}) =>
  createJsonRpc({ url: SECRET_URL, chainId: 84532, exchange, ...options });

async function faultOf(promise: Promise<unknown>): Promise<RpcError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof RpcError)) return expect.fail('expected an RpcError');
  expect(`${error.message} ${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`).not.toMatch(
    /s3cr3t|pa55|rpc\.example|hostile words/,
  );
  return error;
}

describe('JSON-RPC calls', () => {
  it('made together leave in one request and come back each to its caller', async () => {
    const seen = network((entries) => echo(entries).toReversed());
    const client = rpc();
    const answers = await Promise.all([1, 2, 3].map((n) => client.call('echo', [n])));
    expect(answers).toEqual([1, 2, 3]);
    expect(seen.requests).toHaveLength(1);
    expect(client.stats()).toEqual({ httpRequests: 1, calls: 3 });
  });

  it('are cut into batches of the configured size', async () => {
    const seen = network((entries) => echo(entries));
    const client = rpc({ maxBatch: 10 });
    const numbers = Array.from({ length: 25 }, (_, i) => i);
    expect(await Promise.all(numbers.map((n) => client.call('echo', [n])))).toEqual(numbers);
    expect(seen.requests.map((entries) => entries.length - 1)).toEqual([10, 10, 5]);
  });

  it('keep to the bound of requests in flight and refuse what exceeds the queue', async () => {
    let under = 0;
    let most = 0;
    network(async (entries) => {
      under += 1;
      most = Math.max(most, under);
      await Promise.resolve();
      under -= 1;
      return echo(entries);
    });
    const client = rpc({ maxBatch: 1, maxInFlight: 2, maxQueued: 20 });
    const results = await Promise.allSettled(Array.from({ length: 25 }, (_, i) => client.call('echo', [i])));
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(20);
    expect(most).toBe(2);
  });

  it('ask for the chain id in every request, also after a failure, and believe nothing from another chain', async () => {
    let chain = CHAIN;
    const seen = network((entries) => echo(entries, chain));
    const client = rpc();
    expect(await client.call('echo', ['a'])).toBe('a');
    chain = '0x1';
    expect((await faultOf(client.call('echo', ['b']))).fault).toBe('wrong_chain');
    chain = CHAIN;
    expect(await client.call('echo', ['c'])).toBe('c');
    expect(seen.requests.every((entries) => entries[0]?.method === 'eth_chainId')).toBe(true);
  });

  it('send credentials of the URL as a header', async () => {
    const seen = network((entries) => echo(entries));
    await rpc().call('echo', [1]);
    expect(seen.posts.map((post) => post.url)).toEqual(['https://rpc.example/v2/s3cr3t-key']);
    expect(seen.posts[0]?.headers).toMatchObject({ authorization: 'Basic dXNlcjpwYTU1' });
  });

  it('follow no redirect, and end in time also when the answer has begun', async () => {
    const paths: string[] = [];
    const server = createServer(({ url }, response) => {
      paths.push(url ?? '');
      if (url === '/slow') response.write('[');
      else response.writeHead(307, { location: '/elsewhere' }).end();
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const over = { exchange: httpExchange, timeoutMs: 200 };
    const redirected = await faultOf(rpc({ ...over, url: `${url}/moved` }).call('echo', [1]));
    expect(redirected).toMatchObject({ fault: 'http_status', code: 307 });
    expect((await faultOf(rpc({ ...over, url: `${url}/slow` }).call('echo', [1]))).fault).toBe('timeout');
    expect(paths).toEqual(['/moved', '/slow']);
    server.closeAllConnections();
    server.close();
  });
});

const reply = (entries: readonly Entry[], second: object) => [
  { id: 0, result: CHAIN },
  ...entries.slice(1).map(({ id }) => ({ id, ...second })),
];
const error = (code: number, message: string) => (entries: readonly Entry[]) =>
  reply(entries, { error: { code, message: `${message} hostile words ${SECRET_URL}` } });

describe('RPC faults name neither URL nor provider text', () => {
  it.each<[string, Exchange, string]>([
    ['unreachable', () => Promise.reject(new TypeError(`connect to ${SECRET_URL} failed`)), 'unreachable'],
    ['http_status', () => new Response(`hostile words ${SECRET_URL}`, { status: 503 }), 'http_status'],
    ['rate_limited', () => new Response('slow down', { status: 429 }), 'rate_limited'],
    ['no JSON', () => new Response(`<html>hostile words`), 'bad_response'],
    ['an object', () => ({ hostile: 'hostile words' }), 'bad_response'],
    ['a refused batch', () => ({ error: { code: -32600, message: 'hostile words' } }), 'rejected'],
    ['a missing answer', (entries) => [{ id: 0, result: entries.length === 0 ? '' : CHAIN }], 'bad_response'],
    ['a repeated answer', (entries) => [...echo(entries), ...echo(entries)], 'bad_response'],
    ['an answer without id', (entries) => [...echo(entries), { result: 1 }], 'bad_response'],
    ['null entries', () => [null], 'bad_response'],
    ['no result', (entries) => reply(entries, {}), 'bad_response'],
    ['a revert', error(3, 'execution reverted'), 'reverted'],
    ['too many logs', error(-32005, 'query returned more than 10000 results'), 'range_too_large'],
    ['too wide a range', error(-32600, 'block range is too wide'), 'range_too_large'],
    ['a rate limit', error(-32005, 'daily request count exceeded, request rate limited'), 'rate_limited'],
    ['anything else', error(-32000, 'header not found'), 'rejected'],
  ])('%s', async (_what, answer, fault) => {
    network(answer);
    expect((await faultOf(rpc().call('eth_getLogs', [{}]))).fault).toBe(fault);
  });

  it('when the answer is larger than the cap', async () => {
    network((entries) => reply(entries, { result: 'x'.repeat(2_000) }));
    expect((await faultOf(rpc({ maxResponseBytes: 1_000 }).call('echo', []))).fault).toBe('too_large');
  });

  it('when there is no answer in time', async () => {
    network(
      (_entries, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error(`timeout at ${SECRET_URL}`)));
        }),
    );
    expect((await faultOf(rpc({ timeoutMs: 5 }).call('echo', []))).fault).toBe('timeout');
  });

  it('when the URL is malformed', () => {
    expect(() => rpc({ url: 'no url s3cr3t' })).toThrow(RpcError);
    expect(() => rpc({ url: 'no url s3cr3t' })).not.toThrow('s3cr3t');
  });
});

function answering(result: unknown) {
  network((entries) => reply(entries, { result }));
  return createEvmRpc({ url: SECRET_URL, chainId: 84532, exchange });
}

describe('typed reads refuse malformed answers', () => {
  const hash = `0x${'ab'.repeat(32)}`;

  it.each([
    ['no hash', { number: '0x1', parentHash: hash, timestamp: '0x1' }],
    ['a number that is no hex', { number: 1, hash, parentHash: hash, timestamp: '0x1' }],
    ['a time beyond reason', { number: '0x5', hash, parentHash: hash, timestamp: `0x${'f'.repeat(16)}` }],
    ['another block than asked', { number: '0x6', hash, parentHash: hash, timestamp: '0x1' }],
    ['text', 'hostile words'],
  ])('of a block: %s', async (_what, block) => {
    expect((await faultOf(answering(block).block(5))).fault).toBe('bad_response');
  });

  it('and know an absent block from a malformed one', async () => {
    expect(await answering(null).block('finalized')).toBeUndefined();
  });

  it.each([
    ['not a list', {}],
    ['a log without topics', [{ address: `0x${'1'.repeat(40)}` }]],
    ['null', [null]],
  ])('of logs: %s', async (_what, logs) => {
    const read = answering(logs).logs({ fromBlock: 1, toBlock: 2, addresses: [], topics: [] });
    expect((await faultOf(read)).fault).toBe('bad_response');
  });
});
