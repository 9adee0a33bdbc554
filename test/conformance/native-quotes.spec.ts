// What a URL costs, natively. Every answer is compared with the description.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_POLICY } from '#domain';
import { BASE, nativeApi, SELLER, type NativeApi } from '../support/native-api.js';

let api: NativeApi['api'];
let call: NativeApi['call'];
beforeEach(async () => {
  ({ api, call } = await nativeApi());
});
afterEach(() => api.close());

const ask = (body: object) => call({ method: 'POST', path: `${BASE}/quotes`, body });

describe('quotes', () => {
  it('tell the terms and what policy says of them, and leave nothing behind', async () => {
    api.setPolicy({ ...DEFAULT_POLICY, version: 3, approvalThreshold: 10_000n });
    const { status, body } = await ask({ url: 'https://shop.example/item' });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      outcome: 'priced',
      terms: { amount: '10000', unit: 'USD6', pay_to: SELLER },
      policy: { allowed: true, needs_approval: true, reasons: ['above_threshold'] },
      error: null,
    });
    expect([api.database.operations.size, api.shop.charged.length]).toEqual([0, 0]);
  });

  it('what policy refuses has its price all the same, and the reason', async () => {
    api.setPolicy({ ...DEFAULT_POLICY, version: 3, deniedHosts: ['shop.example'] });
    const { body } = await ask({ url: 'https://shop.example/item' });
    expect(body).toMatchObject({
      outcome: 'priced',
      terms: { amount: '10000' },
      policy: { allowed: false },
      error: { code: 'policy_refused' },
    });
  });

  it('what costs nothing, and what cannot be paid, are answers', async () => {
    expect((await ask({ url: 'https://shop.example/free' })).body).toMatchObject({
      outcome: 'free',
      terms: null,
    });
    expect((await ask({ url: 'https://shop.example/unknown-asset' })).body).toMatchObject({
      outcome: 'unpayable',
      error: { code: 'unknown_asset' },
    });
    expect((await ask({ url: 'https://shop.example/down' })).body).toMatchObject({
      outcome: 'unpayable',
      error: { code: 'seller_unreachable' },
    });
  });

  it('a ceiling that is no amount is refused before anybody is asked', async () => {
    const { status, body } = await ask({ url: 'https://shop.example/item', max_amount: '-1' });
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ code: 'invalid_amount', details: { field: 'max_amount' } });
  });
});
