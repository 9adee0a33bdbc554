// Cancelling over HTTP after the intent: only on chain, only while it is live, and only for who may.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BASE, nativeApi, purchase, type NativeApi } from '../support/native-api.js';

let api: NativeApi['api'];
let call: NativeApi['call'];
let id: string;
beforeEach(async () => {
  ({ api, call } = await nativeApi());
  const signed = await sign();
  expect(signed.status).toBe(201);
  id = signed.body.operation_id as string;
});
afterEach(() => api.close());

const sign = () =>
  call({
    method: 'POST',
    path: `${BASE}/operations`,
    key: 'a1',
    body: { kind: 'authorize', url: 'https://shop.example/item', max_amount: '20000', wait_ms: 5_000 },
  });
const cancel = (body: object, as = 'agent', of = id) =>
  call({ method: 'POST', path: `${BASE}/operations/${of}/cancel`, as, body });

describe('cancelling on chain', () => {
  it.each(['agent', 'admin'])('is asked for by the %s, noted once, and shown', async (as) => {
    const asked = await cancel({ on_chain: true, reason: 'wrong shop' }, as);
    expect([asked.status, asked.body.status]).toEqual([200, 'authorized']);
    expect(asked.body.cancellation).toEqual({ by: `${as}@example.com`, reason: 'wrong shop', problem: null });
    await cancel({ on_chain: true, reason: 'again' }, 'admin');
    const { body } = await call({ path: `${BASE}/operations/${id}/events`, as: 'auditor' });
    const wishes = (body.items as { type: string }[]).filter((it) => it.type === 'CancellationRequested');
    expect(wishes).toHaveLength(1);
  });

  it('hands the payment out no more, neither to a look nor to a repeat of the request', async () => {
    const look = async () => (await call({ path: `${BASE}/operations/${id}` })).body.payment as object | null;
    expect(await look()).toMatchObject({ header: expect.any(String) as string });
    await cancel({ on_chain: true }, 'admin');
    expect(await look()).toBeNull();
    const repeat = await sign();
    expect([repeat.body.operation_id, repeat.body.payment]).toEqual([id, null]);
  });

  it('must be said: without it, after the intent, it is too late', async () => {
    for (const body of [{}, { on_chain: false }, { reason: 'x' }]) {
      const late = await cancel(body);
      expect([late.status, late.body.error.code]).toEqual([409, 'too_late']);
    }
  });

  it('is not for others, and not for what is paid', async () => {
    expect((await cancel({ on_chain: true }, 'agent2')).status).toBe(404);
    expect((await cancel({ on_chain: true }, 'admin2')).status).toBe(404);
    expect((await cancel({ on_chain: true }, 'auditor')).status).toBe(403);
    const paid = await call(purchase());
    const late = await cancel({ on_chain: true }, 'agent', paid.body.operation_id as string);
    expect([late.status, late.body.error.code]).toEqual([409, 'too_late']);
  });

  it('is refused by name where no account of ours broadcasts, and when it is no yes or no', async () => {
    const odd = await api.call({
      method: 'POST',
      path: `${BASE}/operations/${id}/cancel`,
      body: { on_chain: 'yes' },
    });
    expect([odd.status, odd.body.error.details.field]).toEqual([400, 'on_chain']);
    Object.assign(api.ports, { broadcasts: false });
    const nobody = await cancel({ on_chain: true });
    expect([nobody.status, nobody.body.error.details]).toMatchObject([400, { field: 'on_chain' }]);
    const { body } = await call({ path: `${BASE}/operations/${id}`, as: 'admin' });
    expect(body.cancellation).toBeNull();
  });
});
