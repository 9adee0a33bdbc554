// The native API on the real engine, every answer of which is compared with the description.
import { expect } from 'vitest';
import { MemoryApi, type Call, type Reply } from './memory-api.js';
import { faultsOf, type Description } from './openapi-check.js';

export const BASE = '/purser/v1';
export const SELLER = '0x000000000000000000000000000000000000005e';

export interface NativeApi {
  readonly api: MemoryApi;
  /** Calls, and compares request and reply with the description. */
  readonly call: (request: Call) => Promise<Reply>;
}

export async function nativeApi(): Promise<NativeApi> {
  const api = await MemoryApi.start();
  const description = (await api.call({ path: '/openapi.json' })).body as Description;
  return {
    api,
    async call(request) {
      const reply = await api.call(request);
      expect(faultsOf(description, request, reply)).toEqual([]);
      return reply;
    },
  };
}

export const purchase = (over: object = {}): Call => ({
  method: 'POST',
  path: `${BASE}/operations`,
  key: 'k1',
  body: { kind: 'purchase', url: 'https://shop.example/item', max_amount: '20000', wait_ms: 5_000, ...over },
});
