// What a caller of x402Fetch may rely on, against a scripted Purser and a scripted seller.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { operationOf, payingFetch, PurserError, x402Fetch, type Operation, type X402Init } from './index.js';
import {
  anOperation,
  API_KEY,
  json,
  OPERATION_ID,
  outcome,
  problem,
  purserOn,
  Script,
  waiting,
  type Line,
} from '../../../test/support/scripted-purser.js';

const ITEM = 'https://shop.example/item';
const demand = (): Response => json(402, { x402Version: 1, accepts: [] });
const goods = (): Response => json(201, anOperation());

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function buying(purser: readonly Line[], seller: readonly Line[], init: Partial<X402Init> = {}) {
  const script = new Script(...purser);
  const shop = new Script(...seller);
  const run = () => x402Fetch(purserOn(script), ITEM, { maxAmount: 20_000n, fetch: shop.fetch, ...init });
  return { script, shop, run };
}

describe('x402Fetch', () => {
  it('what asks for no payment is the seller’s own answer, and Purser hears nothing of it', async () => {
    const own = new Response('free');
    const { script, shop, run } = buying([], [own], { method: 'POST', body: 'a=1' });
    expect(await run()).toBe(own);
    expect(script.sent).toEqual([]);
    expect(shop.sent).toMatchObject([{ method: 'POST', url: ITEM, body: 'a=1' }]);
    expect(operationOf(own)).toBeUndefined();
  });

  it('a 402 is bought, once, as the request that met it and under the given ceiling; the goods come back as a response', async () => {
    const init = {
      method: 'POST',
      body: '{"q":1}',
      headers: { 'content-type': 'application/json', 'x-a': 'b' },
    };
    const { script, run } = buying([problem(404, 'not_found'), goods()], [demand()], {
      ...init,
      idempotencyKey: 'k1',
      note: 'for the report',
      allowReplay: true,
    });
    const response = await run();
    expect([response.status, response.url]).toEqual([200, ITEM]);
    expect(await response.json()).toEqual({ report: '42' });
    expect(operationOf(response)?.operation_id).toBe(OPERATION_ID);
    expect(script.asked).toEqual(['GET /purser/v1/operations/by-key', 'POST /purser/v1/operations']);
    const [, submitted] = script.sent;
    expect(submitted?.headers['idempotency-key']).toBe('k1');
    expect(JSON.parse(submitted?.body ?? '')).toEqual({
      kind: 'purchase',
      url: ITEM,
      method: 'POST',
      headers: init.headers,
      body: init.body,
      max_amount: '20000',
      note: 'for the report',
      allow_replay: true,
      wait_ms: 20_000,
    });
  });

  it('a key that has bought already gets what it bought, and the seller is not asked again', async () => {
    const { script, shop, run } = buying([json(200, anOperation()), json(200, anOperation())], [], {
      idempotencyKey: 'k1',
    });
    expect(await (await run()).json()).toEqual({ report: '42' });
    expect(shop.sent).toEqual([]);
    expect(script.sent.map((it) => it.headers['idempotency-key'])).toEqual(['k1', 'k1']);
  });

  it('the seller is sent nothing of ours, and a Purser that redirects is not followed', async () => {
    const moved = new Response(null, { status: 307, headers: { location: 'https://thief.example/' } });
    const { script, shop, run } = buying([moved], [demand()]);
    await expect(run()).rejects.toMatchObject({ code: 'unexpected_redirect', retryable: false });
    expect(JSON.stringify(shop.sent)).not.toContain(API_KEY);
    expect(shop.sent[0]?.headers).toEqual({});
    expect(script.sent).toMatchObject([
      { url: 'https://purser.example/purser/v1/operations', redirect: 'manual' },
    ]);
  });

  it.each<[string, { path?: string; headers?: Record<string, string> }]>([
    ['a header', { headers: { 'x-key': `Bearer ${API_KEY}` } }],
    ['the URL', { path: `${ITEM}?k=${API_KEY}` }],
  ])(
    'refuses to send our own key to a seller in %s',
    async (_where, { path = ITEM, ...init }: { path?: string; headers?: Record<string, string> }) => {
      const shop = new Script(demand());
      const run = x402Fetch(purserOn(new Script()), path, { maxAmount: 1n, fetch: shop.fetch, ...init });
      await expect(run).rejects.toMatchObject({ code: 'invalid_argument' });
      expect(shop.sent).toEqual([]);
    },
  );

  it('a body that is another one each time is refused before anything is sent, since no key could find it again', async () => {
    const body = new FormData();
    body.set('a', 'b');
    const { shop, run } = buying([], [demand()], { method: 'POST', body });
    await expect(run()).rejects.toMatchObject({ code: 'invalid_argument' });
    expect(shop.sent).toEqual([]);
  });

  it.each([['-1'], ['1.5'], ['01'], ['']])(
    'a ceiling of %j is none, and nothing is bought',
    async (maxAmount) => {
      const { script, run } = buying([goods()], [demand()], { maxAmount });
      await expect(run()).rejects.toMatchObject({ code: 'invalid_argument' });
      expect(script.sent).toEqual([]);
    },
  );

  it('bytes go to Purser and come back from it as they are', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const base64 = Buffer.from(bytes).toString('base64');
    const answer = anOperation({ response: { status: 200, headers: {}, body_base64: base64 } });
    const { script, run } = buying([json(201, answer)], [demand()], { method: 'PUT', body: bytes });
    const response = await run();
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes);
    expect(JSON.parse(script.sent[0]?.body ?? '')).toMatchObject({ body_base64: base64 });
  });

  it.each([204, 205, 304])('a %i has no body', async (status) => {
    const answer = anOperation({ response: { status, headers: {}, body: '' } });
    const response = await buying([json(201, answer)], [demand()]).run();
    expect([response.status, response.body]).toEqual([status, null]);
  });

  it('a seller that fails after it was paid is an answer like any other, and says so in its operation', async () => {
    const answer = anOperation({
      seller_accepted: false,
      response: { status: 500, headers: {}, body: 'sorry' },
    });
    const response = await buying([json(201, answer)], [demand()]).run();
    expect([response.status, await response.text()]).toEqual([500, 'sorry']);
    expect(operationOf(response)).toMatchObject({ paid: true, seller_accepted: false });
  });

  it.each([
    ['a second 402', { status: 402, headers: {}, body: '{}' }, 'paid_not_delivered'],
    ['no answer at all', null, 'paid_not_delivered'],
    [
      'an answer that is no longer kept',
      { status: 200, headers: {}, body_expired: true as const },
      'body_expired',
    ],
  ])('%s after the payment is an error and never a demand', async (_what, response, code) => {
    const { run } = buying([json(200, anOperation({ response }))], [demand()], {});
    await expect(run()).rejects.toMatchObject({ code, retryable: false, operationId: OPERATION_ID });
  });
});

describe('what Purser refuses', () => {
  it('is a typed error with code, operation and the key to go on with', async () => {
    const refused = anOperation({ status: 'refused', paid: false });
    const { run } = buying(
      [problem(422, 'budget_exhausted', { retry: 'new_key', operation: refused })],
      [demand()],
    );
    const error = await outcome(run());
    expect(error).toBeInstanceOf(PurserError);
    expect(error).toMatchObject({
      code: 'budget_exhausted',
      retry: 'new_key',
      retryable: false,
      status: 422,
      operationId: OPERATION_ID,
      operation: { status: 'refused' },
      correlationId: 'c1',
      details: { field: 'x' },
      idempotencyKey: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });
});

describe('waiting', () => {
  it('for a person: polls until it is decided, then fetches the goods under the same key', async () => {
    const updates: string[] = [];
    const { script, run } = buying(
      [
        json(202, waiting()),
        json(200, waiting()),
        json(200, waiting()),
        json(200, waiting({ status: 'approved', version: 5 })),
        goods(),
      ],
      [demand()],
      { onUpdate: ({ status }: Operation) => updates.push(status) },
    );
    expect(await outcome(run())).toMatchObject({ status: 200 });
    expect(updates).toEqual(['awaiting_approval', 'approved']);
    expect(new Set(script.sent.flatMap((it) => it.headers['idempotency-key'] ?? [])).size).toBe(1);
    expect(script.asked.filter((it) => it.startsWith('POST'))).toHaveLength(2);
  });

  it('not at all, where the caller says so', async () => {
    const { script, run } = buying([json(202, waiting())], [demand()], { waitForApproval: false });
    expect(await outcome(run())).toMatchObject({
      code: 'approval_pending',
      retryable: true,
      operationId: OPERATION_ID,
      details: { approval_id: 'apr_1' },
    });
    expect(script.sent).toHaveLength(1);
  });

  it('ends with the time allowed, and the error tells how to go on', async () => {
    const lines = Array.from({ length: 100 }, () => json(200, waiting()));
    const { script, run } = buying([json(202, waiting()), ...lines], [demand()], {
      timeoutMs: 60_000,
      idempotencyKey: undefined,
    });
    const begun = Date.now();
    expect(await outcome(run())).toMatchObject({ code: 'approval_pending', retryable: true });
    expect(Date.now() - begun).toBe(60_000);
    expect(script.sent.length).toBeLessThan(25);
  });

  it('goes on while Purser is away', async () => {
    const away = new TypeError('fetch failed');
    const lines = [
      ...Array.from({ length: 12 }, () => away),
      json(200, waiting({ status: 'approved' })),
      goods(),
    ];
    const { run } = buying([json(202, waiting()), ...lines], [demand()]);
    expect(await outcome(run())).toMatchObject({ status: 200 });
  });

  it('for the chain, where the payment is out and its outcome is not known', async () => {
    const unknown = anOperation({ status: 'authorized', settled: false, response: null });
    const { script, run } = buying(
      [
        problem(502, 'outcome_unknown', { retry: 'poll', operation: unknown }),
        json(200, unknown),
        json(200, anOperation()),
        json(200, anOperation()),
      ],
      [demand()],
    );
    expect(await outcome(run())).toMatchObject({ status: 200 });
    expect(script.asked.at(-1)).toBe('POST /purser/v1/operations');
  });

  it('an outcome that stays unknown is thrown as what it is: to be asked for again, with the same key', async () => {
    const unknown = anOperation({ status: 'authorized', settled: false, response: null });
    const lines = Array.from({ length: 100 }, () => json(200, unknown));
    const { run } = buying(
      [problem(502, 'outcome_unknown', { retry: 'poll', operation: unknown }), ...lines],
      [demand()],
    );
    expect(await outcome(run())).toMatchObject({ code: 'outcome_unknown', retryable: true });
  });
});

// In order: the purchase; the first poll; the second poll; the purchase again.
const approved = (): Line[] => [
  json(202, waiting()),
  json(200, waiting()),
  json(200, waiting({ status: 'approved', version: 5 })),
  goods(),
];

describe('aborting', () => {
  it.each([0, 1, 2, 3])('while request %i to Purser is under way ends the call at once', async (nth) => {
    const lines = approved().map((line, index): Line => (index === nth ? 'silence' : line));
    const controller = new AbortController();
    const { script, run } = buying(lines, [demand()], { signal: controller.signal });
    script.onSent = (count) => {
      if (count === nth + 1) queueMicrotask(() => controller.abort(new Error('enough')));
    };
    expect(await outcome(run())).toEqual(new Error('enough'));
    expect(script.sent).toHaveLength(nth + 1);
  });

  it('while it pauses, while it asks the seller, and before it has begun', async () => {
    const enough = new Error('enough');
    const pausing = new AbortController();
    const paused = buying(approved(), [demand()], { signal: pausing.signal });
    const running = paused.run().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(100);
    pausing.abort(enough);
    expect(await running).toBe(enough);
    expect(paused.script.sent).toHaveLength(2);

    const asking = new AbortController();
    const asked = buying([], ['silence'], { signal: asking.signal });
    asked.shop.onSent = () => asking.abort(enough);
    await expect(asked.run()).rejects.toBe(enough);

    const before = buying([], [], { signal: AbortSignal.abort(enough) });
    await expect(before.run()).rejects.toBe(enough);
    expect(before.shop.sent).toEqual([]);
  });

  it('while the credentials are fetched, whether that heeds it or not', async () => {
    const controller = new AbortController();
    const apiKey = (): Promise<string> => new Promise(() => queueMicrotask(() => controller.abort('over')));
    const client = purserOn(new Script(), { apiKey });
    const call = x402Fetch(client, ITEM, { maxAmount: 1n, signal: controller.signal });
    await expect(call).rejects.toBe('over');
  });
});

describe('payingFetch', () => {
  it('is a fetch with the ceiling decided', async () => {
    const script = new Script(goods());
    const shop = new Script(demand());
    const fetch = payingFetch(purserOn(script), { maxAmount: '20000', fetch: shop.fetch });
    expect((await fetch(ITEM, { headers: { accept: 'text/plain' } })).status).toBe(200);
    expect(JSON.parse(script.sent[0]?.body ?? '')).toMatchObject({
      max_amount: '20000',
      headers: { accept: 'text/plain' },
    });
  });
});
