import { describe, expect, it } from 'vitest';
import { toAuthorize, toFetch } from './to-command.js';

const NOTHING: Uint8Array = new Uint8Array(0);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const QUERY = { url: 'https://shop.example/report#top' };
const headersOf = (
  headers: Record<string, string | string[]>,
  body = NOTHING,
  method: 'GET' | 'POST' = 'POST',
) => toFetch({ ...QUERY, method }, { headers, raw: body }, 1n).request.headers;

const ceiling = (query: object) =>
  toFetch({ ...QUERY, ...query }, { headers: {}, raw: NOTHING }, 7n).request.maxAmount;

describe('what a fetch sends on', () => {
  it('is what the caller meant for the seller', () => {
    const meant = {
      accept: 'text/csv',
      'accept-language': 'da',
      'user-agent': 'bot/1',
      'x-report-format': 'long',
    };
    expect(headersOf({ ...meant, 'content-type': 'application/json' }, bytes('{"a":1}'))).toEqual({
      ...meant,
      'content-type': 'application/json',
    });
    // Nothing is said of a body that is not there.
    expect(headersOf({ 'content-type': 'application/json' })).toEqual({});
  });

  it.each([
    ['authorization', 'Bearer prs_live_abc_def'],
    ['x-agnic-token', 'prs_live_abc_def'],
    ['x-agnic-anything', '1'],
    ['x-api-key', 'k'],
    ['x-auth-token', 'k'],
    ['cookie', 'a=b'],
    ['x-note', 'my key is prs_test_abc_def'],
    ['x-note', 'agnic_tok_sk_live_abc'],
    ['x-payment', 'e30='],
    ['payment-signature', 'e30='],
    ['host', 'purser.internal'],
    ['x-forwarded-for', '10.0.0.1'],
    ['idempotency-key', 'k1'],
    ['connection', 'keep-alive'],
    ['accept-encoding', 'gzip'],
    ['content-length', '7'],
    ['x-note', 'a\r\nb: c'],
  ])('is never what proves the caller, pays, or belongs to this connection: %s', (name, value) => {
    expect(headersOf({ [name]: value }, bytes('{"a":1}'))).toEqual({});
  });

  it.each([
    'x-request-id',
    'x-correlation-id',
    'x-trace-id',
    'traceparent',
    'x-b3-traceid',
    'x-retry-count',
    'x-amzn-trace-id',
  ])('is the same when a retry differs in %s alone', (name) => {
    expect(headersOf({ [name]: 'first' })).toEqual(headersOf({ [name]: 'second' }));
  });

  it('is the body, byte for byte; an empty object that came with a GET is none', () => {
    const raw = bytes('{ "b": 1,\n"a": 2 }');
    expect(toFetch({ ...QUERY, method: 'POST' }, { headers: {}, raw }, 1n).body).toBe(raw);
    expect(toFetch(QUERY, { headers: {}, raw: bytes(' {} ') }, 1n).body).toBeNull();
    expect(() => toFetch(QUERY, { headers: {}, raw }, 1n)).toThrow(
      expect.objectContaining({ details: { field: 'body', reason: 'method_has_no_body' } }),
    );
  });

  it('has a ceiling in any case', () => {
    expect([ceiling({}), ceiling({ maxValue: '9' }), ceiling({ maxValue: '0' })]).toEqual([7n, 9n, 0n]);
  });
});

describe('what is signed', () => {
  it('belongs to the URL and method that the caller names', () => {
    const paymentRequirements = { accepts: [{}] };
    const requestData = { url: 'https://shop.example/report#top', method: 'post' };
    expect(toAuthorize({ paymentRequirements, requestData }).request).toMatchObject({
      kind: 'authorize',
      url: 'https://shop.example/report',
      method: 'POST',
      headers: {},
      challenge: paymentRequirements,
    });
  });
});
