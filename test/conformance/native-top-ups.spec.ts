// Top-ups from the treasury over HTTP, on the real engine.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseEvmAddress, parseWalletId } from '#domain';
import { address, aPolicy, AGENT, TOKEN, walletId, WORKSPACE } from '../support/builders.js';
import { TEST_ASSET } from '../support/memory-basics.js';
import { BASE, nativeApi, purchase, type NativeApi } from '../support/native-api.js';

const WISH = { network: TEST_ASSET.network, asset: TEST_ASSET.token, amount: '30000' };

let api: NativeApi['api'];
let call: NativeApi['call'];
let path: string;
beforeEach(async () => {
  ({ api, call } = await nativeApi());
  const made = await call({
    method: 'POST',
    path: `${BASE}/wallets`,
    as: 'admin',
    body: { agent_id: AGENT },
  });
  path = `${BASE}/wallets/${made.body.wallet_id as string}`;
  const own = parseEvmAddress(made.body.address);
  const wallet = { workspaceId: WORKSPACE, walletId: parseWalletId(made.body.wallet_id), address: own };
  api.policies.wallets.set(AGENT, wallet);
  treasury(100_000n);
});
afterEach(() => api.close());

function treasury(balance: bigint): void {
  const wallet = { workspaceId: WORKSPACE, walletId: walletId(77), address: address(0x77) };
  api.policies.treasury = wallet;
  api.database.wallets.set(wallet.address, wallet);
  api.database.balances.set(`${wallet.address}/${TOKEN}`, { balance, block: 3 });
  api.chain.fund(wallet.address, balance);
  api.database.budgets.setLimits(WORKSPACE, 'TOP_UP_USD6', { day: 50_000n });
}

const prepare = (over: object = {}) =>
  call({ method: 'POST', path: `${path}/top-ups/prepare`, as: 'admin', body: { ...WISH, ...over } });
const confirm = (digest: unknown, { key = 't1', ...over }: { key?: string; wait_ms?: number } = {}) =>
  call({
    method: 'POST',
    path: `${path}/top-ups`,
    as: 'admin',
    key,
    body: { ...WISH, digest, wait_ms: 5_000, ...over },
  });

describe('a top-up', () => {
  it('is shown first, and nothing of it is kept', async () => {
    const prepared = await prepare();
    expect(prepared.body).toMatchObject({
      from: { wallet_id: walletId(77), available: '100000', available_after: '70000', block: 3 },
      to: { available: '0', available_after: '30000' },
      amount: '30000',
      covered: true,
    });
    expect(api.database.operations.size).toBe(0);
    expect((await prepare({ amount: '100001' })).body).toMatchObject({ covered: false });
  });

  it('moves money from the treasury once, however often it is confirmed, and no payment budget hears of it', async () => {
    const { digest } = (await prepare()).body;
    const done = await confirm(digest);
    expect(done.status).toBe(201);
    expect(done.body).toMatchObject({
      kind: 'top_up',
      settled: true,
      amount: '30000',
      authorization: { from: address(0x77) },
    });
    expect(done.body.pay_to).toBe((await call({ path, as: 'admin' })).body.address);
    const again = await confirm(digest);
    expect([again.status, again.body.operation_id]).toEqual([200, done.body.operation_id]);
    expect(api.chain.blocks.flatMap((it) => it.logs).filter((it) => it.kind === 'transfer')).toHaveLength(1);
    const budgets = await call({ path: `${BASE}/workspace/budgets`, as: 'auditor' });
    const held = (budgets.body.items as { unit: string; held: string }[]).map((it) => [it.unit, it.held]);
    expect(held).toEqual([
      ['USD6', '0'],
      ['TOP_UP_USD6', '30000'],
    ]);
    const listed = await call({ path: `${BASE}/operations?kind=top_up`, as: 'auditor' });
    expect(listed.body.items).toHaveLength(1);
    const events = await call({
      path: `${BASE}/operations/${done.body.operation_id as string}/events`,
      as: 'admin',
    });
    expect(events.body.items[0]).toMatchObject({
      actor: { type: 'admin' },
      data: { requester: 'admin@example.com' },
    });
  });

  it('has a key space of its own beside the agent', async () => {
    const { digest } = (await prepare()).body;
    expect((await confirm(digest, { key: 'k1' })).status).toBe(201);
    api.database.balances.set(`${(await call({ path, as: 'admin' })).body.address as string}/${TOKEN}`, {
      balance: 30_000n,
      block: 4,
    });
    expect((await call(purchase())).status).toBe(201);
  });

  it('keeps to its own cap, and needs one', async () => {
    const { digest } = (await prepare()).body;
    expect((await confirm(digest)).status).toBe(201);
    const second = await confirm(digest, { key: 't2' });
    expect([second.status, second.body.error.code]).toEqual([422, 'budget_exhausted']);
    api.database.budgets.setLimits(WORKSPACE, 'TOP_UP_USD6', { day: 500_000n });
    expect((await confirm(digest, { key: 't3' })).status).toBe(201);
  });

  it('is refused before it is signed when the treasury has too little', async () => {
    treasury(29_999n);
    const refused = await confirm((await prepare()).body.digest);
    expect([refused.status, refused.body.error.code]).toEqual([422, 'insufficient_wallet_balance']);
    expect(refused.body.error.details).toMatchObject({
      balance: '29999',
      needed: '30000',
      wallet_id: walletId(77),
    });
    expect(api.database.ledger.size).toBe(0);
  });

  it('waits for a person where policy says so; what it says of payments does not count', async () => {
    api.setPolicy(aPolicy({ approvalThreshold: 1n, topUpApprovalThreshold: 30_000n }));
    const waiting = await confirm((await prepare()).body.digest);
    expect([waiting.status, waiting.body.status]).toEqual([202, 'awaiting_approval']);
    const { approval_id: id, digest } = waiting.body.approval;
    const decide = {
      method: 'POST',
      path: `${BASE}/approvals/${id as string}/approve`,
      body: { digest },
    } as const;
    expect((await call({ ...decide, as: 'approver' })).status).toBe(200);
    await api.runWorkers();
    const shown = await call({
      path: `${BASE}/operations/${waiting.body.operation_id as string}`,
      as: 'admin',
    });
    expect(shown.body).toMatchObject({ settled: true });
  });

  it('stops with its agent', async () => {
    const { digest } = (await prepare()).body;
    await call({ method: 'POST', path: `${BASE}/agents/${AGENT}/pause`, as: 'admin', body: {} });
    const refused = await confirm(digest);
    expect([refused.status, refused.body.error.code]).toEqual([403, 'agent_paused']);
    expect(api.database.operations.size).toBe(0);
  });

  it('needs accounts of ours that broadcast', async () => {
    Object.assign(api.ports, { broadcasts: false });
    const refused = await prepare();
    expect([refused.status, refused.body.error.details.field]).toEqual([400, 'network']);
  });

  it('needs a treasury', async () => {
    api.policies.treasury = undefined;
    const refused = await prepare();
    expect([refused.status, refused.body.error.code]).toEqual([422, 'wallet_missing']);
    expect(refused.body.error.details).toEqual({ role: 'treasury' });
  });

  it.each<[string, string, object]>([
    ['amount', 'invalid_amount', { amount: '0' }],
    ['amount', 'invalid_amount', { amount: '-5' }],
    ['asset', 'validation_failed', { asset: `0x${'12'.repeat(20)}` }],
    ['network', 'validation_failed', { network: 'base' }],
    ['digest', 'validation_failed', { digest: 'f'.repeat(64) }],
    ['digest', 'validation_failed', { digest: 'xyz' }],
    ['wait_ms', 'validation_failed', { wait_ms: 60_001 }],
  ])('refuses a bad %s by name (%s, %j), and keeps nothing', async (field, code, over) => {
    const { digest } = (await prepare()).body;
    const body = { ...WISH, digest, ...over };
    const refused = await api.call({ method: 'POST', path: `${path}/top-ups`, as: 'admin', key: 't1', body });
    expect([refused.status, refused.body.error.code, refused.body.error.details.field]).toEqual([
      400,
      code,
      field,
    ]);
    expect(api.database.operations.size).toBe(0);
  });

  it('goes to no shared wallet, to no treasury, and is asked for by nobody but an admin', async () => {
    const tops = async (body: object, as = 'admin') => {
      const made = await call({ method: 'POST', path: `${BASE}/wallets`, as: 'admin', body });
      const place = `${BASE}/wallets/${made.body.wallet_id as string}/top-ups/prepare`;
      const refused = await call({ method: 'POST', path: place, as, body: WISH });
      return [refused.status, refused.body.error.details.reason];
    };
    expect(await tops({})).toEqual([400, 'belongs_to_no_agent']);
    expect(await tops({ role: 'treasury' })).toEqual([400, 'is_the_treasury']);
    expect((await tops({ agent_id: AGENT }, 'agent'))[0]).toBe(403);
    const foreign = await call({ method: 'POST', path: `${path}/top-ups/prepare`, as: 'admin2', body: WISH });
    expect(foreign.status).toBe(404);
  });
});
