// Golden pairs of the Hightop dialect: requests and the whole answers to them, replayed over HTTP on the real engine with in-memory
// adapters and a clock that stands still. RECORD=1 writes the answers anew; the diff is then for a person to read.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { DEFAULT_POLICY } from '#domain';
import { MemoryApi, type Reply } from '../support/memory-api.js';
import { faultsOf, type Description } from '../support/openapi-check.js';

interface Exchange {
  readonly request: {
    readonly method?: 'GET' | 'POST';
    readonly path: string;
    readonly as?: string;
    readonly key?: string;
    readonly body?: unknown;
    /** `price`, `threshold`: set before the request. `workers: false`: nobody works. */
    readonly given?: { readonly price?: string; readonly threshold?: string; readonly workers?: boolean };
  };
  response?: { readonly status: number; readonly headers: Record<string, unknown>; readonly body: unknown };
}
interface Golden {
  readonly title: string;
  readonly exchanges: Exchange[];
}

const FOLDER = join('test', 'conformance', 'hightop');
const HEADERS = ['content-type', 'payment-required', 'www-authenticate', 'x-idempotency-replayed'];

let api: MemoryApi | undefined;
afterEach(() => api?.close());

describe('Hightop v1', () => {
  for (const file of readdirSync(FOLDER)) {
    const path = join(FOLDER, file);
    const golden = JSON.parse(readFileSync(path, 'utf8')) as Golden;
    it(golden.title, async () => {
      api = await MemoryApi.start();
      for (const exchange of golden.exchanges) {
        const { given, ...request } = exchange.request;
        if (given?.price !== undefined) api.shop.price = BigInt(given.price);
        if (given?.threshold !== undefined)
          api.setPolicy({ ...DEFAULT_POLICY, version: 1, approvalThreshold: BigInt(given.threshold) });
        if (given?.workers === false) api.workersOff = true;
        const response = shown(await api.call(request));
        if (process.env['RECORD'] === '1') exchange.response = response;
        else expect(response).toEqual(exchange.response);
        const description = (await api.call({ path: '/openapi.json' })).body as Description;
        expect(faultsOf(description, request, response)).toEqual([]);
      }
      if (process.env['RECORD'] === '1') writeFileSync(path, `${JSON.stringify(golden, null, 2)}\n`);
    });
  }
});

function shown({ status, headers, body }: Reply) {
  const kept = HEADERS.filter((name) => headers[name] !== undefined).map((name) => [name, headers[name]]);
  return { status, headers: Object.fromEntries(kept) as Record<string, unknown>, body: body as unknown };
}
