import { getEventListeners } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CHAIN, echo, honest, startWsNode, type Entry, type WsNode } from '../../../test/support/ws-node.js';
import { createJsonRpc, RpcError, type JsonRpc, type JsonRpcOptions } from './json-rpc.js';
import { createWsExchange } from './ws-exchange.js';

let node: WsNode;
const clients: JsonRpc[] = [];

beforeEach(async () => {
  node = await startWsNode();
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  node.close();
});

function rpc(options: Partial<JsonRpcOptions> = {}): JsonRpc {
  const url = `${node.url.replace('://', '://user:pa55@')}/v2/s3cr3t-key`;
  const client = createJsonRpc({ url, chainId: 84532, ...options });
  clients.push(client);
  return client;
}

async function faultOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof RpcError)) return expect.fail('expected an RpcError');
  expect(`${error.message} ${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`).not.toMatch(
    /s3cr3t|pa55|127\.0\.0|hostile words/,
  );
  return error.fault;
}

const isBatch = (message: readonly Entry[] | Entry): message is readonly Entry[] => Array.isArray(message);

describe('JSON-RPC over a WebSocket', () => {
  it('takes calls of one moment in one batch, all batches over one socket, each with the chain id and ids of its own', async () => {
    node.answer = (message) => (isBatch(message) ? echo(message).toReversed() : undefined);
    const client = rpc();
    expect(await Promise.all([1, 2, 3].map((it) => client.call('echo', [it])))).toEqual([1, 2, 3]);
    expect(await client.call('echo', ['later'])).toBe('later');
    const batches = node.batches();
    expect(batches.map((it) => it.map(({ method }) => method))).toEqual([
      ['eth_chainId', 'echo', 'echo', 'echo'],
      ['eth_chainId', 'echo'],
    ]);
    const ids = batches.flat().map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(node.lines).toHaveLength(1);
  });

  it('sends credentials and no key but in the path that was asked for', async () => {
    await rpc().call('echo', [1]);
    const [line] = node.lines;
    expect(line?.request.headers.authorization).toBe(`Basic ${Buffer.from('user:pa55').toString('base64')}`);
    expect(line?.request.headers['sec-websocket-extensions']).toBeUndefined();
    expect(line?.request.url).toBe('/v2/s3cr3t-key');
  });

  it('gives each of two batches its own answers, whichever comes first', async () => {
    const held: unknown[] = [];
    node.answer = (message, line) => {
      if (!isBatch(message)) return;
      held.unshift(echo(message));
      if (held.length === 2) for (const answer of held) line.send(answer);
    };
    const client = rpc({ maxBatch: 1 });
    expect(await Promise.all(['a', 'b'].map((it) => client.call('echo', [it])))).toEqual(['a', 'b']);
  });

  it('heeds no answer that nobody waits for: late ones, and ids that were never given', async () => {
    let slow: readonly Entry[] = [];
    node.answer = (message, line) => {
      if (!isBatch(message)) return;
      if (message[1]?.params[0] === 'slow') slow = message;
      else {
        line.send(echo(slow));
        line.send(echo(slow).map((it) => ({ ...it, id: it.id + 1_000_000 })));
        line.send({ jsonrpc: '2.0', id: 999_999, error: { code: 1, message: 'hostile words' } });
        line.send({ jsonrpc: '2.0', method: 'anything', id: 77 });
        line.send(echo(message));
      }
    };
    const client = rpc({ timeoutMs: 300, maxBatch: 1 });
    const late = client.call('echo', ['slow']);
    await new Promise((resolve) => setTimeout(resolve, 200));
    // Answered in between, so that the line is known to live.
    const between = client.call('echo', ['between']);
    expect(await between).toBe('between');
    expect(await late).toBe('slow');
  });

  it('drops what comes after its time, and keeps the socket when others were answered meanwhile', async () => {
    const slow: Entry[] = [];
    node.answer = (message, line) => {
      if (!isBatch(message)) return;
      if (message[1]?.params[0] === 'slow') slow.push(...message);
      else {
        if (message[1]?.params[0] === 'after') line.send(echo(slow));
        line.send(echo(message));
      }
    };
    const client = rpc({ timeoutMs: 200 });
    const late = faultOf(client.call('echo', ['slow']));
    await vi.waitFor(() => expect(slow).not.toEqual([]));
    expect(await client.call('echo', ['between'])).toBe('between');
    expect(await late).toBe('timeout');
    expect(await client.call('echo', ['after'])).toBe('after');
    expect(node.lines).toHaveLength(1);
  });

  it('takes a line on which nothing was answered in time for dead, and opens another', async () => {
    node.answer = () => undefined;
    const client = rpc({ timeoutMs: 100 });
    expect(await faultOf(client.call('echo', [1]))).toBe('timeout');
    node.answer = honest;
    expect(await client.call('echo', [2])).toBe(2);
    expect(node.lines).toHaveLength(2);
  });

  it('fails what is under way when the socket is lost, at once, and opens another for the next call', async () => {
    node.answer = (_message, line) => line.cut();
    const client = rpc();
    const lost = [1, 2].map((it) => faultOf(client.call('echo', [it])));
    expect(await Promise.all(lost)).toEqual(['unreachable', 'unreachable']);
    expect(node.lines).toHaveLength(1);
    node.answer = honest;
    expect(await client.call('echo', [3])).toBe(3);
    expect(node.lines).toHaveLength(2);
  });

  it('opens another socket when the node has taken its leave between two calls', async () => {
    const client = rpc();
    await client.call('echo', [1]);
    node.lines[0]?.leave();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await client.call('echo', [2])).toBe(2);
    expect(node.lines).toHaveLength(2);
  });

  it('is unreachable where nobody listens, or somebody who speaks no WebSocket', async () => {
    const elsewhere = createServer((_request, response) => response.writeHead(401).end('hostile words'));
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
    const url = `ws://user:pa55@127.0.0.1:${(elsewhere.address() as AddressInfo).port}/s3cr3t`;
    expect(await faultOf(rpc({ url }).call('echo', [1]))).toBe('unreachable');
    elsewhere.closeAllConnections();
    await new Promise((resolve) => elsewhere.close(resolve));
    expect(await faultOf(rpc({ url }).call('echo', [1]))).toBe('unreachable');
    expect(await rpc({ url: `${node.url}#fragment` }).call('echo', [1])).toBe(1);
  });

  it('believes nothing from another chain, also after it was lost', async () => {
    const client = rpc();
    expect(await client.call('echo', [1])).toBe(1);
    node.lines[0]?.cut();
    node.answer = (message) => (isBatch(message) ? echo(message, '0x1') : undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await faultOf(client.call('echo', [2]))).toBe('wrong_chain');
    node.answer = honest;
    expect(await client.call('echo', [3])).toBe(3);
  });

  it.each<[string, (entries: readonly Entry[]) => unknown, string]>([
    ['no JSON', () => '<html>hostile words', 'bad_response'],
    ['a refused batch', () => ({ id: null, error: { code: -32600, message: 'hostile words' } }), 'rejected'],
    [
      'too many calls',
      () => ({ error: { code: -32005, message: 'rate limited, hostile words' } }),
      'rate_limited',
    ],
    ['a missing answer', (entries) => echo(entries).slice(0, 1), 'bad_response'],
    ['a repeated answer', (entries) => [...echo(entries), ...echo(entries)], 'bad_response'],
    ['null among the answers', (entries) => [...echo(entries), null], 'bad_response'],
    ['one answer alone', (entries) => echo(entries)[0], 'bad_response'],
    [
      'an error',
      (entries) => [
        { id: entries[0]?.id, result: CHAIN },
        { id: entries[1]?.id, error: { code: 3 } },
      ],
      'reverted',
    ],
  ])('tells %s', async (_what, answer, fault) => {
    node.answer = (message) => (isBatch(message) ? answer(message) : undefined);
    const client = rpc({ timeoutMs: 2_000 });
    expect(await faultOf(client.call('eth_call', [{}]))).toBe(fault);
    node.answer = honest;
    expect(await client.call('echo', [1])).toBe(1);
  });

  it.each<[string, (line: WsNode['lines'][number], entries: readonly Entry[]) => void]>([
    ['is too large', (line, entries) => line.send([...echo(entries), 'x'.repeat(2_000)])],
    ['grows too large', (line) => line.begin(1_000_000_000, 200_000)],
  ])('ends a socket whose message %s', async (_what, send) => {
    node.answer = (message, line) => (isBatch(message) ? send(line, message) : undefined);
    const client = rpc({ maxResponseBytes: 1_000, timeoutMs: 2_000 });
    expect(await faultOf(client.call('eth_getLogs', [{}]))).toBe('too_large');
    node.answer = honest;
    expect(await client.call('echo', [1])).toBe(1);
  });

  it('has nothing compressed, by which little could become much', async () => {
    node.compresses = true;
    expect(await faultOf(rpc().call('echo', [1]))).toBe('unreachable');
    node.compresses = false;
    expect(await rpc().call('echo', [1])).toBe(1);
  });

  it('leaves nothing behind on a signal that outlives the answer', async () => {
    const exchange = createWsExchange({ url: node.url, headers: {} }, 1_000);
    const { signal } = new AbortController();
    const entry = { jsonrpc: '2.0', id: 0, method: 'echo', params: ['a'] } as const;
    expect(await exchange.exchange([entry], signal)).toEqual(new Map([[0, { id: 0, result: 'a' }]]));
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    exchange.close();
  });

  it('ends with what is under way when it is closed, and opens nothing any more', async () => {
    node.answer = () => undefined;
    const client = rpc();
    const call = faultOf(client.call('echo', [1]));
    await vi.waitFor(() => expect(node.heard).toHaveLength(1));
    client.close();
    expect(await call).toBe('unreachable');
    expect(await faultOf(client.call('echo', [1]))).toBe('unreachable');
    expect(node.lines).toHaveLength(1);
  });
});

describe('announcements of blocks', () => {
  it('are subscribed to for a listener, on every new socket, and open none', async () => {
    const client = rpc();
    let heard = 0;
    const end = client.onNewHead(() => (heard += 1));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(node.lines).toHaveLength(0);
    await client.call('echo', [1]);
    await vi.waitFor(() => expect(node.subscriptions()).toBe(1));
    node.announce();
    await vi.waitFor(() => expect(heard).toBe(1));
    node.lines[0]?.cut();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(node.lines).toHaveLength(1);
    await client.call('echo', [2]);
    await vi.waitFor(() => expect(node.subscriptions()).toBe(2));
    node.announce();
    await vi.waitFor(() => expect(heard).toBe(2));
    end();
    node.announce();
    expect(await client.call('echo', [3])).toBe(3);
    expect(heard).toBe(2);
  });

  it('are subscribed to on a socket that is open already, and by nobody who does not listen', async () => {
    const client = rpc();
    await client.call('echo', [1]);
    await client.call('echo', [2]);
    expect(node.subscriptions()).toBe(0);
    client.onNewHead(() => undefined);
    client.onNewHead(() => undefined);
    await vi.waitFor(() => expect(node.subscriptions()).toBe(1));
  });

  it('are told once for a storm of them, and once more after it', async () => {
    const client = rpc();
    let heard = 0;
    client.onNewHead(() => (heard += 1));
    await client.call('echo', [1]);
    for (let blocks = 0; blocks < 1_000; blocks += 1) node.announce();
    expect(await client.call('echo', [2])).toBe(2);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(heard).toBeGreaterThanOrEqual(2);
    expect(heard).toBeLessThan(10);
  });

  it('may be refused: calls go on', async () => {
    node.answer = (message) =>
      isBatch(message)
        ? echo(message)
        : { id: message.id, error: { code: -32601, message: 'no such method' } };
    const client = rpc();
    client.onNewHead(() => undefined);
    expect(await client.call('echo', [1])).toBe(1);
    await vi.waitFor(() => expect(node.subscriptions()).toBe(1));
    expect(await client.call('echo', [2])).toBe(2);
  });
});
