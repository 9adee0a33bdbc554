// Operations of kind allowance over HTTP, on the real engine: what they ask for, who decides, and what they show.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PERMIT2 } from '#domain';
import { address, TOKEN } from '../support/builders.js';
import { TEST_ASSET } from '../support/memory-basics.js';
import { MemoryApi, type Call, type Reply } from '../support/memory-api.js';
import { BASE, nativeApi, type NativeApi } from '../support/native-api.js';

const WISH = { kind: 'allowance', network: TEST_ASSET.network, asset: TEST_ASSET.token, amount: '30000' };

let api: NativeApi['api'];
let call: NativeApi['call'];
/** What the agent of the tests pays from. */
const PAYER = address(0xab);

beforeEach(async () => {
  ({ api, call } = await nativeApi());
});
afterEach(() => api.close());

const wish = (over: object = {}, key = 'k1'): Call => ({
  method: 'POST',
  path: `${BASE}/operations`,
  key,
  body: { ...WISH, wait_ms: 5_000, ...over },
});
const look = async (asked: Reply): Promise<Reply['body']> =>
  (await call({ path: `${BASE}/operations/${asked.body.operation_id as string}` })).body;
async function decide(asked: Reply, what: 'approve' | 'reject', as = 'approver'): Promise<Reply> {
  const { approval_id: id, digest } = asked.body.approval;
  const reply = await call({
    method: 'POST',
    path: `${BASE}/approvals/${id as string}/${what}`,
    as,
    body: what === 'approve' ? { digest } : { reason: 'no' },
  });
  await api.runWorkers();
  return reply;
}

describe('an allowance', () => {
  it('waits for a person, who is shown wallet, token, spender and amount', async () => {
    const asked = await call(wish());
    expect([asked.status, asked.body.status]).toEqual([202, 'awaiting_approval']);
    const shown = await call({
      path: `${BASE}/approvals/${asked.body.approval.approval_id as string}`,
      as: 'approver',
    });
    expect(shown.body).toMatchObject({
      payee: PERMIT2,
      amount: '30000',
      asset: TOKEN,
      transfer_method: 'allowance',
      reasons: ['allowance'],
    });
    expect(shown.body.url).toMatch(/^purser:\/\/wallets\/wal_/);
    expect(api.signer.ledger.size).toBe(0);
  });

  it('is given once after the yes, pays nobody, and holds no budget', async () => {
    const asked = await call(wish());
    expect((await decide(asked, 'approve')).status).toBe(200);
    expect(await look(asked)).toMatchObject({
      kind: 'allowance',
      settled: true,
      paid: false,
      charged: null,
      amount: '30000',
      pay_to: PERMIT2,
      authorization: { from: PAYER, to: PERMIT2, value: '30000' },
    });
    expect(api.chain.allowanceOf(PAYER)).toBe(30_000n);
    const again = await call(wish());
    expect([again.status, again.body.operation_id]).toEqual([200, asked.body.operation_id]);
    expect(api.chain.permitNonce(PAYER)).toBe(1n);
    expect(api.database.budgets.reservations.size).toBe(0);
    expect(api.database.events.filter((it) => it.type.startsWith('Budget'))).toEqual([]);
  });

  it('is another one under the same key, and is refused', async () => {
    await call(wish());
    const other = await call(wish({ amount: '30001' }));
    expect([other.status, other.body.error.code]).toEqual([422, 'idempotency_key_reused']);
  });

  it('of nothing takes it back', async () => {
    await decide(await call(wish()), 'approve');
    const back = await call(wish({ amount: '0' }, 'k2'));
    await decide(back, 'approve');
    expect(await look(back)).toMatchObject({ settled: true, amount: '0' });
    expect(api.chain.allowanceOf(PAYER)).toBe(0n);
  });

  it('is not given where a person says no, nor while everything is stopped', async () => {
    const refused = await call(wish());
    await decide(refused, 'reject');
    expect(await look(refused)).toMatchObject({ status: 'rejected' });
    const stopped = await call(wish({}, 'k2'));
    api.database.setStopped({ kind: 'global' }, true);
    await decide(stopped, 'approve');
    expect(await look(stopped)).toMatchObject({ status: 'refused', error: { code: 'system_paused' } });
    expect([api.signer.ledger.size, api.chain.permitNonce(PAYER)]).toEqual([0, 0n]);
  });

  it('is one at a time for a wallet and token', async () => {
    const [first, second] = [await call(wish()), await call(wish({}, 'k2'))];
    api.signer.away = () => true;
    await decide(first, 'approve');
    await decide(second, 'approve');
    expect(await look(second)).toMatchObject({
      status: 'refused',
      error: { code: 'allowance_under_way', details: { operation_id: first.body.operation_id } },
    });
  });

  it('is listed by its kind', async () => {
    await call(wish());
    const listed = await call({ path: `${BASE}/operations?kind=allowance`, as: 'auditor' });
    expect(listed.body.items).toHaveLength(1);
  });
});

describe('refused by name, and nothing kept', () => {
  it.each<[string, object]>([
    ['network', { network: undefined }],
    ['asset', { asset: undefined }],
    ['amount', { amount: undefined }],
    ['amount', { amount: '-1' }],
    ['network', { network: 'base' }],
    ['asset', { asset: '0x1' }],
    ['url', { url: 'https://shop.example/' }],
    ['max_amount', { max_amount: '1' }],
    ['expect', { expect: { pay_to: PERMIT2 } }],
    ['settle', { settle: 'direct' }],
    ['amount', { kind: 'purchase', url: 'https://shop.example/', max_amount: '1' }],
  ])('%s: %j', async (field, over) => {
    const body = { ...WISH, ...over };
    if (field === 'amount' && 'kind' in over) Object.assign(body, { network: undefined, asset: undefined });
    const refused = await api.call({ ...wish(), body });
    expect([refused.status, refused.body.error.details.field]).toEqual([400, field]);
    expect(api.database.operations.size).toBe(0);
  });

  it('where no account of ours broadcasts', async () => {
    const without = await MemoryApi.start((core) => ({
      ...core,
      ports: { ...core.ports, broadcasts: false },
    }));
    const refused = await without.call(wish());
    expect([refused.status, refused.body.error.details.field]).toEqual([400, 'kind']);
    expect(without.database.operations.size).toBe(0);
    await without.close();
  });

  it('a token that is not registered, before anybody is asked', async () => {
    const refused = await call(wish({ asset: `0x${'12'.repeat(20)}` }));
    expect([refused.status, refused.body.error.code]).toEqual([422, 'unknown_asset']);
  });
});
