// Golden pairs of each vendor's dialect: requests and the whole answers to them, replayed over HTTP on the real engine with in-memory
// adapters and a clock that stands still. RECORD=1 writes the answers anew; the diff is then for a person to read.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { DEFAULT_POLICY } from '#domain';
import { rateLimitsOf } from '#runtime';
import type { ApiCore } from '../../apps/api/src/core.js';
import { address, AGENT, TOKEN } from '../support/builders.js';
import { MemoryApi, type Reply } from '../support/memory-api.js';
import { faultsOf, type Description } from '../support/openapi-check.js';

interface Exchange {
  readonly request: {
    readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
    readonly path: string;
    readonly as?: string;
    readonly key?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: unknown;
    /** Set before the request. `workers: false`: nobody works. `dayLimit`, `balance`: the agent's. `laterMs`: time that passes. */
    readonly given?: {
      readonly price?: string;
      readonly threshold?: string;
      readonly prepaidHosts?: readonly string[];
      readonly dayLimit?: string;
      readonly balance?: string;
      readonly workers?: boolean;
      readonly laterMs?: number;
    };
  };
  response?: { readonly status: number; readonly headers: Record<string, unknown>; readonly body: unknown };
}
interface Golden {
  readonly title: string;
  readonly exchanges: Exchange[];
}

const FOLDER = join('test', 'conformance', 'golden');
const HEADERS = [
  'content-type',
  'payment-required',
  'www-authenticate',
  'x-idempotency-replayed',
  'x-agnic-paid',
  'x-agnic-amount',
  'x-agnic-network',
  'x-agnic-scheme',
  'set-cookie',
];

/** Of the vendor whose answers all say where the caller stands. */
const LIMITS = [
  'x-ratelimit-limit',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
  'x-ratelimit-window-seconds',
];

let api: MemoryApi | undefined;
afterEach(() => api?.close());

describe.each(readdirSync(FOLDER))('%s', (vendor) => {
  for (const file of readdirSync(join(FOLDER, vendor))) {
    const path = join(FOLDER, vendor, file);
    const golden = JSON.parse(readFileSync(path, 'utf8')) as Golden;
    it(golden.title, async () => {
      api = await MemoryApi.start(vendor === 'hightop' ? asTheVendorLimits : undefined, {
        wire: vendor === 'relayer' || file.startsWith('legacy'),
      });
      for (const exchange of golden.exchanges) {
        const { given, ...request } = exchange.request;
        if (given !== undefined) arrange(api, given);
        const response = shown(
          await api.call(request),
          vendor === 'hightop' ? [...HEADERS, ...LIMITS] : HEADERS,
        );
        if (process.env['RECORD'] === '1') exchange.response = response;
        else expect(response).toEqual(exchange.response);
        const description = (await api.call({ path: '/openapi.json' })).body as Description;
        expect(faultsOf(description, request, response)).toEqual([]);
      }
      if (process.env['RECORD'] === '1') writeFileSync(path, `${JSON.stringify(golden, null, 2)}\n`);
    });
  }
});

const asTheVendorLimits = (core: ApiCore): ApiCore => ({
  ...core,
  limits: { ...core.limits, table: rateLimitsOf(undefined, []) },
});

function arrange(on: MemoryApi, given: NonNullable<Exchange['request']['given']>): void {
  const { price, threshold, prepaidHosts, dayLimit, balance, workers, laterMs } = given;
  if (price !== undefined) on.shop.price = BigInt(price);
  if (threshold !== undefined || prepaidHosts !== undefined)
    on.setPolicy({
      ...DEFAULT_POLICY,
      version: 1,
      approvalThreshold: threshold === undefined ? null : BigInt(threshold),
      prepaidHosts: prepaidHosts ?? [],
    });
  if (dayLimit !== undefined)
    on.database.budgets.setLimits(AGENT, 'USD6', { per_payment: 1_000_000n, day: BigInt(dayLimit) });
  if (balance !== undefined)
    on.database.balances.set(`${address(0xab)}/${TOKEN}`, { balance: BigInt(balance), block: 0 });
  if (workers === false) on.workersOff = true;
  if (laterMs !== undefined) on.nowMs += laterMs;
}

function shown({ status, headers, body }: Reply, names: readonly string[]) {
  const kept = names.filter((name) => headers[name] !== undefined).map((name) => [name, headers[name]]);
  return { status, headers: Object.fromEntries(kept) as Record<string, unknown>, body: body as unknown };
}
