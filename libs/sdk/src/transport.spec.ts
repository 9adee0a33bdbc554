// Retries, time limits and what is made of answers.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Purser, PurserError, type Operation } from './index.js';
import {
  anOperation,
  json,
  OPERATION_ID,
  outcome,
  problem,
  purserOn,
  Script,
  type Line,
} from '../../../test/support/scripted-purser.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const input = { url: 'https://shop.example/item', maxAmount: 20_000n };
const broken = (): Line => new TypeError('fetch failed');

describe('retries', () => {
  it('a keyed call is repeated with the same key until it is answered, ever later', async () => {
    const at: number[] = [];
    const script = new Script(
      broken(),
      new Response('<html>', { status: 502 }),
      broken(),
      json(202, anOperation()),
    );
    script.onSent = () => at.push(Date.now());
    const call = purserOn(script).purchases.submit(input, { idempotencyKey: 'k1' });
    expect(await outcome(call)).toMatchObject({ operation_id: OPERATION_ID });
    expect(script.sent.map((it) => it.headers['idempotency-key'])).toEqual(['k1', 'k1', 'k1', 'k1']);
    expect(new Set(script.sent.map((it) => it.body)).size).toBe(1);
    const pauses = at.slice(1).map((time, index) => time - (at[index] ?? 0));
    pauses.forEach((pause, index) => {
      expect(pause).toBeGreaterThanOrEqual(100 * 2 ** index);
      expect(pause).toBeLessThanOrEqual(200 * 2 ** index);
    });
  });

  it('a write without a key is never repeated', async () => {
    const script = new Script(broken());
    const call = purserOn(script).approvals.approve('apr_1', { digest: 'd' });
    expect(await outcome(call)).toMatchObject({ code: 'network_error', status: undefined });
    expect(script.sent).toHaveLength(1);
  });

  it('what Purser has decided is not asked again', async () => {
    const script = new Script(problem(403, 'agent_paused', { retry: 'same_key' }));
    const call = purserOn(script).purchases.submit(input, { idempotencyKey: 'k1' });
    expect(await outcome(call)).toMatchObject({ code: 'agent_paused', retryable: true });
    expect(script.sent).toHaveLength(1);
  });

  it('a server that says when to come back is taken at its word', async () => {
    const script = new Script(
      problem(429, 'rate_limited', { retry: 'same_key', headers: { 'retry-after': '7' } }),
      json(200, anOperation()),
    );
    const begun = Date.now();
    await outcome(purserOn(script).operations.get('x'));
    expect(Date.now() - begun).toBeGreaterThanOrEqual(7_000);
  });

  it('gives up after the last, with what was wrong', async () => {
    const script = new Script(...Array.from({ length: 3 }, broken));
    const call = purserOn(script, { retries: 2 }).operations.get('x');
    expect(await outcome(call)).toMatchObject({ code: 'network_error', retryable: true });
    expect(script.sent).toHaveLength(3);
  });
});

describe('time limits', () => {
  it('a call without an answer ends, and may be repeated', async () => {
    const script = new Script('silence');
    const call = purserOn(script, { timeoutMs: 1_000, retries: 0 }).operations.get('x');
    const begun = Date.now();
    expect(await outcome(call)).toMatchObject({ code: 'timeout', retryable: true });
    expect(Date.now() - begun).toBe(1_000);
  });

  it('what Purser is asked to wait comes on top', async () => {
    const script = new Script('silence');
    const client = purserOn(script, { timeoutMs: 1_000, retries: 0 });
    const begun = Date.now();
    const submit = { kind: 'purchase', url: input.url, max_amount: '1', wait_ms: 5_000 } as const;
    await outcome(client.operations.submit(submit, { idempotencyKey: 'k' }));
    expect(Date.now() - begun).toBe(6_000);
  });
});

const page = (ids: readonly string[], next_cursor: string | null) =>
  json(200, {
    items: ids.map((operation_id) => anOperation({ operation_id })),
    next_cursor,
    has_more: next_cursor !== null,
  });

describe('answers', () => {
  it.each([
    ['a page of somebody else', () => new Response('<html>welcome</html>'), false],
    ['an error of a proxy', () => new Response('bad gateway', { status: 502 }), true],
    ['JSON of somebody else', () => json(404, { message: 'no route' }), false],
  ])('%s is told from one of Purser', async (_what, line, retryable) => {
    const call = purserOn(new Script(line()), { retries: 0 }).operations.get('x');
    expect(await outcome(call)).toMatchObject({ code: 'invalid_response', retryable });
  });

  it('pages are asked for as the items are taken', async () => {
    const script = new Script(page(['a', 'b'], 'c1'), page(['c'], null));
    const seen: Operation[] = [];
    for await (const operation of purserOn(script).operations.list({ status: 'settled' }))
      seen.push(operation);
    expect(seen.map((it) => it.operation_id)).toEqual(['a', 'b', 'c']);
    expect(script.sent.map((it) => new URL(it.url).search)).toEqual([
      '?status=settled',
      '?status=settled&cursor=c1',
    ]);
    const first = new Script(page(['a', 'b'], 'c1'));
    for await (const operation of purserOn(first).operations.list()) {
      expect(operation.operation_id).toBe('a');
      break;
    }
  });
});

describe('arguments', () => {
  it.each([
    '',
    'purser.example',
    'ftp://purser.example',
    'https://user:pw@purser.example',
    'https://p.example/?a=1',
  ])('an address %j is refused at once', (baseUrl) => {
    expect(() => new Purser({ baseUrl, apiKey: 'k' })).toThrow(PurserError);
  });

  it.each(['', ' k', 'k\n', 'ü', 'k'.repeat(201)])(
    'a key %j that no header carries as it is, is refused',
    async (key) => {
      const script = new Script();
      const call = purserOn(script).purchases.submit(input, { idempotencyKey: key });
      expect(await outcome(call)).toMatchObject({ code: 'invalid_argument' });
      expect(script.sent).toEqual([]);
    },
  );

  it('ids are data, not paths', async () => {
    const script = new Script(problem(404, 'not_found'));
    await outcome(purserOn(script).operations.get('../keys?x'));
    expect(script.sent[0]?.url).toBe('https://purser.example/purser/v1/operations/..%2Fkeys%3Fx');
  });

  it('a bearer token may come from a function, and is asked for anew with each request', async () => {
    let turn = 0;
    const script = new Script(broken(), json(200, anOperation()));
    await outcome(purserOn(script, { apiKey: () => `t${(turn += 1)}` }).operations.get('x'));
    expect(script.sent.map((it) => it.headers['authorization'])).toEqual(['Bearer t1', 'Bearer t2']);
  });
});
