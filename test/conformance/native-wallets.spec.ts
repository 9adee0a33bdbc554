// Wallets and what they hold, over HTTP.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AGENT } from '../support/builders.js';
import { TEST_ASSET } from '../support/memory-basics.js';
import { BASE, nativeApi, purchase, type NativeApi } from '../support/native-api.js';

const PLACE = { network: TEST_ASSET.network, asset: TEST_ASSET.token };

let api: NativeApi['api'];
let call: NativeApi['call'];
let wallet: string;
beforeEach(async () => {
  ({ api, call } = await nativeApi());
  const made = await call({ method: 'POST', path: `${BASE}/wallets`, as: 'admin', body: { label: 'main' } });
  wallet = `${BASE}/wallets/${made.body.wallet_id as string}`;
});
afterEach(() => api.close());

const setLow = (below: string | null) =>
  call({ method: 'PUT', path: `${wallet}/low-balance`, as: 'admin', body: { ...PLACE, below } });

describe('a wallet', () => {
  it('is shown with what it holds to admins, auditors and agents that pay from it', async () => {
    for (const as of ['admin', 'auditor', 'agent'])
      expect((await call({ path: wallet, as })).body).toMatchObject({ status: 'active', balances: [] });
    expect((await call({ path: wallet, as: 'agent2' })).status).toBe(404);
    expect((await call({ path: `${BASE}/wallets/wal_1`, as: 'admin' })).body.error).toMatchObject({
      code: 'validation_failed',
      details: { field: 'wallet_id' },
    });
  });

  it('says when it is low once an admin wants to know', async () => {
    expect((await setLow('5')).body.balances).toMatchObject([
      { available: '0', live: '0', low_below: '5', low: true },
    ]);
    expect((await setLow(null)).body.balances).toMatchObject([{ low_below: null, low: false }]);
  });

  it.each([
    ['below', { ...PLACE, below: '1.5' }, 'invalid_amount'],
    ['below', PLACE, 'validation_failed'],
    ['asset', { ...PLACE, asset: `0x${'12'.repeat(20)}`, below: '5' }, 'validation_failed'],
    ['asset', { ...PLACE, asset: 'usdc', below: '5' }, 'validation_failed'],
    ['network', { ...PLACE, network: 'base', below: '5' }, 'validation_failed'],
  ])('refuses a bad %s by name (%j)', async (field, body, code) => {
    const refused = await api.call({ method: 'PUT', path: `${wallet}/low-balance`, as: 'admin', body });
    expect([refused.status, refused.body.error.code, refused.body.error.details.field]).toEqual([
      400,
      code,
      field,
    ]);
    expect((await call({ path: wallet, as: 'admin' })).body.balances).toEqual([]);
  });
});

describe('a float policy', () => {
  const FLOAT = { ...PLACE, min: '50', target: '100', cap_per_day: '200' };
  let own: string;
  beforeEach(async () => {
    const body = { agent_id: AGENT };
    const made = await call({ method: 'POST', path: `${BASE}/wallets`, as: 'admin', body });
    own = `${BASE}/wallets/${made.body.wallet_id as string}`;
  });

  it('is set by an admin, seen by auditors, and stopped', async () => {
    const set = await call({ method: 'PUT', path: `${own}/float`, as: 'admin', body: FLOAT });
    expect(set.body.floats).toMatchObject([
      { enabled: true, min: '50', target: '100', cap_per_day: '200', sent_today: '0', operation_id: null },
    ]);
    expect((await call({ path: own, as: 'auditor' })).body.floats).toHaveLength(1);
    const stopped = await call({ method: 'POST', path: `${own}/float/stop`, as: 'admin', body: PLACE });
    expect(stopped.body.floats).toMatchObject([{ enabled: false }]);
    for (const as of ['agent', 'auditor', 'approver'])
      expect((await call({ method: 'PUT', path: `${own}/float`, as, body: FLOAT })).status).toBe(403);
  });

  it.each<[string, string, object]>([
    ['min', 'invalid_amount', { min: '0' }],
    ['target', 'invalid_amount', { target: '49' }],
    ['cap_per_day', 'invalid_amount', { cap_per_day: '0' }],
    ['min', 'invalid_amount', { min: '1e3' }],
    ['asset', 'validation_failed', { asset: `0x${'12'.repeat(20)}` }],
  ])('refuses a bad %s by name (%s, %j)', async (field, code, over) => {
    const body = { ...FLOAT, ...over };
    const refused = await api.call({ method: 'PUT', path: `${own}/float`, as: 'admin', body });
    expect([refused.status, refused.body.error.code, refused.body.error.details.field]).toEqual([
      400,
      code,
      field,
    ]);
    expect((await call({ path: own, as: 'admin' })).body.floats).toEqual([]);
  });

  it('is not for a shared wallet', async () => {
    const refused = await call({ method: 'PUT', path: `${wallet}/float`, as: 'admin', body: FLOAT });
    expect([refused.status, refused.body.error.details.reason]).toEqual([400, 'belongs_to_no_agent']);
  });
});

describe('a payment that the wallet does not cover', () => {
  it('ends before anything is signed, says what is there, and may be tried again under a new key', async () => {
    for (const [key, it] of api.database.balances) api.database.balances.set(key, { ...it, balance: 9_999n });
    const refused = await call(purchase());
    expect([refused.status, refused.body.error.code]).toEqual([422, 'insufficient_wallet_balance']);
    expect(refused.body.error.details).toMatchObject({ balance: '9999', live: '0', needed: '10000' });
    expect(refused.body.operation).toMatchObject({ status: 'refused', paid: false, retry_with: 'new_key' });
    expect(api.database.ledger.size).toBe(0);
    for (const [key, it] of api.database.balances)
      api.database.balances.set(key, { ...it, balance: 10_000n });
    expect((await call(purchase())).body.error.code).toBe('insufficient_wallet_balance');
    expect((await call({ ...purchase(), key: 'k2' })).status).toBe(201);
  });
});
