// Operations of kind settle over HTTP: what they answer, and where they are not served.
import { describe, expect, it } from 'vitest';
import { TEST_ASSET } from '../support/memory-basics.js';
import { MemoryApi, type Call } from '../support/memory-api.js';
import { submit } from './bad-input/row.js';
import { SELLER } from '../support/native-api.js';

const settle = (over: object = {}): Call =>
  submit({
    kind: 'settle',
    url: 'https://invoice.example/17',
    expect: { pay_to: SELLER, amount: '10000', network: TEST_ASSET.network, asset: TEST_ASSET.token },
    ...over,
  });

describe('kind settle', () => {
  it('is accepted like any operation, and shown with its terms', async () => {
    const api = await MemoryApi.start();
    const accepted = await api.call(settle());
    expect(accepted.status).toBe(202);
    await api.runWorkers();
    const shown = await api.call({ path: `/purser/v1/operations/${accepted.body.operation_id as string}` });
    expect(shown.body).toMatchObject({ kind: 'settle', amount: '10000', pay_to: SELLER, paid: true });
    expect(shown.body).not.toHaveProperty('payment');
    expect(shown.body).not.toHaveProperty('response');
    await api.close();
  });

  it('may name who settles; one that is not there, or another kind, is refused by that name', async () => {
    const api = await MemoryApi.start();
    for (const wrong of [
      settle({ settle: 'facilitator' }),
      submit({ kind: 'purchase', url: 'https://shop.example/', max_amount: '1', settle: 'direct' }),
      settle({ settle: 'both' }),
    ]) {
      const refused = await api.call(wrong);
      expect([refused.status, refused.body.error.details.field]).toEqual([400, 'settle']);
    }
    expect(api.database.operations.size).toBe(0);
    expect((await api.call(settle({ settle: 'direct' }))).status).toBe(202);
    await api.close();
  });

  it('is refused by name, and nothing kept, where no account of ours broadcasts', async () => {
    const api = await MemoryApi.start((core) => ({ ...core, ports: { ...core.ports, broadcasts: false } }));
    const refused = await api.call(settle());
    expect([refused.status, refused.body.error.code, refused.body.error.details.field]).toEqual([
      400,
      'validation_failed',
      'kind',
    ]);
    expect(api.database.operations.size).toBe(0);
    await api.close();
  });
});
